// What the reader does, what is asked of the engine for it, and what is shown of the answers.
"use strict";

const STEP = 0.01; // of the frame, by which an arrow key moves a point; a tenth of it with Shift
const stored = JSON.parse(document.getElementById("stored").textContent);
const by = (id) => document.getElementById(id);
const state = new State(stored.state);
const plot = new Plot(by("plot"), { ...stored.looks, places: stored.places, labels: stored.state.labels });
let answer = { curves: {}, variances: {}, numbers: null };
let asked = 0, shownId = 0, engine;

function engineIn(source) {
  const failed = (what) => tell(`the curves cannot be computed: ${what}`);
  const hear = (message) => {
    if (message.failed) failed(message.failed);
    else if (message.compared) showComparison(message);
    else if (message.id > shownId || (message.id === shownId && message.whole)) {
      shownId = message.id;
      answer = message;
      drawAnswer();
    }
  };
  const here = () => {
    const desk = new Desk(hear); // the browser refuses workers to pages of files: the page waits while it computes
    document.body.dataset.engine = "page";
    return { post: (message) => desk.receive(message) };
  };
  if (new URLSearchParams(location.search).has("no-worker")) return here();
  try {
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    let isAlive = false;
    const said = [], made = { post: (message) => { said.push(message); worker.postMessage(message); } };
    worker.onmessage = (event) => { isAlive = true; said.length = 0; hear(event.data); };
    worker.onerror = (event) => {
      event.preventDefault();
      if (isAlive) { failed(event.message); return; }
      const other = here();
      made.post = other.post;
      said.forEach(other.post);
    };
    document.body.dataset.engine = "worker";
    return made;
  } catch {
    return here();
  }
}

function tell(text) {
  by("message").textContent = text;
}

// Everything after a change of the points; `isNew` where they are other points, not moved ones.
function changed(isNew = false) {
  const truth = state.truth();
  if (isNew) plot.fit([...state.points.map((point) => point[1]), ...(truth ?? [-1, 1])]);
  plot.drawPoints(state.points);
  by("function").value = state.preset;
  by("length").value = state.points.length;
  if (state.points.length === 0) answer = { curves: {}, variances: {}, numbers: null };
  drawAnswer();
  if (state.points.length > 0) engine.post({ id: ++asked, points: state.points.map((point) => [...point]) });
  else shownId = ++asked;
  remember();
}

let isToRemember = false;
function remember() {
  if (isToRemember) return;
  isToRemember = true;
  setTimeout(() => { // browsers refuse an address that changes with every move
    isToRemember = false;
    const hash = state.toHash();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  }, 250);
}

function drawAnswer() {
  const truth = state.truth();
  plot.drawCurves({ ...answer.curves, ...(truth ? { truth } : {}) }, answer.variances, state.shown);
  const numbers = answer.numbers;
  by("empty").hidden = state.points.length > 0;
  by("reading").hidden = !numbers;
  if (!numbers) return;
  numbers.probability.forEach((share, k) => {
    const bar = by("families").rows[k];
    bar.querySelector(".bar").style.width = `${(100 * share).toFixed(1)}%`;
    bar.cells[2].textContent = share.toFixed(3);
  });
  const count = state.points.length, { lengths, means, spreads } = stored.typical;
  const near = lengths.reduce((best, length, k) => (Math.abs(length - count) < Math.abs(lengths[best] - count) ? k : best), 0);
  const off = (numbers.surprise - means[near]) / spreads[near];
  by("surprise").textContent = inWords(numbers.surprise.toFixed(2));
  by("usual").textContent = `${inWords(means[near].toFixed(2))} ± ${spreads[near].toFixed(2)}`;
  by("outside").textContent = off < 2 ? "typical of the prior" : `${off.toFixed(1)} standard deviations outside the prior`;
}

const isSmoother = (label) => label === "S" || label === "sd: S";

function showComparison({ compared, prompts, kernel }) {
  const of = (chosen) => Math.max(...Object.entries(compared).filter(([label]) => chosen(label)).map(([, off]) => off));
  const said = [`the model's curve ${of((label) => label === "model" || label === "sd: model").toExponential(1)}`];
  said.push(`S ${of(isSmoother).toExponential(1)}`);
  if (stored.engine.posterior) {
    const isCurve = (label) => !label.includes("model") && !label.includes("P(") && !label.includes("log") && !isSmoother(label);
    said.push(
      `B, C and the classes ${of(isCurve).toExponential(1)}`,
      `P(family | context) ${compared["P(family | context)"].toExponential(1)}`,
      `−log evidence per point ${compared["−log evidence per point"].toExponential(1)}`,
    );
  }
  by("comparison").textContent =
    `Compared just now, in this browser, with the answers of offprior itself on ${prompts} prompts (${stored.comparison_words}) ` +
    `when the page was written; largest differences: ${said.join("; ")}.${kernel ? "" : " Without WebAssembly, which is slower."}`;
  by("comparison").dataset.largest = JSON.stringify(compared);
}

