// Numbers of all features together, of each feature, and their change against a baseline.

// ---------------------------------------------------------------------------------------------------------- summary

/** A change, coloured where its interval leaves 0 out. */
function delta(value, bounds) {
  if (value === null) return el("span", { class: "range" }, "–");
  const isSure = bounds && (bounds[0] > 0 || bounds[1] < 0);
  return el("span", { class: isSure ? (value > 0 ? "up" : "down") : "range" }, signed(value));
}

const changeOf = (now, then) => (now === null || then === null ? null : now - then);

function cards() {
  const { feature, level } = state;
  const [now, then] = [at(level, feature), before(level, feature)];
  const card = (name, value, ...more) => el("div", { class: "card" }, el("div", { class: "name" }, name), el("div", { class: "value" }, value), ...more.filter(Boolean).map((one) => el("div", { class: "more" }, one)));
  const measured = (name, title) => card(title, digits(now[name]), interval(name, feature) ? span(interval(name, feature)) : null,
    then && el("span", {}, delta(changeOf(now[name], then[name]), changeInterval(name, feature)), " against the baseline"));
  const miou = feature === ALL ? figures.overallMiou : figures.miou[feature];
  const ap = ofFeature(figures.ap, feature);
  const always = hasConfidences ? "of all predictions" : null;
  put("cards",
    measured("precision", "Precision"), measured("recall", "Recall"), measured("f1", "F1"),
    card("True positives", whole(now.tp), `of ${plural(truthsOf(feature), "ground truth")}`),
    card("False positives", whole(now.fp), `of ${plural(now.tp + now.fp, "prediction")}`),
    card("Not found", whole(now.fn), "ground truths without a match"),
    card("Mean overlap (mIoU)", digits(miou), always),
    card("Average precision", ap ? digits(ap[0]) : "–", ap ? `${digits(ap[1])} at IoU 0.5` : "", always));
}

// --------------------------------------------------------------------------------------------------------- features

const table = { sort: "truths", falling: true, filter: "", body: null, rows: [] };
const COLUMNS = [
  ["name", "Feature"], ["truths", "GT"], ["tp", "TP"], ["fp", "FP"], ["fn", "FN"], ["precision", "Precision"], ["recall", "Recall"],
  ["f1", "F1"], ["interval", "95 % interval"], ["miou", "mIoU"], ["ap", "AP"], ["best", "Best confidence"],
].filter(([key]) => key !== "best" || hasConfidences);

/** The confidence at which F1 of each feature is highest. */
const bests = features.map((_, feature) => {
  const f1 = levels.map((_, level) => at(level, feature).f1 ?? 0);
  const most = Math.max(...f1);
  return most ? levels[f1.indexOf(most)] : null;
});

const rowOf = (feature) => ({
  feature, name: features[feature], truths: figures.truths[feature], ...at(state.level, feature), miou: figures.miou[feature],
  interval: interval("f1", feature), ap: figures.ap[feature] ? figures.ap[feature][0] : null, best: bests[feature],
});

function ordered(rows) {
  const key = (row) => (table.sort === "interval" ? row.interval && row.interval[0] : row[table.sort]);
  const compare = (one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || b === null) return (a === null) - (b === null); // what has no value stands last
    const sign = typeof a === "string" ? a.localeCompare(b) : a - b;
    return table.falling ? -sign : sign;
  };
  return rows.sort((one, other) => compare(one, other) || one.feature - other.feature);
}

const pick = (feature, name) => el("button", { type: "button", class: "pick", title: name, "aria-pressed": String(state.feature === feature), onclick: () => choose(state.feature === feature ? ALL : feature) }, name);

/** A cell whose parts are only touched where they change: the table is drawn again at each step of the slider. */
function cellOf(feature, key) {
  if (key === "name") return { node: el("td", {}, pick(feature, features[feature])), show: () => {} };
  const text = document.createTextNode("");
  const [band, mark] = [el("b", {}), el("i", {})];
  const node = el("td", { class: key === "interval" ? "range" : null }, text, key === "f1" && el("span", { class: "track" }, band, mark));
  const show = (row) => {
    const value = key === "interval" ? span(row.interval) || "–" : key === "best" ? (row.best === null ? "–" : short(row.best))
      : ["precision", "recall", "f1", "miou", "ap"].includes(key) ? digits(row[key]) : whole(row[key]);
    if (text.data === value && key !== "f1") return;
    text.data = value;
    if (key !== "f1") return;
    const [low, high] = row.interval || [row.f1, row.f1];
    mark.hidden = row.f1 === null;
    band.hidden = row.f1 === null;
    mark.style.left = `${100 * row.f1}%`;
    band.style.left = `${100 * low}%`;
    band.style.width = `${100 * (high - low)}%`;
  };
  return { node, show };
}

