/** Single controls: choices, numbers, names of the catalogue, text, moments, lists of numbers, and JSON for what is left. */

import { h } from "../dom.js";
import { first, words } from "./schema.js";
import { parsed, understood, written } from "./numbers.js";
import { pretty } from "./pretty.js";

let fresh = 0;
const LONG = 200; // characters from which on a text gets lines of its own

/** A labelled control as a part of a form: see `make.js`. `value()` reads it, and throws on what it cannot read. */
export function labelled(name, schema, required, input, value) {
  const id = `field-${fresh++}`, wrong = h("span", { class: "wrong", id: `${id}-wrong` });
  const help = schema.description ? h("span", { class: "help", id: `${id}-help` }, first(schema.description)) : null;
  input.id = id;
  input.name = name;
  input.setAttribute("aria-describedby", `${id}-wrong${help ? ` ${id}-help` : ""}`);
  if (required) input.setAttribute("aria-required", "true");
  const element = h("div", { class: `field ${input.tagName === "TEXTAREA" ? "broad" : ""}` },
    h("label", { for: id }, words(name), required && h("span", { class: "needed" }, " needed")), input, wrong, help);
  const part = {
    element,
    find: () => part,
    focus: () => input.focus(),
    clear: () => part.mark(""),
    mark(text) {
      wrong.textContent = text;
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
    read(errors, at) {
      try {
        return value();
      } catch (error) {
        errors.push({ pointer: at, detail: error.message });
        return undefined;
      }
    },
  };
  return part;
}

const typed = (value) => (value === undefined || value === null ? "" : String(value));
const fallback = (of) => (of.default === undefined || of.default === null ? "" : typeof of.default === "object" ? JSON.stringify(of.default).slice(0, 80) : String(of.default));
const lines = (text) => String(Math.min(14, Math.max(2, text.split("\n").length)));

/** One of a few. An unknown value stays, so that the service can say what is wrong with it. */
export function choice(name, of, value, required, options = (of.enum ?? [true, false]).map((each) => [String(each), String(each)])) {
  const shown = [...options], given = typed(value);
  if (given && !shown.some(([each]) => each === given)) shown.push([given, given]);
  const usual = required ? "choose …" : fallback(of) ? `default: ${fallback(of)}` : "default";
  const input = h("select", {}, h("option", { value: "" }, usual), shown.map(([each, text]) => h("option", { value: each }, text)));
  input.value = given;
  const long = shown.some(([, said]) => said.length > 32), part = labelled(name, of, required, input, () => (input.value === "" ? undefined : of.type === "boolean" ? input.value === "true" : input.value));
  if (long) part.element.classList.add("twice");
  return part;
}

export function number(name, of, value, required) {
  const input = h("input", { type: "number", placeholder: fallback(of), value: typed(value), min: of.minimum ?? of.exclusiveMinimum, max: of.maximum ?? of.exclusiveMaximum, step: of.type === "integer" ? "1" : "any" });
  return labelled(name, of, required, input, () => {
    if (input.validity.badInput) throw new Error("this is no number");
    return input.value === "" ? undefined : Number(input.value);
  });
}

export function text(name, of, value, required) {
  const given = typed(value), formula = (of.maxLength ?? 0) === 2000 || /expression/.test(name), long = (of.maxLength ?? 0) > 2000 || given.includes("\n");
  const options = { placeholder: fallback(of), value: given, maxlength: of.maxLength, class: formula ? "formula" : "", spellcheck: formula ? "false" : null, autocomplete: "off" };
  const input = long ? h("textarea", { ...options, rows: lines(given) }) : h("input", { type: "text", ...options });
  const made = labelled(name, of, required, input, () => (input.value === "" ? undefined : input.value));
  if (long || formula || (of.maxLength ?? 0) > LONG) made.element.classList.add("broad");
  return made;
}

/** A moment of the user's own clock, sent as UTC. */
export function moment(name, of, value, required) {
  const local = (at) => new Date(at.getTime() - 60_000 * at.getTimezoneOffset()).toISOString().slice(0, 16);
  const input = h("input", { type: "datetime-local", value: value ? local(new Date(value)) : "" });
  return labelled(name, of, required, input, () => (input.value === "" ? undefined : new Date(input.value).toISOString()));
}

/** Numbers with commas between them, a row a line. */
export function numbers(name, of, value, required, shape) {
  const given = written(value), long = given.includes("\n") || given.length > 48 || shape.broad;
  const hint = shape.list ? "1, 2, 3" : fallback(of) || "0.5  or  1, 2, 3";
  const input = long ? h("textarea", { rows: lines(given), value: given, spellcheck: "false", placeholder: shape.table ? "a row a line: 1, 0, 0" : hint })
    : h("input", { type: "text", value: given, placeholder: fallback(of) || hint, spellcheck: "false", autocomplete: "off", class: "formula" });
  return labelled(name, of, required, input, () => shape.made(understood(input.value)));
}

/** A formula, or a list or table as JSON. */
export function mixed(name, of, value, required) {
  const given = value === undefined ? "" : typeof value === "string" ? value : pretty(value);
  const input = given.includes("\n") ? h("textarea", { rows: lines(given), value: given, spellcheck: "false" }) : h("input", { type: "text", class: "formula", value: given, spellcheck: "false", autocomplete: "off" });
  const made = labelled(name, of, required, input, () => (input.value.trim() === "" ? undefined : /^\s*\[/.test(input.value) ? parsed(input.value) : input.value));
  made.element.classList.add("broad");
  return made;
}

export function json(name, of, value, required) {
  const given = value === undefined ? "" : pretty(value);
  const input = h("textarea", { rows: lines(given), value: given, spellcheck: "false", placeholder: fallback(of) || "JSON" });
  return labelled(name, of, required, input, () => (input.value.trim() === "" ? undefined : parsed(input.value)));
}
