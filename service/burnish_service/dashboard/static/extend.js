/** What each extra budget buys, each with its button. */

import { api, intention } from "./api.js";
import { fill, h, say } from "./dom.js";
import { complaint } from "./complaint.js";
import { AMOUNTS, LIVE, budget, duration, short } from "./words.js";

const SPENT = ["seconds", "worker_seconds", "gpu_seconds", "units", "tokens", "verifier_calls"];
const WHOLE = new Set(["units", "tokens", "verifier_calls"]);

/** The budget to add so that the job spends `times` what it has spent; null where it has that much already. */
export function more(job, last, times, error) {
  const asked = job.spec.budget, found = {};
  for (const name of SPENT) {
    if (!asked[name]) continue;
    const lacking = times * last.spent[name] - asked[name];
    if (lacking > 0) found[name] = WHOLE.has(name) ? Math.ceil(lacking) : Number(lacking.toPrecision(3));
  }
  if (error && asked.abs_tol && error < asked.abs_tol) found.abs_tol = Number(error.toPrecision(2));
  const half = last.forecast?.half_width;
  if (error && asked.rel_tol && half && error < half) found.rel_tol = Number((asked.rel_tol * (error / half)).toPrecision(2));
  if (asked.deadline && !LIVE.has(job.status)) {
    found.deadline = new Date(Date.now() + 1000 * Math.max(60, 2 * times * last.spent.seconds)).toISOString();
  }
  return Object.keys(found).length ? found : null;
}

/** `adds 7 min 40 s, aims at ±3.6e-4`. */
function adding({ abs_tol, rel_tol, deadline, ...amounts }) {
  const parts = [Object.keys(amounts).length > 0 && `adds ${budget(amounts).replaceAll(" or ", " and ")}`];
  if (abs_tol || rel_tol) parts.push(`aims at ${budget({ abs_tol, rel_tol })}`);
  if (deadline) parts.push(`deadline ${budget({ deadline }).replace("by ", "")}`);
  return parts.filter(Boolean).join(", ");
}

export const extendable = (job) => LIVE.has(job.status) || ["completed", "cancelled"].includes(job.status);

/** The panel; `extended(job)` when the service has taken it. */
export class Extend {
  constructor(extended) {
    this.extended = extended;
    this.rows = h("div", { class: "offers" });
    this.trouble = h("div");
    this.amount = h("input", { type: "number", min: "0", step: "any", required: true, value: "10", id: "more-amount", "aria-label": "How much more" });
    this.unit = h("select", { "aria-label": "Of what" });
    this.form = h("form", { class: "row", onsubmit: (event) => this.own(event) },
      h("label", { for: "more-amount" }, "Or your own:"), this.amount, this.unit, h("button", {}, "Think longer"));
    this.element = h("section", { class: "panel", "aria-labelledby": "more" },
      h("h2", { id: "more" }, "What more would buy"), this.rows, this.form, this.trouble);
    this.signature = "";
  }

  show(job, last) {
    this.job = job;
    this.element.hidden = !last || !extendable(job);
    this.rows.hidden = last?.observation !== null;
    if (!last || this.element.hidden) return;
    const offers = this.offers(job, last), signature = JSON.stringify(offers);
    if (signature === this.signature) return;
    this.signature = signature;
    const focused = [...this.rows.querySelectorAll("button")].indexOf(document.activeElement);
    fill(this.rows, offers.map((offer) => this.row(offer)));
    if (focused >= 0) this.rows.querySelectorAll("button")[focused]?.focus();
    this.units(job);
  }

  offers(job, last) {
    const errors = last.forecast?.error_at || {};
    if (last.observation !== null) return []; // what was answered stays; more budget is for further observations
    const times = Object.keys(errors).length ? Object.keys(errors) : ["2x", "10x"];
    return times.map((name) => ({
      name,
      error: errors[name] ?? null,
      seconds: Number(`${(last.spent.seconds * (parseFloat(name) - 1)).toPrecision(2)}`),
      body: more(job, last, parseFloat(name), errors[name]),
    }));
  }

  row({ name, error, seconds, body }) {
    const buys = error === null ? "no forecast yet" : `± ${short(error)}`;
    const button = h("button", { disabled: !body, onclick: () => this.send(body) }, "Think longer");
    button.setAttribute("aria-label", `Think longer: ${name} compute, ${buys}`);
    return h("div", { class: "offer" },
      h("span", { class: "times" }, `${name.replace("x", "×")} compute`),
      h("span", { class: "buys" }, buys),
      h("span", { class: "soft" }, body ? `${adding(body)}; about ${duration(seconds)} of running` : "within its budget already"),
      button);
  }

  units(job) {
    const known = SPENT.filter((name) => name in AMOUNTS && (name !== "tokens" || job.kind === "reasoning") && (name !== "verifier_calls" || job.kind === "reasoning"));
    const chosen = this.unit.value || SPENT.find((name) => job.spec.budget[name]) || "abs_tol";
    const options = [...known.map((name) => [name, `more ${AMOUNTS[name]}`]), ["abs_tol", "as absolute tolerance"], ["rel_tol", "as relative tolerance"]];
    if (this.unit.options.length === options.length) return;
    fill(this.unit, options.map(([value, text]) => h("option", { value }, text)));
    this.unit.value = chosen;
  }

  own(event) {
    event.preventDefault();
    const value = Number(this.amount.value);
    this.send({ [this.unit.value]: WHOLE.has(this.unit.value) ? Math.round(value) : value });
  }

  async send(body) {
    fill(this.trouble);
    try {
      const job = await api.extend(this.job.id, body, intention());
      say(`Thinking longer: ${adding(body)}`);
      this.extended(job);
    } catch (error) {
      fill(this.trouble, complaint(error));
    }
  }
}
