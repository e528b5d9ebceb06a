"""GraphQL documents of model runs: what the platform's own client sends, and the names of what it reads."""

from __future__ import annotations

MODEL = "name ontologyId id"
RUN = "createdAt createdBy modelAppId modelId name trainingMetadata id updatedAt"
IMPORT = "errorFileUrl inputFileUrl modelRunId name progress state statusFileUrl id"
TASK = "completionPercentage createdAt errors metadata name result status status type id updatedAt"
DATA_ROW = (
    "createdAt externalId globalKey mediaAttributes customMetadata { schemaId value } "
    "metadataFields { schemaId name value kind } rowData id updatedAt"
)
PAGE = 100

CREATE_MODEL = f"""mutation createModel($name: String!, $ontologyId: ID!) {{
  createModel(data: {{name: $name, ontologyId: $ontologyId}}) {{ {MODEL} }} }}"""

GET_MODEL = f"query GetModel($param_0: ID!) {{ model(where: {{id: $param_0}}) {{ {MODEL} }} }}"


def models(skip: int, *, by_name: bool) -> str:
    """Models, by name or all; where to begin is written into the document, as the platform's client does."""
    head, where = ("($param_0: String!)", "where: {name: $param_0} ") if by_name else ("", "")
    return f"query GetModels{head} {{ models({where}skip: {skip} first: {PAGE}) {{ {MODEL} }} }}"


def model_runs(skip: int) -> str:
    """Runs of a model."""
    return f"""query GetModelModelRuns($param_0: ID!) {{ model(where: {{id: $param_0}}) {{
  modelRuns(skip: {skip} first: {PAGE}) {{ {RUN} }} }} }}"""


DELETE_MODEL = "mutation DeleteModel($ids: ID!) { deleteModels(where: {ids: [$ids]}) }"

CREATE_RUN = f"""mutation CreateModelRun($name: String!, $config: Json, $modelId: ID!) {{
  createModelRun(data: {{name: $name, trainingMetadata: $config, modelId: $modelId}}) {{ {RUN} }} }}"""

GET_RUN = f"query GetModelRun($param_0: ID!) {{ modelRun(where: {{id: $param_0}}) {{ {RUN} }} }}"

DELETE_RUN = "mutation DeleteModelRun($ids: ID!) { deleteModelRuns(where: {ids: [$ids]}) }"

GET_CONFIG = "query ModelRun($modelRunId: ID!) { modelRun(where: {id: $modelRunId}) { trainingMetadata } }"

UPDATE_CONFIG = """mutation updateModelRunConfig($modelRunId: ID!, $data: UpdateModelRunConfigInput!) {
  updateModelRunConfig(modelRun: {id: $modelRunId}, data: $data) { trainingMetadata } }"""

RESET_CONFIG = """mutation resetModelRunConfig($modelRunId: ID!) {
  resetModelRunConfig(modelRun: {id: $modelRunId}) { trainingMetadata } }"""

UPDATE_STATUS = """mutation setPipelineStatus($modelRunId: ID!, $data: UpdateTrainingPipelineInput!) {
  updateTrainingPipeline(modelRun: {id: $modelRunId}, data: $data) { status } }"""

REGISTER_ROWS = """mutation createMEAModelRunDataRowRegistrationTask(
  $modelRunId: ID!, $dataRowIds: [ID!], $globalKeys: [ID!]) {
  createMEAModelRunDataRowRegistrationTask(
    where: {id: $modelRunId}, data: {dataRowIds: $dataRowIds, globalKeys: $globalKeys}) }"""

ROWS_STATUS = """query MEADataRowRegistrationTaskStatus($where: WhereUniqueIdInput!) {
  MEADataRowRegistrationTaskStatus(where: $where) { status errorMessage } }"""

REGISTER_LABELS = """mutation createMEAModelRunLabelRegistrationTask($modelRunId: ID!, $labelIds: [ID!]!) {
  createMEAModelRunLabelRegistrationTask(where: {id: $modelRunId}, data: {labelIds: $labelIds}) }"""

