// Matrix products: a WebAssembly kernel of four numbers an instruction, assembled below; plain loops where there is none.
"use strict";

const PAGE_BYTES = 65536;

// x [rows, inputs] · weight [inputs, outputs] + bias, in plain loops over four rows at once.
function plainProduct(x, weight, bias, out, rows, inputs, outputs) {
  for (let r = 0; r < rows; r += 4) {
    const many = Math.min(4, rows - r);
    for (let k = 0; k < many; k++) out.set(bias, (r + k) * outputs);
    const first = r * outputs, a = r * inputs;
    for (let i = 0; i < inputs; i++) {
      const at = i * outputs;
      if (many === 4) {
        const p = x[a + i], q = x[a + inputs + i], s = x[a + 2 * inputs + i], t = x[a + 3 * inputs + i];
        for (let j = 0; j < outputs; j++) {
          const w = weight[at + j], to = first + j;
          out[to] += p * w;
          out[to + outputs] += q * w;
          out[to + 2 * outputs] += s * w;
          out[to + 3 * outputs] += t * w;
        }
      } else {
        for (let k = 0; k < many; k++) {
          const p = x[a + k * inputs + i];
          for (let j = 0; j < outputs; j++) out[first + k * outputs + j] += p * weight[at + j];
        }
      }
    }
  }
}

// The bytes of a module that exports `product(x, weight, out, rows, inputs, outputs)` on addresses of its memory:
// out += x · weight, for rows in fours and outputs in eights.
function kernel() {
  const number = (value) => {
    const bytes = [];
    for (let rest = value; ; rest >>>= 7) {
      if (rest < 128) return [...bytes, rest];
      bytes.push((rest & 127) | 128);
    }
  };
  const signed = (value) => {
    const bytes = [];
    for (let rest = value; ; rest >>= 7) {
      if (rest < 64 && rest >= -64) return [...bytes, rest & 127];
      bytes.push((rest & 127) | 128);
    }
  };
  const counted = (items) => [...number(items.length), ...items.flat()];
  const section = (id, body) => [id, ...number(body.length), ...body];
  const text = (name) => counted([...name].map((letter) => letter.charCodeAt(0)));
  const I32 = 0x7f, V128 = 0x7b;
  const [X, WEIGHT, OUT, ROWS, INPUTS, OUTPUTS, ROW, COLUMN, K, XAT, WAT, OAT, XSTEP, WSTEP, LEFT, RIGHT, SUM] = Array(17).keys();
  const get = (local) => [0x20, ...number(local)], set = (local) => [0x21, ...number(local)];
  const constant = (value) => [0x41, ...signed(value)];
  const add = 0x6a, times = 0x6c, less = 0x48;
  const simd = (code, ...rest) => [0xfd, ...number(code), ...rest.flat()];
  const load = (offset) => simd(0x00, number(4), number(offset)), store = (offset) => simd(0x0b, number(4), number(offset));
  const splat = simd(0x09, number(2), number(0)), addLanes = simd(0xe4), timesLanes = simd(0xe6);
  const bump = (local, by) => [...get(local), ...by, add, ...set(local)];
  const loop = (body, counter, end) => [0x03, 0x40, ...body, ...get(counter), ...get(end), less, 0x0d, 0, 0x0b];
  const row = (local, step, k) => [...get(local), ...(k ? [...get(step), ...constant(k), times, add] : [])];
  const four = [0, 1, 2, 3];
  const inner = [
    ...get(WAT), ...load(0), ...set(LEFT), ...get(WAT), ...load(16), ...set(RIGHT),
    ...four.flatMap((k) => [
      ...row(XAT, XSTEP, k), ...splat, ...set(SUM + 8),
      ...get(SUM + 2 * k), ...get(SUM + 8), ...get(LEFT), ...timesLanes, ...addLanes, ...set(SUM + 2 * k),
      ...get(SUM + 2 * k + 1), ...get(SUM + 8), ...get(RIGHT), ...timesLanes, ...addLanes, ...set(SUM + 2 * k + 1),
    ]),
    ...bump(XAT, constant(4)), ...bump(WAT, get(WSTEP)), ...bump(K, constant(1)),
  ];
  const address = (base, place, stride) => [...get(base), ...place, ...stride, times, ...constant(4), times, add];
  const tile = [
    ...address(X, get(ROW), get(INPUTS)), ...set(XAT),
    ...get(WEIGHT), ...get(COLUMN), ...constant(4), times, add, ...set(WAT),
    ...address(OUT, get(ROW), get(OUTPUTS)), ...get(COLUMN), ...constant(4), times, add, ...set(OAT),
    ...four.flatMap((k) => [0, 1].flatMap((half) => [...row(OAT, WSTEP, k), ...load(16 * half), ...set(SUM + 2 * k + half)])),
    ...constant(0), ...set(K), ...loop(inner, K, INPUTS),
    ...four.flatMap((k) => [0, 1].flatMap((half) => [...row(OAT, WSTEP, k), ...get(SUM + 2 * k + half), ...store(16 * half)])),
    ...bump(COLUMN, constant(8)),
  ];
  const code = [
    ...get(INPUTS), ...constant(4), times, ...set(XSTEP), ...get(OUTPUTS), ...constant(4), times, ...set(WSTEP),
    ...constant(0), ...set(ROW),
    ...loop([...constant(0), ...set(COLUMN), ...loop(tile, COLUMN, OUTPUTS), ...bump(ROW, constant(4))], ROW, ROWS),
    0x0b,
  ];
  const locals = [...number(2), ...number(8), I32, ...number(11), V128];
  const body = [...locals, ...code];
  return new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, counted([[0x60, ...counted(Array(6).fill([I32])), 0]])),
    ...section(3, counted([[0]])),
    ...section(5, counted([[0, 1]])),
    ...section(7, counted([[...text("memory"), 2, 0], [...text("product"), 0, 0]])),
    ...section(10, counted([[...number(body.length), ...body]])),
  ]);
}

