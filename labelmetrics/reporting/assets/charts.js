// Curves, distributions and reasons.

const BOX = { height: 250, left: 52, right: 10, top: 12, bottom: 40 };
const QUARTERS = [0, 0.25, 0.5, 0.75, 1];
const widths = {};

/** Width in which the charts of a group are drawn, so that their texts have one size everywhere. */
function measure() {
  for (const id of ["curves", "spread"]) {
    const column = parseFloat(getComputedStyle(byId(id)).gridTemplateColumns);
    widths[id] = Math.round(Math.min(640, Math.max(260, (column || 400) - 26)));
  }
}

/** Axes of a chart of numbers from 0 to 1, or up to other limits; `x` and `y` turn numbers into places. */
function axes(group, { xTitle, yTitle, yMost = 1, yTicks = QUARTERS }) {
  const { height, left, right, top, bottom } = BOX;
  const width = widths[group];
  const x = (value) => left + value * (width - left - right);
  const y = (value) => height - bottom - (value / yMost) * (height - top - bottom);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  for (const tick of yTicks) {
    root.append(
      svg("line", { x1: x(0), x2: x(1), y1: y(tick), y2: y(tick), class: "grid" }),
      svg("text", { x: x(0) - 7, y: y(tick) + 4, "text-anchor": "end" }, yMost === 1 && yTicks === QUARTERS ? short(tick) : compact(tick)),
    );
  }
  for (const tick of QUARTERS) {
    root.append(
      svg("line", { x1: x(tick), x2: x(tick), y1: y(0), y2: y(0) + 4, class: "axis" }),
      svg("text", { x: x(tick), y: y(0) + 17, "text-anchor": "middle" }, short(tick)),
    );
  }
  root.append(
    svg("line", { x1: x(0), x2: x(1), y1: y(0), y2: y(0), class: "axis" }),
    svg("text", { x: (x(0) + x(1)) / 2, y: height - 6, "text-anchor": "middle" }, xTitle),
    svg("text", { transform: `translate(11 ${(y(0) + y(yMost)) / 2}) rotate(-90)`, "text-anchor": "middle" }, yTitle),
  );
  return { root, x, y };
}

function ticksTo(most) {
  const step = Array.from({ length: 30 }, (_, index) => [1, 2, 5][index % 3] * 10 ** Math.floor(index / 3)).find((one) => most / one <= 5);
  const top = Math.max(1, Math.ceil(most / step)) * step;
  return { top, ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step) };
}

const line = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const stroke = (points, colour, dash, width = 2) => svg("path", { d: line(points), fill: "none", stroke: colour, "stroke-width": width, "stroke-dasharray": dash, "stroke-linejoin": "round" });

function legend(marks) {
  return el("div", { class: "legend" }, ...marks.map(([colour, text, style]) => el("span", {},
    el("i", { class: style === "block" || style === "dot" ? style : null, style: `color: ${colour}; border-color: ${colour}; border-top-style: ${["dashed", "dotted"].includes(style) ? style : "solid"}` }), text)));
}

/** A figure with its heading; `told` says what it shows to those who do not see it. */
function chart(title, body, { marks = [], told = title, rows = null, note = null } = {}) {
  if (body.tagName === "svg") body.setAttribute("aria-label", told);
  return el("div", { class: "chart" },
    el("div", { class: "head" }, el("h3", {}, title), rows && copyButton(rows, title.toLowerCase())),
    body, marks.length ? legend(marks) : null, note ? el("p", { class: "quiet" }, note) : null);
}

// ----------------------------------------------------------------------------------------------------------- curves

