"use strict";
// What all parts of the page use: its data and state, small helpers, and what can be copied.
// Texts of data only ever become text nodes and attributes.

const data = JSON.parse(document.getElementById("data").textContent);
const { figures, levels, features } = data;
const ALL = -1;
const state = { level: 0, feature: ALL };

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const put = (id, ...children) => byId(id).replaceChildren(...children.flat().filter(Boolean));

/** Puts nodes into their order; those that stand there already are left alone, so that little is laid out again. */
function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => { if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] || null); });
}

/** Draws a few nodes at the top of a parent; what is returned goes on with the next, until there are none. */
function inTurn(parent, draws, atOnce, done = []) {
  const nodes = [...done, ...draws.slice(done.length, done.length + atOnce).map((one) => one())];
  const others = [...parent.children].filter((node) => !nodes.includes(node));
  arrange(parent, [...nodes, ...others].slice(0, draws.length));
  return nodes.length < draws.length ? () => inTurn(parent, draws, atOnce, nodes) : null;
}

/** Draws a part and all that it leaves for later. */
function drawWhole(part) {
  let rest = part();
  while (rest) rest = rest();
}

// ---------------------------------------------------------------------------------------------------------- numbers

const grouped = new Intl.NumberFormat("en-US");
const whole = (number) => grouped.format(number);
const plural = (number, word) => `${whole(number)} ${word}${number === 1 ? "" : "s"}`;
const digits = (value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(3));
const signed = (value) => (value >= 0.0005 ? "+" : value <= -0.0005 ? "−" : "") + Math.abs(value).toFixed(3);
const span = (pair, show = digits) => (pair ? `${show(pair[0])} to ${show(pair[1])}` : "");
const short = (value) => String(Math.round(value * 1e4) / 1e4);
const compact = (n) => (n >= 1e6 ? `${short(n / 1e6)}M` : n >= 1e4 ? `${short(Math.round(n / 100) / 10)}k` : whole(n));
const ratio = (part, all) => (all ? part / all : null);
const sum = (values) => values.reduce((total, n) => total + n, 0);

/** Precision, recall and F1 that follow from counts. */
function ratios([tp, fp, fn]) {
  return { tp, fp, fn, precision: ratio(tp, tp + fp), recall: ratio(tp, tp + fn), f1: ratio(2 * tp, 2 * tp + fp + fn) };
}

// Lists about features have one more place at the end, for all features together.
const ofFeature = (list, feature) => list.at(feature);
const countsOf = (counts, level, feature) => counts.map((one) => (feature === ALL ? sum(one[level]) : one[level][feature]));
const at = (level, feature) => ratios(countsOf(figures.counts, level, feature));
const before = (level, feature) => (figures.before ? ratios(countsOf(figures.before, level, feature)) : null);
const interval = (name, feature) => ofFeature(figures.intervals[0][name][state.level], feature);
const changeInterval = (name, feature) => (figures.before ? ofFeature(figures.intervals[1][name][state.level], feature) : null);
const truthsOf = (feature) => (feature === ALL ? sum(figures.truths) : figures.truths[feature]);
const nameOf = (feature) => (feature === ALL ? "all features" : features[feature]);
const isChosen = (feature) => state.feature === ALL || feature === state.feature;
const hasConfidences = levels.length > 1;

/** Adds up the rows [feature, counts] of what is chosen. */
function summed(rows, length) {
  const total = new Array(length).fill(0);
  for (const [feature, counts] of rows) {
    if (isChosen(feature)) counts.forEach((n, index) => { total[index] += n; });
  }
  return total;
}

// ---------------------------------------------------------------------------------------------------------- copying

function csv(rows) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`; // no formulas for spreadsheets
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // in frames, and where nothing else is allowed
    const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    (document.querySelector("dialog[open]") || document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  byId("said").textContent = "Copied as CSV";
}

/** A button that copies rows; `what` tells those who do not see where it stands. */
function copyButton(rows, what) {
  const button = el("button", { type: "button", class: "plain", "aria-label": `Copy ${what} as CSV`, onclick: async () => {
    await copy(csv(rows()));
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy CSV"; }, 1200);
  } }, "Copy CSV");
  return button;
}

/** A table within a frame that scrolls; headings are texts, cells are texts or nodes. */
function framed(label, headings, rows, { kind = null } = {}) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, el("table", { class: kind },
    el("thead", {}, el("tr", {}, ...headings.map((one) => el("th", { scope: "col" }, one)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell)))))));
}

/** What stands above a figure: what it says, and what can be done with it. */
const tools = (said, ...buttons) => el("div", { class: "tools" }, typeof said === "string" ? el("p", { class: "quiet" }, said) : said, el("div", { class: "buttons" }, ...buttons));
const empty = (text) => el("p", { class: "empty" }, text);
