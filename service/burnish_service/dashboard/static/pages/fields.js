/** Controls for the properties of a JSON schema: choices, numbers and switches as such, all else as JSON. */

import { h } from "../dom.js";

let fresh = 0;

/** The schema without the alternative null. */
function plain(schema) {
  const others = (schema.anyOf || []).filter((each) => each.type !== "null");
  return others.length === 1 && schema.anyOf.length === 2 ? { ...schema, ...others[0], description: schema.description || others[0].description } : schema;
}

/** {element, input, required, read(), mark(text)}: `read` gives undefined where nothing is said, and throws on bad JSON. */
export function control(name, schema, value, required = false) {
  const of = plain(schema), id = `field-${name}-${fresh++}`, kind = kind_of(of);
  const input = MAKE[kind](of, value);
  input.id = id;
  const wrong = h("span", { class: "wrong", id: `${id}-wrong` });
  const help = of.description ? h("span", { class: "help", id: `${id}-help` }, of.description) : null;
  input.setAttribute("aria-describedby", `${id}-wrong${help ? ` ${id}-help` : ""}`);
  input.name = name;
  const element = h("div", { class: `field ${kind}` }, h("label", { for: id }, name.replaceAll("_", " "), required ? h("span", { class: "soft" }, " (needed)") : null), input, wrong, help);
  const mark = (text) => {
    wrong.textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  return { element, input, required, mark, read: () => READ[kind](input, of) };
}

function kind_of(schema) {
  if (schema.enum) return "choice";
  if (schema.type === "boolean") return "choice";
  if (schema.type === "number" || schema.type === "integer") return "number";
  return schema.type === "string" ? "text" : "json";
}

const bounds = (of) => ({ min: of.minimum ?? of.exclusiveMinimum, max: of.maximum ?? of.exclusiveMaximum, step: of.type === "integer" ? "1" : "any" });
const said = (value) => (value === undefined || value === null ? "" : String(value));
const options = (of) => (of.type === "boolean" ? ["true", "false"] : of.enum.map(String));
const fallback = (of) => (of.default === undefined || of.default === null ? "default" : of.default === "no limit" ? of.default : `default: ${typeof of.default === "object" ? JSON.stringify(of.default) : of.default}`);

const MAKE = {
  choice: (of, value) => {
    const select = h("select", {}, h("option", { value: "" }, fallback(of)), options(of).map((each) => h("option", { value: each }, each)));
    select.value = said(value);
    return select;
  },
  number: (of, value) => h("input", { type: "number", placeholder: fallback(of), value: said(value), ...bounds(of) }),
  text: (of, value) => h("input", { type: "text", placeholder: fallback(of), value: said(value), maxlength: of.maxLength }),
  json: (of, value) => {
    const text = value === undefined ? "" : pretty(value);
    return h("textarea", { rows: String(Math.min(14, Math.max(1, text.split("\n").length))), placeholder: fallback(of).slice(0, 120), spellcheck: "false", value: text });
  },
};

const READ = {
  choice: (input, of) => (input.value === "" ? undefined : of.type === "boolean" ? input.value === "true" : input.value),
  number: (input) => {
    if (input.validity.badInput) throw new Error("this is no number");
    return input.value === "" ? undefined : Number(input.value);
  },
  text: (input) => (input.value === "" ? undefined : input.value),
  json: (input) => {
    if (input.value.trim() === "") return undefined;
    try {
      return JSON.parse(input.value);
    } catch (error) {
      throw new Error(`this is no JSON: ${error.message}`);
    }
  },
};

/** JSON in few lines: what fits into one is not broken. */
function pretty(value, under = "") {
  const line = JSON.stringify(value, null, 1).replace(/\s*\n\s*/g, " ");
  if (line.length + under.length <= 100 || value === null || typeof value !== "object") return line;
  const inner = `${under}  `, list = Array.isArray(value);
  const items = list ? value.map((each) => pretty(each, inner)) : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${pretty(each, inner)}`);
  return `${list ? "[" : "{"}\n${inner}${items.join(`,\n${inner}`)}\n${under}${list ? "]" : "}"}`;
}

/** The values of controls by name, and what cannot be read. */
export function read(controls, under) {
  const values = {}, errors = [];
  for (const [name, each] of controls) {
    each.mark("");
    try {
      const value = each.read();
      if (value !== undefined) values[name] = value;
    } catch (error) {
      errors.push({ pointer: `${under}/${name}`, detail: error.message });
    }
  }
  return { values, errors };
}
