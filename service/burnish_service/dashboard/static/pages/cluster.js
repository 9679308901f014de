/** The pool of workers, and who has what of it now. */

import { api } from "../api.js";
import { Chart } from "../charts.js";
import { complaint } from "../complaint.js";
import { fill, h, table, write } from "../dom.js";
import { bar } from "../intervals.js";
import { count, duration } from "../words.js";

const EVERY = 1000;
const KEPT = 120;

export class Cluster {
  title = "Cluster";

  constructor() {
    const figure = (name) => {
      const value = h("dd", {}, "–");
      this.figures = { ...this.figures, [name]: value };
      return h("div", { class: "figure" }, h("dt", {}, name), value);
    };
    this.trouble = h("div");
    this.lacking = h("p", { class: "refused", role: "status", hidden: true });
    this.speed = new Chart("Blocks per second");
    this.split = h("div");
    this.runners = h("div");
    this.devices = h("div");
    this.usage = h("div");
    const panel = (id, title, ...inside) => h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), ...inside);
    this.element = h("div", {}, h("h1", {}, "Cluster"), this.trouble, this.lacking,
      h("dl", { class: "figures" }, ["workers up", "blocks in flight", "blocks/s", "live jobs"].map(figure)),
      panel("speed", "Work", this.speed.element), panel("split", "Allocation over jobs", this.split),
      h("div", { class: "pair" }, panel("devices", "Devices in use", this.devices), panel("runners", "Runners", this.runners)),
      panel("usage", "Spent in the last seven days", this.usage));
    this.jobs = new Map();
    this.blocks = new Map();
    this.speeds = [];
  }

  async open() {
    await this.refresh();
    await this.spent();
    this.timer = setInterval(() => document.hidden || this.refresh(), EVERY);
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    this.speed.close();
  }

  async refresh() {
    try {
      const seen = await api.cluster();
      if (this.closed) return;
      fill(this.trouble);
      this.show(seen);
      for (const job of seen.jobs) if (!this.jobs.has(job.id)) this.learn(job.id);
    } catch (error) {
      fill(this.trouble, complaint(error));
    }
  }

  /** Kind and device of a job, once. */
  async learn(id) {
    this.jobs.set(id, {});
    const job = await api.job(id).catch(() => null);
    if (job) this.jobs.set(id, { kind: job.kind, device: job.resolved?.resolution?.numeric_class });
    if (!job?.resolved) setTimeout(() => this.jobs.delete(id), 2000); // its pilot still runs
  }

  show(seen) {
    const speed = this.measure(seen.jobs);
    write(this.figures["workers up"], `${seen.workers} of ${seen.workers_wanted}`);
    write(this.figures["blocks in flight"], String(seen.jobs.reduce((sum, job) => sum + job.in_flight, 0)));
    write(this.figures["blocks/s"], speed === null ? "–" : speed.toFixed(1));
    write(this.figures["live jobs"], String(seen.jobs.length));
    this.lacking.hidden = !seen.lacking;
    write(this.lacking, seen.lacking || "");
    this.allocation(seen.jobs);
    this.by_device(seen.jobs);
    fill(this.runners, table("Runners", ["runner", "jobs", "slots", "shares the pool"], seen.runners.map((r) => [r.id, String(r.jobs), String(r.slots), r.leads ? "yes" : "no"])));
  }

  /** Blocks per second since the view before: a job that was not seen then counts from now on. */
  measure(jobs) {
    const now = performance.now() / 1000, before = this.at;
    let done = 0;
    for (const job of jobs) done += Math.max(0, job.blocks - (this.blocks.get(job.id) ?? job.blocks));
    this.blocks = new Map(jobs.map((job) => [job.id, job.blocks]));
    this.at = now;
    if (before === undefined) return null;
    this.speeds = [...this.speeds, [now, done / (now - before)]].slice(-KEPT);
    const x = this.speeds.map(([at]) => at - now), y = this.speeds.map(([, value]) => value);
    const late = y.slice(-5), mean = late.reduce((a, b) => a + b, 0) / late.length;
    if (x.length > 1) this.speed.draw([x, y], { x: { whole: true, label: "seconds ago", range: [Math.min(-10, x[0]), 0], format: (v) => String(Math.round(-v)) }, y: { label: "blocks/s", range: [0, Math.max(1, ...y) * 1.1] }, lines: [{ label: "blocks/s", colour: "accent" }] }, `${mean.toFixed(1)} blocks per second over the last five seconds`);
    return mean;
  }

  allocation(jobs) {
    if (!jobs.length) return fill(this.split, h("p", { class: "empty" }, "No job is running."));
    const most = Math.max(1, ...jobs.map((job) => job.slots));
    const rows = [...jobs].sort((one, other) => other.slots - one.slots).map((job) => [
      h("a", { href: `#/jobs/${job.id}` }, `${this.jobs.get(job.id)?.kind || "job"} …${job.id.slice(-6)}`),
      bar(job.slots / most), `${job.slots} of ${job.demand}`, String(job.in_flight), count(job.blocks), String(job.weight),
      job.remaining === null ? "" : duration(job.remaining), job.barred ? "fair share only: refused, or at its floor" : ""]);
    fill(this.split, table("Slots of the pool by job", ["job", "", "slots of those it could use", "in flight", "blocks", "weight", "work to its tolerance", ""], rows, { class: "whiskers wide" }));
  }

  by_device(jobs) {
    const found = new Map();
    for (const job of jobs) {
      const device = this.jobs.get(job.id)?.device || "not settled yet";
      const sum = found.get(device) || { jobs: 0, flight: 0 };
      found.set(device, { jobs: sum.jobs + 1, flight: sum.flight + job.in_flight });
    }
    fill(this.devices, found.size ? table("Numeric classes of workers that jobs run on", ["device", "jobs", "blocks in flight"], [...found].map(([name, sum]) => [name, String(sum.jobs), String(sum.flight)])) : h("p", { class: "empty" }, "None: nothing runs."));
  }

  async spent() {
    const { data, total } = await api.usage();
    const row = (name, of) => [name, String(of.jobs), count(of.units), duration(of.worker_seconds), `${of.promises_kept} of ${of.promises_made}`];
    fill(this.usage, table("Spent by day and kind", ["day and kind", "jobs", "units", "worker-seconds", "promises kept"], [...data.map((day) => row(`${day.day} ${day.kind}`, day)), row("all", total)]));
  }
}
