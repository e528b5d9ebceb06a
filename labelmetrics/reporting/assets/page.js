// Puts the page together and keeps its figures with the slider and the chosen feature.
// A part draws itself; what it returns draws the rest of it.

const parts = [["s-summary", cards], ["s-curves", curves], ["s-features", featureRows], ["s-spread", distributions], ["s-reasons", reasons], ["s-worst", worst], ["s-suspects", suspects]];
if (figures.before) parts.push(["s-change", change]);
if (data.matrix) parts.push(["s-matrix", matrix]);

let pending = [];
let frame = null;
let timer = null;

/** Draws the first of what can be seen at once, so that the slider is never waited for, and the rest frame by frame. */
function draw() {
  const { bottom: covered } = byId("controls").getBoundingClientRect();
  const isSeen = ([id]) => {
    const { top, bottom } = byId(id).getBoundingClientRect();
    return bottom > covered && top < innerHeight;
  };
  const seen = parts.filter(isSeen);
  const [first, ...others] = seen;
  pending = [...others, ...parts.filter((part) => !seen.includes(part))];
  const text = short(levels[state.level]);
  byId("shown").textContent = text;
  byId("level").value = String(state.level);
  byId("level").setAttribute("aria-valuetext", text);
  byId("feature").value = String(state.feature);
  if (first) drawPart(first);
  later();
}

function drawPart([id, part]) {
  const rest = part();
  if (rest) pending.unshift([id, rest]);
}

function later() {
  cancelAnimationFrame(frame);
  clearTimeout(timer);
  frame = requestAnimationFrame(() => {
    timer = setTimeout(() => { // what has been drawn is painted first
      if (!pending.length) return;
      drawPart(pending.shift());
      later();
    }, 0);
  });
}

function drawAll() {
  draw();
  while (pending.length) drawPart(pending.shift());
}

function choose(feature) {
  state.feature = feature;
  draw();
}

function openDialog(title, body) {
  byId("h-behind").textContent = title;
  put("behind-body", ...body);
  byId("behind").showModal();
  byId("behind-body").scrollTop = 0;
}

function settings() {
  const said = Object.entries(data.settings).map(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, value)]);
  put("settings", el("dl", {}, ...said.flat()),
    el("p", { class: "quiet" }, `A prediction is right when it is matched with a ground truth of its feature (${data.match}). At each confidence, predictions below it are left out and the others matched anew. Intervals are 95 % percentiles of a bootstrap over data rows${data.baseline ? ", paired for changes" : ""}; they are not corrected for looking at many features.`));
}

function theme() {
  const root = document.documentElement;
  const button = byId("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const tell = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; tell(); });
  tell();
}

function start() {
  const predictions = countsOf(figures.counts, 0, ALL);
  byId("about").textContent = [plural(data.dataRows, "data row"), plural(truthsOf(ALL), "ground truth"), plural(predictions[0] + predictions[1], "prediction"), plural(features.length, "feature"), data.match,
    data.baseline && `compared with ${data.baseline}`].filter(Boolean).join(" · ");
  put("notes", ...data.notes.map((note) => el("p", { class: "note" }, note[0].toUpperCase() + note.slice(1) + ".")));
  const slider = byId("level");
  slider.max = String(levels.length - 1);
  slider.addEventListener("input", () => { state.level = Number(slider.value); draw(); });
  byId("best").textContent = `Best F1: ${short(levels[data.best])}`;
  byId("best").addEventListener("click", () => { state.level = data.best; draw(); });
  byId("sliding").hidden = !hasConfidences;
  byId("unsliding").hidden = hasConfidences;
  byId("feature").append(el("option", { value: String(ALL) }, "all features"), ...features.map((name, index) => el("option", { value: String(index) }, name)));
  byId("feature").addEventListener("change", () => choose(Number(byId("feature").value)));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("s-change").hidden = !figures.before;
  byId("s-matrix").hidden = !data.matrix;
  for (const section of document.querySelectorAll("main > section:not([hidden])")) {
    byId("contents").append(el("a", { href: `#${section.id}` }, section.dataset.short || section.querySelector("h2").textContent));
  }
  byId("behind").addEventListener("click", (event) => { if (event.target === byId("behind")) byId("behind").close(); });
  addEventListener("resize", () => { measure(); draw(); });
  addEventListener("beforeprint", drawAll);
  theme();
  measure();
  featureTable();
  if (figures.before) changeTable();
  settings();
  drawAll();
}

start();
