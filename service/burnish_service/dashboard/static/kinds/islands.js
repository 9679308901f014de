/** The evidence of the posterior: how it settles, and what each island says of it with what weight. */

import { Chart } from "../charts.js";
import { fill, h, write } from "../dom.js";
import { bar, whiskers } from "../intervals.js";
import { along, axes, AGAINST } from "../record.js";
import { count, number, short } from "../words.js";

const LISTED = 16;

export class Islands {
  constructor() {
    this.settling = new Chart("Log evidence, and one standard deviation between islands");
    this.strip = h("div");
    this.notes = h("p", { class: "soft" });
    this.element = h("section", { class: "panel", "aria-labelledby": "islands" }, h("h2", { id: "islands" }, "Evidence, island by island"),
      h("div", { class: "pair" }, this.settling.element, this.strip), this.notes);
    this.signature = "";
  }

  show(record) {
    this.show_settling(record);
    this.show_islands(record.last.diagnostics.by_island, record.last.diagnostics);
    write(this.notes, told(record.last.diagnostics));
  }

  show_settling(record) {
    const against = axes(record)[0];
    const points = against ? along(record, against).filter((p) => Number.isFinite(p.refinement.notes.log_evidence)) : [];
    if (!points.length) return; // filters weigh islands over the last observations: there is nothing that settles
    const value = points.map((p) => p.refinement.notes.log_evidence), spread = points.map((p) => p.refinement.notes.spread || 0);
    const look = {
      x: { log: true, label: AGAINST[against] }, y: { label: "log evidence", said: (v) => number(v, 0.01) }, bands: [[2, 3, "band"]],
      lines: [{ label: "log evidence", colour: "accent", points: points.length < 60 ? 5 : 0 }, { label: "an island, upper", colour: "band-edge", width: 1 }, { label: "an island, lower", colour: "band-edge", width: 1 }],
    };
    const data = [points.map((p) => p.x), value, value.map((v, i) => v + spread[i]), value.map((v, i) => v - spread[i])];
    this.settling.draw(data, look, `Log evidence ${number(value.at(-1), 0.01)}; between islands it varies by ${short(spread.at(-1))}`);
  }

  /** The heaviest islands: how large a share of the answer each is, and its own log evidence beside that of all. */
  show_islands(found, notes) {
    const signature = JSON.stringify(found ?? null);
    if (signature === this.signature) return;
    this.signature = signature;
    if (!found) return fill(this.strip, h("p", { class: "soft" }, "No island has told its evidence yet."));
    const order = found.weight.map((_, i) => i).sort((a, b) => found.weight[b] - found.weight[a]).slice(0, LISTED);
    const [low, , middle, , high] = found.quantiles, heading = order.length < found.live ? `The ${order.length} heaviest of ${count(found.live)} islands` : `All ${found.live} islands`;
    const rows = order.map((i) => ({ name: `#${found.island[i]}`, value: found.log_evidence[i], said: h("span", { class: "weighed" }, number(found.log_evidence[i], 0.01), bar(found.weight[i] / found.weight[order[0]]), share(found.weight[i])) }));
    fill(this.strip, h("h3", {}, heading),
      whiskers("Log evidence and weight by island", ["island", "log evidence", "and share of the weight"], rows, { mark: notes.log_evidence ?? middle, range: [Math.min(low, ...rows.map((r) => r.value)), Math.max(high, ...rows.map((r) => r.value))] }),
      h("p", { class: "soft" }, `Nine of ten islands lie between ${number(low, 0.01)} and ${number(high, 0.01)}, the middle one at ${number(middle, 0.01)}; the line is ${notes.log_evidence ? "that of all together" : "the middle one"}.${notes.window ? ` Over the last ${notes.window} observations.` : ""}`));
  }

  close() { this.settling.close(); }
}

const share = (weight) => `${(100 * weight).toPrecision(2)} %`;

function told(notes) {
  const parts = [notes.estimator, notes.islands !== undefined && `${count(notes.islands)} islands of ${count(notes.particles)} particles`,
    notes.effective_islands !== undefined && `${short(notes.effective_islands)} of them carry the weight`,
    notes.dead_islands > 0 && `${notes.dead_islands} dead`, notes.effective_samples && `${count(notes.effective_samples)} effective samples`,
    notes.mean_meeting_time !== undefined && notes.mean_meeting_time !== null && `pairs meet after ${short(notes.mean_meeting_time)} islands`];
  return notes.islands === undefined ? "" : parts.filter(Boolean).join(" · "); // a filter says it beside its trajectory
}
