/** Parts that hold parts: a structure with its properties, and a choice between structures. */

import { fill, h } from "../dom.js";
import { first, isObject, phrase, words } from "./schema.js";

let fresh = 0;

/** The properties of an object. Those that the schema does not know are kept as they are. */
export class Group {
  /** `bare`: without a frame, inside something that has one. */
  constructor(schemas, make, name, of, value, required, bare = false) {
    this.required = required;
    const given = value || {}, needed = new Set(of.required || []);
    this.parts = new Map(Object.entries(of.properties).map(([each, schema]) => [each, make(schemas, each, schema, given[each] ?? undefined, needed.has(each), of.of)]));
    this.rest = Object.fromEntries(Object.entries(given).filter(([each]) => !(each in of.properties)));
    this.wrong = h("p", { class: "wrong" });
    const inside = h("div", { class: "grid" }, [...this.parts.values()].map((part) => part.element));
    this.inside = h("div", {}, this.wrong, inside); // for whatever has a frame already
    const help = of.description && h("p", { class: "help" }, first(of.description));
    this.element = bare ? this.inside : frame(words(name), required, value !== undefined, [help, this.inside]);
  }

  read(errors, at) {
    const found = {};
    let said = Object.keys(this.rest).length > 0;
    for (const [name, part] of this.parts) {
      const value = part.read(errors, `${at}/${name}`);
      if (value === undefined) continue;
      found[name] = value;
      said ||= !part.fixed;
    }
    return said || this.required ? { ...found, ...this.rest } : undefined;
  }

  find([step, ...steps]) {
    return (step !== undefined && this.parts.get(step)?.find(steps)) || this;
  }

  mark(text) { this.wrong.textContent = text; }

  clear() {
    this.mark("");
    for (const part of this.parts.values()) part.clear();
  }

  focus() { [...this.parts.values()].find((part) => part.element)?.focus(); }
}

/** A structure that must be there stands open; others are opened by whoever wants them. */
function frame(title, required, open, inside) {
  if (required) return h("fieldset", { class: "group broad" }, h("legend", {}, title, h("span", { class: "needed" }, " needed")), inside);
  return h("details", { class: "group broad", open }, h("summary", {}, title), inside);
}

/** One of several structures: which, and then its own parts. */
export class Alternatives {
  constructor(schemas, make, name, of, value, required) {
    Object.assign(this, { schemas, make, name, required });
    this.all = schemas.alternatives(of);
    const id = `choice-${fresh++}`;
    this.which = h("select", { id, onchange: () => this.choose(this.which.value) },
      !required && h("option", { value: "" }, isObject(of.default) ? `default: ${JSON.stringify(of.default)}` : "none"),
      this.all.map((each, i) => h("option", { value: String(i) }, titled(schemas, each))));
    this.about = h("p", { class: "help" });
    this.wrong = h("p", { class: "wrong", id: `${id}-wrong` });
    this.which.setAttribute("aria-describedby", this.wrong.id);
    this.body = h("div");
    this.element = h("fieldset", { class: "group broad" },
      h("legend", {}, h("label", { for: id }, words(name), required && h("span", { class: "needed" }, " needed"))), this.which,
      of.description && h("p", { class: "help" }, first(of.description)), this.about, this.wrong, this.body);
    const fit = value === undefined ? -1 : this.all.findIndex((each) => schemas.fits(value, each));
    this.choose(value === undefined ? (required ? "0" : "") : String(Math.max(0, fit)), value);
  }

  choose(which, value) {
    this.which.value = which;
    const of = this.all[Number(which)], given = which !== "";
    this.part = given ? this.make(this.schemas, this.name, { ...of, description: undefined }, value, true) : null;
    this.about.textContent = given ? first(of.description) : "";
    fill(this.body, this.part?.inside ?? this.part?.element);
  }

  read(errors, at) { return this.part ? this.part.read(errors, at) : undefined; }

  find(steps) {
    const found = steps.length ? this.part?.find(steps) : this;
    return !found || found === this.part ? this : found;
  }

  mark(text) {
    this.wrong.textContent = text;
    if (text) this.which.setAttribute("aria-invalid", "true");
    else this.which.removeAttribute("aria-invalid");
  }

  clear() {
    this.mark("");
    this.part?.clear();
  }

  focus() { this.which.focus(); }
}

function titled(schemas, of) {
  if (of.type === "array") return `${phrase(schemas.plain(of.items || {}).of || "number")}s, one by one`;
  return phrase(of.of || of.title || of.type || "JSON");
}
