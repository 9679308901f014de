/** What went wrong, in the service's own words: what, where, and what to do about it. */

import { h } from "./dom.js";

/** An alert for an error of a call; others are thrown on, they are mistakes of ours. */
export function complaint(error, title = "") {
  const problem = error.problem;
  if (!problem) throw error;
  const fields = (problem.errors || []).filter((each) => each.pointer || each.detail !== problem.detail);
  return h("div", { class: "trouble", role: "alert" },
    h("strong", {}, title || problem.title),
    h("p", {}, problem.detail),
    fields.length > 0 && h("ul", {}, fields.map((each) => h("li", {}, each.pointer && h("code", {}, each.pointer), each.pointer && " ", each.detail))),
    problem.reachable && h("p", {}, `Within reach: ${JSON.stringify(problem.reachable)}${problem.earliest ? `; earliest ${problem.earliest}` : ""}`),
    problem.request_id && h("p", { class: "soft" }, `Request ${problem.request_id}`));
}
