// Class by class, and the objects behind its cells.

const CLASSES = 20;
let allClasses = false;

function cellsAt(level) {
  const flat = data.matrix.counts[level];
  const found = new Map();
  for (let index = 0; index < flat.length; index += 2) found.set(flat[index], flat[index + 1]);
  return found;
}

const classOf = (index) => (index === data.matrix.names.length - 1 ? "background" : data.matrix.names[index]);

/** The classes that are shown: those nearest to the chosen feature, then those that are confused most. */
function shownClasses(cells) {
  const { names } = data.matrix;
  const n = names.length;
  const every = [...Array(n - 1).keys()];
  if (allClasses || n - 1 <= CLASSES) return every;
  const confused = new Array(n).fill(0);
  for (const [cell, count] of cells) {
    const [row, column] = [Math.floor(cell / n), cell % n];
    if (row === column) continue;
    // Of those found nowhere, or where nothing is, there are many: they only settle ties.
    const weight = row < n - 1 && column < n - 1 ? count : count / 1e6;
    confused[row] += weight;
    confused[column] += weight;
  }
  const chosen = names.indexOf(nameOf(state.feature));
  const near = (index) => (chosen < 0 ? 0 : (cells.get(chosen * n + index) || 0) + (cells.get(index * n + chosen) || 0));
  every.sort((a, b) => (b === chosen) - (a === chosen) || near(b) - near(a) || confused[b] - confused[a] || a - b);
  return every.slice(0, CLASSES).sort((a, b) => a - b);
}

function matrix() {
  const { names } = data.matrix;
  const n = names.length;
  const cells = cellsAt(state.level);
  const kept = shownClasses(cells);
  const shown = [...kept, n - 1];
  const count = (row, column) => cells.get(row * n + column) || 0;
  const totals = new Array(n).fill(0);
  for (const [cell, value] of cells) totals[Math.floor(cell / n)] += value;
  const cell = (row, column) => {
    if (row === n - 1 && column === n - 1) return el("td", {});
    const value = count(row, column);
    if (!value) return el("td", { class: "none" }, "·");
    const colour = row === column ? "--heat" : "--warm";
    return el("td", { style: `background: rgba(var(${colour}), ${(0.08 + 0.5 * Math.sqrt(value / totals[row])).toFixed(3)})` },
      el("button", { type: "button", "aria-label": `${classOf(row)} as ${classOf(column)}: ${value}`, title: `${classOf(row)} as ${classOf(column)}`, onclick: () => behind(row, column, value) }, compact(value)));
  };
  const folded = n - 1 > CLASSES;
  const said = `Rows are ground truths, columns what they were predicted as, matched whatever their class (${data.match}); the background stands for nothing. A cell opens the objects behind it.`;
  const limits = !folded || allClasses ? "" : ` Shown are the ${CLASSES} of ${whole(n - 1)} classes that are ${state.feature === ALL ? "confused most" : "nearest to the chosen feature"}.`;
  put("matrix",
    tools(said + limits,
      folded && el("button", { type: "button", class: "plain", onclick: () => { allClasses = !allClasses; matrix(); } }, allClasses ? `Show ${CLASSES} classes` : "Show all classes"),
      copyButton(() => [["ground truth", ...names], ...names.map((name, row) => [name, ...names.map((_, column) => count(row, column))])], "class by class")),
    el("div", { class: "matrix", tabindex: 0, role: "region", "aria-label": "Table of classes" }, el("table", {},
      el("thead", {}, el("tr", {}, el("td", { class: "corner" }, "ground truth ↓ predicted →"), ...shown.map((column) => el("th", { scope: "col", title: classOf(column) }, el("span", {}, classOf(column)))))),
      el("tbody", {}, ...shown.map((row) => el("tr", {}, el("th", { scope: "row", title: classOf(row) }, classOf(row)), ...shown.map((column) => cell(row, column))))))));
}

// ----------------------------------------------------------------------------------------------------------- behind

/** Whether an example is in its cell at a level: `stretches` are first levels and those behind the last. */
const isThere = (stretches, level) => stretches.some((one, index) => index % 2 === 0 && one <= level && level < stretches[index + 1]);

function behind(row, column, value) {
  const { names, examples } = data.matrix;
  const n = names.length;
  const title = row === n - 1 ? `${plural(value, "prediction")} of “${classOf(column)}” where nothing is labelled`
    : column === n - 1 ? `${plural(value, "ground truth")} of “${classOf(row)}” not found`
      : `${plural(value, "ground truth")} of “${classOf(row)}” predicted as “${classOf(column)}”`;
  const found = (examples[row * n + column] || []).filter(([, , stretches]) => isThere(stretches, state.level));
  const rows = () => [["Data row", "Place", "Ground truth", "Prediction", "Confidence", "Left", "Top", "Right", "Bottom"], ...found.map(([truth, guess]) => {
    const [one, other] = [truth, guess].map((index) => (index < 0 ? null : data.matrix.objects[index]));
    const [key, place] = data.matrix.rows[(one || other)[0]];
    return [key, place, one && features[one[1]], other && features[other[1]], other && other[2], ...(one || other).slice(3)];
  })];
  const sampled = found.length < value ? `${whole(found.length)} of ${whole(value)}, a sample` : "All of them";
  openDialog(title, found.length
    ? [tools(`${sampled}${column === n - 1 ? "." : ", the most confident first."}`, copyButton(rows, "these objects")), legend(DRAWN.filter(([, name]) => name === (column === n - 1 ? "not found" : row === column ? "right prediction" : "wrong prediction") || (name === "ground truth" && row < n - 1 && column < n - 1))), el("div", { class: "pictures" }, ...found.map(example))]
    : [empty("No example of this cell is kept at this confidence.")]);
}

function example([truth, guess]) {
  const [one, other] = [truth, guess].map((index) => (index < 0 ? null : data.matrix.objects[index]));
  const [key, place, width, height] = data.matrix.rows[(one || other)[0]];
  const boxed = [one, other].filter((object) => object && object.length > 3);
  const size = width && height ? [width, height] : boxed.length ? [5, 6].map((side) => Math.max(1, ...boxed.map((object) => object[side] * 1.1))) : null;
  const path = ([, , , left, top, right, bottom]) => `M${left} ${top}H${right}V${bottom}H${left}Z`;
  const isRight = one && other && one[1] === other[1];
  const shapes = boxed.map((object) => [path(object), object === one ? (other ? "shape truth" : "shape missed") : isRight ? "shape right" : "shape wrong"]);
  const told = (object, tag, kind) => object && el("li", {}, el("span", { class: `tag ${kind}` }, tag), features[object[1]], object === other && object[2] !== null ? ` ${digits(object[2])}` : "");
  return el("div", { class: "picture" }, el("h3", {}, placed(key, place)), size && shapes.length ? drawing(size, data.images[key], shapes, key, { view: around(size, boxed.map((object) => object.slice(3))) }) : null,
    el("ul", {}, told(one, "ground truth", other ? "truth" : "FN"), told(other, "prediction", isRight ? "TP" : "FP")));
}
