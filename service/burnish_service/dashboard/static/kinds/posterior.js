/** Mean, deviation and samples as heat maps that refine, and the evidence with its spread between islands. */

import { api } from "../api.js";
import { column, half } from "../answers.js";
import { Chart } from "../charts.js";
import { fill, h, write } from "../dom.js";
import { Heatmap, field } from "../heatmap.js";
import { along, axes, AGAINST } from "../record.js";
import { arrays } from "../safetensors.js";
import { count, number, short } from "../words.js";

const SHOWN = 16;

export class Posterior {
  constructor() {
    this.maps = { mean: new Heatmap("Mean"), std: new Heatmap("Standard deviation"), width: new Heatmap("Half-width of the mean's interval") };
    this.fields = h("div", { class: "fields" });
    this.samples = h("div", { class: "samples" });
    this.evidence = new Chart("Log evidence, and one standard deviation between islands");
    this.islands = h("p", { class: "soft" });
    this.pictures = h("section", { class: "panel", "aria-labelledby": "pictures", hidden: true },
      h("h2", { id: "pictures" }, "Posterior"), this.fields, this.samples);
    this.element = h("div", {}, this.pictures,
      h("section", { class: "panel", "aria-labelledby": "islands" }, h("h2", { id: "islands" }, "Evidence"), this.evidence.element, this.islands));
    this.drawn = "";
  }

  show(record) {
    this.show_fields(record);
    this.show_samples(record);
    this.show_evidence(record);
  }

  show_fields({ last, told }) {
    const widths = last.estimate.value.map((_, i) => half(told?.interval, i) ?? NaN);
    const parts = { mean: column(last, "mean", last.estimate.value), std: column(last, "std", last.estimate.value), width: column(last, "mean", widths) };
    const shown = Object.entries(parts).filter(([, part]) => part && field(part.shape) && part.values.some(Number.isFinite));
    for (const [name, part] of shown) this.maps[name].draw(part.values, ...field(part.shape));
    const wanted = shown.map(([name]) => this.maps[name].element);
    if (wanted.some((element, i) => this.fields.children[i] !== element)) fill(this.fields, wanted);
    if (wanted.length) this.pictures.hidden = false;
  }

  async show_samples({ last, job }) {
    const file = (last.artifacts || []).find((each) => each.name.startsWith("samples"));
    if (!file || file.name === this.drawn) return;
    this.drawn = file.name;
    const found = await arrays(api.file(job.id, file.name));
    if (!found?.x || this.drawn !== file.name) return;
    this.pictures.hidden = false;
    const size = found.x.shape.slice(1), grid = field(size), chosen = by_weight(found.log_weight.values, grid ? SHOWN : 400);
    if (grid) this.grid(found.x, grid, chosen);
    else if (size.length === 1 && size[0] >= 2) this.scatter(found.x, size[0], chosen);
  }

  grid(x, [rows, columns], chosen) {
    const size = x.values.length / x.shape[0];
    const maps = chosen.map((i, place) => {
      const map = new Heatmap(`Sample ${place + 1}`);
      map.draw(Array.from(x.values.subarray(i * size, i * size + rows * columns)), rows, columns);
      return map.element;
    });
    fill(this.samples, h("h3", {}, "Samples"), h("div", { class: "fields small" }, maps));
  }

  /** Samples of vectors: the first two coordinates. */
  scatter(x, dim, chosen) {
    const points = chosen.map((i) => [x.values[i * dim], x.values[i * dim + 1]]).sort((a, b) => a[0] - b[0]);
    if (!this.cloud) {
      this.cloud = new Chart("Samples, the first two coordinates");
      fill(this.samples, this.cloud.element);
    }
    const look = { x: { label: "x[0]", format: short }, y: { label: "x[1]" }, lines: [{ label: "x[1]", colour: "accent", width: 0, points: 4 }] };
    this.cloud.draw([points.map((p) => p[0]), points.map((p) => p[1])], look, `${points.length} samples in the plane of the first two coordinates`);
  }

  show_evidence(record) {
    const notes = record.last.diagnostics, against = axes(record)[0];
    const points = against ? along(record, against).filter((p) => Number.isFinite(p.refinement.notes.log_evidence)) : [];
    if (points.length) {
      const value = points.map((p) => p.refinement.notes.log_evidence), spread = points.map((p) => p.refinement.notes.spread || 0);
      const look = {
        x: { log: true, label: AGAINST[against] }, y: { label: "log evidence", said: (v) => number(v, 0.01) }, bands: [[2, 3, "band"]],
        lines: [{ label: "log evidence", colour: "accent", points: 5 }, { label: "an island, upper", colour: "band-edge", width: 1 }, { label: "an island, lower", colour: "band-edge", width: 1 }],
      };
      const data = [points.map((p) => p.x), value, value.map((v, i) => v + spread[i]), value.map((v, i) => v - spread[i])];
      this.evidence.draw(data, look, `Log evidence ${number(value.at(-1), 0.01)}; between islands it varies by ${short(spread.at(-1))}`);
    }
    const told = [`${notes.estimator}`, notes.islands !== undefined && `${count(notes.islands)} islands of ${count(notes.particles)} particles`,
      notes.effective_islands !== undefined && `${short(notes.effective_islands)} of them carry the weight`,
      notes.dead_islands > 0 && `${notes.dead_islands} dead`, notes.effective_samples && `${count(notes.effective_samples)} effective samples`,
      notes.mean_meeting_time !== undefined && notes.mean_meeting_time !== null && `pairs meet after ${short(notes.mean_meeting_time)} islands`];
    write(this.islands, told.filter(Boolean).join(" · "));
  }

  close() {
    this.evidence.close();
    this.cloud?.close();
  }
}

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