const upTo = (value, step) => Math.ceil(value / step) * step;

// Weights that stay, and arrays that come and go, in the memory of the kernel; or the plain loops with the same face.
class Products {
  constructor(allowsKernel = true) {
    this.kernel = null;
    try {
      if (allowsKernel) this.kernel = new WebAssembly.Instance(new WebAssembly.Module(kernel())).exports;
    } catch {
      this.kernel = null; // an older browser, or one that refuses WebAssembly
    }
    this.end = 0;
  }

  room(bytes) {
    const missing = this.end + bytes - this.kernel.memory.buffer.byteLength;
    if (missing > 0) this.kernel.memory.grow(Math.ceil(missing / PAGE_BYTES));
  }

  // A matrix and its bias, outputs filled up to a multiple of eight.
  affine({ weight, bias }) {
    const [inputs, outputs] = weight.shape, numbers = unpacked(weight), added = unpacked(bias);
    if (this.kernel === null) return { inputs, outputs, numbers, added };
    const wide = upTo(outputs, 8), at = this.end;
    this.room(4 * inputs * wide);
    const inside = new Float32Array(this.kernel.memory.buffer, at, inputs * wide);
    for (let i = 0; i < inputs; i++) inside.set(numbers.subarray(i * outputs, (i + 1) * outputs), i * wide);
    this.end += 4 * inputs * wide;
    return { inputs, outputs, wide, at, added };
  }

  // x · W + b of `rows` rows.
  apply(affine, x, rows) {
    const { inputs, outputs, added } = affine, out = new Float32Array(rows * outputs);
    if (rows === 0) return out;
    if (this.kernel === null) {
      plainProduct(x, affine.numbers, added, out, rows, inputs, outputs);
      return out;
    }
    const { wide } = affine, full = upTo(rows, 4), xAt = upTo(this.end, 16), outAt = xAt + upTo(4 * full * inputs, 16);
    this.room(outAt + 4 * full * wide - this.end);
    const buffer = this.kernel.memory.buffer, inside = new Float32Array(buffer, outAt, full * wide);
    new Float32Array(buffer, xAt, rows * inputs).set(x);
    for (let r = 0; r < rows; r++) inside.set(added, r * wide);
    this.kernel.product(xAt, affine.at, outAt, full, inputs, wide);
    if (wide === outputs) return inside.slice(0, rows * outputs);
    for (let r = 0; r < rows; r++) out.set(inside.subarray(r * wide, r * wide + outputs), r * outputs);
    return out;
  }
}