function precisionRecall() {
  const title = "Precision over recall";
  const found = ofFeature(figures.curves, state.feature);
  if (!found) return chart(title, empty("The curve cannot be told: of crowded data rows not all pairs are kept."));
  const [confidence, precision, recall] = found;
  if (!confidence.length || !truthsOf(state.feature)) return chart(title, empty(confidence.length ? "There is no ground truth." : "There are no predictions."));
  const { root, x, y } = axes("curves", { xTitle: "recall", yTitle: "precision" });
  root.append(stroke(recall.map((r, index) => [x(r ?? 0), y(precision[index] ?? 0)]), "var(--tp)"));
  const now = at(state.level, state.feature);
  if (now.precision !== null && now.recall !== null) root.append(svg("circle", { cx: x(now.recall), cy: y(now.precision), r: 5, class: "now" }));
  return chart(title, root, {
    marks: [["var(--tp)", "over falling confidence"], ["var(--fp)", "at this confidence", "dot"]],
    told: `Precision over recall of ${nameOf(state.feature)}: ${digits(now.precision)} and ${digits(now.recall)} at this confidence`,
    rows: () => [["confidence", "precision", "recall"], ...confidence.map((one, index) => [one, precision[index], recall[index]])],
    note: data.matching === "platform" ? "On the curve predictions choose in falling confidence, as for average precision; the dot is what the page counts." : null,
  });
}

function overConfidence() {
  const { root, x, y } = axes("curves", { xTitle: "confidence at least", yTitle: "share" });
  const all = levels.map((_, level) => at(level, state.feature));
  const points = (list, name) => list.map((one, level) => [one[name], level]).filter(([value]) => value !== null).map(([value, level]) => [x(levels[level]), y(value)]);
  const marks = [["var(--tp)", "F1"], ["var(--truth)", "precision", "dashed"], ["var(--fn)", "recall", "dotted"]];
  if (figures.before) {
    root.append(stroke(points(levels.map((_, level) => before(level, state.feature)), "f1"), "var(--quiet)", null, 1.5));
    marks.push(["var(--quiet)", "F1 of the baseline"]);
  }
  for (const [name, colour, dash, width] of [["precision", "var(--truth)", "6 3"], ["recall", "var(--fn)", "2 3"], ["f1", "var(--tp)", null, 2.5]]) root.append(stroke(points(all, name), colour, dash, width));
  const [place, now] = [x(levels[state.level]), all[state.level]];
  root.append(svg("line", { x1: place, x2: place, y1: y(0), y2: y(1), class: "here" }));
  if (now.f1 !== null) root.append(svg("circle", { cx: place, cy: y(now.f1), r: 5, class: "now" }));
  return chart("F1, precision and recall", root, {
    marks: [...marks, ["var(--fp)", "this confidence", "dot"]],
    told: `F1, precision and recall of ${nameOf(state.feature)} over confidence: ${digits(now.f1)}, ${digits(now.precision)} and ${digits(now.recall)} at this one`,
    rows: () => [["confidence", "TP", "FP", "FN", "precision", "recall", "F1"], ...all.map((one, level) => [levels[level], one.tp, one.fp, one.fn, one.precision, one.recall, one.f1])],
  });
}

function reliability() {
  const title = "Reliability of confidences";
  const found = ofFeature(figures.reliability, state.feature);
  if (!found || !sum(found.count)) return chart(title, empty("There are no predictions with confidences."));
  const { root, x, y } = axes("curves", { xTitle: "confidence", yTitle: "share that is right" });
  const bins = found.count.length;
  const [width, most] = [(x(1) - x(0)) / bins, Math.max(...found.count)];
  found.precision.forEach((value, bin) => {
    if (value === null) return;
    root.append(svg("rect", { x: x(bin / bins) + 1.5, y: y(value), width: width - 3, height: Math.max(1, y(0) - y(value)), fill: "var(--tp)", "fill-opacity": (0.25 + 0.65 * Math.sqrt(found.count[bin] / most)).toFixed(3) },
      svg("title", {}, `${plural(found.count[bin], "prediction")} with a mean confidence of ${digits(found.confidence[bin])}; ${digits(value)} of them right`)));
  });
  root.append(stroke([[x(0), y(0)], [x(1), y(1)]], "var(--ink)", "5 4", 1.5));
  return chart(title, root, {
    marks: [["var(--tp)", "right, stronger where there are more", "block"], ["var(--ink)", "as promised", "dashed"]],
    told: `Share of right predictions of ${nameOf(state.feature)} over confidence; the expected calibration error is ${digits(found.ece)}`,
    rows: () => [["from", "to", "predictions", "mean confidence", "share that is right"], ...found.count.map((n, bin) => [bin / bins, (bin + 1) / bins, n, found.confidence[bin], found.precision[bin]])],
    note: `Expected calibration error ${digits(found.ece)}. Of all predictions, wherever the slider stands.`,
  });
}

