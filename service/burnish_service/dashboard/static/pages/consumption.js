/** What was spent in the last seven days, by day and kind: a bar a day, and the numbers. */

import { api } from "../api.js";
import { fill, h, table } from "../dom.js";
import { Shares, Tones } from "../shares.js";
import { count, duration } from "../words.js";

export class Consumption {
  constructor() {
    this.bars = h("div", { class: "days" });
    this.numbers = h("details", {}, h("summary", {}, "The numbers"));
    this.element = h("div", {}, this.bars, this.numbers);
  }

  async open() {
    const { data, total } = await api.usage();
    if (!data.length) return fill(this.bars, h("p", { class: "empty" }, "Nothing yet."));
    const tones = new Tones(), days = [...new Set(data.map((row) => row.day))].sort().reverse(), of = (day) => data.filter((row) => row.day === day);
    const most = Math.max(...days.map((day) => of(day).reduce((sum, row) => sum + row.worker_seconds, 0)));
    fill(this.bars, days.map((day) => {
      const shown = new Shares(), rows = of(day);
      shown.show(rows.map((row) => ({ name: row.kind, value: row.worker_seconds, tone: tones.of(row.kind), said: `${duration(row.worker_seconds)} of workers, ${row.jobs} job${row.jobs === 1 ? "" : "s"}` })), most, "");
      return h("div", { class: "day" }, h("h3", {}, day), shown.element);
    }));
    const row = (name, each) => [name, String(each.jobs), count(each.units), duration(each.worker_seconds), each.promises_made ? `${each.promises_kept} of ${each.promises_made}` : "none made"];
    this.numbers.append(table("Spent by day and kind", ["day and kind", "jobs", "units", "work", "promises kept"], [...data.map((each) => row(`${each.day} ${each.kind}`, each)), row("all", total)]));
  }

  close() {}
}
