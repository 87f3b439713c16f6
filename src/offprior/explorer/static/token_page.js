// What the reader types, paints or chooses, what is asked of the server for it, and what is shown of the answers.
"use strict";

const stored = JSON.parse(document.getElementById("stored").textContent);
const by = (id) => document.getElementById(id);
const names = Array.from({ length: stored.vocabulary }, (_, token) => (stored.characters ? stored.characters[token] : String(token)));
const between = stored.characters ? "" : " ";
const USUAL = { preset: stored.own, probe: "", strength: 0, length: 32, task: 0, model: 0, step: 0 };
const FRAME_TIME = 350; // of the training film [milliseconds]
const FAMILY_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"];
const state = { ...USUAL, ...stored.start };
const shown = new Set(stored.labels.filter((label) => stored.styles[label].is_known));
const strip = new Strip(by("strip"), stored.vocabulary, names);
let typed = "", after = null, answer = null, further = null;
let isCurrent = false; // whether `answer` is that of the settings on screen
let hasAnswered = () => {}; // what waits for the next answer
let mistakes = []; // of the address, until the next change

// Sends the newest request and passes over older ones that still wait; `hear` gets the answer to it.
class Asker {
  constructor(path, hear, failed) {
    Object.assign(this, { path, hear, failed, waiting: null, isBusy: false });
  }

  ask(settings) {
    this.waiting = settings;
    if (!this.isBusy) this.next();
  }

  async next() {
    const settings = this.waiting;
    this.waiting = null;
    this.isBusy = true;
    let found = null, told = "";
    try {
      const response = await fetch(this.path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(settings) });
      found = await response.json();
      told = found.error ?? (response.ok ? "" : `the server answered ${response.status}`);
    } catch {
      told = "the server does not answer: is offprior explore still running?";
    }
    this.isBusy = false;
    if (this.waiting) { this.next(); return; } // an answer to an older prompt is never shown
    if (told) this.failed(told); else this.hear(found, settings);
  }
}

const quick = new Asker("answer", (found) => {
  answer = found;
  further = null;
  isCurrent = true;
  if (state.preset !== stored.own) { typed = found.text; by("typed").value = typed; }
  tell(mistakes.join(" · "));
  mistakes = [];
  draw();
  later.ask(asked());
  hasAnswered();
}, failed);
const later = new Asker("further", (found, settings) => {
  if (JSON.stringify(settings) !== JSON.stringify(asked())) return;
  answer = further = found;
  draw();
}, failed);

function tell(words) {
  by("message").textContent = words;
}

function failed(words) {
  tell(words);
  isCurrent = false;
  fade();
}

// Fades what belongs to earlier settings.
function fade() {
  for (const shown of document.querySelectorAll(".plot, aside, #python")) shown.classList.toggle("stale", !isCurrent);
  by("matrices").classList.toggle("stale", !isCurrent || !further);
}

// The settings of a request: those of the address, and the place that is looked at.
function asked() {
  return { ...settings(), ...(after === null ? {} : { after }) };
}

function settings() {
  const isCell = state.preset === stored.cell, kept = (name) => isCell || !["probe", "strength"].includes(name);
  const found = Object.fromEntries(Object.entries(state).filter(([name, value]) => value !== USUAL[name] && kept(name)));
  if (state.preset === stored.own) found.tokens = typed;
  return found;
}

function changed() {
  isCurrent = false;
  fade();
  quick.ask(asked());
  setTimeout(() => { if (!isCurrent && quick.isBusy && by("message").textContent === "") tell("computing …"); }, 400);
  remember();
  showControls();
}

let isToRemember = false;
function remember() {
  if (isToRemember) return;
  isToRemember = true;
  setTimeout(() => { // browsers refuse an address that changes with every key
    isToRemember = false;
    const query = new URLSearchParams(asked()).toString();
    history.replaceState(null, "", query ? `#${query}` : location.pathname);
  }, 250);
}

function own(tokens) {
  typed = tokens.map((token) => names[token]).join(between);
  by("typed").value = typed;
  state.preset = stored.own;
  changed();
}

const read = () => (answer ? Math.min(after ?? answer.tokens.length, answer.tokens.length) : 0);
const chosen = (values) => Object.fromEntries(stored.labels.filter((label) => shown.has(label) && values[label]).map((label) => [label, values[label]]));
// C is known at one place first, and everywhere a moment later.
const known = (values) => Object.fromEntries(Object.entries(values).filter(([, each]) => each.every((value) => value !== null)));

