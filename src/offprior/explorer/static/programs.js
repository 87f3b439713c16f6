// Features of a family as a list of elementary operations (static_program.py), carried out for many nodes at once.
"use strict";

const LANES = 512; // values of a register: what all registers hold stays in the cache
const EVEN = 6755399441055744; // 1.5 · 2^52: adding it rounds to the nearest whole number, halves to even

const ELEMENTARY = {
  add: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] + b[i]; },
  sub: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] - b[i]; },
  mul: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] * b[i]; },
  div: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] / b[i]; },
  max: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = Math.max(a[i], b[i]); },
  min: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = Math.min(a[i], b[i]); },
  pow: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = Math.pow(a[i], b[i]); },
  atan2: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = Math.atan2(a[i], b[i]); },
  lt: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] < b[i] ? 1 : 0; },
  le: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] <= b[i] ? 1 : 0; },
  gt: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] > b[i] ? 1 : 0; },
  ge: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] >= b[i] ? 1 : 0; },
  eq: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] === b[i] ? 1 : 0; },
  ne: (out, n, a, b) => { for (let i = 0; i < n; i++) out[i] = a[i] !== b[i] ? 1 : 0; },
  select: (out, n, p, a, b) => { for (let i = 0; i < n; i++) out[i] = p[i] !== 0 ? a[i] : b[i]; },
  neg: (out, n, a) => { for (let i = 0; i < n; i++) out[i] = -a[i]; },
  round: (out, n, a) => { for (let i = 0; i < n; i++) out[i] = Math.abs(a[i]) < 1e15 ? a[i] + EVEN - EVEN : a[i]; },
};
for (const name of ["exp", "log", "log1p", "expm1", "sqrt", "abs", "sign", "floor", "ceil", "trunc", "sin", "cos", "tan", "tanh"]) {
  const f = Math[name];
  ELEMENTARY[name] = (out, n, a) => { for (let i = 0; i < n; i++) out[i] = f(a[i]); };
}

class Features {
  // `program` is what static_program.py writes; the last of its inputs is x, those before it are a node.
  constructor(program) {
    const fill = (value) => new Float64Array(LANES).fill(value);
    this.inputs = program.inputs;
    this.registers = [...Array.from({ length: this.inputs }, () => fill(0)), ...program.constants.map(fill)];
    this.steps = program.operations.map(([name, ...read]) => {
      if (!Object.hasOwn(ELEMENTARY, name)) throw new Error(`the page does not support the operation ${name}`);
      const out = fill(0);
      this.registers.push(out);
      return { run: ELEMENTARY[name], out, read: read.map((place) => this.registers[place]) };
    });
    this.outputs = program.outputs.map((place) => this.registers[place]);
  }

  // Columns at every pair of a node and an x: one Float64Array [nodes · xs] a column.
  at(nodes, count, xs) {
    const of_node = this.inputs - 1, points = xs.length, total = count * points;
    const found = this.outputs.map(() => new Float64Array(total));
    const x = this.registers[of_node];
    for (let start = 0; start < total; start += LANES) {
      const n = Math.min(LANES, total - start);
      let node = Math.floor(start / points), point = start % points;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < of_node; j++) this.registers[j][i] = nodes[node * of_node + j];
        x[i] = xs[point];
        if (++point === points) { point = 0; node++; }
      }
      for (const { run, out, read } of this.steps) run(out, n, read[0], read[1], read[2]);
      for (let k = 0; k < found.length; k++) found[k].set(n === LANES ? this.outputs[k] : this.outputs[k].subarray(0, n), start);
    }
    return found;
  }
}
