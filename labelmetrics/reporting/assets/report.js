"use strict";
// Draws the figures of the page and keeps them with the slider. Texts of data only ever become text nodes.

const data = JSON.parse(document.getElementById("data").textContent);
const { figures, levels, features } = data;
const state = { level: 0, feature: -1, sort: "truths", falling: true, filter: "", pictures: 12 };

// ---------------------------------------------------------------------------------------------------- small helpers

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const put = (id, ...children) => byId(id).replaceChildren(...children.flat().filter(Boolean));

const whole = (number) => number.toLocaleString("en-US");
const plural = (number, word) => `${whole(number)} ${word}${number === 1 ? "" : "s"}`;
const digits = (value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(3));
const signed = (value) => (value === null ? "–" : (value > 0 ? "+" : value < 0 ? "−" : "±") + Math.abs(value).toFixed(3));
const span = (pair) => (!pair || pair[0] === null ? "" : `${pair[0].toFixed(3)} to ${pair[1].toFixed(3)}`);
const ratio = (part, all) => (all ? part / all : null);
const short = (value) => String(Math.round(value * 1e4) / 1e4);

/** Precision, recall and F1 that follow from counts. */
function ratios([tp, fp, fn]) {
  return { tp, fp, fn, precision: ratio(tp, tp + fp), recall: ratio(tp, tp + fn), f1: ratio(2 * tp, 2 * tp + fp + fn) };
}

/** Counts of a feature at a level; those of all features together for -1. */
function countsOf(counts, level, feature) {
  return counts.map((one) => (feature < 0 ? one[level].reduce((sum, n) => sum + n, 0) : one[level][feature]));
}
const at = (level, feature = state.feature) => ratios(countsOf(figures.counts, level, feature));
const before = (level, feature) => (figures.before ? ratios(countsOf(figures.before, level, feature)) : null);
const truthsOf = (feature) => (feature < 0 ? figures.truths.reduce((sum, n) => sum + n, 0) : figures.truths[feature]);
const nameOf = (feature) => (feature < 0 ? "all features" : features[feature]);
const curveAt = (list, feature) => list[feature < 0 ? list.length - 1 : feature];

/** Adds up the rows [feature, counts] that are about the chosen feature. */
function summed(rows, length) {
  const sum = new Array(length).fill(0);
  for (const [feature, counts] of rows || []) {
    if (state.feature < 0 || feature === state.feature) counts.forEach((n, index) => { sum[index] += n; });
  }
  return sum;
}

