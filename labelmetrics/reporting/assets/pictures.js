// Data rows drawn: those with most errors, and those with suspected label errors.

const DRAWN = [["var(--truth)", "ground truth"], ["var(--fn)", "not found", "dotted"], ["var(--tp)", "right prediction"], ["var(--fp)", "wrong prediction", "dashed"]];
const OUTCOMES = { T: "TP", F: "FP", N: "FN", i: "ignored", "-": null };
const FIRST = 12;
const CARDS_AT_ONCE = 4; // a row of them
const LISTED = 4;
const many = { worst: FIRST, suspects: FIRST };

const placed = (key, place) => (place ? `${key}, ${place}` : key);
const outcomeOf = (object) => OUTCOMES[object.outcome[state.level]];
const confidenceOf = (object) => (object.confidence === null ? "" : ` ${digits(object.confidence)}`);
const nameOfObject = (object) => `${features[object.feature]}${confidenceOf(object)}`;

/** The part of a data row around boxes: small ones are drawn larger, with what is around them. */
function around([width, height], boxes) {
  const [left, top] = [0, 1].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [right, bottom] = [2, 3].map((side) => Math.max(...boxes.map((box) => box[side])));
  const scale = Math.min(1, Math.max(0.2, 2.4 * Math.max((right - left) / width, (bottom - top) / height)));
  const [w, h] = [width * scale, height * scale];
  const within = (middle, part, all) => Math.min(Math.max(middle - part / 2, 0), all - part);
  return [within((left + right) / 2, w, width), within((top + bottom) / 2, h, height), w, h];
}

/** A drawing of shapes, over the image where there is one; a shape is a path, a class and a title. */
function drawing([width, height], image, shapes, label, { names = [], view = [0, 0, width, height] } = {}) {
  const root = svg("svg", { viewBox: view.map((side) => side.toFixed(1)).join(" "), role: "img", "aria-label": `Objects of ${label}` });
  if (image) root.append(svg("image", { href: image, width, height, preserveAspectRatio: "none" }));
  for (const [path, kind, title] of shapes) {
    if (image) root.append(svg("path", { d: path, class: "halo" }));
    root.append(svg("path", { d: path, class: kind }, title ? svg("title", {}, title) : null));
  }
  for (const [text, x, y, kind] of names) root.append(svg("text", { x, y, class: `label ${kind}`, "font-size": width / 60 }, text));
  return el("div", { class: "drawing" }, root);
}

/** How an object is drawn at this confidence; nothing where it does not count. */
function kindOf(object) {
  const outcome = outcomeOf(object);
  if (outcome === null) return null;
  return object.truth ? (outcome === "FN" ? "missed" : "truth") : outcome === "FP" ? "wrong" : "right";
}

/** A drawing that follows the slider: it is made once, and a move only touches the shapes that it changes. */
function following(one, objects, { pointed = null, ...more } = {}) {
  const image = data.images[one.row];
  const outlined = objects.filter((object) => object.path);
  if (!one.size || !(outlined.length || image)) return { node: null, show: () => {} };
  const titled = (object) => `${object.truth ? "ground truth" : "prediction"} ${nameOfObject(object)}`;
  const node = drawing(one.size, image, outlined.map((object) => [object.path, "shape", titled(object)]), placed(one.row, one.place), more);
  const paths = [...node.querySelectorAll("path.shape")];
  const kinds = [];
  /** Shows those of the objects that are asked for. */
  const show = (isAskedFor = () => true) => {
    outlined.forEach((object, index) => {
      const kind = isAskedFor(object) ? kindOf(object) : null;
      if (kind === kinds[index]) return;
      kinds[index] = kind;
      if (kind) paths[index].setAttribute("class", `shape ${kind}${object.object === pointed ? " pointed" : ""}`);
      for (const path of image ? [paths[index], paths[index].previousSibling] : [paths[index]]) path.toggleAttribute("hidden", kind === null);
    });
    node.hidden = !image && kinds.every((kind) => kind === null);
  };
  return { node, show };
}

/** Why an object is wrong: as among all predictions, unless it was right there. */
function whyOf(object) {
  const why = data.gallery.whys[object.why];
  if (why !== "matched") return why;
  return object.truth ? "what would match it lies below this confidence" : "its ground truth is matched with another prediction";
}

const told = (object) => el("li", {}, el("span", { class: `tag ${outcomeOf(object)}` }, outcomeOf(object)), `${nameOfObject(object)}: ${whyOf(object)}`);
const isWrong = (object) => ["FP", "FN"].includes(outcomeOf(object));

/** False positives and ground truths that were not found; those that are not drawn are counted too. */
function errorsOf(one) {
  if (state.feature === ALL) return one.errors.map((counts) => counts[state.level]);
  return ["FP", "FN"].map((outcome) => one.objects.filter((object) => outcomeOf(object) === outcome && isChosen(object.feature)).length);
}

