"""Requests: when they are sent again, what bad answers become, and where keys go."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from fake_server import LOCAL, RUN, FakeServer, data, error

import labelmetrics as lm
from labelmetrics.places import key_file, note_server
from labelmetrics.runs.connection import Connection
from labelmetrics.runs.target import PLATFORM, Target, target_of
from labelmetrics.runs.transport import Request, Response, Retries, send, web

KEY = "topsecret"


def connection(transport: Any, waits: list[float] | None = None, **retries: Any) -> Connection:
    sleep = (lambda seconds: None) if waits is None else waits.append
    return Connection(Target(f"{LOCAL}/graphql", KEY), transport, Retries(sleep=sleep, **retries))


class Script:
    """Answers one thing after the other."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def broken() -> Iterator[bytes]:
    yield b'{"data": '
    raise ConnectionError("reset")


LIMIT = b'{"message": "You have exceeded the rate limit"}'
FINE = b'{"data": {"a": 1}}'


@pytest.mark.parametrize(
    "passing",
    [
        ConnectionError("refused"),
        TimeoutError(),
        Response(429, {}, [b"slow down"]),
        Response(200, {}, [LIMIT]),
        Response(400, {}, [LIMIT]),
        Response(500, {}, [b"<html>"]),
        Response(502),
        Response(599),
        Response(200, {}, broken()),
    ],
    ids=range(9),
)
def test_what_passes_is_tried_again(passing: Any) -> None:
    script = Script(passing, Response(200, {}, [FINE]))
    assert connection(script).execute("query { a }")["a"].value == 1
    assert script.requests[0].body == script.requests[1].body
    assert script.requests[1].body


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_what_is_refused_is_not_tried_again(status: int) -> None:
    script = Script(Response(status, {}, [b'{"message": "no", "code": "X"}']))
    with pytest.raises(lm.ApiError, match="no") as caught:
        connection(script).execute("query { a }")
    assert (caught.value.status, caught.value.code) == (status, "X")


def test_pauses_grow_and_servers_may_ask_for_longer_ones() -> None:
    waits: list[float] = []
    script = Script(*[Response(503) for _ in range(6)])
    with pytest.raises(lm.ApiServerError):
        connection(script, waits, attempts=6, longest=4.0).execute("query { a }")
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, [0.5, 1, 2, 4, 4], strict=True))
    waits.clear()
    script = Script(
        Response(429, {"retry-after": "17"}), Response(503, {"Retry-After": "9999"}), Response(200, {}, [FINE])
    )
    connection(script, waits).execute("query { a }")
    assert waits == [17, 300]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (error("AUTHENTICATION_ERROR", "bad"), lm.ApiAuthenticationError, "the key is not known"),
        (error("AUTHORIZATION_ERROR", "not yours"), lm.ApiAuthenticationError, "not yours"),
        (error("RESOURCE_NOT_FOUND", "gone"), lm.ApiNotFoundError, "gone"),
        (error("RESOURCE_CONFLICT", "taken"), lm.ApiConflictError, "taken"),
        (error("INTERNAL_SERVER_ERROR", "oops"), lm.ApiServerError, "oops"),
        (error("NEW_ONE", "whatever", 400), lm.ApiError, "whatever"),
        (Response(200, {}, [b"<html>hello</html>"]), lm.ApiError, "no JSON: <html>hello"),
        (Response(200, {}, [b""]), lm.ApiError, "it is empty"),
        (Response(200, {}, [b'{"data": {"a"']), lm.ApiError, "no JSON"),
        (Response(200, {}, [b"[]"]), lm.ApiError, "no data"),
        (Response(200, {}, [b'{"data": null}']), lm.ApiError, "no data"),
        (Response(200, {}, [b'{"data": {}}']), lm.ApiError, "no a"),
        (Response(200, {}, [b'{"errors": [{"message": "m"}]}']), lm.ApiError, "m"),
        (Response(200, {}, [b'{"errors": [{"message": null, "extensions": null}]}']), lm.ApiError, "no reason"),
        (Response(200, {}, [b'{"errors": "all wrong"}']), lm.ApiError, "all wrong"),
        (Response(404, {}, [b"<html>"]), lm.ApiNotFoundError, "html"),
        (Response(302, {"Location": "https://elsewhere"}), lm.ApiError, "ask elsewhere"),
        (Response(200, {}, [b"\xff\xfe"]), lm.ApiError, "no JSON"),
    ],
)
def test_bad_answers_are_told_with_their_place(answer: Response, kind: type[lm.ApiError], says: str) -> None:
    with pytest.raises(kind) as caught:
        connection(Script(answer)).execute("query { a }")["a"]
    assert type(caught.value) is kind
    assert says in str(caught.value)
    assert f"{LOCAL}/graphql" in str(caught.value)
    assert KEY not in repr(caught.value)


