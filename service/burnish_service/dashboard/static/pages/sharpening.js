/** The answer against what was spent, and its error with the rate, the floor and the forecast. */

import { half, names } from "../answers.js";
import { Chart } from "../charts.js";
import { fill, h, table } from "../dom.js";
import { whiskers } from "../intervals.js";
import { AGAINST, along, amount, axes, rate } from "../record.js";
import { number, short, spent } from "../words.js";

const MANY = 40;

export class Sharpening {
  constructor() {
    const again = () => this.record && this.show(this.record);
    this.output = h("select", { id: "output", onchange: again });
    this.against = h("select", { id: "against", onchange: again });
    this.choose = h("span", {}, h("label", { for: "output" }, "Output "), this.output);
    this.value = new Chart("Estimate and interval");
    this.error = new Chart("Error");
    this.waiting = h("p", { class: "soft", hidden: true }, "Nothing to draw yet: no replicate has an answer.");
    this.all = h("div");
    this.looks = h("div");
    this.numbers = h("details", { ontoggle: again }, h("summary", {}, "The numbers of every look"), this.looks);
    this.element = h("section", { class: "panel", "aria-labelledby": "sharpening", hidden: true },
      h("div", { class: "head" }, h("h2", { id: "sharpening" }, "How it sharpens"),
        h("div", { class: "row" }, this.choose, h("span", {}, h("label", { for: "against" }, "against "), this.against))),
      this.waiting, h("div", { class: "pair" }, this.value.element, this.error.element), this.all, this.numbers);
  }

  show(record) {
    this.record = record;
    const against = axes(record);
    this.element.hidden = against.length === 0;
    if (this.element.hidden) return;
    const labels = names(record.last);
    options(this.against, against.map((name) => [name, AGAINST[name]]));
    options(this.output, labels.map((name, i) => [String(i), name.slice(0, 60)]));
    this.choose.hidden = labels.length < 2;
    const points = along(record, this.against.value);
    if (!points.length) return;
    const i = Number(this.output.value) || 0;
    const known = points.some((p) => Number.isFinite(p.refinement.estimate.value[i] ?? NaN));
    this.waiting.hidden = known;
    if (known) this.draw_value(points, i, labels[i]);
    if (points.some((p) => p.refinement.worst > 0)) this.draw_error(points, record);
    this.draw_all(record, labels);
    if (this.numbers.open) this.list(record, i);
  }

  close() {
    this.value.close();
    this.error.close();
  }

  draw_value(points, i, label) {
    const value = points.map((p) => p.refinement.estimate.value[i] ?? null);
    const lower = points.map((p) => p.refinement.interval?.lower[i] ?? null), upper = points.map((p) => p.refinement.interval?.upper[i] ?? null);
    const told = lower.findLastIndex((each) => each !== null); // the newest interval holds until the next one
    if (told >= 0) [lower[lower.length - 1], upper[upper.length - 1]] = [lower[told], upper[told]];
    const look = {
      x: { log: true, label: AGAINST[this.against.value] }, y: { label: "estimate", range: around(value, lower, upper), said: (v) => String(Number(v.toPrecision(7))) },
      bands: [[2, 3, "band"]],
      lines: [{ label: "estimate", colour: "warm", points: points.length < 60 ? 5 : 0 }, { label: "upper", colour: "band-edge", width: 1.2 }, { label: "lower", colour: "band-edge", width: 1.2 }],
    };
    const width = told < 0 ? null : (upper[told] - lower[told]) / 2;
    this.value.retitle(`${label === "output 0" ? "Estimate" : label}, with its interval`);
    this.value.draw([points.map((p) => p.x), value, upper, lower], look, `Estimate ${number(value.at(-1), width)}${width === null ? "" : ` plus or minus ${short(width)}`} after ${points.length} refinements`);
  }

