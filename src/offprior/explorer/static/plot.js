// The plot: an SVG with axes, bands, curves and points that can be dragged and focused.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const FRAME = { left: 52, right: 12, top: 10, bottom: 40 };
const RADIUS = 6;

function element(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
}

// A number with a minus sign that is as wide as a plus.
const inWords = (number) => String(number).replace("-", "−");

// Round numbers between two ends, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + 1e-9 * step; k++) found.push(+(k * step).toPrecision(12));
  return found;
}

class Plot {
  // `places` are the x of the curves, `inside` the ends of the inputs' law, `styles` a look for each label.
  constructor(svg, { places, inside, styles, labels, normal_95 }) {
    Object.assign(this, { svg, places, inside, styles, normal95: normal_95 });
    this.xRange = [places[0], places[places.length - 1]];
    this.yRange = [-1, 1];
    const clip = element("clipPath", { id: "frame" }, element("defs", {}, svg));
    this.clip = element("rect", {}, clip);
    this.background = element("rect", { fill: "#ffffff" }, svg);
    this.shade = element("rect", { fill: "#f4f6f8" }, svg);
    this.axes = element("g", { "font-size": 12, fill: "#333333", "font-family": "system-ui, sans-serif" }, svg);
    const inner = element("g", { "clip-path": "url(#frame)" }, svg);
    const below = [...labels].reverse();
    this.bands = Object.fromEntries(below.map((label) => [label, element("path", { fill: styles[label].color, "fill-opacity": 0.13 }, inner)]));
    this.lines = Object.fromEntries(below.map((label) => [label, element("path", {
      fill: "none", stroke: styles[label].color, "stroke-width": styles[label].width, "stroke-dasharray": styles[label].dash, "data-label": label,
    }, inner)]));
    this.dots = element("g", {}, svg);
    this.resize();
  }

  resize() {
    const box = this.svg.getBoundingClientRect();
    this.width = Math.max(box.width, 200);
    this.height = Math.max(box.height, 150);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const inner = {
      x: FRAME.left, y: FRAME.top, width: this.width - FRAME.left - FRAME.right, height: this.height - FRAME.top - FRAME.bottom,
    };
    this.inner = inner;
    const [low, high] = this.inside.map((x) => this.toX(x));
    for (const [made, at] of [[this.clip, inner], [this.shade, { ...inner, x: low, width: high - low }], [this.background, { x: 0, y: 0, width: this.width, height: this.height }]]) {
      for (const [key, value] of Object.entries(at)) made.setAttribute(key, value);
    }
    this.drawAxes();
  }

  toX(x) {
    return this.inner.x + ((x - this.xRange[0]) / (this.xRange[1] - this.xRange[0])) * this.inner.width;
  }

  toY(y) {
    return this.inner.y + ((this.yRange[1] - y) / (this.yRange[1] - this.yRange[0])) * this.inner.height;
  }

  // The x and y under the pointer, kept inside the frame.
  at(event) {
    const box = this.svg.getBoundingClientRect(), share = (value) => Math.min(Math.max(value, 0), 1);
    const across = share((event.clientX - box.left - this.inner.x) / this.inner.width);
    const down = share((event.clientY - box.top - this.inner.y) / this.inner.height);
    return [this.xRange[0] + across * (this.xRange[1] - this.xRange[0]), this.yRange[1] - down * (this.yRange[1] - this.yRange[0])];
  }

  drawAxes() {
    const { inner, axes } = this, bottom = inner.y + inner.height;
    axes.replaceChildren();
    for (const x of ticks(...this.xRange, 10)) {
      element("line", { x1: this.toX(x), x2: this.toX(x), y1: inner.y, y2: bottom, stroke: "#e3e3e3" }, axes);
      element("text", { x: this.toX(x), y: bottom + 17, "text-anchor": "middle" }, axes).textContent = inWords(x);
    }
    for (const y of ticks(...this.yRange, 7)) {
      element("line", { x1: inner.x, x2: inner.x + inner.width, y1: this.toY(y), y2: this.toY(y), stroke: "#e3e3e3" }, axes);
      element("text", { x: inner.x - 7, y: this.toY(y) + 4, "text-anchor": "end" }, axes).textContent = inWords(y);
    }
    element("path", { d: `M${inner.x},${inner.y}V${bottom}H${inner.x + inner.width}`, stroke: "#555555", fill: "none" }, axes);
    element("text", { x: inner.x + inner.width / 2, y: this.height - 5, "text-anchor": "middle" }, axes).textContent = "x";
    element("text", { x: 12, y: inner.y + inner.height / 2 }, axes).textContent = "y";
  }

  // A height that holds these values.
  fit(values) {
    const low = Math.min(...values), high = Math.max(...values), half = Math.max((high - low) / 2, 0.5), middle = (low + high) / 2;
    this.yRange = [middle - 1.5 * half, middle + 1.5 * half];
    this.drawAxes();
  }

  // Curves by label; what is not shown, or not known, is empty. Places that are not known yet are passed over.
  drawCurves(curves, variances, shown) {
    const through = (values, places) => places.map((k) => `${this.toX(this.places[k]).toFixed(1)},${this.toY(values[k]).toFixed(1)}`).join("L");
    for (const [label, line] of Object.entries(this.lines)) {
      const mean = shown.has(label) ? curves[label] : undefined, variance = mean && variances[label];
      const places = mean ? [...mean.keys()].filter((k) => Number.isFinite(mean[k])) : [];
      line.setAttribute("d", places.length > 0 ? `M${through(mean, places)}` : "");
      let band = "";
      if (variance && places.length > 0) {
        const [low, high] = [-1, 1].map((side) => mean.map((value, k) => value + side * this.normal95 * Math.sqrt(variance[k])));
        band = `M${through(low, places)}L${through(high, [...places].reverse())}Z`;
      }
      this.bands[label].setAttribute("d", band);
    }
  }

  // The points as circles that keep their places in the document, and with them the focus.
  drawPoints(points) {
    while (this.dots.children.length > points.length) this.dots.lastChild.remove();
    while (this.dots.children.length < points.length) {
      element("circle", { r: RADIUS, fill: "#ffffff", stroke: "#000000", "stroke-width": 1.5, tabindex: 0, role: "button", "aria-roledescription": "point" }, this.dots);
    }
    points.forEach(([x, y], k) => {
      const dot = this.dots.children[k];
      dot.setAttribute("cx", this.toX(x));
      dot.setAttribute("cy", this.toY(y));
      dot.setAttribute("aria-label", `point ${k + 1} of ${points.length}: x ${inWords(x.toFixed(2))}, y ${inWords(y.toFixed(2))}`);
    });
  }

  // The picture as a file's text.
  toFile() {
    const copy = this.svg.cloneNode(true);
    for (const [key, value] of Object.entries({ xmlns: SVG, width: this.width, height: this.height })) copy.setAttribute(key, value);
    for (const dot of copy.querySelectorAll("circle")) for (const name of ["tabindex", "role", "aria-roledescription"]) dot.removeAttribute(name);
    return new XMLSerializer().serializeToString(copy);
  }
}