function featureTable() {
  const sortBy = (key) => {
    table.falling = table.sort === key ? !table.falling : key !== "name";
    table.sort = key;
    featureRows();
  };
  const heads = COLUMNS.map(([key, title]) => el("th", { scope: "col", "data-key": key }, el("button", { type: "button", onclick: () => sortBy(key) }, title)));
  table.body = el("tbody", {});
  table.rows = features.map((_, feature) => {
    const cells = COLUMNS.map(([key]) => cellOf(feature, key));
    return { node: el("tr", {}, ...cells.map((cell) => cell.node)), show: (row) => cells.forEach((cell) => cell.show(row)) };
  });
  const filter = el("input", { type: "search", placeholder: "Filter features", "aria-label": "Filter features", oninput: (event) => {
    table.filter = event.target.value.toLowerCase();
    featureRows();
  } });
  const rows = () => [COLUMNS.flatMap(([key, title]) => (key === "interval" ? ["F1 from", "F1 to"] : [title])),
    ...ordered(features.map((_, feature) => rowOf(feature))).map((row) => COLUMNS.flatMap(([key]) => (key === "interval" ? row.interval || [null, null] : [row[key]])))];
  put("features", tools(filter, copyButton(rows, "features")),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of features" }, el("table", { class: "features" }, el("thead", {}, el("tr", {}, ...heads)), table.body)),
    el("p", { class: "quiet" }, `${hasConfidences ? "mIoU and AP are of all predictions. " : ""}A click on a feature shows it alone; the band beside F1 is its interval.`));
}

function featureRows() {
  for (const head of byId("features").querySelectorAll("th[data-key]")) {
    if (head.dataset.key === table.sort) head.setAttribute("aria-sort", table.falling ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const shown = ordered(features.map((_, feature) => rowOf(feature)).filter((row) => row.name.toLowerCase().includes(table.filter)));
  for (const row of shown) {
    const { node, show } = table.rows[row.feature];
    show(row);
    const isOne = row.feature === state.feature;
    node.classList.toggle("chosen", isOne);
    node.querySelector("button").setAttribute("aria-pressed", String(isOne));
  }
  arrange(table.body, shown.map((row) => table.rows[row.feature].node));
  if (!shown.length) table.body.append(el("tr", {}, el("td", { colspan: COLUMNS.length }, features.length ? "No feature has this in its name." : "There are no annotations.")));
}

// ----------------------------------------------------------------------------------------------------------- change

function changeRow(feature) {
  const [now, then] = [at(state.level, feature), before(state.level, feature)];
  return { feature, name: nameOf(feature), then: then.f1, now: now.f1, change: changeOf(now.f1, then.f1), bounds: changeInterval("f1", feature), tp: now.tp - then.tp, fp: now.fp - then.fp, fn: now.fn - then.fn };
}

function change() {
  const size = (row) => (row.change === null ? -1 : Math.abs(row.change));
  const rows = [changeRow(ALL), ...features.map((_, feature) => changeRow(feature)).sort((a, b) => size(b) - size(a) || a.feature - b.feature)];
  const isSure = ({ bounds }) => bounds !== null && (bounds[0] > 0 || bounds[1] < 0);
  const more = (n) => (n > 0 ? `+${whole(n)}` : n < 0 ? `−${whole(-n)}` : "0");
  const sure = rows.slice(1).filter(isSure);
  const [up, down] = [sure.filter((row) => row.change > 0).length, sure.filter((row) => row.change < 0).length];
  const range = (value) => (value === null ? "–" : signed(value));
  put("change",
    tools(`Compared with ${data.baseline}: F1 is higher in ${plural(up, "feature")} and lower in ${whole(down)} by more than chance explains; of ${whole(features.length)} features, chance alone would make about ${whole(Math.round(0.05 * features.length))}.`,
      copyButton(() => [["Feature", "F1 of the baseline", "F1", "Change", "From", "To", "TP more", "FP more", "FN more"],
        ...rows.map((row) => [row.name, row.then, row.now, row.change, ...(row.bounds || [null, null]), row.tp, row.fp, row.fn])], "changes")),
    framed("Table of changes", ["Feature", "F1 of the baseline", "F1", "Change", "95 % interval", "TP", "FP", "FN"],
      rows.map((row) => [row.feature === ALL ? el("strong", {}, row.name) : pick(row.feature, row.name), digits(row.then), digits(row.now), delta(row.change, row.bounds),
        el("span", { class: "range" }, span(row.bounds, range) || "–"), more(row.tp), more(row.fp), more(row.fn)]),
      { chosen: (index) => rows[index].feature !== ALL && rows[index].feature === state.feature }));
}
