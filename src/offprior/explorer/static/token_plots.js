// The pictures of a page of tokens: the prompt as a strip, bars, curves over the length, and matrices.
"use strict";

const EDGE = { left: 46, right: 10, top: 8, bottom: 34 };
const TEXT = { "font-size": 12, fill: "#333333", "font-family": "system-ui, sans-serif" };
const MOST_LABELS = 26;

// Empties an SVG and returns its size; its coordinates are pixels.
function blank(svg) {
  const box = svg.getBoundingClientRect(), width = Math.max(box.width, 160), height = Math.max(box.height, 90);
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return { width, height, inner: { x: EDGE.left, y: EDGE.top, width: width - EDGE.left - EDGE.right, height: height - EDGE.top - EDGE.bottom } };
}

function text(parent, words, attributes) {
  element("text", { ...TEXT, ...attributes }, parent).textContent = words;
}

function axisWords(svg, { width, height }, x) {
  text(svg, x, { x: width / 2, y: height - 4, "text-anchor": "middle" });
}

// The prompt, one column per token; `after` tokens are read so far.
class Strip {
  constructor(svg, vocabulary, names) {
    Object.assign(this, { svg, vocabulary, names });
  }

  draw(tokens, columns, after) {
    const size = blank(this.svg), { inner } = size;
    this.inner = inner;
    this.columns = columns;
    const wide = inner.width / columns, high = inner.height / this.vocabulary;
    element("rect", { x: inner.x, y: inner.y, width: inner.width, height: inner.height, fill: "#f6f6f4", stroke: "#dcdcdc" }, this.svg);
    element("rect", { x: inner.x, y: inner.y, width: wide * after, height: inner.height, fill: "#eaf2f8" }, this.svg);
    tokens.forEach((token, place) => {
      element("rect", {
        x: inner.x + place * wide + 0.5, y: inner.y + (this.vocabulary - 1 - token) * high + 0.5,
        width: Math.max(wide - 1, 1), height: Math.max(high - 1, 1), fill: place < after ? "#1c1c1c" : "#9a9a9a", "data-token": token,
      }, this.svg);
    });
    const every = Math.ceil(this.vocabulary / 10);
    for (let token = 0; token < this.vocabulary; token += every) {
      text(this.svg, this.names[token], { x: inner.x - 6, y: inner.y + (this.vocabulary - token - 0.5) * high + 4, "text-anchor": "end" });
    }
    for (const place of ticks(0, columns, 8)) text(this.svg, place, { x: inner.x + place * wide, y: inner.y + inner.height + 15, "text-anchor": "middle" });
    axisWords(this.svg, size, "place");
  }

  // The place and token under the pointer.
  at(event) {
    const box = this.svg.getBoundingClientRect(), { inner } = this;
    const place = Math.floor(((event.clientX - box.left - inner.x) / inner.width) * this.columns);
    const token = this.vocabulary - 1 - Math.floor(((event.clientY - box.top - inner.y) / inner.height) * this.vocabulary);
    return [place, Math.min(Math.max(token, 0), this.vocabulary - 1)];
  }
}

// The probability of each token, one bar per predictor.
function drawBars(svg, rows, styles, names) {
  const size = blank(svg), { inner } = size, labels = Object.keys(rows);
  const top = Math.max(0.1, ...labels.flatMap((label) => rows[label])), bottom = inner.y + inner.height;
  for (const share of ticks(0, top, 4)) {
    const y = bottom - (share / top) * inner.height;
    element("line", { x1: inner.x, x2: inner.x + inner.width, y1: y, y2: y, stroke: "#e3e3e3" }, svg);
    text(svg, share, { x: inner.x - 7, y: y + 4, "text-anchor": "end" });
  }
  const group = inner.width / names.length, wide = (0.86 * group) / Math.max(labels.length, 1);
  names.forEach((name, token) => {
    labels.forEach((label, number) => {
      const height = (rows[label][token] / top) * inner.height;
      const bar = element("rect", {
        x: inner.x + (token + 0.07) * group + number * wide, y: bottom - height, width: Math.max(wide - 0.5, 0.5), height,
        fill: styles[label].color, "data-label": label, "data-token": token,
      }, svg);
      element("title", {}, bar).textContent = `${label}: token ${name}, ${rows[label][token].toFixed(4)}`;
    });
    if (names.length <= MOST_LABELS || token % 5 === 0) text(svg, name, { x: inner.x + (token + 0.5) * group, y: bottom + 15, "text-anchor": "middle" });
  });
  element("line", { x1: inner.x, x2: inner.x + inner.width, y1: bottom, y2: bottom, stroke: "#555555" }, svg);
  axisWords(svg, size, "next token");
}

