/** What a job would cost and reach, before it is paid for. */

import { h } from "../dom.js";
import { count, duration, short } from "../words.js";

export function planned(plan) {
  const { seconds, goal } = plan, range = seconds.upper > seconds.lower ? `${duration(seconds.lower)} to ${duration(seconds.upper)}` : "";
  const figure = (name, value, note) => h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value, note && h("span", { class: "note" }, note)));
  return h("div", {},
    h("dl", { class: "figures" },
      figure("would take", duration(seconds.estimate), [range, `on ${plan.workers} workers with nobody else`].filter(Boolean).join(", ")),
      figure("would spend", `${count(plan.units)} units`, `${duration(plan.worker_seconds)} of workers`),
      figure("worst half-width", plan.half_width === null ? "not known" : `± ${short(plan.half_width)}`, goal && `asked for ± ${short(goal.tolerance)}`)),
    h("p", { class: goal && !goal.met ? "refused" : "noted" }, verdict(plan)),
    plan.fit && h("p", { class: "soft" }, `Training first: ${count(plan.fit.steps)} steps, ${duration(plan.fit.seconds)}.`));
}

function verdict({ goal, half_width, looks }) {
  const answers = `${looks?.length ?? "Some"} intervals on the way.`;
  if (!goal) return half_width === null ? "No width can be foretold." : answers;
  if (goal.met) return `The tolerance is within reach. ${answers}`;
  const needs = goal.seconds ? `it would take ${duration(goal.seconds.estimate)}${goal.units ? `, ${count(goal.units)} units` : ""}` : "no amount of sampling is known to reach it";
  return `The tolerance ± ${short(goal.tolerance)} is not within the budget: ${needs}. ${half_width === null ? "" : `Within the budget: ± ${short(half_width)}.`}`;
}
