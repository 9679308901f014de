/** Fields on a rectangle as heat maps on canvas, with their range in words and the value under the pointer. */

import { h, write } from "./dom.js";
import { short } from "./words.js";

const RAMP = [[24, 20, 58], [56, 66, 150], [38, 140, 160], [112, 196, 116], [250, 232, 92]];

/** A colour of the ramp from dark to light, t in [0, 1]. */
function shade(t) {
  const at = Math.min(0.9999, Math.max(0, t)) * (RAMP.length - 1), i = Math.floor(at), part = at - i;
  return RAMP[i].map((c, k) => Math.round(c + part * (RAMP[i + 1][k] - c)));
}

export class Heatmap {
  /** `bare`: the picture alone; `plain`: with its title, without its range. */
  constructor(title, { bare = false, plain = false } = {}) {
    this.title = title;
    this.canvas = h("canvas", { role: "img" });
    this.note = h("span", { class: "soft" });
    this.legend = h("span", { class: "legend" }, h("span", { class: "ramp", "aria-hidden": "true" }), this.note);
    this.element = h("figure", { class: "heat" }, !bare && h("figcaption", {}, title), this.canvas, !bare && !plain && this.legend);
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.tell());
  }

  /** `values` row by row, rows * columns of them; `range` [low, high] to compare maps with each other. */
  draw(values, rows, columns, range = null) {
    this.values = values;
    this.rows = rows;
    this.columns = columns;
    this.range = range || reach(values);
    if (this.canvas.width !== columns) this.canvas.width = columns;
    if (this.canvas.height !== rows) this.canvas.height = rows;
    this.paint();
    this.tell();
  }

  paint() {
    const context = this.canvas.getContext("2d"), image = context.createImageData(this.columns, this.rows);
    const [low, high] = this.range;
    for (let i = 0; i < this.rows * this.columns; i++) {
      const value = this.values[i];
      const rgb = Number.isFinite(value) ? shade((value - low) / (high - low || 1)) : [128, 128, 128];
      image.data.set([...rgb, Number.isFinite(value) ? 255 : 60], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }

  tell() {
    const text = `${short(this.range[0])} to ${short(this.range[1])}`;
    write(this.note, text);
    this.canvas.setAttribute("aria-label", `${this.title}: ${this.rows} by ${this.columns} values from ${text}`);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.min(this.columns - 1, Math.floor(((event.clientX - box.left) / box.width) * this.columns));
    const row = Math.min(this.rows - 1, Math.floor(((event.clientY - box.top) / box.height) * this.rows));
    write(this.note, `row ${row}, column ${column}: ${short(this.values[row * this.columns + column])}`);
  }
}

function reach(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return [low, high];
}

/** Rows and columns of a shape that is a field: (h, w), or (c, h, w) of which the first channel is shown. */
export function field(shape) {
  if (shape.length === 2) return [shape[0], shape[1]];
  return shape.length === 3 && [1, 3].includes(shape[0]) ? [shape[1], shape[2]] : null;
}
