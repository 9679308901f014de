/** Points ranked by difficulty, and what the error is made of. */

import { half } from "../answers.js";
import { fill, h, table } from "../dom.js";
import { bars } from "../intervals.js";
import { count, number, short } from "../words.js";

const PARTS = {
  sampling: "sampling: falls with more paths",
  truncation: "linearisation: falls with a better surrogate",
  time_step: "time step: falls with more steps",
  rounding: "rounding",
};

export class Surrogate {
  constructor() {
    this.points = h("div");
    this.error = h("div");
    this.method = h("p", { class: "soft" });
    this.ranked = h("section", { class: "panel", "aria-labelledby": "hard" }, h("h2", { id: "hard" }, "Hardest points"), this.points);
    this.element = h("div", { class: "pair" }, this.ranked,
      h("section", { class: "panel", "aria-labelledby": "parts" }, h("h2", { id: "parts" }, "What the error is made of"), this.error, this.method));
  }

  show(record) {
    const { last, told, job } = record, notes = last.diagnostics;
    this.rank(notes.hardest, last, told, job.spec);
    const split = notes.error || {};
    const rows = Object.keys(PARTS).filter((name) => split[name] !== undefined)
      .map((name) => ({ name: PARTS[name], value: split[name], said: short(split[name]) }));
    fill(this.error, rows.length ? bars("Parts of the error, in root mean square over outputs", ["part", "", "size"], rows) : h("p", { class: "soft" }, "Not known yet."));
    this.method.textContent = [`method ${notes.estimator}`, notes.compared].filter(Boolean).join(" – ");
  }

  rank(hardest, last, told, spec) {
    const part = (last.layout || []).find((each) => each.name === "value");
    this.ranked.hidden = !hardest && part?.shape[0] === 1; // nothing to rank
    if (!hardest) return fill(this.points, h("p", { class: "soft" }, "Ranked at the first look."));
    const rows = hardest.map((each) => {
      const output = part ? part.start + each.point * part.strides[0] : each.point;
      const width = half(told?.interval, output);
      const value = last.estimate.value[output];
      return [where(spec, each.point), value === undefined ? "in the file" : `${number(value, width)}${width === null ? "" : ` ± ${short(width)}`}`,
        `${short(each.over_median)}×`, count(each.samples)];
    });
    fill(this.points, table("Points by the spread of their samples, the hardest first", ["point", "value", "spread over median", "samples"], rows));
  }
}

/** The point as it was asked for: `#3: t 0.25, x 0.02`. */
function where(spec, index) {
  const point = Array.isArray(spec.points) ? spec.points[index] : null;
  if (!point) return `#${index}`;
  const x = Array.isArray(point.x) ? `(${point.x.slice(0, 3).map(short).join(", ")}${point.x.length > 3 ? ", …" : ""})` : short(point.x);
  return `#${index}: t ${short(point.t ?? 0)}, x ${x}`;
}