  draw_error(points, record) {
    const { last, job } = record, ahead = last.forecast, end = points.at(-1).x, units = amount(last, this.against.value) === end;
    const future = ahead && units ? Object.entries(ahead.error_at).map(([times, error]) => [parseFloat(times) * end, error]) : [];
    const x = [...points.map((p) => p.x), ...future.map(([at]) => at)], n = points.length;
    const pad = (values) => [...values, ...future.map(() => null)];
    const level = (value) => (value > 0 ? x.map(() => value) : x.map(() => null));
    const widest = points.map((p) => (p.refinement.widest > 0 ? p.refinement.widest : null));
    const look_at = widest.findLastIndex((value) => value !== null), ending = widest[look_at] ?? null; // between looks there is none
    const forecast = x.map((_, i) => (i === look_at ? ending : i >= n ? future[i - n][1] : null));
    const { abs_tol } = job.spec.budget, slope = rate(points);
    const lines = [
      { label: "half-width", colour: "accent", points: 6 }, { label: "standard error", colour: "soft", width: 1.2 },
      { label: "forecast", colour: "accent", dash: [5, 4], points: 4 }, { label: "floor", colour: "warm", dash: [2, 4] }, { label: "tolerance", colour: "good", dash: [8, 4] },
    ];
    const rows = [pad(widest), pad(points.map((p) => (p.refinement.worst > 0 ? p.refinement.worst : null))), forecast, level(ahead?.floor), level(abs_tol)];
    const shown = lines.map((_, i) => i).filter((i) => i < 2 || rows[i].some((v) => v !== null));
    const look = { x: { log: true, label: AGAINST[this.against.value] }, y: { log: true, label: "error" }, lines: shown.map((i) => lines[i]) };
    const measured = slope === null ? "" : `; measured rate ${slope.toFixed(2)}`;
    this.error.retitle(`Error of the worst output${measured}${ahead ? ` (theory ${ahead.rate})` : ""}`);
    const said = [`half-width ${short(ending)}`, `standard error ${short(points.at(-1).refinement.worst)}`, measured.slice(2), ahead?.floor > 0 && `floor ${short(ahead.floor)}`,
      ...future.map(([at, error]) => `forecast ${short(error)} at ${short(at)}`)].filter(Boolean).join(", ");
    this.error.draw([x, ...shown.map((i) => rows[i])], look, `Error on logarithmic axes: ${said}`);
  }

  /** Many outputs side by side; answers of kind reasoning have a panel of their own. */
  draw_all({ last, told, job }, labels) {
    if (labels.length < 2 || job.kind === "reasoning" || labels.length > MANY) return fill(this.all);
    const groups = labels.map((name) => name.split("[")[0]); // a mean and a log evidence have no scale in common
    const rows = labels.map((name, i) => {
      const width = half(told?.interval, i), value = last.estimate.value[i];
      return { name, value, group: groups[i], lower: told?.interval?.lower[i], upper: told?.interval?.upper[i], said: `${number(value, width)}${width === null ? "" : ` ± ${short(width)}`}` };
    });
    fill(this.all, whiskers("All outputs with their intervals", ["output", "", "estimate"], rows));
  }

  list(record, i) {
    const looks = record.history.filter((r) => r.interval || r === record.history.at(-1)).slice(-200);
    const rows = looks.map((r) => [String(r.blocks), spent(r.spent), number(r.estimate.value[i], half(r.interval, i)), short(half(r.interval, i)), short(r.estimate.standard_error[i])]);
    fill(this.looks, table("Looks, oldest first", ["blocks", "spent", "estimate", "half-width", "standard error"], rows));
  }
}

/** Where the answer is looked at: early intervals may be thousands of times wider than the last, and are cut off. */
function around(value, lower, upper) {
  const known = (list) => list.filter((v) => v !== null && Number.isFinite(v));
  const values = known(value), low = known(lower), high = known(upper);
  if (!values.length) return undefined;
  const late = values.slice(-Math.max(12, Math.ceil(values.length / 2)));
  let [from, to] = [Math.min(...late), Math.max(...late)];
  if (low.length) {
    const k = Math.max(0, low.length - 4);
    [from, to] = [Math.min(from, Math.max(low[k], low.at(-1) - 6 * (high.at(-1) - low.at(-1)))), Math.max(to, Math.min(high[k], high.at(-1) + 6 * (high.at(-1) - low.at(-1))))];
  }
  const room = 0.08 * (to - from || Math.abs(to) || 1);
  return [from - room, to + room];
}

function options(select, wanted) {
  const key = JSON.stringify(wanted);
  if (select.dataset.key === key) return;
  const chosen = select.value;
  select.dataset.key = key;
  fill(select, wanted.map(([value, text]) => h("option", { value }, text)));
  if (wanted.some(([value]) => value === chosen)) select.value = chosen;
}
