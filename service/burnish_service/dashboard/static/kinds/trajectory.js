/** A state that is followed: its mean and how uncertain it is after each observation, beside what was seen. */

import { api } from "../api.js";
import { column } from "../answers.js";
import { Chart } from "../charts.js";
import { fill, h, write } from "../dom.js";
import { short } from "../words.js";
import { Islands } from "./islands.js";

export class Trajectory {
  alone = true; // each observation is a question of its own

  constructor(job) {
    this.job = job;
    this.chosen = 0;
    this.coordinate = h("select", { id: "coordinate", onchange: () => { this.chosen = Number(this.coordinate.value); this.show(this.record); } });
    this.chart = new Chart("Filtered mean, with two standard deviations of the state");
    this.likely = new Chart("How well each observation was foreseen");
    this.note = h("p", { class: "soft" });
    this.islands = new Islands();
    this.element = h("div", {}, h("section", { class: "panel", "aria-labelledby": "path" }, h("h2", { id: "path" }, "Trajectory"),
      h("p", { class: "row" }, h("label", { for: "coordinate" }, "Coordinate"), this.coordinate), this.chart.element, this.likely.element, this.note), this.islands.element);
    this.seen = [];
    this.asked = -1;
  }

  async show(record) {
    this.record = record;
    const steps = newest(record.history), last = record.last;
    const known = steps.filter((r) => column({ ...r, layout: last.layout }, "mean", r.estimate.value));
    if (known.length) this.draw(known, last);
    this.tell(last);
    this.islands.show(record);
    if (this.asked !== known.length) {
      this.asked = known.length;
      const page = await api.observations(record.job.id).catch(() => null);
      if (page) this.seen = page.data;
      if (known.length) this.draw(known, last);
    }
  }

  draw(steps, last) {
    const part = (r, name) => column({ ...r, layout: last.layout }, name, r.estimate.value);
    const dim = part(steps[0], "mean").values.length;
    if (this.coordinate.options.length !== dim) {
      fill(this.coordinate, Array.from({ length: dim }, (_, i) => h("option", { value: String(i) }, String(i))));
      this.coordinate.value = String(this.chosen);
    }
    const x = steps.map((r) => r.observation), i = this.chosen;
    const mean = steps.map((r) => part(r, "mean").values[i]), std = steps.map((r) => part(r, "std")?.values[i] ?? null);
    const upper = mean.map((v, k) => (std[k] === null ? null : v + 2 * std[k])), lower = mean.map((v, k) => (std[k] === null ? null : v - 2 * std[k]));
    const seen = x.map((k) => this.observed(k, i, dim));
    const look = {
      x: { whole: true, label: "observation", format: String }, y: { label: `x[${i}]` }, bands: [[2, 3, "band"]],
      lines: [{ label: "mean", colour: "accent" }, { label: "+ 2 sd", colour: "band-edge", width: 1 }, { label: "- 2 sd", colour: "band-edge", width: 1 },
        { label: "seen", colour: "warm", width: 0, points: 6 }],
    };
    this.chart.draw([x, mean, upper, lower, seen], look, `Coordinate ${i} after ${x.length} observations: ${short(mean.at(-1))} with standard deviation ${short(std.at(-1))}`);
    this.foreseen(steps, part, x);
  }

  foreseen(steps, part, x) {
    const name = ["log_likelihood", "log_evidence"].find((each) => part(steps[0], each));
    this.likely.element.hidden = !name;
    if (!name) return;
    const values = steps.map((r) => part(r, name).values[0]);
    const label = name === "log_evidence" ? "log p(all so far)" : "log p(this one)";
    this.likely.draw([x, values], { x: { whole: true, label: "observation", format: String }, y: { label }, lines: [{ label, colour: "accent", points: 5 }] }, `${label} after the last observation: ${short(values.at(-1))}`);
  }

  /** What was seen of a coordinate; null where that is not a component of the observation. */
  observed(k, coordinate, dim) {
    const y = this.seen[k], observe = this.job.spec.observe || {};
    if (!Array.isArray(y) || observe.matrix || observe.expression) return null;
    const place = observe.indices ? observe.indices.indexOf(coordinate) : y.length === dim ? coordinate : -1;
    return place < 0 ? null : y[place];
  }

  tell(last) {
    const notes = last.diagnostics;
    const told = [notes.estimator, notes.particles && `${notes.particles} particles`, notes.window && `islands are weighed over ${notes.window} observations`,
      notes.ess && `effective share of particles: median ${short(notes.ess.median)}, lowest ${short(notes.ess.lowest)}`, notes.dead_islands > 0 && `${notes.dead_islands} islands are dead`];
    write(this.note, told.filter(Boolean).join(" · "));
  }

  close() {
    this.chart.close();
    this.likely.close();
    this.islands.close();
  }
}

/** The newest refinement of each observation. */
function newest(history) {
  const found = new Map();
  for (const each of history) if (each.observation !== null) found.set(each.observation, each);
  return [...found.values()].sort((a, b) => a.observation - b.observation);
}