def test_a_key_that_a_server_repeats_is_not_shown() -> None:
    with pytest.raises(lm.ApiError) as caught:
        connection(Script(error("AUTHENTICATION_ERROR", f"Bearer {KEY} is wrong"))).execute("query { a }")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "found", [None, 5, "x", [], {}, {"id": None}, {"id": {}}, {"id": "i"}, {"id": "i", "name": [1]}]
)
def test_missing_fields_are_told(found: Any, tmp_path: Path) -> None:
    names = (
        "modelRun",
        "model",
        "models",
        "createModel",
        "annotationGroups",
        "createModelErrorAnalysisPredictionImport",
    )

    def transport(request: Request) -> Response:
        return data(dict.fromkeys(names, found))

    client = lm.Client(KEY, LOCAL, transport=transport, folder=tmp_path)
    run = lm.Client(KEY, LOCAL, transport=FakeServer(), folder=tmp_path).get_model_run(RUN)
    run._place.connection._transport = transport
    for call in (
        lambda: client.get_model("m"),
        lambda: client.get_model_run("m"),
        lambda: list(client.models()) and None,
        lambda: client.create_model("m", "o"),
        lambda: list(run.data_rows()),
        lambda: run.get_config(),
        lambda: run.export() and list(run.export()),
        lambda: run.add_predictions("x", "http://127.0.0.1/x"),
    ):
        with contextlib.suppress(lm.ApiError):  # and nothing else
            call()


# --- targets


def target(environment: dict[str, str], folder: Path, **given: Any) -> Target:
    return target_of(environment=environment, folder=folder, **given)


def serve_here(folder: Path, key: str | None = "localkey") -> None:
    note_server(folder, "http://127.0.0.1:9999")
    if key is not None:
        key_file(folder).write_text(key)


def test_keys_imply_their_endpoints(tmp_path: Path) -> None:
    assert target({"LABELBOX_API_KEY": "p"}, tmp_path) == Target(PLATFORM, "p")
    own = {"LABELMETRICS_API_KEY": "o", "LABELMETRICS_ENDPOINT": "https://runs.example.org"}
    assert target(own, tmp_path) == Target("https://runs.example.org/graphql", "o")
    with pytest.raises(lm.SettingError, match="labelmetrics serve"):
        target({}, tmp_path)
    with pytest.raises(lm.SettingError, match="labelmetrics serve"):
        target({"LABELMETRICS_API_KEY": "o"}, tmp_path)
    serve_here(tmp_path)
    local = "http://127.0.0.1:9999/graphql"
    assert target({}, tmp_path) == Target(local, "localkey")
    assert target({"LABELMETRICS_API_KEY": "o"}, tmp_path) == Target(local, "o")
    assert target({"LABELMETRICS_ENDPOINT": "http://127.0.0.1:9999"}, tmp_path) == Target(local, "localkey")
    assert target({}, tmp_path, api_key="localkey") == Target(local, "localkey")
    assert target({"LABELBOX_API_KEY": "p"}, tmp_path, endpoint="http://localhost:9999") == Target(
        "http://localhost:9999/graphql", "localkey"
    )


@pytest.mark.parametrize("other", ["LABELMETRICS_API_KEY", "LABELMETRICS_ENDPOINT"])
def test_two_targets_are_an_error(other: str, tmp_path: Path) -> None:
    environment = {"LABELBOX_API_KEY": "p", other: "https://runs.example.org"}
    with pytest.raises(lm.SettingError, match="both set"):
        target(environment, tmp_path)
    assert target(environment, tmp_path, endpoint=PLATFORM).key == "p"