function opened(one) {
  const objects = one.objects.filter((object) => outcomeOf(object) !== null);
  const wrong = objects.filter(isWrong);
  const names = wrong.filter((object) => object.box).slice(0, 40).map((object) => [nameOfObject(object), object.box[0], Math.max(object.box[1] - one.size[0] / 200, one.size[0] / 60), object.truth ? "FN" : "FP"]);
  const rows = objects.map((object) => [outcomeOf(object), object.truth ? "ground truth" : "prediction", features[object.feature], object.confidence, isWrong(object) ? whyOf(object) : "", ...(object.box || [null, null, null, null])]);
  const cells = [...wrong, ...objects.filter((object) => !isWrong(object))].map((object) => [
    el("span", { class: `tag ${outcomeOf(object)}` }, outcomeOf(object)), object.truth ? "ground truth" : "prediction", features[object.feature], digits(object.confidence), isWrong(object) ? whyOf(object) : ""]);
  const large = following(one, objects, { names });
  large.show();
  openDialog(placed(one.row, one.place), [
    el("div", { class: "large" }, large.node), legend(DRAWN),
    tools(`${plural(objects.length, "object")} at this confidence${one.more ? `, ${whole(one.more)} more are not drawn` : ""}.`,
      copyButton(() => [["Outcome", "Side", "Feature", "Confidence", "Why", "Left", "Top", "Right", "Bottom"], ...rows], "objects")),
    framed("Table of objects", ["Outcome", "Side", "Feature", "Confidence", "Why"], cells, { kind: "texts" })]);
}

function card(one, body, ...more) {
  return el("div", { class: "picture" }, el("h3", {}, placed(one.row, one.place)), body, ...more,
    el("button", { type: "button", class: "plain", "aria-label": `Open ${placed(one.row, one.place)}`, onclick: () => opened(one) }, "Open"));
}

function moreButton(part, n, redraw) {
  if (n <= many[part]) return null;
  return el("button", { type: "button", class: "plain more", onclick: () => { many[part] += FIRST; drawWhole(redraw); } }, `Show ${whole(Math.min(FIRST, n - many[part]))} more`);
}

/** Cards of a part as they were made, and the grid in which they stand. */
const kept = { worst: new Map(), suspects: new Map() };
const grids = { worst: el("div", { class: "pictures" }), suspects: el("div", { class: "pictures" }) };

/** Shows the first of a list as cards; `make` gives the node of one, and the function that shows it at this confidence. */
function cardsOf(part, list, make, redraw, ...above) {
  arrange(byId(part), [...above, legend(DRAWN), grids[part], moreButton(part, list.length, redraw)].filter(Boolean));
  return inTurn(grids[part], list.slice(0, many[part]).map((one) => () => {
    if (!kept[part].has(one)) kept[part].set(one, make(one));
    const { node, show } = kept[part].get(one);
    show();
    return node;
  }), CARDS_AT_ONCE);
}

function worstCard(one) {
  const picture = following(one, one.objects);
  const [counts, list] = [el("p", { class: "quiet" }), el("ul", {})];
  const show = () => {
    const [fp, fn] = errorsOf(one);
    const wrong = one.objects.filter((object) => isChosen(object.feature) && isWrong(object)).sort((a, b) => (b.confidence ?? 1) - (a.confidence ?? 1));
    picture.show((object) => isChosen(object.feature));
    counts.textContent = `${plural(fp, "false positive")}, ${whole(fn)} not found`;
    list.replaceChildren(...wrong.slice(0, LISTED).map(told), ...(wrong.length > LISTED ? [el("li", { class: "quiet" }, `and ${whole(wrong.length - LISTED)} more`)] : []));
  };
  return { node: card(one, picture.node, counts, list), show };
}

function worst() {
  const ranked = data.gallery.pictures.map((one) => [one, errorsOf(one)]).filter(([, [fp, fn]]) => fp + fn).sort((a, b) => sum(b[1]) - sum(a[1]));
  if (!ranked.length) return put("worst", empty(`None of the ${whole(data.gallery.pictures.length)} data rows that are kept of ${whole(data.gallery.of)} has such an error at this confidence.`));
  const of = data.gallery.pictures.length < data.gallery.of ? `Of the ${whole(data.gallery.pictures.length)} data rows that are kept here of ${whole(data.gallery.of)}. ` : "";
  return cardsOf("worst", ranked.map(([one]) => one), worstCard, worst,
    tools(`${of}Errors are those at this confidence.`, copyButton(() => [["Data row", "Place", "False positives", "Not found"], ...ranked.map(([one, errors]) => [one.row, one.place, ...errors])], "data rows with most errors")));
}

const meets = (one, other) => one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

function suspectCard(one) {
  const found = data.gallery.pictures[one.picture];
  const target = found.objects.find((object) => object.object === one.object);
  const near = found.objects.filter((object) => object === target || (target.box && object.box && meets(target.box, object.box)));
  const picture = following(found, near, { pointed: one.object, ...(target.box ? { view: around(found.size, [target.box]) } : {}) });
  const node = card(found, picture.node, el("p", {}, el("span", { class: "tag suspicion" }, one.suspicion), `${one.feature}: ${one.why}`), el("p", { class: "quiet" }, `score ${digits(one.score)}`));
  return { node, show: () => picture.show() };
}

function suspects() {
  const list = data.gallery.suspects.filter((one) => state.feature === ALL || [one.feature, one.model].includes(features[state.feature]));
  if (!list.length) return put("suspects", empty(state.feature === ALL ? "No label is suspicious." : "No label of this feature is among the most suspicious ones."));
  return cardsOf("suspects", list, suspectCard, suspects,
    tools(`The ${whole(list.length)} labels that are most worth looking at again. They come from all predictions, wherever the slider stands; only shapes follow it.`,
      copyButton(() => [["Data row", "Place", "Feature", "Suspicion", "Why", "Score"], ...list.map((one) => { const { row, place } = data.gallery.pictures[one.picture]; return [row, place, one.feature, one.suspicion, one.why, one.score]; })], "suspected label errors")));
}