function csv(rows) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (/^[=+\-@\t]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`; // no formulas for spreadsheets
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  byId("said").textContent = "Copied as CSV";
}

function copyButton(rows) {
  const button = el("button", { type: "button", class: "plain", onclick: async () => {
    await copy(csv(rows()));
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy as CSV"; }, 1200);
  } }, "Copy as CSV");
  return button;
}

function delta(value, interval) {
  if (value === null) return el("span", { class: "range" }, "–");
  const sure = interval && interval[0] !== null && (interval[0] > 0 || interval[1] < 0);
  return el("span", { class: sure ? (value > 0 ? "up" : "down") : "range" }, signed(value));
}

// ----------------------------------------------------------------------------------------------------------- charts

const BOX = { width: 400, height: 250, left: 48, right: 12, top: 10, bottom: 34 };

/** Axes of a chart of numbers from 0 to 1, or up to other limits; `x` and `y` turn numbers into places. */
function axes({ xTitle, yTitle, yMost = 1, yTicks = null, percent = false }) {
  const { width, height, left, right, top, bottom } = BOX;
  const x = (value) => left + value * (width - left - right);
  const y = (value) => height - bottom - (value / yMost) * (height - top - bottom);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  for (const tick of yTicks || [0, 0.25, 0.5, 0.75, 1]) {
    root.append(
      svg("line", { x1: x(0), x2: x(1), y1: y(tick), y2: y(tick), stroke: "var(--grid)" }),
      svg("text", { x: x(0) - 6, y: y(tick) + 4, "text-anchor": "end" }, yTicks ? compact(tick) : short(tick)),
    );
  }
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    root.append(svg("text", { x: x(tick), y: height - bottom + 15, "text-anchor": "middle" }, short(tick)));
  }
  root.append(
    svg("line", { x1: x(0), x2: x(1), y1: y(0), y2: y(0), stroke: "var(--quiet)" }),
    svg("text", { x: (x(0) + x(1)) / 2, y: height - 4, "text-anchor": "middle" }, xTitle),
    svg("text", { x: 0, y: 0, transform: `translate(9 ${(y(0) + y(yMost)) / 2}) rotate(-90)`, "text-anchor": "middle" }, yTitle),
  );
  return { root, x, y };
}

const compact = (n) => (n >= 1e6 ? `${short(n / 1e6)}M` : n >= 1e4 ? `${short(n / 1e3)}k` : whole(n));

function ticksTo(most) {
  const step = [1, 2, 5].flatMap((one) => [...Array(9).keys()].map((power) => one * 10 ** power)).sort((a, b) => a - b)
    .find((one) => most / one <= 4) || 1;
  const top = Math.max(1, Math.ceil(most / step)) * step;
  return { top, ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step) };
}

const line = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function chart(title, root, legend, explained) {
  if (root.setAttribute && root.tagName === "svg") root.setAttribute("aria-label", explained || title);
  const marks = (legend || []).map(([colour, text, style]) => el("span", {},
    el("i", { style: `border-top-style: ${style === "block" ? "solid" : style || "solid"}; color: ${colour}; border-color: ${colour}`, class: style === "block" ? "block" : null }), text));
  return el("div", { class: "chart" }, el("h3", {}, title), root, marks.length ? el("div", { class: "legend" }, ...marks) : null);
}

function precisionRecall() {
  const found = curveAt(figures.curves, state.feature);
  if (!found || !found[0].length) return chart("Precision and recall", el("p", { class: "empty" }, "There are no predictions to rank."));
  const { root, x, y } = axes({ xTitle: "recall", yTitle: "precision" });
  const [, precision, recall] = found;
  const points = recall.map((r, index) => [x(r || 0), y(precision[index] || 0)]);
  root.append(svg("path", { d: line(points), fill: "none", stroke: "var(--tp)", "stroke-width": 2 }));
  const now = at(state.level);
  if (now.precision !== null && now.recall !== null) {
    root.append(svg("circle", { cx: x(now.recall), cy: y(now.precision), r: 5, fill: "var(--fp)", stroke: "var(--paper)", "stroke-width": 2 }));
  }
  return chart("Precision and recall", root, [["var(--tp)", "over falling confidence"], ["var(--fp)", "at this confidence", "block"]],
    `Precision over recall of ${nameOf(state.feature)}: ${digits(now.precision)} and ${digits(now.recall)} at this confidence`);
}

function overConfidence() {
  const { root, x, y } = axes({ xTitle: "confidence at least", yTitle: "" });
  const all = levels.map((_, level) => at(level));
  for (const [name, colour, dash] of [["precision", "var(--truth)", "6 3"], ["recall", "var(--fn)", "2 3"], ["f1", "var(--tp)", null]]) {
    const points = all.map((one, level) => [one[name], level]).filter(([value]) => value !== null).map(([value, level]) => [x(levels[level]), y(value)]);
    root.append(svg("path", { d: line(points), fill: "none", stroke: colour, "stroke-width": name === "f1" ? 2.5 : 1.6, "stroke-dasharray": dash }));
  }
  const place = x(levels[state.level]);
  root.append(svg("line", { x1: place, x2: place, y1: y(0), y2: y(1), stroke: "var(--fp)", "stroke-width": 1.5 }));
  const now = all[state.level];
  return chart("Over confidence", root, [["var(--tp)", "F1"], ["var(--truth)", "precision", "dashed"], ["var(--fn)", "recall", "dotted"], ["var(--fp)", "this confidence"]],
    `F1 of ${nameOf(state.feature)} over confidence; ${digits(now.f1)} at this one`);
}

function reliability() {
  const title = "Reliability of confidences";
  const found = curveAt(figures.reliability, state.feature);
  const total = found ? found.count.reduce((sum, n) => sum + n, 0) : 0;
  if (!total || levels.length === 1) return chart(title, el("p", { class: "empty" }, "There are no predictions with confidences."));
  const { root, x, y } = axes({ xTitle: "confidence", yTitle: "share that is right" });
  const bins = found.count.length;
  found.precision.forEach((value, bin) => {
    if (value === null) return;
    const width = (x(1) - x(0)) / bins;
    root.append(svg("rect", { x: x(bin / bins) + 1.5, y: y(value), width: width - 3, height: Math.max(1, y(0) - y(value)), fill: "var(--tp)", "fill-opacity": 0.25 + 0.65 * Math.sqrt(found.count[bin] / Math.max(...found.count)) },
      svg("title", {}, `${whole(found.count[bin])} predictions with a mean confidence of ${digits(found.confidence[bin])}; ${digits(value)} of them are right`)));
  });
  root.append(svg("path", { d: line([[x(0), y(0)], [x(1), y(1)]]), stroke: "var(--ink)", "stroke-width": 1.5, "stroke-dasharray": "5 4", fill: "none" }));
  const made = chart(title, root, [["var(--tp)", "predictions, darker where there are more", "block"], ["var(--ink)", "as promised", "dashed"]],
    `Share of right predictions over confidence; the expected calibration error is ${digits(found.ece)}`);
  made.append(el("p", { class: "quiet" }, `Expected calibration error ${digits(found.ece)}; of all predictions, wherever the slider stands.`));
  return made;
}

function bars(title, series, xTitle, explained) {
  const most = Math.max(...series.flatMap(([, values]) => values), 0);
  if (!most) return chart(title, el("p", { class: "empty" }, "There is nothing to show at this confidence."));
  const { top, ticks } = ticksTo(most);
  const { root, x, y } = axes({ xTitle, yTitle: "", yMost: top, yTicks: ticks });
  const bins = series[0][1].length;
  const width = (x(1) - x(0)) / bins;
  series.forEach(([name, values, colour], index) => values.forEach((n, bin) => {
    if (!n) return;
    const own = (width - 2) / series.length;
    root.append(svg("rect", { x: x(bin / bins) + 1 + index * own, y: y(n), width: Math.max(0.5, own - 0.5), height: y(0) - y(n), fill: colour },
      svg("title", {}, `${short(bin / bins)} to ${short((bin + 1) / bins)}: ${whole(n)} ${name}`)));
  }));
  return chart(title, root, series.map(([name, , colour]) => [colour, name, "block"]), explained);
}

function distributions() {
  const overlap = summed(figures.overlaps[state.level], 20);
  const [right, wrong] = figures.confidences.map((one) => summed(one[0], 20));
  const least = levels[state.level];
  const kept = (values) => values.map((n, bin) => ((bin + 1) / 20 > least + 1e-9 ? n : 0));
  const found = [bars("Overlap of matches", [["matches", overlap, "var(--tp)"]], "overlap", `Overlaps of matches of ${nameOf(state.feature)}`)];
  if (levels.length > 1) {
    found.push(bars("Confidence of predictions", [["right", kept(right), "var(--tp)"], ["wrong", kept(wrong), "var(--fp)"]], "confidence",
      `Confidences of right and wrong predictions of ${nameOf(state.feature)}`));
  }
  return found;
}

function reasons() {
  const { names, fp, fn } = figures.reasons;
  return [["False positives", fp, "var(--fp)"], ["Ground truths that were not found", fn, "var(--fn)"]].map(([title, rows, colour]) => {
    const counts = summed(rows[state.level], names.length);
    const shown = names.map((name, index) => [name, counts[index]]).filter(([, n]) => n).sort((a, b) => b[1] - a[1]);
    const total = shown.reduce((sum, [, n]) => sum + n, 0);
    if (!total) return chart(title, el("p", { class: "empty" }, "There are none at this confidence."));
    const table = el("table", {}, el("tbody", {}, ...shown.map(([name, n]) => el("tr", {}, el("td", {}, name), el("td", {}, whole(n)),
      el("td", {}, `${((100 * n) / total).toFixed(1)} %`, el("span", { class: "bar" }, el("b", { style: `width: ${(100 * n) / shown[0][1]}%; background: ${colour}` })))))));
    return chart(`${title}: ${whole(total)}`, table);
  });
}

// ---------------------------------------------------------------------------------------------------------- summary

function cards() {
  const now = at(state.level);
  const then = before(state.level, state.feature);
  const intervals = figures.intervals;
  const card = (name, value, ...more) => el("div", { class: "card" }, el("div", { class: "name" }, name), el("div", { class: "value" }, value), ...more.filter(Boolean).map((one) => el("div", { class: "more" }, one)));
  const boundsOf = (name) => {
    if (state.feature < 0) return intervals[name][state.level][0];
    return name === "f1" ? intervals.features[state.level][state.feature] : null;
  };
  const measure = (name, title) => {
    const change = then && now[name] !== null && then[name] !== null ? now[name] - then[name] : null;
    const sure = name !== "f1" || !then ? null : state.feature < 0 ? intervals.change[state.level][0] : intervals.feature_changes[state.level][state.feature];
    return card(title, digits(now[name]), span(boundsOf(name)), change === null ? null : el("span", {}, delta(change, sure), " against the baseline"));
  };
  const miou = state.feature < 0 ? figures.overallMiou : figures.miou[state.feature];
  return [
    measure("precision", "Precision"), measure("recall", "Recall"), measure("f1", "F1"),
    card("True positives", whole(now.tp), `of ${plural(truthsOf(state.feature), "ground truth")}`),
    card("False positives", whole(now.fp), `of ${plural(now.tp + now.fp, "prediction")}`),
    card("Not found", whole(now.fn), "ground truths without a match"),
    card("mIoU", digits(miou), levels.length > 1 ? "of all predictions" : null),
  ];
}

// --------------------------------------------------------------------------------------------------------- features

const COLUMNS = [
  ["name", "Feature"], ["truths", "Ground truths"], ["tp", "TP"], ["fp", "FP"], ["fn", "FN"], ["precision", "Precision"],
  ["recall", "Recall"], ["f1", "F1"], ["interval", "95 % interval of F1"], ["miou", "mIoU"], ["best", "Best confidence"],
];

const bests = features.map((_, feature) => {
  let best = -1;
  let most = 0;
  levels.forEach((_, level) => {
    const { f1 } = at(level, feature);
    if (f1 !== null && f1 > most) { most = f1; best = level; }
  });
  return best < 0 ? null : levels[best];
});

function rowOf(feature) {
  return {
    feature, name: features[feature], truths: figures.truths[feature], ...at(state.level, feature), miou: figures.miou[feature],
    interval: figures.intervals.features[state.level][feature], best: bests[feature],
  };
}

function ordered(rows) {
  const key = (row) => (state.sort === "interval" ? row.interval[0] : row[state.sort]);
  const compare = (one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1; // what has no value stands last
    const sign = typeof a === "string" ? a.localeCompare(b) : a - b;
    return state.falling ? -sign : sign;
  };
  return rows.sort((one, other) => compare(one, other) || one.feature - other.feature);
}

let body;
const shownColumns = COLUMNS.filter(([key]) => key !== "best" || levels.length > 1);

function featureTable() {
  const heads = shownColumns.map(([key, title]) => el("th", { scope: "col", "data-key": key }, el("button", { type: "button", onclick: () => {
    state.falling = state.sort === key ? !state.falling : key !== "name";
    state.sort = key;
    featureRows();
  } }, title)));
  body = el("tbody", {});
  const filter = el("input", { type: "search", placeholder: "Filter features", "aria-label": "Filter features", oninput: (event) => {
    state.filter = event.target.value.toLowerCase();
    featureRows();
  } });
  const rows = () => [shownColumns.flatMap(([key, title]) => (key === "interval" ? ["F1 from", "F1 to"] : [title])),
    ...ordered(features.map((_, feature) => rowOf(feature))).map((row) => shownColumns.flatMap(([key]) => row[key]))];
  put("features",
    el("div", { class: "tools" }, filter, copyButton(rows)),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of features" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body)));
}

function featureRows() {
  for (const head of byId("features").querySelectorAll("th[data-key]")) {
    if (head.dataset.key === state.sort) head.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const cell = (row, key) => {
    if (key === "name") return el("button", { type: "button", class: "pick", title: row.name, onclick: () => choose(state.feature === row.feature ? -1 : row.feature) }, row.name);
    if (key === "interval") return el("span", { class: "range" }, span(row.interval) || "–");
    if (key === "f1") return [digits(row.f1), el("span", { class: "bar" }, el("b", { style: `width: ${100 * (row.f1 || 0)}%` }))];
    if (key === "best") return row.best === null ? "–" : short(row.best);
    return ["precision", "recall", "miou"].includes(key) ? digits(row[key]) : whole(row[key]);
  };
  const rows = ordered(features.map((_, feature) => rowOf(feature)).filter((row) => row.name.toLowerCase().includes(state.filter)));
  body.replaceChildren(...rows.map((row) => el("tr", { class: row.feature === state.feature ? "chosen" : null }, ...shownColumns.map(([key]) => el("td", {}, cell(row, key))))));
  if (!rows.length) body.replaceChildren(el("tr", {}, el("td", { colspan: shownColumns.length }, "No feature has this in its name.")));
}

// ----------------------------------------------------------------------------------------------------------- change

function changeRows() {
  return features.map((name, feature) => {
    const [now, then] = [at(state.level, feature), before(state.level, feature)];
    const change = now.f1 === null || then.f1 === null ? null : now.f1 - then.f1;
    return { feature, name, now: now.f1, then: then.f1, change, interval: figures.intervals.feature_changes[state.level][feature],
      fp: now.fp - then.fp, fn: now.fn - then.fn };
  }).sort((one, other) => Math.abs(other.change || 0) - Math.abs(one.change || 0) || one.feature - other.feature);
}

function change() {
  const rows = changeRows();
  const sure = rows.filter(({ interval }) => interval[0] !== null && (interval[0] > 0 || interval[1] < 0));
  const difference = (n) => (n > 0 ? `+${whole(n)}` : n < 0 ? `−${whole(-n)}` : "0");
  put("change",
    el("div", { class: "tools" },
      el("span", { class: "quiet" }, `Against ${data.baseline}, F1 by feature, the largest changes first. The interval of ${plural(sure.length, "feature")} of ${whole(rows.length)} leaves out 0; by chance alone about ${whole(Math.round(0.05 * rows.length))} would.`),
      copyButton(() => [["Feature", "F1 before", "F1 now", "Change", "From", "To", "FP more", "FN more"], ...changeRows().map((row) => [row.name, row.then, row.now, row.change, ...row.interval, row.fp, row.fn])])),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of changes" }, el("table", {},
      el("thead", {}, el("tr", {}, ...["Feature", "F1 before", "F1 now", "Change", "95 % interval", "False positives", "Not found"].map((one) => el("th", { scope: "col" }, one)))),
      el("tbody", {}, ...rows.map((row) => el("tr", { class: row.feature === state.feature ? "chosen" : null },
        el("td", {}, el("button", { type: "button", class: "pick", title: row.name, onclick: () => choose(row.feature) }, row.name)),
        el("td", {}, digits(row.then)), el("td", {}, digits(row.now)), el("td", {}, delta(row.change, row.interval)),
        el("td", {}, el("span", { class: "range" }, span(row.interval) || "–")), el("td", {}, difference(row.fp)), el("td", {}, difference(row.fn))))))));
}

// ----------------------------------------------------------------------------------------------------------- matrix

const SHOWN_CLASSES = 20;

function cellsAt(level) {
  const flat = data.matrix.counts[level];
  const found = new Map();
  for (let index = 0; index < flat.length; index += 2) found.set(flat[index], flat[index + 1]);
  return found;
}

function matrix() {
  const { names } = data.matrix;
  const n = names.length;
  const cells = cellsAt(state.level);
  const confused = new Array(n).fill(0);
  for (const [cell, count] of cells) {
    const [row, column] = [Math.floor(cell / n), cell % n];
    if (row !== column && row < n - 1 && column < n - 1) { confused[row] += count; confused[column] += count; }
    else if (row !== column) confused[Math.min(row, column)] += count / 1000; // found nowhere, or nothing there: settles ties
  }
  const chosen = names.indexOf(nameOf(state.feature));
  let kept = [...Array(n - 1).keys()];
  if (kept.length > SHOWN_CLASSES) {
    const near = (index) => (chosen < 0 ? 0 : (cells.get(chosen * n + index) || 0) + (cells.get(index * n + chosen) || 0));
    kept.sort((a, b) => (b === chosen) - (a === chosen) || near(b) - near(a) || confused[b] - confused[a] || a - b);
    kept = kept.slice(0, SHOWN_CLASSES).sort((a, b) => a - b);
  }
  const shown = [...kept, n - 1];
  const count = (row, column) => cells.get(row * n + column) || 0;
  const totals = new Map(shown.map((row) => [row, [...Array(n).keys()].reduce((sum, column) => sum + count(row, column), 0)]));
  const label = (index) => (index === n - 1 ? "background" : names[index]);
  const td = (row, column) => {
    if (row === n - 1 && column === n - 1) return el("td", {});
    const value = count(row, column);
    if (!value) return el("td", {}, el("span", { class: "range" }, "·"));
    const share = value / (totals.get(row) || 1);
    const colour = row === column ? "--heat" : "--warm";
    return el("td", { style: `background: rgba(var(${colour}), ${(0.08 + 0.42 * Math.sqrt(share)).toFixed(3)})` },
      el("button", { type: "button", title: `${label(row)} as ${label(column)}`, onclick: () => behind(row, column, value) }, compact(value)));
  };
  const csvRows = () => [["ground truth", ...names], ...names.map((name, row) => [name, ...names.map((_, column) => count(row, column))])];
  put("matrix",
    el("div", { class: "tools" },
      el("span", { class: "quiet" }, `Rows are ground truths, columns what they were predicted as, whatever the class (overlap above the threshold, highest first). Cells open what is behind them.${kept.length < n - 1 ? ` The ${SHOWN_CLASSES} classes that are confused most of ${whole(n - 1)}; choosing a feature shows those nearest to it.` : ""}`),
      copyButton(csvRows)),
    el("div", { class: "matrix", tabindex: 0, role: "region", "aria-label": "Table of classes" }, el("table", {},
      el("thead", {}, el("tr", {}, el("th", {}, "ground truth ↓ as →"), ...shown.map((column) => el("th", { scope: "col", title: label(column) }, el("span", {}, label(column)))))),
      el("tbody", {}, ...shown.map((row) => el("tr", {}, el("th", { scope: "row", title: label(row) }, label(row)), ...shown.map((column) => td(row, column))))))));
}

function behind(row, column, value) {
  const { names, examples } = data.matrix;
  const n = names.length;
  const label = (index) => (index === n - 1 ? "background" : `“${names[index]}”`);
  const title = row === n - 1 ? `${plural(value, "prediction")} of ${label(column)} where nothing is labelled`
    : column === n - 1 ? `${plural(value, "ground truth")} of ${label(row)} not found`
      : `${plural(value, "ground truth")} of ${label(row)} predicted as ${label(column)}`;
  const known = Object.keys(examples).map(Number).filter((level) => level <= state.level).sort((a, b) => b - a);
  const list = known.map((level) => examples[level][row * n + column] || []).find((one) => one.length) || [];
  const least = levels[state.level];
  const kept = list.filter(({ ends }) => !ends[1] || (ends[1].confidence ?? 1) >= least);
  byId("h-behind").textContent = title;
  put("behind-body", kept.length
    ? [el("p", { class: "quiet" }, `${plural(kept.length, "example")} of ${whole(value)}, the most confident first.`), el("div", { class: "pictures" }, ...kept.map(example))]
    : el("p", { class: "empty" }, row === column ? "These are right; examples are kept of errors." : "No example of this cell is kept at this confidence."));
  byId("behind").showModal();
}

function example({ row, ends }) {
  const picture = data.gallery.pictures.find((one) => (one.place ? `${one.row}, ${one.place}` : one.row) === row);
  const boxes = ends.filter((one) => one && one.box);
  const path = ([left, top, right, bottom]) => `M${left} ${top}H${right}V${bottom}H${left}Z`;
  const shapes = ends.map((one, index) => one && one.box && [path(one.box), index ? "shape wrong" : "shape truth"]).filter(Boolean);
  const size = picture && picture.size ? picture.size : boxes.length ? [Math.max(...boxes.map((one) => one.box[2])) * 1.1, Math.max(...boxes.map((one) => one.box[3])) * 1.1] : null;
  const said = ends.map((one, index) => one && el("li", {}, el("span", { class: `tag ${index ? "FP" : "FN"}` }, index ? "prediction" : "ground truth"), one.feature, one.confidence === null || !index ? "" : ` ${one.confidence.toFixed(3)}`));
  return el("div", { class: "picture" }, el("h3", {}, row), size && shapes.length ? drawing(size, picture && picture.image, shapes) : null, el("ul", {}, ...said));
}

// --------------------------------------------------------------------------------------------------------- pictures

function drawing([width, height], image, shapes) {
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet", role: "img", "aria-label": "Objects of the data row" });
  if (image) root.append(svg("image", { href: image, width, height, preserveAspectRatio: "none" }));
  for (const [path, kind, title] of shapes) {
    root.append(svg("path", { d: path, class: "halo" }), svg("path", { d: path, class: kind }, title ? svg("title", {}, title) : null));
  }
  return el("div", { class: "drawing" }, root);
}

const outcomeOf = (object) => ({ T: "TP", F: "FP", N: "FN", i: "ignored", "-": null })[object.outcome[state.level]];

function shapeOf(object, pointed) {
  const outcome = outcomeOf(object);
  if (!object.path || outcome === null) return null;
  const kind = object.truth ? (outcome === "FN" ? "missed" : "truth") : outcome === "FP" ? "wrong" : "right";
  const confidence = object.confidence === null ? "" : ` ${object.confidence.toFixed(3)}`;
  return [object.path, `shape ${kind}${pointed ? " pointed" : ""}`, `${object.truth ? "ground truth" : "prediction"} ${features[object.feature] ?? ""}${confidence}`];
}

function picture(one, pointed, ...more) {
  const shapes = one.objects.filter((object) => state.feature < 0 || object.feature === state.feature || object.object === pointed)
    .map((object) => shapeOf(object, object.object === pointed)).filter(Boolean);
  return el("div", { class: "picture" }, el("h3", {}, one.place ? `${one.row}, ${one.place}` : one.row),
    one.size && shapes.length ? drawing(one.size, one.image, shapes) : null, ...more,
    one.more ? el("p", { class: "quiet" }, `${plural(one.more, "object")} more than are drawn.`) : null);
}

function worst() {
  const ranked = data.gallery.pictures.map((one) => {
    const wrong = one.objects.filter((object) => ["FP", "FN"].includes(outcomeOf(object)) && (state.feature < 0 || object.feature === state.feature));
    return [one, wrong];
  }).filter(([, wrong]) => wrong.length).sort((a, b) => b[1].length - a[1].length);
  const told = ([one, wrong]) => {
    const [fp, fn] = ["FP", "FN"].map((outcome) => wrong.filter((object) => outcomeOf(object) === outcome).length);
    const list = wrong.slice(0, 30).sort((a, b) => (b.confidence ?? 1) - (a.confidence ?? 1)).map((object) => el("li", {},
      el("span", { class: `tag ${outcomeOf(object)}` }, outcomeOf(object)), features[object.feature] ?? "", object.confidence === null ? "" : ` ${object.confidence.toFixed(3)}`,
      object.why === "matched" ? "" : `: ${object.why}`));
    return picture(one, null, el("p", { class: "quiet" }, `${plural(fp, "false positive")}, ${whole(fn)} not found`), el("ul", { tabindex: 0, "aria-label": "Errors" }, ...list));
  };
  const key = [["var(--truth)", "ground truth"], ["var(--fn)", "not found", "dotted"], ["var(--tp)", "right prediction"], ["var(--fp)", "wrong prediction", "dashed"]];
  put("worst", ranked.length ? [
    el("div", { class: "tools" }, el("span", { class: "legend" }, ...key.map(([colour, text, style]) => el("span", {}, el("i", { style: `border-color: ${colour}; border-top-style: ${style || "solid"}` }), text))),
      copyButton(() => [["Data row", "Place", "False positives", "Not found"], ...ranked.map(([one, wrong]) => [one.row, one.place, wrong.filter((o) => outcomeOf(o) === "FP").length, wrong.filter((o) => outcomeOf(o) === "FN").length])])),
    el("div", { class: "pictures" }, ...ranked.slice(0, state.pictures).map(told)),
    ranked.length > state.pictures ? el("p", {}, el("button", { type: "button", class: "plain", onclick: () => { state.pictures += 12; worst(); } }, "Show more")) : null,
  ] : el("p", { class: "empty" }, "None of the data rows that are kept has an error here."));
}

function suspects() {
  const list = data.gallery.suspects.filter((one) => state.feature < 0 || one.feature === features[state.feature]);
  const told = (one) => {
    const found = data.gallery.pictures[one.picture];
    const target = found.objects.find((object) => object.object === one.object);
    const near = { ...found, objects: found.objects.filter((object) => object.object === one.object || (target && target.box && object.box && meets(target.box, object.box))) };
    return picture(near, one.object, el("p", {}, el("span", { class: "tag FP" }, one.suspicion), `${one.feature}: ${one.why}`), el("p", { class: "quiet" }, `score ${one.score.toFixed(3)}`));
  };
  put("suspects", list.length ? [
    el("div", { class: "tools" }, el("span", { class: "quiet" }, "Labels to look at again, the most suspicious first. They do not depend on the slider."),
      copyButton(() => [["Data row", "Place", "Feature", "Suspicion", "Why", "Score"], ...list.map((one) => { const { row, place } = data.gallery.pictures[one.picture]; return [row, place, one.feature, one.suspicion, one.why, one.score]; })])),
    el("div", { class: "pictures" }, ...list.slice(0, 12).map(told)),
  ] : el("p", { class: "empty" }, "No label is suspicious."));
}

const meets = (one, other) => one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

// --------------------------------------------------------------------------------------------------------- the page

function choose(feature) {
  state.feature = feature;
  byId("feature").value = String(feature);
  draw();
  suspects();
}

// What follows the slider: the id of its place, and what draws it. Places that are out of sight are drawn when there is
// time, or when they come into sight.
const FOLLOWING = [
  ["cards", () => put("cards", cards())],
  ["curves", () => put("curves", precisionRecall(), levels.length > 1 ? overConfidence() : null, levels.length > 1 ? reliability() : null)],
  ["features", featureRows],
  ["change", () => { if (figures.before) change(); }],
  ["matrix", () => { if (data.matrix) matrix(); }],
  ["spread", () => put("spread", distributions())],
  ["reasons", () => put("reasons", reasons())],
  ["worst", worst],
];
const waiting = new Set();
let later;

const isInSight = (id) => {
  const { top, bottom } = byId(id).parentElement.getBoundingClientRect();
  return bottom > -50 && top < innerHeight + 50;
};

function drawWaiting(isWanted) {
  const wanted = FOLLOWING.filter(([id]) => waiting.has(id) && isWanted(id)); // looked at before anything is changed
  for (const [id, redraw] of wanted) {
    waiting.delete(id);
    redraw();
  }
}

function drawLater() {
  clearTimeout(later);
  if (!waiting.size) return;
  later = setTimeout(() => {
    const [next] = waiting;
    drawWaiting((id) => id === next);
    drawLater();
  }, 60);
}

function draw() {
  byId("shown").textContent = short(levels[state.level]);
  byId("level").setAttribute("aria-valuetext", short(levels[state.level]));
  FOLLOWING.forEach(([id]) => waiting.add(id));
  drawWaiting(isInSight);
  drawLater();
}

function settings() {
  const said = Object.entries(data.settings).map(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, value)]);
  put("settings", el("dl", {}, ...said.flat()),
    el("p", { class: "quiet" }, `A prediction is right when it is matched with a ground truth of its feature (${data.match}). Intervals are 95 % percentiles of a bootstrap over data rows${data.baseline ? ", paired for changes" : ""}; they are not corrected for looking at many features.`));
}

function start() {
  const predictions = countsOf(figures.counts, 0, -1);
  byId("about").textContent = [plural(data.dataRows, "data row"), plural(truthsOf(-1), "ground truth"), plural(predictions[0] + predictions[1], "prediction"), plural(features.length, "feature"), data.match,
    data.baseline ? `compared with ${data.baseline}` : null].filter(Boolean).join(" · ");
  put("notes", data.notes.map((note) => el("p", { class: "note" }, note[0].toUpperCase() + note.slice(1))));
  const slider = byId("level");
  slider.max = String(levels.length - 1);
  slider.value = "0";
  slider.addEventListener("input", () => { state.level = Number(slider.value); draw(); });
  byId("best").textContent = `Best F1 at ${short(levels[data.best])}`;
  byId("best").addEventListener("click", () => { state.level = data.best; slider.value = String(data.best); draw(); });
  byId("sliding").hidden = levels.length === 1;
  if (levels.length === 1) byId("sliding").style.display = "none";
  const select = byId("feature");
  select.append(el("option", { value: "-1" }, "all features"), ...features.map((name, index) => el("option", { value: String(index) }, name)));
  select.addEventListener("change", () => choose(Number(select.value)));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("s-change").hidden = !figures.before;
  byId("s-matrix").hidden = !data.matrix;
  theme();
  featureTable();
  settings();
  draw();
  suspects();
  addEventListener("scroll", () => drawWaiting(isInSight), { passive: true });
  addEventListener("beforeprint", () => drawWaiting(() => true));
}

function theme() {
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const button = byId("theme");
  const tell = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; tell(); });
  tell();
}

start();
