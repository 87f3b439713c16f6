// S, a Gaussian process fitted to each context, by the steps of offprior.predictors.gaussian_process.
"use strict";

// Eigenvalues of a symmetric matrix [n, n], which is overwritten, and what the eigenvectors have of `vectors`, which are
// overwritten too: Householder's reduction, then implicit QL steps (Golub and Van Loan 2013, sections 8.3.1 and 8.3.3).
function eigenvaluesOf(matrix, n, vectors) {
  const diagonal = new Float64Array(n), off = new Float64Array(n + 1), v = new Float64Array(n), w = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    let norm = 0;
    for (let i = k + 1; i < n; i++) { v[i] = matrix[i * n + k]; norm += v[i] * v[i]; }
    norm = Math.sqrt(norm);
    if (norm === 0) continue;
    const alpha = v[k + 1] > 0 ? -norm : norm;
    v[k + 1] -= alpha;
    let square = 0;
    for (let i = k + 1; i < n; i++) square += v[i] * v[i];
    if (square === 0) continue;
    let along = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += matrix[i * n + j] * v[j];
      w[i] = (2 * sum) / square;
      along += v[i] * w[i];
    }
    for (let i = k + 1; i < n; i++) w[i] -= (along / square) * v[i];
    for (let i = k + 1; i < n; i++) {
      for (let j = k + 1; j < n; j++) matrix[i * n + j] -= v[i] * w[j] + w[i] * v[j];
    }
    matrix[(k + 1) * n + k] = alpha;
    for (const z of vectors) {
      let sum = 0;
      for (let i = k + 1; i < n; i++) sum += v[i] * z[i];
      for (let i = k + 1; i < n; i++) z[i] -= ((2 * sum) / square) * v[i];
    }
  }
  for (let i = 0; i < n; i++) diagonal[i] = matrix[i * n + i];
  for (let i = 0; i < n - 1; i++) off[i] = matrix[(i + 1) * n + i];
  for (let l = 0; l < n; l++) {
    for (let round = 0; round < 60; round++) {
      let m = l;
      while (m < n - 1 && Math.abs(off[m]) > Number.EPSILON * (Math.abs(diagonal[m]) + Math.abs(diagonal[m + 1]))) m++;
      if (m === l) break;
      let g = (diagonal[l + 1] - diagonal[l]) / (2 * off[l]), r = Math.hypot(g, 1);
      g = diagonal[m] - diagonal[l] + off[l] / (g + (g >= 0 ? r : -r));
      let s = 1, c = 1, p = 0, i = m - 1;
      for (; i >= l; i--) {
        const f = s * off[i], b = c * off[i];
        r = Math.hypot(f, g);
        off[i + 1] = r;
        if (r === 0) { diagonal[i + 1] -= p; off[m] = 0; break; }
        s = f / r;
        c = g / r;
        g = diagonal[i + 1] - p;
        r = (diagonal[i] - g) * s + 2 * c * b;
        p = s * r;
        diagonal[i + 1] = g + p;
        g = c * r - b;
        for (const z of vectors) {
          const above = z[i + 1];
          z[i + 1] = s * z[i] + c * above;
          z[i] = c * z[i] - s * above;
        }
      }
      if (r === 0 && i >= l) continue;
      diagonal[l] -= p;
      off[l] = g;
      off[m] = 0;
    }
  }
  return diagonal;
}

// Where a function is largest near its best place on a grid, by a parabola through three places a step.
function risen(value, grid, table, steps, tie) {
  const highest = Math.max(...table), first = table.findIndex((each) => -each <= -highest + tie * Math.abs(highest));
  const middle = Math.min(Math.max(first, 1), grid.length - 2);
  const ends = grid[0] > grid[grid.length - 1] ? [middle + 1, middle, middle - 1] : [middle - 1, middle, middle + 1];
  let [low, best, high] = ends.map((place) => grid[place]), [atLow, atBest, atHigh] = ends.map((place) => table[place]);
  for (let step = 0; step < steps; step++) {
    const left = best - low, right = high - best, down = left * (atBest - atHigh), up = right * (atBest - atLow);
    const top = best - (0.5 * (left * down - right * up)) / (down + up);
    const isThere = Number.isFinite(top) && top > low && top < high && Math.abs(top - best) > 0.02 * (high - low);
    const place = isThere ? top : right > left ? best + 0.1 * right : best - 0.1 * left;
    const found = value(place), isBetter = found > atBest + tie * Math.abs(atBest), isRight = place > best;
    const inner = isBetter ? best : place, atInner = isBetter ? atBest : found;
    if (isBetter === isRight) [low, atLow] = [inner, atInner];
    else [high, atHigh] = [inner, atInner];
    if (isBetter) [best, atBest] = [place, found];
  }
  return table[first] >= atBest - tie * Math.abs(atBest) ? [grid[first], table[first]] : [best, atBest];
}

// The marginal likelihood at one length scale: one reduction serves every noise.
class Spectrum {
  constructor(kernel, y, settings) {
    this.settings = settings;
    this.pairs = y.length;
    this.centre = y.reduce((sum, each) => sum + each, 0) / y.length;
    this.rest = y.map((each) => each - this.centre);
    this.ones = new Float64Array(y.length).fill(1);
    this.values = eigenvaluesOf(kernel, y.length, [this.rest, this.ones]).map((each) => Math.max(each, 0));
  }

