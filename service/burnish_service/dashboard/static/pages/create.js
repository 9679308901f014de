/** A form for a new job, from its kind's schema and examples. */

import { api, intention } from "../api.js";
import { complaint } from "../complaint.js";
import { fill, h, say } from "../dom.js";
import { count, duration, short } from "../words.js";
import { control, read } from "./fields.js";

const FIRST = ["problem", "surrogate", "points", "prior", "observation", "reward", "dynamics", "initial", "observe", "observations", "outputs", "method", "seed"];
const HIDDEN = new Set(["kind", "budget", "resolution"]);

export class Create {
  title = "New job";

  constructor(again) {
    this.again = again;
    this.kind = h("select", { id: "kind", onchange: () => this.choose() });
    this.example = h("select", { id: "example", onchange: () => this.start(this.info.examples[Number(this.example.value)]) });
    this.about = h("p", { class: "soft" });
    this.fields = h("div");
    this.trouble = h("div");
    this.cost = h("div");
    this.post = h("button", { type: "submit" }, "Create job");
    this.ask = h("button", { type: "button", class: "quiet", onclick: () => this.plan() }, "What would it cost?");
    this.form = h("form", { class: "create", novalidate: true, onsubmit: (event) => this.send(event) },
      h("div", { class: "row" }, h("label", { for: "kind" }, "Kind "), this.kind, h("label", { for: "example" }, "Start from "), this.example),
      this.about, this.fields, this.trouble, this.cost, h("div", { class: "row" }, this.post, this.ask));
    this.element = h("div", {}, h("h1", {}, this.title), this.form);
  }

  async open() {
    this.kinds = (await api.kinds()).data;
    fill(this.kind, this.kinds.map((kind) => h("option", { value: kind.name }, kind.name)));
    const kept = this.again && JSON.parse(sessionStorage.getItem("again") || "null");
    this.kind.value = kept ? kept.kind : this.kinds.some((kind) => kind.name === "surrogate") ? "surrogate" : this.kinds[0].name;
    this.choose();
    if (kept) this.start(kept);
  }

  close() {}

  choose() {
    this.info = this.kinds.find((kind) => kind.name === this.kind.value);
    this.about.textContent = this.info.summary;
    fill(this.example, this.info.examples.map((spec, i) => h("option", { value: String(i) }, title_of(spec, i))));
    this.start(this.info.examples[0]);
  }

  /** Fill the form with a spec. */
  start(spec) {
    const { properties } = this.info.spec, defs = this.info.spec.$defs || {};
    const names = Object.keys(properties).filter((name) => !HIDDEN.has(name));
    const order = [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name))];
    this.controls = new Map(order.map((name) => [name, control(name, properties[name], spec[name], this.info.spec.required?.includes(name))]));
    const money = defs.Budget?.properties || {};
    this.money = new Map(Object.keys(money).map((name) => [name, control(name, { ...money[name], default: "no limit" }, spec.budget?.[name], false)]));
    const [main, rest] = [[], []];
    for (const [name, each] of this.controls) (spec[name] !== undefined || each.required ? main : rest).push(each.element);
    fill(this.fields, h("fieldset", {}, h("legend", {}, "Question"), main),
      h("fieldset", {}, h("legend", {}, "Budget: the first that is reached ends the job"), h("div", { class: "grid" }, [...this.money.values()].map((each) => each.element))),
      h("details", {}, h("summary", {}, `${rest.length} more settings, all with defaults`), rest));
    fill(this.trouble);
    fill(this.cost);
  }

  /** The spec, or null with the mistakes marked. */
  spec() {
    const found = { kind: this.info.name }, budget = read(this.money, "/budget"), rest = read(this.controls, "");
    const wrong = [...rest.errors, ...budget.errors];
    if (wrong.length) {
      this.show({ problem: { title: "Some fields cannot be read", detail: "Nothing was sent.", errors: wrong } });
      return null;
    }
    return { ...found, ...rest.values, budget: budget.values };
  }

  async send(event) {
    event.preventDefault();
    const spec = this.spec();
    if (!spec) return;
    const body = JSON.stringify(spec);
    if (this.body !== body) [this.body, this.key] = [body, intention()]; // the same again, after an error, is one job
    this.post.disabled = true;
    try {
      const job = await api.create(spec, this.key);
      say("Created");
      location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
    } catch (error) {
      this.show(error);
    } finally {
      this.post.disabled = false;
    }
  }

  async plan() {
    const spec = this.spec();
    if (!spec) return;
    this.ask.disabled = true;
    fill(this.cost, h("p", { class: "soft", role: "status" }, "Running its pilot …"));
    try {
      fill(this.cost, told(await api.plan(spec)));
      fill(this.trouble);
    } catch (error) {
      fill(this.cost);
      this.show(error);
    } finally {
      this.ask.disabled = false;
    }
  }

  /** Say what is wrong, and mark the fields that it is about. */
  show(error) {
    for (const each of [...this.controls.values(), ...this.money.values()]) each.mark("");
    fill(this.trouble, complaint(error));
    let first = null;
    for (const { pointer, detail } of error.problem.errors || []) {
      const [, top, second] = pointer.split("/");
      const field = top === "budget" ? this.money.get(second) || this.money.get("seconds") : this.controls.get(top);
      field?.mark(detail);
      first = first || field;
    }
    if (first) first.input.closest("details")?.setAttribute("open", "");
    (first?.input || this.post).focus();
  }
}

function told(plan) {
  if (plan.id) return h("p", { role: "status" }, "It takes longer: ", h("a", { href: `#/jobs/${plan.id}` }, "see the plan's job"), ".");
  const lines = [`About ${duration(plan.seconds.estimate)} (${duration(plan.seconds.lower)} to ${duration(plan.seconds.upper)}) on ${plan.workers} workers, ${count(plan.units)} units`,
    plan.half_width === null ? "no width can be foretold" : `the worst half-width would be ± ${short(plan.half_width)}`,
    plan.goal && (plan.goal.met ? `the tolerance ± ${short(plan.goal.tolerance)} is within the budget` : `the tolerance ± ${short(plan.goal.tolerance)} is not within the budget`)];
  return h("div", { class: "noted", role: "status" }, `${lines.filter(Boolean).join("; ")}.`);
}

/** An example in a few words. */
function title_of(spec, i) {
  const named = spec.problem?.name || spec.problem?.type || spec.prior?.name || spec.dynamics?.name;
  const parts = [named, spec.problem?.dim && `d = ${spec.problem.dim}`, spec.reward && "with a reward", spec.observation?.operator?.type, spec.problem && !named && "an equation of one's own", spec.prior?.mixture && "a mixture"];
  return `${i + 1}: ${parts.filter(Boolean).join(", ") || spec.kind}`;
}
