// Numbers of all features together, of each feature, and their change against a baseline.

// ---------------------------------------------------------------------------------------------------------- summary

const isSure = (bounds) => bounds !== null && (bounds[0] > 0 || bounds[1] < 0);
const changeText = (value) => (value === null ? "–" : signed(value));
/** A change is coloured where its interval leaves 0 out. */
const changeClass = (value, bounds) => (value !== null && isSure(bounds) ? (value > 0 ? "up" : "down") : "range");
const delta = (value, bounds) => el("span", { class: changeClass(value, bounds) }, changeText(value));
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

const ROWS_AT_ONCE = 24; // what can be seen within the frame of a table, and a few more
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

function markChosen(row, isOne) {
  row.classList.toggle("chosen", isOne);
  row.querySelector("button.pick")?.setAttribute("aria-pressed", String(isOne));
}

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
    drawWhole(featureRows);
  };
  const heads = COLUMNS.map(([key, title]) => el("th", { scope: "col", "data-key": key }, el("button", { type: "button", onclick: () => sortBy(key) }, title)));
  table.body = el("tbody", {});
  table.rows = features.map((_, feature) => {
    const cells = COLUMNS.map(([key]) => cellOf(feature, key));
    return { node: el("tr", {}, ...cells.map((cell) => cell.node)), show: (row) => cells.forEach((cell) => cell.show(row)) };
  });
  const filter = el("input", { type: "search", placeholder: "Filter features", "aria-label": "Filter features", oninput: (event) => {
    table.filter = event.target.value.toLowerCase();
    drawWhole(featureRows);
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
  if (!shown.length) {
    table.body.replaceChildren(el("tr", {}, el("td", { colspan: COLUMNS.length }, features.length ? "No feature has this in its name." : "There are no annotations.")));
    return null;
  }
  return inTurn(table.body, shown.map((row) => () => {
    const { node, show } = table.rows[row.feature];
    show(row);
    markChosen(node, row.feature === state.feature);
    return node;
  }), ROWS_AT_ONCE);
}

// ----------------------------------------------------------------------------------------------------------- change

function changeRow(feature) {
  const [now, then] = [at(state.level, feature), before(state.level, feature)];
  return { feature, name: nameOf(feature), then: then.f1, now: now.f1, change: changeOf(now.f1, then.f1), bounds: changeInterval("f1", feature), tp: now.tp - then.tp, fp: now.fp - then.fp, fn: now.fn - then.fn };
}

const changes = { body: null, nodes: null };

/** A row of the table of changes: made once, since the table is drawn again at each step of the slider. */
function changeNode(feature) {
  const texts = Array.from({ length: 7 }, () => document.createTextNode(""));
  const cells = texts.map((text) => el("td", {}, text));
  cells[3].className = "range";
  const node = el("tr", {}, el("td", {}, feature === ALL ? el("strong", {}, nameOf(ALL)) : pick(feature, features[feature])), ...cells);
  const more = (n) => (n > 0 ? `+${whole(n)}` : n < 0 ? `−${whole(-n)}` : "0");
  const show = (row) => {
    const all = [digits(row.then), digits(row.now), changeText(row.change), span(row.bounds, changeText) || "–", more(row.tp), more(row.fp), more(row.fn)];
    all.forEach((text, index) => { if (texts[index].data !== text) texts[index].data = text; });
    cells[2].className = changeClass(row.change, row.bounds);
    markChosen(node, feature !== ALL && feature === state.feature);
  };
  return { node, show };
}

function changeTable() {
  changes.nodes = new Map([ALL, ...features.keys()].map((feature) => [feature, changeNode(feature)]));
  const frame = framed("Table of changes", ["Feature", "F1 of the baseline", "F1", "Change", "95 % interval", "TP", "FP", "FN"], [], { kind: "changes" });
  changes.body = frame.querySelector("tbody");
  put("change", frame);
}

function change() {
  const size = (row) => (row.change === null ? -1 : Math.abs(row.change));
  const rows = [changeRow(ALL), ...features.map((_, feature) => changeRow(feature)).sort((a, b) => size(b) - size(a) || a.feature - b.feature)];
  const sure = rows.slice(1).filter((row) => isSure(row.bounds));
  const [up, down] = [sure.filter((row) => row.change > 0).length, sure.filter((row) => row.change < 0).length];
  arrange(byId("change"), [
    tools(`Compared with ${data.baseline}: F1 is higher in ${plural(up, "feature")} and lower in ${whole(down)} by more than chance explains; of ${whole(features.length)} features, chance alone would make about ${whole(Math.round(0.05 * features.length))}.`,
      copyButton(() => [["Feature", "F1 of the baseline", "F1", "Change", "From", "To", "TP more", "FP more", "FN more"],
        ...rows.map((row) => [row.name, row.then, row.now, row.change, ...(row.bounds || [null, null]), row.tp, row.fp, row.fn])], "changes")),
    byId("change").lastChild]);
  return inTurn(changes.body, rows.map((row) => () => {
    const { node, show } = changes.nodes.get(row.feature);
    show(row);
    return node;
  }), ROWS_AT_ONCE);
}
