/** Line charts: uPlot with the colours of the page, a description for those who cannot see it, and sizes that follow. */

import { h, write } from "./dom.js";
import { count, short } from "./words.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const HEIGHT = 260;

/** The value of a custom property of the page. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * A chart in a figure. `lines`: [{label, colour, width, dash, points, fill, show}] for the rows of data behind x;
 * `bands`: [[upper, lower, colour]] by their places; `x`, `y`: {log, label, format}.
 */
export class Chart {
  constructor(title) {
    this.place = h("div", { class: "plot" });
    this.caption = h("figcaption", {}, title);
    this.element = h("figure", { class: "chart", hidden: true }, this.caption, this.place); // until there is something to see
    this.place.setAttribute("role", "img");
    this.plot = null;
    this.signature = "";
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.place);
    this.themed = () => { this.signature = ""; if (this.shown) this.draw(...this.shown); };
    dark.addEventListener("change", this.themed);
  }

  /** Draw; `said` is what the picture shows, in words. */
  draw(data, look, said) {
    this.shown = [data, look, said];
    if (this.place.getAttribute("aria-label") !== said) this.place.setAttribute("aria-label", said);
    this.element.hidden = false;
    if (this.place.clientWidth === 0) return; // not on the page yet: `fit` comes when it is
    const signature = JSON.stringify([look.lines.map((l) => [l.label, l.colour]), look.x.log, look.y.log, look.x.label]);
    if (signature === this.signature) return void this.plot.setData(data);
    this.plot?.destroy();
    this.signature = signature;
    this.plot = new uPlot(options(this, look, this.place.clientWidth), data, this.place);
  }

  retitle(text) { write(this.caption, text); }

  fit() {
    const width = this.place.clientWidth;
    if (!width || !this.shown) return;
    if (!this.plot) this.draw(...this.shown);
    else if (this.plot.width !== width) this.plot.setSize({ width, height: HEIGHT });
  }

  close() {
    this.watch.disconnect();
    dark.removeEventListener("change", this.themed);
    this.plot?.destroy();
  }
}

function options(chart, look, width) {
  return {
    width,
    height: HEIGHT,
    padding: [10, 14, 0, 4],
    cursor: { drag: { x: false, y: false } },
    legend: { live: true },
    scales: { x: scale(chart, "x"), y: scale(chart, "y") },
    axes: [axis(look.x, 0), axis(look.y, 1)],
    series: [{ label: look.x.short || look.x.label, value: (_, v) => (v === null || v === undefined ? "" : (look.x.format || count)(v)) }, ...look.lines.map(line(look))],
    bands: (look.bands || []).map(([upper, lower, fill]) => ({ series: [upper, lower], fill: colour(fill) })),
  };
}

/** Axes end where the data do, with some room: whole decades would leave half of a plot empty. */
function scale(chart, name) {
  const now = () => chart.shown[1][name]; // what the newest drawing asks for
  const spread = name === "y" ? 1.6 : 1.0;
  const ends = (low, high) => (name === "x" ? [chart.shown[0][0][0], chart.shown[0][0].at(-1)] : [low, high]);
  const log = (_, from, to) => {
    const [low, high] = ends(from, to);
    return low > 0 ? [low / spread, Math.max(high, low * 1.2) * spread] : [0.1, 1];
  };
  const linear = (_, from, to) => {
    const [low, high] = ends(from, to);
    if (now().range || low === null || low === undefined) return now().range || [0, 1];
    if (name === "x") return low < high ? [low, high] : [low - 1, high + 1];
    return uPlot.rangeNum(low, high, 0.1, false);
  };
  return { time: false, distr: now().log ? 3 : 1, range: now().log ? log : linear };
}

function axis(of, side) {
  const format = of.format || (side ? short : count), exact = side && !of.format && !of.log;
  const found = {
    stroke: colour("soft"), grid: { stroke: colour("rule"), width: 1 }, ticks: { stroke: colour("rule"), width: 1, size: 5 },
    label: of.label, labelSize: 22, labelFont: "12px system-ui", font: "11px system-ui", size: side ? (_, shown) => Math.max(54, 24 + 6.6 * longest(shown)) : 36,
    values: (_, splits) => (exact ? evenly(splits) : splits.map((v) => (v === null ? null : format(v).replace(".0e", "e")))),
  };
  if (of.whole) found.incrs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  if (of.log) Object.assign(found, { splits: (_, __, low, high) => decades(low, high), filter: (_, splits) => splits });
  return found;
}

const longest = (texts) => (texts || []).reduce((most, text) => Math.max(most, String(text ?? "").length), 0);

/** Marks of a linear axis with as many decimals as their steps need. */
function evenly(splits) {
  const step = splits.length > 1 ? splits[1] - splits[0] : Math.abs(splits[0]) || 1;
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), more = Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6;
  return splits.map((v) => (Math.abs(v) >= 1e6 || places > 9 ? v.toExponential(2).replace("e+", "e").replace(/\.?0+e/, "e") : v.toFixed(places + more)));
}

/** 1-2-5 marks on short axes, powers of ten on long ones. */
function decades(low, high) {
  const digits = Math.log10(high / low) > 2 ? [1] : [1, 2, 5], found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    for (const d of digits) if (d * 10 ** e >= low && d * 10 ** e <= high) found.push(d * 10 ** e);
  }
  const step = Math.ceil(found.length / 7);
  return found.filter((_, i) => i % step === 0);
}

const line = (look) => (of) => ({
  label: of.label,
  stroke: colour(of.colour),
  width: of.width ?? 1.8,
  dash: of.dash,
  spanGaps: true,
  fill: of.fill && colour(of.fill),
  points: of.points ? { show: true, size: of.points, fill: colour(of.colour) } : { show: false },
  value: (_, v) => (v === null || v === undefined ? "" : (look.y.said || look.y.format || short)(v)),
});