def test_a_key_never_goes_to_the_others_endpoint(tmp_path: Path) -> None:
    serve_here(tmp_path)
    for environment, endpoint in (
        ({"LABELBOX_API_KEY": "p"}, "https://runs.example.org"),
        ({"LABELMETRICS_API_KEY": "o"}, PLATFORM),
        ({"LABELMETRICS_API_KEY": "o", "LABELMETRICS_ENDPOINT": "https://a.b"}, "https://b.c"),
        ({"LABELMETRICS_API_KEY": "o"}, "http://127.0.0.1:1234"),
    ):
        with pytest.raises(lm.SettingError, match="there is no key for"):
            target(environment, tmp_path, endpoint=endpoint)
    with pytest.raises(lm.SettingError, match="where the key belongs"):
        target({}, tmp_path, api_key="unknown")


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://a/b", "localhost:1", "http://me:pw@host/", "https://a/graphql?key=x", "http://api.labelbox.com/graphql"],
)
def test_endpoints_are_checked(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(lm.SettingError) as caught:
        target({}, tmp_path, api_key=KEY, endpoint=endpoint)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " ", "a b", "a\nb", "schlüssel"])
def test_keys_are_checked_and_not_shown(key: str, tmp_path: Path) -> None:
    with pytest.raises(lm.SettingError) as caught:
        target({}, tmp_path, api_key=key, endpoint=LOCAL)
    assert not key.strip() or key not in str(caught.value)


def test_nothing_shows_the_key(tmp_path: Path) -> None:
    client = lm.Client(KEY, LOCAL, folder=tmp_path)
    for one in (client, client.target, client._place, client._place.connection):
        assert KEY not in repr(one)
    assert LOCAL in repr(client)
    assert LOCAL in client._repr_html_()


# --- over the network


@pytest.fixture
def site() -> Iterator[tuple[str, list[dict[str, str | None]]]]:
    seen: list[dict[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append({"path": self.path, "key": self.headers["Authorization"]})
            if self.path.startswith("/elsewhere"):
                self.send_response(307)
                self.send_header("Location", f"http://localhost:{port}/graphql")
                self.end_headers()
                return
            self.send_response(200)
            short = self.path.startswith("/short") and len(seen) < 3
            self.send_header("Content-Length", str(len(FINE) + 5 * short))
            self.end_headers()
            self.wfile.write(FINE)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{port}", seen
        server.shutdown()


def test_keys_are_not_taken_along_to_another_address(site: tuple[str, Any]) -> None:
    url, seen = site
    with pytest.raises(lm.ApiError, match="ask elsewhere"):
        Connection(Target(f"{url}/elsewhere/graphql", KEY)).execute("query { a }")
    assert len(seen) == 1
    own = Connection(Target(f"{url}/graphql", KEY))
    assert own.download(f"{url}/elsewhere/file").read() == FINE
    assert [one["key"] for one in seen] == [f"Bearer {KEY}", None, None]
    with pytest.raises(lm.ApiError, match="no address"):
        own.download("file:///etc/passwd")


def test_answers_that_break_off_are_asked_for_again(site: tuple[str, Any]) -> None:
    url, seen = site
    retries = Retries(sleep=lambda seconds: None)
    assert send(Request(method="GET", url=f"{url}/short"), web(), retries).read() == FINE
    assert len(seen) == 3


def test_what_is_of_this_machine_goes_through_no_proxy(
    site: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url, seen = site
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert Connection(Target(f"{url}/graphql", KEY)).execute("query { a }")["a"].value == 1
    assert seen[0]["key"] == f"Bearer {KEY}"


def test_servers_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(lm.ApiConnectionError, match=r"http://127\.0\.0\.1:9/graphql: cannot be reached") as caught:
        Connection(Target("http://127.0.0.1:9/graphql", KEY), retries=Retries(attempts=1)).execute("query { a }")
    assert "object at" not in str(caught.value)


def test_forms_are_as_requests_writes_them() -> None:
    """The parts, their order and their names, also for names that need care."""
    for name in ("plain", 'a"b', "a\nb", "é x/y"):
        script = Script(data({"createModelErrorAnalysisPredictionImport": {}}))
        from labelmetrics.runs.connection import File

        connection(script).execute("mutation m", {"file": None}, file=File("file", f"{name}.ndjson", b"{}\n{}"))
        files = {
            "operations": (None, json.dumps({"variables": {"file": None}, "query": "mutation m"})),
            "map": (None, json.dumps({f"{name}.ndjson": ["variables.file"]})),
            f"{name}.ndjson": (f"{name}.ndjson", b"{}\n{}", "application/x-ndjson"),
        }
        theirs = requests.Request("POST", "http://host", files=files).prepare()
        ours = script.requests[0]
        boundary = ours.headers["Content-Type"].partition("boundary=")[2].encode()
        assert ours.body.replace(boundary, b"B") == theirs.body.replace(
            theirs.headers["Content-Type"].partition("boundary=")[2].encode(), b"B"
        )
