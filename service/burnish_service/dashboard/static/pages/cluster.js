/** The pool of workers, and who has what of it now. */

import { api } from "../api.js";
import { Chart } from "../charts.js";
import { complaint } from "../complaint.js";
import { fill, h, table, write } from "../dom.js";
import { bar } from "../intervals.js";
import { Shares, Tones } from "../shares.js";
import { Speeds } from "../speeds.js";
import { count, duration } from "../words.js";
import { Consumption } from "./consumption.js";
import { devices } from "./devices.js";

const EVERY = 1000;
const FIGURES = ["workers up", "blocks in flight", "blocks/s", "live jobs"];

export class Cluster {
  title = "Cluster";

  constructor() {
    this.figures = Object.fromEntries(FIGURES.map((name) => [name, h("dd", {}, "–")]));
    this.trouble = h("div");
    this.lacking = h("p", { class: "refused", role: "status", hidden: true });
    this.chart = new Chart("Blocks per second");
    this.slots = new Shares();
    this.tenants = new Shares();
    this.whose = h("div", { hidden: true }, h("h3", {}, "By tenant"), this.tenants.element);
    this.split = h("div");
    this.runners = h("div");
    this.devices = h("div");
    this.consumption = new Consumption();
    const panel = (id, title, ...inside) => h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), ...inside);
    this.element = h("div", {}, h("h1", {}, "Cluster"), this.trouble, this.lacking,
      h("dl", { class: "figures" }, FIGURES.map((name) => h("div", { class: "figure" }, h("dt", {}, name), this.figures[name]))),
      panel("split", "Allocation of the pool", h("h3", {}, "By job"), this.slots.element, this.whose, this.split),
      panel("speed", "Work", this.chart.element),
      h("div", { class: "pair" }, panel("devices", "Workers and devices", this.devices), panel("runners", "Runners", this.runners)),
      panel("usage", "Spent in the last seven days", this.consumption.element));
    this.kinds = new Map();
    this.tones = new Tones();
    this.speeds = new Speeds();
  }

  async open() {
    await this.refresh(true);
    await this.consumption.open();
    this.timer = setInterval(() => document.hidden || this.refresh(), EVERY);
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    this.chart.close();
    this.consumption.close();
  }

  async refresh(strict = false) {
    try {
      const seen = await api.cluster();
      if (this.closed) return;
      fill(this.trouble);
      this.show(seen);
      const fresh = seen.jobs.filter((job) => !this.kinds.has(job.id));
      if (fresh.length) this.learn(fresh);
    } catch (error) {
      if (strict) throw error;
      fill(this.trouble, complaint(error));
    }
  }

  /** The kinds of one's own jobs, asked for once; those of other tenants stay without: administrators see their shares alone. */
  async learn(fresh) {
    for (const { id } of fresh) this.kinds.set(id, null);
    const page = await api.jobs({ limit: 200 }).catch(() => ({ data: [] }));
    for (const { id, kind } of page.data) if (this.kinds.has(id)) this.kinds.set(id, kind);
  }

  show(seen) {
    this.speeds.take(seen.jobs);
    const { mean } = this.speeds, said = { "workers up": `${seen.workers} of ${seen.workers_wanted}`, "blocks in flight": String(seen.jobs.reduce((sum, job) => sum + job.in_flight, 0)), "blocks/s": mean === null ? "–" : mean.toFixed(1), "live jobs": String(seen.jobs.length) };
    for (const name of FIGURES) write(this.figures[name], said[name]);
    this.lacking.hidden = !seen.lacking;
    write(this.lacking, seen.lacking || "");
    this.speeds.draw(this.chart);
    this.allocation(seen);
    fill(this.devices, devices(seen, this.tones));
    fill(this.runners, table("Runners", ["runner", "jobs", "slots", "shares the pool"], seen.runners.map((r) => [r.id, String(r.jobs), String(r.slots), r.leads ? "yes" : "no"])));
  }

  allocation({ jobs, runners }) {
    const slots = runners.reduce((sum, runner) => sum + runner.slots, 0);
    // A tenant is told of its own jobs alone: what it does not have is not known to be free.
    const rest = runners.reduce((sum, runner) => sum + runner.jobs, 0) > jobs.length ? "of others, or free" : "free";
    const named = (job) => `${this.kinds.get(job.id) || "job"} …${job.id.slice(-6)}`, ranked = [...jobs].sort((one, other) => other.slots - one.slots || one.id.localeCompare(other.id));
    this.slots.show(ranked.slice(0, 12).map((job) => ({ name: named(job), value: job.slots, tone: this.tones.of(job.id), said: slotted(job.slots), href: this.kinds.get(job.id) && `#/jobs/${job.id}` })), slots, rest);
    const tenants = grouped(ranked);
    this.whose.hidden = tenants.size === 0 || (tenants.size === 1 && tenants.has("default"));
    const part = ([name, of]) => { const value = of.reduce((sum, job) => sum + job.slots, 0); return { name, value, tone: this.tones.of(`tenant ${name}`), said: `${slotted(value)}, ${of.length} job${of.length > 1 ? "s" : ""}, weight ${of.reduce((sum, job) => sum + job.weight, 0)}` }; };
    this.tenants.show([...tenants].map(part).sort((one, other) => other.value - one.value), slots, rest);
    this.rows(ranked, named);
  }

  rows(jobs, named) {
    if (!jobs.length) return fill(this.split, h("p", { class: "empty" }, "No job is running."));
    const most = Math.max(1, ...jobs.map((job) => job.slots)), focused = document.activeElement?.getAttribute("href");
    const rows = jobs.map((job) => [this.kinds.get(job.id) ? h("a", { href: `#/jobs/${job.id}` }, named(job)) : named(job), bar(job.slots / most), `${job.slots} of ${job.demand}`, String(job.in_flight), count(job.blocks), duration(job.worker_seconds),
      String(job.weight), job.barred ? "fair share only: refused, or at its floor" : job.remaining === null ? "–" : `${duration(job.remaining)} of work`]);
    fill(this.split, table("Slots of the pool by job", ["job", "", "slots of those it could use", "in flight", "blocks", "work so far", "weight", "to its tolerance"], rows, { class: "whiskers wide" }));
    if (focused && this.split.contains(document.activeElement) === false && !this.slots.element.contains(document.activeElement)) this.split.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
}

const slotted = (n) => `${n} slot${n === 1 ? "" : "s"}`;

function grouped(jobs) {
  const found = new Map();
  for (const job of jobs) found.set(job.tenant ?? "default", [...(found.get(job.tenant ?? "default") || []), job]);
  return found;
}