function draw() {
  if (!answer) return;
  const k = read();
  fade();
  strip.draw(answer.tokens, Math.min(stored.longest, Math.max(answer.tokens.length + 1, 16)), k);
  const rows = known(Object.fromEntries(Object.entries(chosen(answer.probabilities)).map(([label, each]) => [label, each[k]])));
  drawBars(by("bars"), rows, stored.styles, names);
  by("bars-title").textContent = `probability of the next token, after ${k} of ${answer.tokens.length}`;
  const far = Object.fromEntries(Object.entries(chosen(answer.divergences)).filter(([label]) => label !== answer.against));
  drawCurves(by("divergences"), known(far), stored.styles, k);
  by("curves-title").textContent = answer.against ? `KL to ${answer.against === "B" ? "B" : "the truth"} after k tokens [nats per token]` : "no truth to compare with";
  by("after").max = answer.tokens.length;
  by("after").value = k;
  by("after-told").textContent = k === 1 ? "1 token" : `${k} tokens`;
  drawShares(k);
  drawErrors(far, k);
  by("verdict-box").hidden = !answer.verdict;
  by("verdict").textContent = answer.verdict;
  by("python").textContent = answer.python;
  if (further) by("matrices-title").textContent = `What would follow after ${further.matrices_after} tokens: a row is one further token, a column the one after it`;
  if (further) drawMatrices(by("matrices"), chosen(further.matrices), names, (words) => { by("cell-told").textContent = words; });
}

function drawShares(k) {
  if (!answer.families) return;
  const styles = Object.fromEntries(stored.families.map((name, place) => [name, { color: FAMILY_COLOURS[place % FAMILY_COLOURS.length], dash: place ? "6 3" : "" }]));
  const curves = Object.fromEntries(stored.families.map((name, place) => [name, answer.families.map((shares) => shares[place])]));
  drawCurves(by("families"), curves, styles, k, 1);
  stored.families.forEach((name, place) => {
    const row = by("shares").rows[place], share = answer.families[k][place];
    row.querySelector(".bar").style.width = `${(100 * share).toFixed(1)}%`;
    row.querySelector(".bar").style.background = styles[name].color;
    row.cells[2].textContent = share.toFixed(3);
  });
  const { means, spreads } = stored.typical, said = answer.surprise[k];
  if (k === 0) {
    for (const id of ["surprise", "usual", "outside"]) by(id).textContent = id === "outside" ? "no token yet" : "–";
    return;
  }
  const excess = said === null ? Infinity : said - means[k], off = Math.abs(excess) < 1e-5 ? 0 : excess / spreads[k];
  by("surprise").textContent = said === null ? "∞" : inWords((said / k).toFixed(3));
  by("usual").textContent = `${inWords((means[k] / k).toFixed(3))} ± ${(spreads[k] / k).toFixed(3)}`;
  by("outside").textContent = off < 2 ? "typical of the prior" : said !== null ? `${off.toFixed(1)} standard deviations outside the prior` : "impossible under the prior";
}

function drawErrors(far, k) {
  by("errors-title").textContent = answer.against ? `KL to ${answer.against === "B" ? "B" : "the truth"}, after ${k} tokens` : "";
  by("errors").replaceChildren(...Object.entries(far).map(([label, values]) => {
    const row = document.createElement("tr");
    for (const words of [label, values[k] === null ? "…" : values[k].toFixed(4)]) row.append(Object.assign(document.createElement("td"), { textContent: words }));
    return row;
  }));
}

function showControls() {
  const isCell = state.preset === stored.cell;
  by("source").value = isCell ? `${stored.cell}|${state.probe}` : state.preset;
  by("at").hidden = !isCell;
  if (isCell) {
    const strengths = stored.strengths[state.probe], words = stored.coordinates[state.probe];
    by("strength").replaceChildren(...strengths.map((strength) => new Option(`${words} = ${+strength.toPrecision(4)}`, strength)));
    by("strength").value = strengths.reduce((best, each) => (Math.abs(each - state.strength) < Math.abs(best - state.strength) ? each : best));
  }
  state.length = Math.min(state.length, stored.longest);
  by("length").value = state.length;
  by("length").disabled = state.preset === stored.own;
  state.model = Math.min(state.model, stored.models - 1);
  by("model").value = state.model;
  if (by("step")) {
    const { steps } = stored, place = state.step ? steps.indexOf(nearest(state.step)) : steps.length - 1;
    by("step").value = place;
    by("step-told").textContent = place === steps.length - 1 ? "the last" : String(steps[place]);
  }
}

