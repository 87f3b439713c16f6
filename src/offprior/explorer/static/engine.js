// Who answers: a network and its exact references, in a worker where the browser lets a page of a file have one.
"use strict";

const COARSE = 4; // every fourth place is answered first, so that a drag is seen before all of them are known

class Engine {
  constructor({ network, posterior, smoother, places }) {
    this.network = new Network(network);
    this.smoother = new Smoother(smoother);
    this.posterior = posterior ? new Posterior(posterior) : null;
    const all = [...places.keys()], isCoarse = (k) => k % COARSE === 0 || k === places.length - 1;
    this.places = places;
    this.parts = [all.filter(isCoarse), all.filter((k) => !isCoarse(k))];
  }

  // What is made of a context before anything is asked of it.
  begun(points) {
    const posterior = this.posterior ? this.posterior.of(points) : null;
    return { context: this.network.context(points), posterior, smooth: this.smoother.of(points) };
  }

  // Curves and variances by their labels at the queries.
  predicted({ context, posterior, smooth }, queries) {
    const { mean, variance } = this.network.predicted(context, queries);
    const found = posterior ? this.posterior.predicted(posterior, queries) : { curves: {}, variances: {} };
    const smoothed = this.smoother.predicted(smooth, queries), others = { S: smoothed.variance, ...found.variances };
    const variances = Number.isNaN(variance[0]) ? others : { model: variance, ...others };
    return { curves: { model: mean, S: smoothed.mean, ...found.curves }, variances };
  }
}

// The largest differences from what the package itself answered when the page was written.
class Comparison {
  constructor(engine, stored) {
    this.engine = engine;
    this.stored = stored;
    this.queries = Array.from(unpacked(stored.queries));
    this.points = unpacked(stored.points);
    this.known = Object.fromEntries(Object.entries(stored.answers).map(([label, array]) => [label, unpacked(array)]));
    this.largest = {};
    this.done = 0;
  }

  get finished() {
    return this.done === this.stored.lengths.length;
  }

  // Compares one more prompt.
  step() {
    const k = this.done++, [, most] = this.stored.points.shape, length = this.stored.lengths[k];
    const points = Array.from({ length }, (_, i) => Array.from(this.points.subarray(2 * (k * most + i), 2 * (k * most + i) + 2)));
    const begun = this.engine.begun(points), { curves, variances } = this.engine.predicted(begun, this.queries);
    const found = { ...curves };
    for (const [label, variance] of Object.entries(variances)) found[`sd: ${label}`] = variance.map(Math.sqrt);
    if (begun.posterior) {
      found["P(family | context)"] = begun.posterior.probability;
      found["−log evidence per point"] = [-begun.posterior.logEvidence / length];
    }
    for (const [label, values] of Object.entries(found)) {
      const wide = values.length;
      values.forEach((value, q) => {
        const off = Math.abs(value - this.known[label][k * wide + q]);
        if (!(off <= this.largest[label])) this.largest[label] = off;
      });
    }
  }
}

// Carries out the newest of what is asked; a request that comes while it works takes the place of those that wait.
class Desk {
  constructor(say) {
    this.say = say;
    this.engine = this.newest = this.comparison = null;
    this.isBusy = false;
    const { port1, port2 } = new MessageChannel();
    this.rest = () => new Promise((resolve) => { port1.onmessage = resolve; port2.postMessage(0); });
  }

  receive(message) {
    if (message.load) {
      this.engine = new Engine(message.load);
      this.comparison = new Comparison(this.engine, message.load.comparison);
    } else {
      this.newest = message;
    }
    if (!this.isBusy) this.work().catch((error) => { this.isBusy = false; this.say({ failed: String(error) }); });
  }

  async work() {
    this.isBusy = true;
    for (;;) {
      await this.rest();
      if (this.newest) {
        const asked = this.newest;
        this.newest = null;
        await this.answer(asked);
      } else if (this.comparison && !this.comparison.finished && this.answered) {
        this.comparison.step();
        const { largest, finished, done } = this.comparison;
        if (finished) this.say({ compared: largest, prompts: done, kernel: this.engine.network.products.kernel !== null });
      } else break;
    }
    this.isBusy = false;
  }

  async answer({ id, points }) {
    const { engine } = this, count = engine.places.length, begun = engine.begun(points);
    const whole = { curves: {}, variances: {} }, known = [];
    const posterior = begun.posterior;
    const numbers = posterior ? { probability: posterior.probability, surprise: -posterior.logEvidence / points.length } : null;
    for (const part of engine.parts) {
      if (this.newest) return;
      const found = engine.predicted(begun, part.map((k) => engine.places[k]));
      for (const kind of ["curves", "variances"]) {
        for (const [label, values] of Object.entries(found[kind])) {
          whole[kind][label] ??= new Float64Array(count).fill(NaN);
          part.forEach((k, i) => { whole[kind][label][k] = values[i]; });
        }
      }
      known.push(...part);
      this.say({ id, ...whole, numbers, whole: known.length === count });
      await this.rest();
    }
    this.answered = true;
  }
}

if (typeof WorkerGlobalScope !== "undefined" && self instanceof WorkerGlobalScope) {
  const desk = new Desk((answer) => postMessage(answer));
  onmessage = (event) => desk.receive(event.data);
}
