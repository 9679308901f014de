/** Answers with their chances, the tree that the first chain walked, the Bellman gauge, and traces. */

import { clipped, decided } from "../answers.js";
import { Chart } from "../charts.js";
import { fill, h, write } from "../dom.js";
import { whiskers } from "../intervals.js";
import { AGAINST, along, axes } from "../record.js";
import { count, number, short } from "../words.js";
import { paths, tree } from "./tree.js";

const LINES = ["accent", "warm", "third", "fourth", "fifth"];

export class Reasoning {
  constructor() {
    this.answers = h("div");
    this.best = h("div");
    this.tree = h("div", { class: "tree" });
    this.gauge = h("div");
    this.depth = new Chart("Steps that the first chain kept, and where its path ended, move by move");
    this.trace = new Chart("Chances of the leading answers");
    this.mixing = h("p", { class: "soft" });
    const panel = (id, title, ...inside) => h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), ...inside);
    this.lead = panel("answers", "Answers", this.answers, this.best);
    this.element = h("div", {},
      h("div", { class: "pair" }, panel("tree", "Where the first chain went", this.tree), panel("gauge", "Bellman error by depth", this.gauge)),
      panel("traces", "Traces", this.trace.element, this.depth.element, this.mixing));
  }

  show(record) {
    const { last, told } = record, notes = last.diagnostics;
    if (!Array.isArray(notes.answers)) return;
    this.show_answers(notes, last, told?.interval);
    fill(this.tree, notes.tree?.length ? tree(notes.tree) : h("p", { class: "soft" }, "It has not moved yet."));
    this.show_gauge(notes.gauge || []);
    this.show_depth(notes.tree || []);
    this.show_trace(record, notes);
    const told_of = [`${count(notes.steps)} steps of ${notes.chains} chains, ${count(notes.moved)} changed a path`,
      notes.r_hat !== null && `R-hat ${notes.r_hat.toFixed(3)}${notes.r_hat > 1.1 ? ": chains do not agree yet" : ""}`,
      notes.effective_steps && `${count(notes.effective_steps)} effective steps`];
    write(this.mixing, told_of.filter(Boolean).join(" · "));
  }

  show_answers(notes, last, interval) {
    const rows = notes.answers.map((name, i) => {
      const [value, lower, upper] = [last.estimate.value[i], interval?.lower[i], interval?.upper[i]];
      const half = lower === undefined || lower === null ? null : (upper - lower) / 2;
      return { name: clipped(name), value, lower, upper, tone: name === notes.leader ? "lead" : "", said: value === null ? "not known yet" : `${number(value, half)}${half === null ? "" : ` (${number(lower, half)} to ${number(upper, half)})`}` };
    });
    rows.sort((a, b) => (a.name === "other") - (b.name === "other") || (b.value || 0) - (a.value || 0));
    const verdict = notes.leader === null ? "No answer yet." : `${clipped(notes.leader)} ${decided(interval) ? "is decided" : "leads"}.`;
    fill(this.answers, h("p", {}, verdict), whiskers("Chances of the answers, with their intervals", ["answer", "", "chance"], rows, { range: [0, 1] }));
    const best = notes.leading || notes.best;
    fill(this.best, best ? [h("h3", {}, `Best path to ${clipped(best.answer)}`), h("ol", { class: "steps" }, best.steps.map((step) => h("li", {}, clipped(step, 300))))] : null);
  }

  show_gauge(gauge) {
    const known = gauge.filter((each) => each.log_mean !== null);
    if (!known.length) return fill(this.gauge, h("p", { class: "soft" }, "Not measured yet."));
    const rows = known.map((each) => ({
      name: `depth ${each.depth}`, value: each.log_mean, lower: each.standard_error === null ? null : each.log_mean - 2 * each.standard_error,
      upper: each.standard_error === null ? null : each.log_mean + 2 * each.standard_error,
      said: `${number(each.log_mean, each.standard_error || 0.01)} (${count(each.pools)} pool${each.pools === 1 ? "" : "s"})`,
    }));
    fill(this.gauge, whiskers("Log of what follows over what values promised, by depth; 0 for perfect values", ["depth", "", "log error"], rows, { mark: 0 }),
      h("p", { class: "soft" }, "Above 0 the verifier promised too little, below 0 too much. It says how well chains are steered, not whether answers are right."));
  }

  show_depth(moves) {
    this.depth.element.hidden = moves.length < 2;
    if (moves.length < 2) return;
    const ends = paths(moves).slice(1).map((path) => path.length);
    const look = { x: { whole: true, label: "move (the last ones)", format: String }, y: { whole: true, label: "steps", format: String }, lines: [{ label: "path ends at", colour: "accent", points: 5 }, { label: "kept", colour: "warm", points: 5 }] };
    this.depth.draw([moves.map((_, i) => i + 1), ends, moves.map((move) => move.kept)], look, `The last ${moves.length} moves of the first chain; it went back to step ${Math.min(...moves.map((m) => m.kept))} at the furthest`);
  }

  show_trace(record, notes) {
    const against = axes(record)[0], points = against ? along(record, against) : [];
    const ranked = notes.answers.map((name, i) => [i, name]).sort((a, b) => (record.last.estimate.value[b[0]] || 0) - (record.last.estimate.value[a[0]] || 0)).slice(0, LINES.length);
    this.trace.element.hidden = !points.some((p) => p.refinement.estimate.value.some(Number.isFinite));
    if (this.trace.element.hidden) return;
    const look = { x: { log: true, label: AGAINST[against] }, y: { label: "chance", range: [0, 1] }, lines: ranked.map(([, name], k) => ({ label: clipped(name, 24), colour: LINES[k], points: 4 })) };
    const data = [points.map((p) => p.x), ...ranked.map(([i]) => points.map((p) => p.refinement.estimate.value[i] ?? null))];
    this.trace.draw(data, look, `Chances against ${AGAINST[against]}: ${ranked.map(([i, name]) => `${clipped(name, 24)} ${short(record.last.estimate.value[i])}`).join(", ")}`);
  }

  close() {
    this.trace.close();
    this.depth.close();
  }
}
