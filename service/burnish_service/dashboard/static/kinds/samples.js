/** Samples of the posterior out of the file of the newest look: fields as a grid of heat maps, vectors as points. */

import { api } from "../api.js";
import { Chart } from "../charts.js";
import { fill, h } from "../dom.js";
import { Heatmap, field } from "../heatmap.js";
import { arrays } from "../safetensors.js";
import { short } from "../words.js";

const SHOWN = 16;

export class Samples {
  constructor() {
    this.element = h("div", { class: "samples" });
    this.maps = [];
    this.drawn = "";
  }

  /** Whether there is anything to see. */
  async show({ last, job }) {
    const file = (last.artifacts || []).find((each) => each.name.startsWith("samples"));
    if (!file || file.name === this.drawn) return this.drawn !== "";
    this.drawn = file.name;
    const found = await arrays(api.file(job.id, file.name));
    if (this.drawn !== file.name) return true;
    if (!found?.x) return (this.drawn = "") !== "";
    const size = found.x.shape.slice(1), grid = field(size), chosen = by_weight(found.log_weight.values, grid ? SHOWN : 400);
    if (grid) this.grid(found.x, grid, chosen);
    else if (size.length === 1 && size[0] >= 2) this.scatter(found.x, size[0], chosen);
    return true;
  }

  grid(x, [rows, columns], chosen) {
    const size = x.values.length / x.shape[0];
    if (this.maps.length !== chosen.length) {
      this.maps = chosen.map((_, place) => new Heatmap(`Sample ${place + 1}`, { bare: true }));
      fill(this.element, h("h3", {}, "Samples"), h("p", { class: "soft" }, `${chosen.length} of ${x.shape[0]} that are kept, drawn by their weights`), h("div", { class: "fields small" }, this.maps.map((map) => map.element)));
    }
    const drawn = chosen.map((i) => x.values.subarray(i * size, i * size + rows * columns)), low = least(drawn), high = -least(drawn.map((each) => each.map((v) => -v)));
    this.maps.forEach((map, place) => map.draw(drawn[place], rows, columns, [low, high]));
  }

  /** Samples of vectors: the first two coordinates. */
  scatter(x, dim, chosen) {
    const points = chosen.map((i) => [x.values[i * dim], x.values[i * dim + 1]]).sort((a, b) => a[0] - b[0]);
    if (!this.cloud) {
      this.cloud = new Chart("Samples, the first two coordinates");
      fill(this.element, this.cloud.element);
    }
    const look = { x: { label: "x[0]", format: short }, y: { label: "x[1]" }, lines: [{ label: "x[1]", colour: "accent", width: 0, points: 4 }] };
    this.cloud.draw([points.map((p) => p[0]), points.map((p) => p[1])], look, `${points.length} samples in the plane of the first two coordinates`);
  }

  close() { this.cloud?.close(); }
}

const least = (lists) => lists.reduce((low, list) => list.reduce((a, b) => Math.min(a, b), low), Infinity);

/** Indices evenly in the cumulative weights. */
function by_weight(logs, most) {
  const top = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = [];
  logs.reduce((sum, log) => { total.push(sum + Math.exp(log - top)); return total.at(-1); }, 0);
  const found = [], n = Math.min(most, logs.length);
  for (let k = 0, i = 0; k < n; k++) {
    while (total[i] < ((k + 0.5) / n) * total.at(-1)) i++;
    found.push(i);
  }
  return found;
}
