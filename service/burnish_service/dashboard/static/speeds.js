/** Blocks per second, from views of the pool a second apart. */

const KEPT = 180, LATE = 5;

export class Speeds {
  constructor() {
    this.blocks = new Map();
    this.rows = []; // [seconds, blocks per second since the row before]
  }

  /** Take a view; a job that was not seen before counts from now on. */
  take(jobs) {
    const now = performance.now() / 1000, before = this.at;
    let done = 0;
    for (const job of jobs) done += Math.max(0, job.blocks - (this.blocks.get(job.id) ?? job.blocks));
    this.blocks = new Map(jobs.map((job) => [job.id, job.blocks]));
    this.at = now;
    if (before !== undefined && now > before) this.rows = [...this.rows, [now, done / (now - before)]].slice(-KEPT);
  }

  /** Over the last few seconds; null before two views. */
  get mean() {
    const late = this.rows.slice(-LATE);
    return late.length ? late.reduce((sum, [, value]) => sum + value, 0) / late.length : null;
  }

  draw(chart) {
    if (this.rows.length < 2) return;
    const x = this.rows.map(([at]) => at - this.at), y = this.rows.map(([, value]) => value), top = Math.max(1, ...y) * 1.1;
    chart.draw([x, y], { x: { whole: true, label: "seconds ago", range: [Math.min(-30, x[0]), 0], format: (v) => String(Math.round(-v)) }, y: { label: "blocks/s", range: [0, top] }, bands: [], lines: [{ label: "blocks/s", colour: "accent", fill: "band" }] },
      `${this.mean.toFixed(1)} blocks per second over the last ${LATE} seconds, ${Math.max(...y).toFixed(1)} at most in ${Math.round(-x[0])} seconds`);
  }
}
