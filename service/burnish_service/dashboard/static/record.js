/** What a page knows of a job: the job, and what its events told, light enough for thousands of them. */

import { widest, worstError } from "./answers.js";

export class Record {
  constructor(job) {
    this.job = job;
    this.history = [];
    this.told = null;
    this.progress = null;
    this.last = job.last_refinement;
    if (this.last?.interval) this.told = this.last;
    this.filed = this.last?.arrays?.name ? this.last : null; // the newest whose outputs are all in a file
  }

  /** Take an event. Returns whether the job should be read again: its spec is resolved, or it came back to life. */
  take(type, data) {
    if (type === "refinement") return this.refine(data);
    if (type === "progress") this.progress = data;
    else if (type === "status") {
      this.job = { ...this.job, status: data.status, stage: data.stage ?? null, stopped_by: null };
      return true;
    } else {
      const { at: _, ...job } = data;
      this.job = { ...this.job, ...job };
      this.progress = null;
    }
    return false;
  }

  refine(data) {
    this.last = data;
    if (data.interval) this.told = data;
    if (data.arrays?.name) this.filed = data;
    const { diagnostics, layout, artifacts, ...kept } = data; // only the newest of these are looked at
    kept.notes = { log_evidence: diagnostics.log_evidence, spread: diagnostics.sd_log_evidence, r_hat: diagnostics.r_hat };
    kept.widest = widest(data);
    kept.worst = worstError(data);
    this.history.push(kept);
    return false;
  }
}

/** What refinements can be drawn against. */
export const AGAINST = {
  units: "units spent", tokens: "tokens spent", worker_seconds: "worker-seconds spent",
  seconds: "seconds since it began", blocks: "blocks",
};

export const amount = (refinement, against) => (against === "blocks" ? refinement.blocks : refinement.spent[against]);

/** The axes that say something for this job, the first of them by default. */
export function axes(record) {
  const known = record.history.filter((r) => r.spent);
  const order = record.job.kind === "reasoning" ? ["tokens", "units"] : ["units", "tokens"];
  return [...order, "worker_seconds", "seconds", "blocks"].filter((name) => known.some((r) => amount(r, name) > 0));
}

/** Points (x ascending, > 0) of the history: several refinements at one place are the last of them. */
export function along(record, against) {
  const found = [];
  for (const each of record.history) {
    const x = amount(each, against);
    if (!(x > 0)) continue;
    if (found.length && found.at(-1).x >= x) found.pop();
    if (!found.length || found.at(-1).x < x) found.push({ x, refinement: each });
  }
  return found;
}

/** The slope of log error on log spent, by least squares over the last two decades; null below four points, or a factor of four. */
export function rate(points) {
  const known = points.filter((p) => p.refinement.worst > 0 && p.x > points.at(-1).x / 100);
  if (known.length < 4 || known.at(-1).x < 4 * known[0].x) return null;
  const x = known.map((p) => Math.log(p.x)), y = known.map((p) => Math.log(p.refinement.worst));
  const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
  const mx = mean(x), my = mean(y);
  const sxy = x.reduce((sum, v, i) => sum + (v - mx) * (y[i] - my), 0);
  const sxx = x.reduce((sum, v) => sum + (v - mx) ** 2, 0);
  return -sxy / sxx;
}
