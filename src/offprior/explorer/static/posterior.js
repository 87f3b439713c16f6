// Exact posteriors: Gram matrices, the conjugate update and boxes that are cut, as in offprior.posterior.
"use strict";

const NEGLIGIBLE_SHARE = 1e-14; // of a node: what has less moves no curve

function logSumExp(values) {
  let highest = -Infinity, sum = 0;
  for (const value of values) if (value > highest) highest = value;
  if (highest === -Infinity) return highest;
  for (const value of values) sum += Math.exp(value - highest);
  return highest + Math.log(sum);
}

// The conjugate update of one node with one row of scales; Bishop (2006), equations 3.50, 3.51 and 3.86.
class Update {
  constructor(fixed) {
    this.columns = fixed.length;
    this.known = [...fixed.keys()].filter((j) => fixed[j]);
    this.free = [...fixed.keys()].filter((j) => !fixed[j]);
    const rank = this.free.length;
    this.lower = new Float64Array(rank * rank);
    this.inverse = new Float64Array(rank * rank);
    this.half = new Float64Array(rank);
    this.mean = new Float64Array(this.columns);
    this.covariance = new Float64Array(this.columns * this.columns);
  }

  // Log-evidence without −(k/2)·log 2πσ², from a Gram matrix of the columns and, last, y.
  evidence(gram, at, scales, row, precision) {
    const { columns, known, free, lower, half } = this, size = columns + 1, rank = free.length;
    const g = (i, j) => gram[at + i * size + j];
    const s = (j) => scales[row * columns + j];
    let misfit = g(columns, columns);
    for (const i of known) {
      misfit -= 2 * s(i) * g(i, columns);
      for (const j of known) misfit += s(i) * s(j) * g(i, j);
    }
    misfit *= precision;
    let determinant = 0;
    for (let i = 0; i < rank; i++) {
      const p = free[i];
      let towards = g(p, columns);
      for (const j of known) towards -= s(j) * g(p, j);
      towards *= precision * s(p);
      for (let j = 0; j <= i; j++) {
        let sum = precision * s(p) * s(free[j]) * g(p, free[j]) + (i === j ? 1 : 0);
        for (let k = 0; k < j; k++) sum -= lower[i * rank + k] * lower[j * rank + k];
        lower[i * rank + j] = i === j ? Math.sqrt(sum) : sum / lower[j * rank + j];
      }
      for (let k = 0; k < i; k++) towards -= lower[i * rank + k] * half[k];
      half[i] = towards / lower[i * rank + i];
      misfit -= half[i] * half[i];
      determinant += 2 * Math.log(lower[i * rank + i]);
    }
    return -(misfit + determinant) / 2;
  }

  // Mean and covariance of the coefficients, scales included, after `evidence`.
  moments(scales, row) {
    const { columns, free, lower, inverse, half, mean, covariance } = this, rank = free.length;
    for (let j = 0; j < columns; j++) mean[j] = scales[row * columns + j];
    for (let j = 0; j < rank; j++) {
      inverse[j * rank + j] = 1 / lower[j * rank + j];
      for (let i = j + 1; i < rank; i++) {
        let sum = 0;
        for (let k = j; k < i; k++) sum -= lower[i * rank + k] * inverse[k * rank + j];
        inverse[i * rank + j] = sum / lower[i * rank + i];
      }
    }
    for (let i = 0; i < rank; i++) {
      let centre = 0;
      for (let k = i; k < rank; k++) centre += inverse[k * rank + i] * half[k];
      for (let j = i; j < rank; j++) {
        let sum = 0;
        for (let k = j; k < rank; k++) sum += inverse[k * rank + i] * inverse[k * rank + j];
        const value = scales[row * columns + free[i]] * scales[row * columns + free[j]] * sum;
        covariance[free[i] * columns + free[j]] = covariance[free[j] * columns + free[i]] = value;
      }
      mean[free[i]] *= centre;
    }
  }
}