REGISTER_PROJECT_LABELS = """mutation createMEAModelRunProjectLabelRegistrationTask($modelRunId: ID!, $projectId: ID!) {
  createMEAModelRunProjectLabelRegistrationTask(where: {modelRunId: $modelRunId, projectId: $projectId}) }"""

LABELS_STATUS = """query MEALabelRegistrationTaskStatus($where: WhereUniqueIdInput!) {
  MEALabelRegistrationTaskStatus(where: $where) { status errorMessage } }"""

REMOVE_ROWS = """mutation DeleteModelRunDataRows($modelRunId: ID!, $dataRowIds: [ID!]!) {
  deleteModelRunDataRows(where: {modelRunId: $modelRunId, dataRowIds: $dataRowIds}) }"""

ASSIGN_SPLIT = """mutation assignDataSplit($modelRunId: ID!, $data: CreateAssignDataRowsToDataSplitTaskInput!) {
  createAssignDataRowsToDataSplitTask(modelRun: {id: $modelRunId}, data: $data) }"""

SPLIT_STATUS = """query assignDataRowsToDataSplitTaskStatus($id: ID!) {
  assignDataRowsToDataSplitTaskStatus(where: {id: $id}) { status errorMessage } }"""

RUN_ROWS = f"""query modelRun($modelRunId: ID!, $from: String, $first: Int) {{
  annotationGroups(where: {{modelRunId: {{id: $modelRunId}}}}, after: $from, first: $first) {{
    nodes {{ dataSplit labelId modelRunId id dataRow {{ {DATA_ROW} }} }} pageInfo {{ endCursor }} }} }}"""

IMPORT_FILE = f"""mutation createMEAPredictionImportByFile(
  $modelRunId: ID!, $name: String!, $file: Upload!, $contentLength: Int!) {{
  createModelErrorAnalysisPredictionImport(data: {{
    modelRunId: $modelRunId, name: $name, filePayload: {{file: $file, contentLength: $contentLength}}}}) {{ {IMPORT} }}
}}"""

IMPORT_URL = f"""mutation createMEAPredictionImportByUrl($modelRunId: ID!, $name: String!, $fileUrl: String!) {{
  createModelErrorAnalysisPredictionImport(data: {{
    modelRunId: $modelRunId, name: $name, fileUrl: $fileUrl}}) {{ {IMPORT} }} }}"""

GET_IMPORT = f"""query getModelErrorAnalysisPredictionImport($modelRunId: ID!, $name: String!) {{
  modelErrorAnalysisPredictionImport(where: {{modelRunId: $modelRunId, name: $name}}) {{ {IMPORT} }} }}"""

EXPORT = """mutation exportDataRowsInModelRun($input: ExportDataRowsInModelRunInput!) {
  exportDataRowsInModelRun(input: $input) { taskId isStreamable } }"""

GET_USER = """query GetUser {
  user { createdAt email isExternalUser isViewer lastLoginAt nickname name picture id updatedAt } }"""

GET_TASK = f"""query GetUserCreatedTasks($param_0: ID!, $param_1: ID!) {{ user(where: {{id: $param_1}}) {{
  createdTasks(where: {{id: $param_0}} skip: 0 first: {PAGE}) {{ {TASK} }} }} }}"""

EXPORT_SIZE = """query GetExportMetadataHeader($where: WhereUniqueIdInput, $streamType: TaskStreamType!) {
  task(where: $where) { exportMetadataHeader(streamType: $streamType) { totalSize totalLines } } }"""

EXPORT_FILE = """query GetExportFileFromOffset(
  $where: WhereUniqueIdInput, $streamType: TaskStreamType!, $offset: UInt64!) { task(where: $where) {
  exportFileFromOffset(streamType: $streamType, offset: $offset) {
    offsets { start end } lines { start end } file } } }"""