  // Log-likelihood at the logarithm of the noise's share, the best square amplitude, and the constant's share.
  along(logShare) {
    const { pairs, values, centre, settings } = this, share = Math.exp(logShare);
    let rest = 0, cross = 0, ones = 0, determinant = 0;
    for (let i = 0; i < pairs; i++) {
      const spectrum = values[i] + share, a = this.rest[i], b = this.ones[i];
      rest += (a * a) / spectrum;
      cross += (a * b) / spectrum;
      ones += (b * b) / spectrum;
      determinant += Math.log(spectrum);
    }
    const apart = Math.max(rest - (cross * cross) / ones, 0), part = (cross + centre * ones) ** 2 / ones;
    const turned = Math.max(((pairs - 1) * part) / Math.max(apart, pairs * settings.floor), 1);
    const [plain, constant] = [part, part / turned].map((each) => Math.max((apart + each) / pairs, settings.floor));
    const gain = (pairs * Math.log(plain / constant) - Math.log(turned)) / 2, isWorth = gain > settings.nats;
    const likelihood = -(pairs * (Math.log(2 * Math.PI * plain) + 1) + determinant) / 2;
    return [likelihood + (isWorth ? gain - settings.nats : 0), isWorth ? constant : plain, isWorth ? (turned - 1) / ones : 0];
  }

  bestNoise(steps) {
    const { noises, tie } = this.settings;
    return risen((share) => this.along(share)[0], noises, noises.map((share) => this.along(share)[0]), steps, tie);
  }
}

class Smoother {
  constructor(settings) {
    this.settings = settings;
  }

  // The fitted process of a context, of a point at least.
  of(points) {
    const n = points.length, { settings } = this, mean = points.reduce((sum, [x]) => sum + x, 0) / n;
    const square = (2 * points.reduce((sum, [x]) => sum + (x - mean) ** 2, 0)) / n, typical = square > 0 ? Math.sqrt(square) : 1;
    const largest = Math.max(...points.map(([, y]) => Math.abs(y))), unit = largest > 0 ? largest : 1;
    const x = Float64Array.from(points, (point) => (point[0] - mean) / typical), y = Float64Array.from(points, (point) => point[1] / unit);
    const kernel = (scale) => {
      const half = -1 / (2 * Math.exp(2 * scale)), found = new Float64Array(n * n);
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) found[i * n + j] = Math.exp(half * (x[i] - x[j]) ** 2);
      return found;
    };
    const profile = (scale) => new Spectrum(kernel(scale), y, settings).bestNoise(settings.noise_steps)[1];
    const [scale] = risen(profile, settings.scales, settings.scales.map(profile), settings.steps, settings.tie);
    const spectrum = new Spectrum(kernel(scale), y, settings), [share] = spectrum.bestNoise(2 * settings.steps);
    const [, square_amplitude, added] = spectrum.along(share), lower = kernel(scale), { centre } = spectrum;
    for (let i = 0; i < n; i++) {
      lower[i * n + i] += Math.exp(share);
      for (let j = 0; j <= i; j++) {
        let sum = lower[i * n + j];
        for (let k = 0; k < j; k++) sum -= lower[i * n + k] * lower[j * n + k];
        lower[i * n + j] = i === j ? Math.sqrt(sum) : sum / lower[j * n + j];
      }
    }
    const fit = { n, x, mean, typical, unit, half: -1 / (2 * Math.exp(2 * scale)), square_amplitude, added, lower, centre };
    fit.ones = this.solved(fit, this.halved(fit, new Float64Array(n).fill(1)));
    fit.rest = this.solved(fit, this.halved(fit, y.map((each) => each - centre)));
    fit.precision = fit.ones.reduce((sum, each) => sum + each, 0);
    fit.shift = (added * fit.rest.reduce((sum, each) => sum + each, 0) - centre) / (1 + added * fit.precision);
    return fit;
  }

  halved({ n, lower }, side) {
    const found = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let sum = side[i];
      for (let k = 0; k < i; k++) sum -= lower[i * n + k] * found[k];
      found[i] = sum / lower[i * n + i];
    }
    return found;
  }

  solved({ n, lower }, half) {
    const found = new Float64Array(n);
    for (let i = n - 1; i >= 0; i--) {
      let sum = half[i];
      for (let k = i + 1; k < n; k++) sum -= lower[k * n + i] * found[k];
      found[i] = sum / lower[i * n + i];
    }
    return found;
  }

  predicted(fit, queries) {
    const mean = new Float64Array(queries.length), variance = new Float64Array(queries.length);
    queries.forEach((query, q) => {
      const at = (query - fit.mean) / fit.typical, across = fit.x.map((x) => Math.exp(fit.half * (at - x) ** 2));
      let sum = fit.centre + fit.shift, lacking = 1, left = 1;
      for (let i = 0; i < fit.n; i++) {
        sum += across[i] * (fit.rest[i] - fit.shift * fit.ones[i]);
        lacking -= across[i] * fit.ones[i];
      }
      for (const each of this.halved(fit, across)) left -= each * each;
      mean[q] = fit.unit * sum;
      const constant = (fit.added / (1 + fit.added * fit.precision)) * lacking * lacking;
      variance[q] = fit.unit * fit.unit * fit.square_amplitude * (Math.max(left, 0) + constant);
    });
    return { mean, variance };
  }
}