const curves = () => put("curves", precisionRecall(), hasConfidences && overConfidence(), hasConfidences && reliability());

// ---------------------------------------------------------------------------------------------------- distributions

/** Stacked bars over [0, 1]; a series is a name, counts and a colour. */
function bars(title, series, xTitle, yTitle, told) {
  const bins = series[0][1].length;
  const most = Math.max(...series[0][1].map((_, bin) => sum(series.map(([, values]) => values[bin]))));
  if (!most) return chart(title, empty("There is nothing to show at this confidence."));
  const { top, ticks } = ticksTo(most);
  const { root, x, y } = axes("spread", { xTitle, yTitle, yMost: top, yTicks: ticks });
  const width = (x(1) - x(0)) / bins;
  for (let bin = 0; bin < bins; bin += 1) {
    let below = 0;
    for (const [name, values, colour] of series) {
      if (values[bin]) {
        root.append(svg("rect", { x: x(bin / bins) + 1, y: y(below + values[bin]), width: width - 2, height: y(below) - y(below + values[bin]), fill: colour },
          svg("title", {}, `${short(bin / bins)} to ${short((bin + 1) / bins)}: ${whole(values[bin])} ${name}`)));
      }
      below += values[bin];
    }
  }
  return chart(title, root, {
    marks: series.map(([name, , colour]) => [colour, name, "block"]), told,
    rows: () => [["from", "to", ...series.map(([name]) => name)], ...series[0][1].map((_, bin) => [bin / bins, (bin + 1) / bins, ...series.map(([, values]) => values[bin])])],
  });
}

function distributions() {
  const overlap = summed(figures.overlaps[state.level], figures.bins);
  const [right, wrong] = figures.confidences.map((one) => summed(one[state.level], figures.bins));
  put("spread",
    bars("Overlap of matches", [["matches", overlap, "var(--tp)"]], "overlap (IoU)", "matches", `Distribution of the overlaps of ${whole(sum(overlap))} matches of ${nameOf(state.feature)}`),
    hasConfidences && bars("Confidence of predictions", [["right", right, "var(--tp)"], ["wrong", wrong, "var(--fp)"]], "confidence", "predictions",
      `Distribution of the confidences of ${whole(sum(right))} right and ${whole(sum(wrong))} wrong predictions of ${nameOf(state.feature)}`));
}

// ---------------------------------------------------------------------------------------------------------- reasons

const REASONS = {
  "below threshold": "the nearest of its feature overlaps too little",
  "wrong class": "what is there has another class or answer",
  duplicate: "its ground truth is matched with another prediction",
  "prediction taken": "its prediction is matched with another ground truth",
  "subclass differs": "the nested answers differ",
  "text differs": "the text is another one",
  "no counterpart": "nothing of the other side overlaps with it",
  "low confidence": "what would match it lies below this confidence",
};

function reasons() {
  put("reasons", ...[["False positives", figures.reasons.fp, "var(--fp)"], ["Not found", figures.reasons.fn, "var(--fn)"]].map(([title, rows, colour]) => {
    const counts = summed(rows[state.level], figures.reasons.names.length);
    const shown = figures.reasons.names.map((name, index) => [name, counts[index]]).filter(([, n]) => n).sort((a, b) => b[1] - a[1]);
    const total = sum(counts);
    if (!total) return chart(title, empty("There are none at this confidence."));
    const table = el("table", { class: "reasons" }, el("tbody", {}, ...shown.map(([name, n]) => el("tr", {},
      el("th", { scope: "row" }, name, el("span", { class: "quiet" }, REASONS[name] || "")), el("td", {}, whole(n)), el("td", {}, `${((100 * n) / total).toFixed(1)} %`),
      el("td", {}, el("span", { class: "bar" }, el("b", { style: `width: ${(100 * n) / shown[0][1]}%; background: ${colour}` })))))));
    return chart(`${title}: ${whole(total)}`, table, { rows: () => [["reason", "objects"], ...shown] });
  }));
}
