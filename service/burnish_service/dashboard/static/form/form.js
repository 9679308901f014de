/** A job's spec as a form: the question, its budget, and all other settings, from the kind's schema. */

import { fill, h } from "../dom.js";
import { make } from "./make.js";
import { Schemas, isObject } from "./schema.js";

const FIRST = ["problem", "surrogate", "points", "prior", "observation", "reward", "dynamics", "initial", "observe", "observations", "outputs", "method", "verifier"];
const HIDDEN = new Set(["kind", "budget", "resolution"]);
const OFTEN = ["seconds", "abs_tol", "rel_tol", "units", "tokens"];

/** Without what is null: a job that was asked once spells out its defaults. */
const stripped = (value) => (isObject(value) ? Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null)) : value);

export class SpecForm {
  /** `info`: of a kind, as /v1/kinds gives it; `catalogue`: its entries. */
  constructor(info, catalogue) {
    this.info = info;
    const entries = catalogue.filter((entry) => entry.kind === info.name);
    const named = (type) => entries.filter((entry) => entry.type === type).map(({ name, summary }) => [name, summary && summary !== name ? `${name} – ${summary.slice(0, 70)}` : name]);
    this.schemas = new Schemas(info.spec, named);
    this.element = h("div");
  }

  /** Show a spec. What the form has no control for is kept. */
  fill(spec) {
    const { properties, required = [] } = this.info.spec;
    this.kept = Object.fromEntries(Object.entries(spec).filter(([name]) => name === "resolution" || !(name in properties)));
    const names = Object.keys(properties).filter((name) => !HIDDEN.has(name));
    const order = [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name))];
    this.parts = new Map(order.map((name) => [name, make(this.schemas, name, properties[name], spec[name] ?? undefined, required.includes(name))]));
    this.budget = new Map(this.amounts().map(([name, schema]) => [name, make(this.schemas, name, schema, spec.budget?.[name] ?? undefined)]));
    const usual = (name) => JSON.stringify(stripped(spec[name])) === JSON.stringify(stripped(properties[name].default));
    const main = order.filter((name) => required.includes(name) || ((spec[name] ?? null) !== null && !usual(name))), rest = order.filter((name) => !main.includes(name));
    const elements = (found, parts) => found.map((name) => parts.get(name).element);
    const often = [...this.budget.keys()].filter((name) => OFTEN.includes(name) && (name !== "tokens" || this.info.name === "reasoning") || spec.budget?.[name]);
    const seldom = [...this.budget.keys()].filter((name) => !often.includes(name));
    this.wrong = h("p", { class: "wrong" });
    fill(this.element, h("fieldset", { class: "part" }, h("legend", {}, "Question"), h("div", { class: "grid" }, elements(main, this.parts))),
      h("fieldset", { class: "part" }, h("legend", {}, "Budget"), h("p", { class: "help" }, "The first that is reached ends the job; leave blank what does not matter. A tolerance is met when every half-width is within it."), this.wrong,
        h("div", { class: "grid narrow" }, elements(often, this.budget)),
        h("details", { class: "group" }, h("summary", {}, "other limits"), h("div", { class: "grid narrow" }, elements(seldom, this.budget)))),
      h("details", { class: "part" }, h("summary", {}, "More settings", h("span", { class: "soft" }, ` – ${rest.length}, all with defaults`)), h("div", { class: "grid" }, elements(rest, this.parts))));
  }

  amounts() {
    const all = Object.entries(this.schemas.plain(this.info.spec.properties.budget).properties);
    const rank = ([name]) => (OFTEN.includes(name) ? OFTEN.indexOf(name) : OFTEN.length);
    return all.sort((one, other) => rank(one) - rank(other));
  }

  /** {spec, errors}: what the form says, and what of it cannot be read. */
  read() {
    const errors = [], read = (parts, at) => Object.fromEntries([...parts].map(([name, part]) => [name, part.read(errors, `${at}/${name}`)]).filter(([, value]) => value !== undefined));
    this.clear();
    return { spec: { kind: this.info.name, ...read(this.parts, ""), budget: read(this.budget, "/budget"), ...this.kept }, errors };
  }

  clear() {
    this.wrong.textContent = "";
    for (const part of [...this.parts.values(), ...this.budget.values()]) part.clear();
  }

  /** Mark what is wrong where it is, and go to the first of it. Returns those that have no place in the form. */
  mark(errors) {
    let at = null;
    const homeless = [];
    for (const { pointer, detail } of errors) {
      const steps = pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~")), part = this.find(steps);
      if (part) part.mark(detail);
      else if (steps[0] === "budget") this.wrong.textContent = detail;
      else homeless.push({ pointer, detail });
      at = at || part;
    }
    if (!at) return homeless;
    for (let each = at.element?.closest("details") || null; each; each = each.parentElement.closest("details")) each.open = true;
    at.focus();
    return homeless;
  }

  find([top, ...steps]) {
    if (top === "budget") return this.budget.get(steps[0])?.find(steps.slice(1)) || null;
    return this.parts.get(top)?.find(steps) || null;
  }
}
