/** A new job: start from an example, fill in the form or its JSON, ask what it would cost, post it. */

import { api, intention } from "../api.js";
import { complaint } from "../complaint.js";
import { fill, h, say } from "../dom.js";
import { SpecForm } from "../form/form.js";
import { pretty } from "../form/pretty.js";
import { isObject } from "../form/schema.js";
import { Tabs } from "../form/tabs.js";
import { sooner_or_later } from "../later.js";
import { title_of } from "../titles.js";
import { planned } from "./planned.js";

const FORM = "Form", JSON_ = "JSON";

export class Create {
  title = "New job";

  constructor(again) {
    this.again = again;
    this.kind = h("select", { id: "kind", onchange: () => this.choose() });
    this.about = h("p", { class: "soft" });
    this.examples = h("div", { class: "examples", role: "group", "aria-label": "Start from an example" });
    this.fields = h("div");
    this.json = h("textarea", { id: "spec-json", rows: "28", spellcheck: "false" });
    this.tabs = new Tabs("How to write it", [[FORM, this.fields], [JSON_, h("div", { class: "field" }, h("label", { for: "spec-json" }, "The job, as it is posted to /v1/jobs"), this.json)]], (from) => this.carry(from));
    this.trouble = h("div");
    this.cost = h("div", { role: "status" });
    this.post = h("button", { type: "submit" }, "Create job");
    this.ask = h("button", { type: "button", class: "quiet", onclick: () => this.plan() }, "What would it cost?");
    const stale = () => fill(this.cost);
    this.form = h("form", { class: "create", novalidate: true, onsubmit: (event) => this.send(event), oninput: stale, onchange: stale },
      h("div", { class: "row start" }, h("label", { for: "kind" }, "Kind"), this.kind, this.about), this.examples, this.tabs.element,
      this.trouble, h("div", { class: "sending" }, h("div", { class: "row" }, this.post, this.ask), this.cost));
    this.form.hidden = true; // until there are kinds to choose from
    this.element = h("div", {}, h("h1", {}, this.title), this.form);
  }

  async open() {
    const [kinds, catalogue] = await Promise.all([api.kinds(), api.catalogue()]);
    this.kinds = kinds.data;
    this.catalogue = catalogue.data;
    this.form.hidden = false;
    fill(this.kind, this.kinds.map((kind) => h("option", { value: kind.name }, kind.name)));
    const kept = this.again && JSON.parse(sessionStorage.getItem("again") || "null");
    this.kind.value = kept ? kept.kind : this.kinds.some((kind) => kind.name === "surrogate") ? "surrogate" : this.kinds[0].name;
    this.choose();
    if (kept) this.start(stated(kept));
  }

  close() { this.closed = true; }

  choose() {
    this.info = this.kinds.find((kind) => kind.name === this.kind.value);
    this.about.textContent = this.info.summary;
    this.spec_form = new SpecForm(this.info, this.catalogue);
    fill(this.fields, this.spec_form.element);
    this.chips = this.info.examples.map((spec) => h("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => this.start(spec) }, title_of(spec) || spec.kind));
    fill(this.examples, h("span", { class: "soft" }, "Start from"), this.chips);
    this.start(this.info.examples[0]);
  }

  /** Show a spec in both views. */
  start(spec) {
    this.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(this.info.examples[i] === spec)));
    this.spec_form.fill(spec);
    this.json.value = pretty(spec);
    fill(this.trouble);
    fill(this.cost);
  }

  /** Take what one view says to the other; false where it cannot be read. */
  carry(from) {
    if (from === FORM) {
      const spec = this.spec();
      if (!spec) return false;
      this.json.value = pretty(spec);
      return true;
    }
    const spec = this.spec();
    if (!spec) return false;
    if (spec.kind !== this.info.name) {
      const known = this.kinds.find((kind) => kind.name === spec.kind);
      if (!known) return this.refuse([{ pointer: "/kind", detail: `known kinds: ${this.kinds.map((kind) => kind.name).join(", ")}` }]);
      this.kind.value = spec.kind;
      this.choose();
    }
    this.start(spec);
    return true;
  }

  /** What is written, in whichever view is open; null with the mistakes marked. */
  spec() {
    fill(this.trouble);
    if (this.tabs.now === FORM) {
      const { spec, errors } = this.spec_form.read();
      return errors.length ? this.refuse(errors) || null : spec;
    }
    try {
      const spec = JSON.parse(this.json.value);
      this.json.removeAttribute("aria-invalid");
      return spec;
    } catch (error) {
      this.json.setAttribute("aria-invalid", "true");
      this.json.focus();
      return this.refuse([{ pointer: "", detail: `this is no JSON: ${error.message}` }]) || null;
    }
  }

  refuse(errors) {
    this.show({ problem: { title: "Some fields cannot be read", detail: "Nothing was sent.", errors } });
    return false;
  }

  async send(event) {
    event.preventDefault();
    const spec = this.spec();
    if (!spec) return;
    const body = JSON.stringify(spec);
    if (this.body !== body) [this.body, this.key] = [body, intention()]; // the same again, after an error, is one job
    await this.busy(this.post, async () => {
      const job = await api.create(spec, this.key);
      say("Created");
      location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
    });
  }

  async plan() {
    const spec = this.spec();
    if (!spec) return;
    const shown = h("p", { class: "soft" }, "Running its pilot …"), going = () => this.cost.contains(shown) && !this.closed;
    fill(this.cost, shown);
    await this.busy(this.ask, async () => {
      const waiting = (job) => shown.append(" it takes longer, as job ", h("a", { href: `#/jobs/${job.id}` }, job.id));
      const plan = await sooner_or_later(await api.plan(spec), (job) => job.plan, going, waiting);
      if (plan && going()) fill(this.cost, planned(plan)); // or it is of a form that has changed since
    }, () => fill(this.cost));
  }

  async busy(button, what, failed = () => {}) {
    button.disabled = true;
    try {
      await what();
    } catch (error) {
      failed();
      this.show(error);
    } finally {
      button.disabled = false;
    }
  }

  /** Say what is wrong, and mark the fields that it is about. */
  show(error) {
    fill(this.trouble, complaint(error));
    const errors = error.problem.errors || [];
    if (this.tabs.now === FORM) this.spec_form.mark(errors);
  }
}

/** Without the fields that are null, as jobs have them; in lists null says something: nothing was seen. */
function stated(value) {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null).map(([name, each]) => [name, stated(each)]));
}