class Group {
  constructor(stored, quadrature) {
    this.features = new Features(stored.program);
    this.quadrature = quadrature;
    this.boxes = stored.boxes;
    this.levels = stored.levels;
    this.nodes = unpacked(stored.nodes);
    this.logWeights = unpacked(stored.log_weights);
    this.scales = unpacked(stored.scales);
    this.logRows = unpacked(stored.log_scale_weights);
    this.columns = stored.fixed.length;
    this.update = new Update(stored.fixed);
    this.masses = new Float64Array(this.logRows.length);
  }

  // Gram matrices [nodes][columns + 1][columns + 1] over the points.
  grams(nodes, count, x, y) {
    const size = this.columns + 1, n = x.length, columns = this.features.at(nodes, count, x);
    const found = new Float64Array(count * size * size);
    let squares = 0;
    for (let k = 0; k < n; k++) squares += y[k] * y[k];
    for (let node = 0; node < count; node++) {
      const at = node * size * size, first = node * n;
      for (let i = 0; i < this.columns; i++) {
        const left = columns[i];
        for (let j = i; j < this.columns; j++) {
          const right = columns[j];
          let sum = 0;
          for (let k = 0; k < n; k++) sum += left[first + k] * right[first + k];
          found[at + i * size + j] = found[at + j * size + i] = sum;
        }
        let sum = 0;
        for (let k = 0; k < n; k++) sum += left[first + k] * y[k];
        found[at + i * size + size - 1] = found[at + (size - 1) * size + i] = sum;
      }
      found[at + size * size - 1] = squares;
    }
    return found;
  }

  // Log-evidence of a node, marginal over the rows of scales; `masses` keeps that of each row.
  marginal(grams, node, noise) {
    const at = node * (this.columns + 1) ** 2, precision = 1 / (noise * noise), rows = this.masses.length;
    for (let row = 0; row < rows; row++) {
      this.masses[row] = this.logRows[row] + this.update.evidence(grams, at, this.scales, row, precision);
    }
    return rows === 1 ? this.masses[0] : logSumExp(this.masses);
  }

  // Nodes, log-weights and Gram matrices with which the posterior of a context is known.
  nodesOf(x, y) {
    if (this.boxes) return refined(this, x, y);
    const count = this.logWeights.length;
    return { nodes: this.nodes, count, logWeights: this.logWeights, grams: this.grams(this.nodes, count, x, y) };
  }

  // The posterior of a context, to be asked at any queries.
  of(x, y) {
    const { nodes, count, logWeights, grams } = this.nodesOf(x, y), c = this.columns, noise = this.levels[this.levels.length - 1];
    const rows = this.masses.length, masses = new Float64Array(count * rows), ofNodes = new Float64Array(count);
    for (let node = 0; node < count; node++) {
      ofNodes[node] = logWeights[node] + this.marginal(grams, node, noise);
      for (let row = 0; row < rows; row++) masses[node * rows + row] = logWeights[node] + this.masses[row];
    }
    const total = logSumExp(ofNodes), kept = [], width = this.features.inputs - 1;
    for (let node = 0; node < count; node++) if (Math.exp(ofNodes[node] - total) > NEGLIGIBLE_SHARE) kept.push(node);
    const weights = new Float64Array(kept.length), centre = new Float64Array(kept.length * c);
    const spread = new Float64Array(kept.length * c * c), away = new Float64Array(c);
    const { mean, covariance } = this.update;
    kept.forEach((node, place) => {
      for (let row = 0; row < rows; row++) {
        const share = Math.exp(masses[node * rows + row] - total);
        if (share < NEGLIGIBLE_SHARE) continue;
        this.update.evidence(grams, node * (c + 1) ** 2, this.scales, row, 1 / (noise * noise));
        this.update.moments(this.scales, row);
        const before = weights[place], after = before + share;
        for (let i = 0; i < c; i++) {
          away[i] = mean[i] - centre[place * c + i];
          centre[place * c + i] += (share / after) * away[i];
        }
        for (let i = 0; i < c; i++) {
          for (let j = 0; j < c; j++) {
            const between = (before / after) * away[i] * away[j];
            spread[(place * c + i) * c + j] += share * (covariance[i * c + j] + between);
          }
        }
        weights[place] = after;
      }
    });
    const own = new Float64Array(kept.length * width);
    kept.forEach((node, place) => own.set(nodes.subarray(node * width, (node + 1) * width), place * width));
    return { logEvidence: total, nodes: own, count: kept.length, weights, centre, spread };
  }

