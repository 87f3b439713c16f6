// What is on screen as a few bounded numbers and words, and the same after the # of the page's address.
"use strict";

class State {
  // `stored` is what static_prompts.py writes of presets, bounds and defaults.
  constructor(stored) {
    this.stored = stored;
    this.prompts = unpacked(stored.prompts);
    this.truths = unpacked(stored.truths);
    Object.assign(this, stored.defaults);
    this.shown = new Set(stored.defaults.shown.filter((label) => stored.labels.includes(label)));
    this.points = [];
    this.draw();
  }

  get isOwn() {
    return this.preset === this.stored.own;
  }

  // The preset's prompt, of its task and length.
  draw() {
    const { presets, longest } = this.stored, [, tasks, room] = this.stored.prompts.shape;
    const first = (presets.indexOf(this.preset) * tasks + this.task) * room;
    const count = Math.min(this.length, longest);
    this.points = Array.from({ length: count }, (_, k) => [this.prompts[2 * (first + k)], this.prompts[2 * (first + k) + 1]]);
  }

  // The values of the preset's function; null for points of one's own.
  truth() {
    const { presets } = this.stored, [, tasks, places] = this.stored.truths.shape, place = presets.indexOf(this.preset);
    if (place < 0) return null;
    const at = (place * tasks + this.task) * places;
    return this.truths.subarray(at, at + places);
  }

  // From now on these are points of one's own.
  own() {
    this.preset = this.stored.own;
  }

  toHash() {
    const { defaults } = this.stored, said = new URLSearchParams();
    if (this.isOwn) {
      said.set("points", this.points.map(([x, y]) => `${+x.toPrecision(6)},${+y.toPrecision(6)}`).join(";"));
    } else {
      for (const name of ["preset", "task", "length"]) if (this[name] !== defaults[name]) said.set(name, this[name]);
    }
    const shown = this.stored.labels.filter((label) => this.shown.has(label)).join(",");
    const usual = this.stored.labels.filter((label) => defaults.shown.includes(label)).join(",");
    if (shown !== usual) said.set("shown", shown);
    return said.toString();
  }

  // Takes what an address asks for, and returns all that is wrong with it, in which case nothing is taken.
  fromHash(hash) {
    const { presets, labels, bounds, longest, most_characters, defaults } = this.stored;
    if (hash.length > most_characters) return [`the address has ${hash.length} characters; at most ${most_characters} are read`];
    const found = { ...defaults, shown: new Set(this.shown) }, problems = [];
    let points = null;
    for (const [name, value] of new URLSearchParams(hash.replace(/^#/, ""))) {
      const given = JSON.stringify(value.slice(0, 40));
      if (name === "points") {
        [points, found.preset] = [this.readPoints(value, problems), this.stored.own];
      } else if (name === "preset") {
        if (!presets.includes(value)) problems.push(`preset: unknown value ${given}; choose from ${presets.join(", ")}`);
        found.preset = value;
      } else if (name === "shown") {
        found.shown = new Set(value.split(",").filter((label) => labels.includes(label)));
      } else if (Object.hasOwn(bounds, name)) {
        const [low, high] = bounds[name];
        if (!/^\d{1,6}$/.test(value) || +value < low || +value > high) problems.push(`${name}: ${given} is not a whole number from ${low} to ${high}`);
        found[name] = +value;
      } else {
        problems.push(`unknown setting ${JSON.stringify(name.slice(0, 40))}; choose from points, preset, shown, ${Object.keys(bounds).join(", ")}`);
      }
    }
    if (problems.length > 0) return problems;
    Object.assign(this, found);
    if (points === null) this.draw();
    else [this.points, this.preset] = [points.slice(0, longest), this.stored.own];
    return [];
  }

  readPoints(text, problems) {
    const { longest, largest } = this.stored, parts = text.split(";").filter((part) => part !== "");
    if (parts.length > longest) problems.push(`points: got ${parts.length}; at most ${longest} are allowed`);
    return parts.slice(0, longest).map((part) => {
      const numbers = part.split(",").map((one) => (one.trim() === "" ? NaN : Number(one)));
      const isPoint = numbers.length === 2 && numbers.every((one) => Number.isFinite(one) && Math.abs(one) <= largest);
      if (!isPoint && problems.length < 3) problems.push(`points: ${JSON.stringify(part.slice(0, 40))} is not two numbers x,y up to ${largest}`);
      return numbers;
    });
  }
}