const nearest = (step) => stored.steps.reduce((best, each) => (Math.abs(each - step) < Math.abs(best - step) ? each : best));

function frame(place) {
  state.step = place >= stored.steps.length - 1 ? 0 : stored.steps[place];
  changed();
}

function listen() {
  by("source").addEventListener("change", (event) => {
    const [preset, probe] = event.target.value.split("|");
    after = null;
    state.preset = preset;
    if (preset === stored.cell) {
      state.probe = probe;
      state.strength = stored.strengths[probe][Math.floor(stored.strengths[probe].length / 2)];
    }
    changed();
  });
  by("strength").addEventListener("change", (event) => { state.strength = +event.target.value; changed(); });
  by("new-task").addEventListener("click", () => {
    state.task = (state.task + 1) % 10000;
    if (state.preset === stored.own) Object.assign(state, stored.start, { task: state.task });
    changed();
  });
  by("length").addEventListener("change", (event) => {
    state.length = Math.min(Math.max(Math.round(+event.target.value) || 0, 0), stored.longest);
    after = null;
    changed();
  });
  by("model").addEventListener("change", (event) => { state.model = +event.target.value; changed(); });
  by("typed").addEventListener("input", () => {
    typed = by("typed").value;
    state.preset = stored.own;
    after = null;
    changed();
  });
  by("after").addEventListener("input", (event) => {
    after = +event.target.value;
    if (answer && after === answer.tokens.length) after = null;
    further = null;
    draw();
    remember();
    if (isCurrent) later.ask(asked());
  });
  by("step")?.addEventListener("input", (event) => frame(+event.target.value));
  by("play")?.addEventListener("click", play);
  for (const box of document.querySelectorAll("#shown input")) {
    box.checked = shown.has(box.value);
    box.addEventListener("change", () => { shown[box.checked ? "add" : "delete"](box.value); draw(); });
  }
  let isPainting = false, painted = null; // the tokens that a stroke has set, of which answers may not be there yet
  const paint = (event) => {
    const [place, token] = strip.at(event), tokens = [...(painted ?? answer?.tokens ?? [])];
    if (place < 0 || place > tokens.length || place >= stored.longest || tokens[place] === token) return;
    tokens[place] = token;
    after = null;
    painted = tokens;
    own(tokens);
  };
  by("strip").addEventListener("pointerdown", (event) => {
    isPainting = event.button === 0 && answer !== null && isCurrent;
    painted = null;
    if (isPainting) { by("strip").setPointerCapture(event.pointerId); paint(event); }
  });
  by("strip").addEventListener("pointermove", (event) => { if (isPainting) paint(event); });
  for (const end of ["pointerup", "pointercancel"]) by("strip").addEventListener(end, () => { isPainting = false; });
  addEventListener("hashchange", open);
  new ResizeObserver(() => draw()).observe(by("bars"));
}

let isPlaying = false;
function play() {
  isPlaying = !isPlaying;
  by("play").textContent = isPlaying ? "Stop" : "Play the training";
  if (!isPlaying) { hasAnswered = () => {}; return; }
  let place = 0;
  hasAnswered = () => { // the next step follows when the last is on screen
    if (place >= stored.steps.length) play(); else setTimeout(() => { if (isPlaying) frame(place++); }, FRAME_TIME);
  };
  frame(place++);
}

function open() {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  Object.assign(state, USUAL, Object.keys(given).length > 0 ? {} : stored.start);
  for (const [name, value] of Object.entries(given)) {
    if (name === "tokens") typed = value;
    else if (name === "after") continue;
    else if (Object.hasOwn(USUAL, name)) state[name] = typeof USUAL[name] === "number" ? (Number.isFinite(+value) ? +value : value) : value;
    else mistakes.push(`${name}: unknown setting of the address`);
  }
  if (state.preset === stored.cell && !Object.hasOwn(stored.strengths, state.probe)) {
    mistakes.push(`probe: this run has no probe ${JSON.stringify(state.probe)}`);
    Object.assign(state, stored.start);
  }
  by("typed").value = typed;
  after = given.after !== undefined && Number.isFinite(+given.after) ? +given.after : null;
  changed();
}

by("alphabet").textContent = stored.characters ? `tokens are ${names[0]} to ${names[names.length - 1]}` : `tokens are numbers from 0 to ${names.length - 1}, with spaces between them`;
by("strip").classList.toggle("tall", stored.vocabulary > 20);
listen();
open();