  // Mean and variance of the noise-free value at the queries; the latter about the mean, as the difference of two large
  // squares would be nothing but rounding.
  predicted({ nodes, count, weights, centre, spread }, queries) {
    const c = this.columns, m = queries.length, columns = this.features.at(nodes, count, queries);
    const mean = new Float64Array(m), variance = new Float64Array(m), values = new Float64Array(count * m);
    for (let node = 0; node < count; node++) {
      for (let i = 0; i < c; i++) {
        const left = columns[i], weight = centre[node * c + i];
        for (let q = 0; q < m; q++) values[node * m + q] += weight * left[node * m + q];
        for (let j = i; j < c; j++) {
          const right = columns[j], both = spread[(node * c + i) * c + j] * (i === j ? 1 : 2);
          if (both !== 0) for (let q = 0; q < m; q++) variance[q] += both * left[node * m + q] * right[node * m + q];
        }
      }
      for (let q = 0; q < m; q++) mean[q] += weights[node] * values[node * m + q];
    }
    for (let node = 0; node < count; node++) {
      for (let q = 0; q < m; q++) variance[q] += weights[node] * (values[node * m + q] - mean[q]) ** 2;
    }
    return { mean, variance: variance.map((value) => Math.max(value, 0)) };
  }
}

// B, C and the classes, as `References.batch` has them.
class Posterior {
  constructor(stored) {
    this.groups = stored.groups.map((group) => new Group(group, stored.quadrature));
    this.priors = { B: stored.weights, C: stored.groups.map((group) => group.weight) };
    this.families = stored.families;
    this.noise = stored.noise;
    this.hasCombined = stored.groups.length > stored.families.length;
  }

  of(points) {
    const x = Float64Array.from(points, (point) => point[0]), y = Float64Array.from(points, (point) => point[1]);
    const found = this.groups.map((group) => group.of(x, y));
    const shares = {};
    for (const [name, prior] of Object.entries(this.priors)) {
      const mass = prior.map((weight, k) => (weight > 0 ? Math.log(weight) + found[k].logEvidence : -Infinity));
      const total = logSumExp(mass);
      shares[name] = { total, share: mass.map((one) => Math.exp(one - total)) };
    }
    const constant = (x.length * Math.log(2 * Math.PI * this.noise ** 2)) / 2;
    return { found, shares, probability: shares.B.share, logEvidence: shares.B.total - constant };
  }

  // Curves and variances at the queries: those of the classes, of B and, where it is known, of C.
  predicted({ found, shares }, queries) {
    const of_groups = this.groups.map((group, k) => group.predicted(found[k], queries));
    const curves = {}, variances = {};
    this.families.forEach((name, k) => { curves[`class: ${name}`] = of_groups[k].mean; });
    for (const name of this.hasCombined ? ["B", "C"] : ["B"]) {
      const mean = new Float64Array(queries.length), variance = new Float64Array(queries.length), { share } = shares[name];
      share.forEach((weight, k) => mean.forEach((_, q) => { mean[q] += weight * of_groups[k].mean[q]; }));
      share.forEach((weight, k) => variance.forEach((_, q) => {
        variance[q] += weight * (of_groups[k].variance[q] + (of_groups[k].mean[q] - mean[q]) ** 2);
      }));
      curves[name] = mean;
      variances[name] = variance;
    }
    return { curves, variances };
  }
}
