// Data rows drawn: those with most errors, and those with suspected label errors.

const DRAWN = [["var(--truth)", "ground truth"], ["var(--fn)", "not found", "dotted"], ["var(--tp)", "right prediction"], ["var(--fp)", "wrong prediction", "dashed"]];
const OUTCOMES = { T: "TP", F: "FP", N: "FN", i: "ignored", "-": null };
const FIRST = 12;
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

function shapeOf(object, pointed) {
  const outcome = outcomeOf(object);
  if (!object.path || outcome === null) return null;
  const kind = object.truth ? (outcome === "FN" ? "missed" : "truth") : outcome === "FP" ? "wrong" : "right";
  return [object.path, `shape ${kind}${pointed ? " pointed" : ""}`, `${object.truth ? "ground truth" : "prediction"} ${nameOfObject(object)}`];
}

/** Why an object is wrong: as among all predictions, unless it was right there. */
function whyOf(object) {
  const why = data.gallery.whys[object.why];
  if (why !== "matched") return why;
  return object.truth ? "what would match it lies below this confidence" : "its ground truth is matched with another prediction";
}

function drawn(one, objects, pointed, more) {
  const shapes = objects.map((object) => shapeOf(object, object.object === pointed)).filter(Boolean);
  return one.size && (shapes.length || data.images[one.row]) ? drawing(one.size, data.images[one.row], shapes, placed(one.row, one.place), more) : null;
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
  openDialog(placed(one.row, one.place), [
    el("div", { class: "large" }, drawn(one, objects, null, { names })), legend(DRAWN),
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
  return el("button", { type: "button", class: "plain more", onclick: () => { many[part] += FIRST; redraw(); } }, `Show ${whole(Math.min(FIRST, n - many[part]))} more`);
}

function worst() {
  const ranked = data.gallery.pictures.map((one) => [one, errorsOf(one)]).filter(([, [fp, fn]]) => fp + fn).sort((a, b) => sum(b[1]) - sum(a[1]));
  const shown = ([one, [fp, fn]]) => {
    const own = one.objects.filter((object) => isChosen(object.feature));
    const wrong = own.filter(isWrong).sort((a, b) => (b.confidence ?? 1) - (a.confidence ?? 1));
    return card(one, drawn(one, own, null), el("p", { class: "quiet" }, `${plural(fp, "false positive")}, ${whole(fn)} not found`),
      el("ul", {}, ...wrong.slice(0, LISTED).map(told), wrong.length > LISTED ? el("li", { class: "quiet" }, `and ${whole(wrong.length - LISTED)} more`) : null));
  };
  if (!ranked.length) return put("worst", empty(`None of the ${whole(data.gallery.pictures.length)} data rows that are kept of ${whole(data.gallery.of)} has such an error at this confidence.`));
  const kept = data.gallery.pictures.length < data.gallery.of ? `Of the ${whole(data.gallery.pictures.length)} data rows that are kept here of ${whole(data.gallery.of)}. ` : "";
  return put("worst",
    tools(`${kept}Errors are those at this confidence.`, copyButton(() => [["Data row", "Place", "False positives", "Not found"], ...ranked.map(([one, errors]) => [one.row, one.place, ...errors])], "data rows with most errors")),
    legend(DRAWN), el("div", { class: "pictures" }, ...ranked.slice(0, many.worst).map(shown)), moreButton("worst", ranked.length, worst));
}

const meets = (one, other) => one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

function suspects() {
  const list = data.gallery.suspects.filter((one) => state.feature === ALL || [one.feature, one.model].includes(features[state.feature]));
  const shown = (one) => {
    const found = data.gallery.pictures[one.picture];
    const target = found.objects.find((object) => object.object === one.object);
    const near = found.objects.filter((object) => object === target || (target.box && object.box && meets(target.box, object.box)));
    return card(found, drawn(found, near, one.object, target.box ? { view: around(found.size, [target.box]) } : {}), el("p", {}, el("span", { class: "tag suspicion" }, one.suspicion), `${one.feature}: ${one.why}`), el("p", { class: "quiet" }, `score ${digits(one.score)}`));
  };
  if (!list.length) return put("suspects", empty(state.feature === ALL ? "No label is suspicious." : "No label of this feature is among the most suspicious ones."));
  return put("suspects",
    tools(`The ${whole(list.length)} labels that are most worth looking at again. They come from all predictions, wherever the slider stands; only shapes follow it.`,
      copyButton(() => [["Data row", "Place", "Feature", "Suspicion", "Why", "Score"], ...list.map((one) => { const { row, place } = data.gallery.pictures[one.picture]; return [row, place, one.feature, one.suspicion, one.why, one.score]; })], "suspected label errors")),
    legend(DRAWN), el("div", { class: "pictures" }, ...list.slice(0, many.suspects).map(shown)), moreButton("suspects", list.length, suspects));
}