// Curves over the number of tokens read; `after` is marked.
function drawCurves(svg, curves, styles, after, ends = null) {
  const size = blank(svg), { inner } = size, labels = Object.keys(curves), bottom = inner.y + inner.height;
  const count = Math.max(1, ...labels.map((label) => curves[label].length - 1));
  const top = ends ?? Math.max(0.05, ...labels.flatMap((label) => curves[label]).filter(Number.isFinite));
  const toX = (k) => inner.x + (k / count) * inner.width, toY = (value) => bottom - (Math.min(value, top) / top) * inner.height;
  for (const value of ticks(0, top, 4)) {
    element("line", { x1: inner.x, x2: inner.x + inner.width, y1: toY(value), y2: toY(value), stroke: "#e3e3e3" }, svg);
    text(svg, value, { x: inner.x - 7, y: toY(value) + 4, "text-anchor": "end" });
  }
  for (const k of ticks(0, count, 6)) text(svg, k, { x: toX(k), y: bottom + 15, "text-anchor": "middle" });
  element("line", { x1: toX(after), x2: toX(after), y1: inner.y, y2: bottom, stroke: "#999999", "stroke-dasharray": "3 3" }, svg);
  for (const label of [...labels].reverse()) {
    const through = curves[label].map((value, k) => `${toX(k).toFixed(1)},${toY(value ?? top).toFixed(1)}`).join("L");
    element("path", { d: `M${through}`, fill: "none", stroke: styles[label].color, "stroke-width": 2, "stroke-dasharray": styles[label].dash, "data-label": label }, svg);
    if (curves[label].length === 1) element("circle", { cx: toX(0), cy: toY(curves[label][0]), r: 3, fill: styles[label].color }, svg);
  }
  axisWords(svg, size, "tokens read, k");
}

// Colours from white to dark blue; areas of equal steps look equally far apart.
function shade(share) {
  const s = Math.min(Math.max(share, 0), 1), mix = (from, to) => Math.round(from + (to - from) * s ** 0.7);
  return [mix(255, 8), mix(255, 48), mix(255, 107)];
}

// One canvas per predictor; rows are the token before.
function drawMatrices(parent, matrices, names, tell) {
  const top = Math.max(...Object.values(matrices).flat(2));
  parent.replaceChildren(...Object.entries(matrices).map(([label, rows]) => {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas"), caption = document.createElement("figcaption");
    canvas.width = canvas.height = rows.length;
    canvas.dataset.label = label;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `transition matrix of ${label}`);
    const pixels = new ImageData(rows.length, rows.length);
    rows.forEach((row, before) => row.forEach((share, token) => pixels.data.set([...shade(share / top), 255], 4 * (before * rows.length + token))));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect(), at = (share) => Math.min(Math.max(Math.floor(share * rows.length), 0), rows.length - 1);
      const before = at((event.clientY - box.top) / box.height), token = at((event.clientX - box.left) / box.width);
      tell(`${label}: after a further ${names[before]}, ${names[token]} with probability ${rows[before][token].toFixed(4)}`);
    });
    caption.textContent = label;
    figure.append(canvas, caption);
    return figure;
  }));
}