function add(point) {
  if (state.points.length >= stored.state.longest) return tell(`at most ${stored.state.longest} points are allowed`);
  state.own();
  state.points.push(point);
  changed();
  return undefined;
}

function remove(place) {
  if (!(place >= 0 && place < state.points.length)) return;
  state.own();
  state.points.splice(place, 1);
  changed();
  plot.dots.children[Math.min(place, state.points.length - 1)]?.focus();
}

function move(place, [x, y]) {
  state.own();
  state.points[place] = [x, y];
  changed();
}

const placeOf = (target) => [...plot.dots.children].indexOf(target);
let held = -1, chosen = -1;
plot.svg.addEventListener("pointerdown", (event) => {
  held = event.button === 0 ? placeOf(event.target) : -1;
  if (held < 0) return;
  event.preventDefault();
  event.target.focus();
  plot.svg.setPointerCapture(event.pointerId);
});
plot.svg.addEventListener("pointermove", (event) => { if (held >= 0) move(held, plot.at(event)); });
for (const end of ["pointerup", "pointercancel"]) plot.svg.addEventListener(end, () => { held = -1; });
plot.svg.addEventListener("dblclick", (event) => { if (placeOf(event.target) < 0) add(plot.at(event)); });
plot.svg.addEventListener("focusin", (event) => { chosen = placeOf(event.target); });
plot.svg.addEventListener("keydown", (event) => {
  const place = placeOf(event.target);
  if (place < 0) return;
  const size = event.shiftKey ? STEP / 10 : STEP, [x, y] = state.points[place];
  const across = size * (plot.xRange[1] - plot.xRange[0]), up = size * (plot.yRange[1] - plot.yRange[0]);
  const [right, higher] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
  if (event.key === "Delete" || event.key === "Backspace") remove(place);
  else if (right || higher) {
    const kept = (value, [low, high]) => Math.min(Math.max(value, low), high);
    move(place, [kept(x + right * across, plot.xRange), y + higher * up]);
  } else return;
  event.preventDefault();
});

function draw() {
  tell("");
  state.draw();
  changed(true);
}

function listen() {
  by("function").addEventListener("change", (event) => {
    if (event.target.value === state.stored.own) return state.own(), changed();
    state.preset = event.target.value;
    return draw();
  });
  by("new-task").addEventListener("click", () => {
    state.task = (state.task + 1) % (state.stored.bounds.task[1] + 1);
    if (state.isOwn) state.preset = state.stored.defaults.preset;
    draw();
  });
  by("length").addEventListener("change", (event) => {
    const [low, high] = state.stored.bounds.length;
    state.length = Math.min(Math.max(Math.round(+event.target.value) || low, low), high);
    if (state.isOwn) { state.points = state.points.slice(0, state.length); changed(); } else draw();
  });
  by("add").addEventListener("click", () => {
    add([(plot.xRange[0] + plot.xRange[1]) / 2, (plot.yRange[0] + plot.yRange[1]) / 2]);
    plot.dots.lastChild.focus();
  });
  by("delete").addEventListener("click", () => remove(chosen >= 0 && chosen < state.points.length ? chosen : state.points.length - 1));
  by("clear").addEventListener("click", () => { state.own(); state.points = []; changed(); });
  by("fit").addEventListener("click", () => { plot.fit([...state.points.map((point) => point[1]), ...(state.truth() ?? [-1, 1])]); plot.drawPoints(state.points); drawAnswer(); });
  by("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([plot.toFile()], { type: "image/svg+xml" }));
    link.download = "prompt.svg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  for (const box of document.querySelectorAll("#shown input")) {
    box.checked = state.shown.has(box.value);
    box.addEventListener("change", () => {
      state.shown[box.checked ? "add" : "delete"](box.value);
      drawAnswer();
      remember();
    });
  }
  addEventListener("hashchange", open);
  new ResizeObserver(() => { plot.resize(); plot.drawPoints(state.points); drawAnswer(); }).observe(plot.svg);
}

function open() {
  const problems = state.fromHash(location.hash);
  tell(problems.join(" · "));
  for (const box of document.querySelectorAll("#shown input")) box.checked = state.shown.has(box.value);
  changed(true);
}

engine = engineIn(by("engine").textContent);
engine.post({ load: { ...stored.engine, places: stored.places } });
listen();
open();
