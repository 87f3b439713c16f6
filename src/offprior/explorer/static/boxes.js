// Boxes of a quadrature, cut until the evidence is known, as in offprior.posterior.
"use strict";

// Halves of a box along the axes that are marked, a quarter of it where there are two.
function halves({ low, width, along }) {
  let parts = [{ low, width }];
  along.forEach((marked, axis) => {
    if (!marked) return;
    parts = parts.flatMap((part) => [0, 1].map((second) => {
      const half = part.width[axis] / 2;
      return { low: part.low.with(axis, part.low[axis] + second * half), width: part.width.with(axis, half) };
    }));
  });
  return parts;
}

// Nodes of a group's boxes once they are cut for a context, as in offprior.posterior.refinement.
function refined(group, x, y) {
  const { lower, rounds } = group.quadrature, { edges, places, shares, rough, tolerance, negligible, most } = group.boxes;
  const inner = places.length, axes = edges.length, of_node = (group.columns + 1) ** 2;
  const made = (corners) => {
    const at = new Float64Array(corners.length * inner * axes);
    corners.forEach(({ low, width }, k) => places.forEach((place, i) => {
      for (let a = 0; a < axes; a++) at[(k * inner + i) * axes + a] = low[a] + width[a] * place[a];
    }));
    const grams = group.grams(at, corners.length * inner, x, y);
    return corners.map(({ low, width }, k) => ({
      low, width, logVolume: width.reduce((sum, one) => sum + Math.log(one), 0),
      at: at.subarray(k * inner * axes, (k + 1) * inner * axes),
      grams: grams.subarray(k * inner * of_node, (k + 1) * inner * of_node),
    }));
  };
  let corners = [{ low: [], width: [] }];
  for (const ends of edges) {
    corners = corners.flatMap(({ low, width }) => ends.slice(1).map((end, k) => ({
      low: [...low, ends[k]], width: [...width, end - ends[k]],
    })));
  }
  let boxes = made(corners);
  group.levels.forEach((level, place) => {
    const isLast = place === group.levels.length - 1;
    boxes.forEach((box) => weigh(group, box, level));
    for (let round = 0; round < rounds; round++) {
      const total = logSumExp(boxes.map((box) => box.logMass)), limit = total + Math.log(isLast ? tolerance : rough);
      let least = total + Math.log(negligible);
      if (!isLast) {
        const best = Math.max(...boxes.map((box) => box.logMass - box.logVolume));
        least -= (lower * lower - 1) * Math.max(-best, 0);
      }
      boxes.forEach((box) => { box.along = box.logError.map((error) => error > limit); });
      const isWide = (box) => box.along.includes(true);
      const kept = boxes.filter((box) => isWide(box) || box.logMass >= least);
      let room = most - kept.length;
      const cut = new Set(), wide = kept.filter(isWide).sort((a, b) => Math.max(...b.logError) - Math.max(...a.logError));
      for (const box of wide) {
        room -= 2 ** box.along.filter(Boolean).length - 1;
        if (room < 0) break; // the worst first, as many as there is room for
        cut.add(box);
      }
      boxes = kept.filter((box) => !cut.has(box));
      if (cut.size === 0) break;
      const children = made([...cut].flatMap(halves));
      children.forEach((box) => weigh(group, box, level));
      boxes.push(...children);
    }
  });
  const count = boxes.length * inner;
  const found = {
    nodes: new Float64Array(count * axes), count, logWeights: new Float64Array(count), grams: new Float64Array(count * of_node),
  };
  boxes.forEach((box, k) => {
    found.nodes.set(box.at, k * inner * axes);
    found.grams.set(box.grams, k * inner * of_node);
    shares.forEach((share, i) => { found.logWeights[k * inner + i] = box.logVolume + Math.log(share); });
  });
  return found;
}


// The evidence that a box holds, and the estimated error of it along each axis, from the decay of its Legendre series
// on every line of nodes.
function weigh(group, box, noise) {
  const { orders, shares, last, lines } = group.boxes, density = shares.map((_, i) => group.marginal(box.grams, i, noise));
  const highest = Math.max(...density), values = density.map((one) => Math.exp(one - highest));
  const above = box.logVolume + highest;
  box.logMass = above + Math.log(values.reduce((sum, value, i) => sum + value * shares[i], 0));
  let stride = values.length;
  box.logError = orders.map((order, axis) => {
    stride /= order;
    let error = 0;
    lines[axis].forEach((share, line) => {
      const first = Math.floor(line / stride) * order * stride + (line % stride);
      let top = 1e-300;
      for (let k = 0; k < order; k++) top = Math.max(top, values[first + k * stride]);
      let both = 0;
      for (const row of last[axis]) {
        let sum = 0;
        for (let k = 0; k < order; k++) sum += row[k] * values[first + k * stride];
        both += Math.abs(sum);
      }
      error += (share * both * both) / top;
    });
    return above + Math.log(error);
  });
}
