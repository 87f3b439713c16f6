// The decoder's forward pass (offprior.networks): the context once, then any queries after it.
"use strict";

const ACTIVATIONS = {
  // 0.5·(1 + tanh z) is 1 / (1 + exp −2z); jax.nn.gelu is this approximation.
  gelu: (x) => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
  relu: (x) => (x > 0 ? x : 0),
  "squared-relu": (x) => (x > 0 ? x * x : 0),
};

function normalised(x, { scale, bias }) {
  const width = scale.length, out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    let mean = 0, square = 0;
    for (let j = 0; j < width; j++) mean += x[at + j];
    mean /= width;
    for (let j = 0; j < width; j++) square += (x[at + j] - mean) ** 2;
    const factor = 1 / Math.sqrt(square / width + 1e-5);
    for (let j = 0; j < width; j++) out[at + j] = (x[at + j] - mean) * factor * scale[j] + bias[j];
  }
  return out;
}

function added(x, y) {
  for (let k = 0; k < x.length; k++) x[k] += y[k];
  return x;
}

class Network {
  constructor(stored, allowsKernel = true) {
    this.stored = stored;
    this.products = new Products(allowsKernel);
    const affine = (one) => (one ? this.products.affine(one) : null);
    const norm = (one) => (one ? { scale: unpacked(one.scale), bias: unpacked(one.bias) } : null);
    const vector = (one) => (one ? unpacked(one) : null);
    this.readIn = affine(stored.read_in);
    this.yIn = affine(stored.y_in);
    this.positions = vector(stored.position_vectors);
    this.instruction = vector(stored.instruction);
    this.blocks = stored.blocks.map((block) => ({
      attentionNorm: norm(block.attention_norm),
      projections: block.projections.map(affine),
      output: affine(block.output),
      feedforwardNorm: norm(block.feedforward_norm),
      up: affine(block.up),
      down: affine(block.down),
    }));
    this.finalNorm = norm(stored.final_norm);
    this.headHidden = affine(stored.head_hidden);
    this.readOut = affine(stored.read_out);
    this.centres = vector(stored.centres);
    this.spreads = vector(stored.spreads);
    this.activation = ACTIVATIONS[stored.activation];
    this.first = this.instruction ? 1 : 0;
  }

  times(affine, x) {
    return this.products.apply(affine, x, x.length / affine.inputs);
  }

  activated(x, activation = this.activation) {
    for (let k = 0; k < x.length; k++) x[k] = activation(x[k]);
    return x;
  }

  placed(tokens, positionOf) {
    const width = this.stored.width;
    if (this.positions) {
      for (let t = 0; t * width < tokens.length; t++) {
        const at = positionOf(t) * width;
        for (let j = 0; j < width; j++) tokens[t * width + j] += this.positions[at + j];
      }
    }
    return tokens;
  }

  // The tokens of the pairs, after the instruction where there is one.
  embeddedPairs(points) {
    const width = this.stored.width;
    let tokens;
    if (this.yIn) {
      tokens = added(
        this.times(this.readIn, Float32Array.from(points, ([x]) => x)), this.times(this.yIn, Float32Array.from(points, ([, y]) => y)),
      );
    } else {
      tokens = this.times(this.readIn, Float32Array.from(points.flat())); // x and y are read in alike
    }
    tokens = this.placed(tokens, (t) => t);
    if (!this.instruction) return tokens;
    const all = new Float32Array(width + tokens.length);
    all.set(this.instruction);
    all.set(tokens, width);
    return all;
  }

  // What queries see of a context: keys and values of every block.
  context(points) {
    let x = this.embeddedPairs(points);
    const seen = [], isCausal = this.stored.attention === "causal";
    const last = (t) => (t < this.first ? this.first : isCausal ? t + 1 : x.length / this.stored.width);
    this.blocks.forEach((block, place) => {
      const read = this.stored.norm === "pre" ? normalised(x, block.attentionNorm) : x;
      const [keys, values] = [1, 2].map((which) => this.times(block.projections[which], read));
      seen.push({ keys, values });
      if (place === this.blocks.length - 1) return;
      const queries = this.times(block.projections[0], read);
      x = this.through(block, x, this.attended(queries, keys, values, last, null, null));
    });
    return { seen, pairs: points.length };
  }

  // Means and variances of the noise-free value at the queries; variances are NaN where the head has none.
  predicted({ seen, pairs }, queries) {
    const width = this.stored.width, position = pairs * (this.yIn ? 1 : 2);
    let x = this.placed(this.times(this.readIn, Float32Array.from(queries)), () => position);
    this.blocks.forEach((block, place) => {
      const read = this.stored.norm === "pre" ? normalised(x, block.attentionNorm) : x;
      const [asked, keys, values] = block.projections.map((projection) => this.times(projection, read));
      const { keys: before, values: theirs } = seen[place], count = before.length / width;
      x = this.through(block, x, this.attended(asked, before, theirs, () => count, keys, values));
    });
    if (this.finalNorm) x = normalised(x, this.finalNorm);
    return this.moments(x, queries.length);
  }

  // Softmax attention: token t sees the first `last(t)` keys and, where it has them, its own key and value.
  attended(queries, keys, values, last, ownKeys, ownValues) {
    const { width, heads } = this.stored, size = width / heads, scale = 1 / Math.sqrt(size), tokens = queries.length / width;
    const out = new Float32Array(queries.length), scores = new Float64Array(keys.length / width + 1);
    for (let t = 0; t < tokens; t++) {
      const count = last(t), all = ownKeys ? count + 1 : count;
      for (let head = 0; head < heads; head++) {
        const at = t * width + head * size;
        let highest = -Infinity, total = 0;
        for (let k = 0; k < all; k++) {
          const isOwn = k === count, from = isOwn ? ownKeys : keys, start = isOwn ? at : k * width + head * size;
          let sum = 0;
          for (let j = 0; j < size; j++) sum += queries[at + j] * from[start + j];
          scores[k] = sum * scale;
          if (scores[k] > highest) highest = scores[k];
        }
        for (let k = 0; k < all; k++) total += scores[k] = Math.exp(scores[k] - highest);
        for (let k = 0; k < all; k++) {
          const isOwn = k === count, from = isOwn ? ownValues : values, start = isOwn ? at : k * width + head * size;
          const share = scores[k] / total;
          for (let j = 0; j < size; j++) out[at + j] += share * from[start + j];
        }
      }
    }
    return out;
  }

  // The rest of a block, after its attention.
  through(block, x, attention) {
    let middle = added(this.times(block.output, attention), x);
    const isPre = this.stored.norm === "pre";
    if (!isPre) middle = normalised(middle, block.attentionNorm);
    const read = isPre ? normalised(middle, block.feedforwardNorm) : middle;
    const whole = added(this.times(block.down, this.activated(this.times(block.up, read))), middle);
    return isPre ? whole : normalised(whole, block.feedforwardNorm);
  }

  moments(features, count) {
    const head = this.stored.head, mean = new Float64Array(count), variance = new Float64Array(count).fill(NaN);
    if (this.headHidden) features = this.activated(this.times(this.headHidden, features), ACTIVATIONS.gelu);
    const outputs = this.times(this.readOut, features), wide = outputs.length / count, noise = this.stored.noise ** 2;
    for (let q = 0; q < count; q++) {
      const at = q * wide;
      if (head === "buckets") {
        let highest = -Infinity, total = 0, sum = 0, square = 0;
        for (let k = 0; k < wide; k++) highest = Math.max(highest, outputs[at + k]);
        for (let k = 0; k < wide; k++) total += outputs[at + k] = Math.exp(outputs[at + k] - highest);
        for (let k = 0; k < wide; k++) sum += outputs[at + k] * this.centres[k];
        mean[q] = sum / total;
        for (let k = 0; k < wide; k++) square += outputs[at + k] * ((this.centres[k] - mean[q]) ** 2 + this.spreads[k]);
        variance[q] = Math.max(square / total - noise, 0);
      } else {
        mean[q] = outputs[at];
        if (head === "gaussian") variance[q] = Math.max(Math.exp(outputs[at + 1]) - noise, 0);
      }
    }
    return { mean, variance };
  }
}
