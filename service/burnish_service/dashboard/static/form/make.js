/**
 * Forms from JSON schemas. A part of a form is {element, read(errors, at), find(steps), mark(text), clear(), focus()}:
 * `read` gives its value, undefined where nothing is said, and adds {pointer, detail} for what it cannot read; `find` the
 * innermost part that a JSON pointer leads to.
 */

import { choice, json, mixed, moment, number, numbers, text } from "./controls.js";
import { Alternatives, Group } from "./groups.js";
import { Checks, Pairs, Rows } from "./lists.js";
import { depths, isObject } from "./schema.js";

const MANY = 40; // rows from which on a list is better read as JSON
const UPLOADED = new Set(["Array", "ArrayReference"]); // what stands for nested numbers, as JSON
const NAMES = { NamedProblem: ["name", "problem"], NamedSurrogate: ["name", "model"], NamedPrior: ["name", "prior"], NamedDynamics: ["name", "dynamics"], LanguageProblem: ["model", "language"] };

/** The part for a property. `within`: the name of the structure that has it. */
export function make(schemas, name, schema, value, required = false, within = "") {
  const of = schemas.plain(schema);
  if ("const" in of) return constant(of.const);
  const many = several(schemas, name, of, value, required);
  if (many) return many;
  if (of.type === "array") return list(schemas, name, of, value, required);
  if (of.type === "object") return structure(schemas, name, of, value, required);
  return single(schemas, name, of, value, required, within);
}

function single(schemas, name, of, value, required, within) {
  const [property, type] = NAMES[within] || [];
  if (property === name) return choice(name, of, value, required, schemas.names(type));
  if (of.enum || of.type === "boolean") return choice(name, of, value, required);
  if (of.type === "number" || of.type === "integer") return number(name, of, value, required);
  if (of.type !== "string") return json(name, of, value, required);
  return of.format === "date-time" ? moment(name, of, value, required) : text(name, of, value, required);
}

/** Where there is more than one way to say it; null where there is one. */
function several(schemas, name, of, value, required) {
  const all = schemas.alternatives(of), plain = all.filter((each) => !UPLOADED.has(each.of));
  const deep = plain.length && depths(schemas, { oneOf: plain });
  if (deep && (all.length > 1 || of.type === "array")) return numbers(name, of, value, required, shaped(deep));
  if (all.length < 2) return null;
  if (all.every((each) => each.type === "string" || each.type === "array" || each.type === "number") && all.some((each) => each.type === "string")) return mixed(name, of, value, required);
  return new Alternatives(schemas, make, name, of, value, required);
}

/** How what was typed becomes a list of the depth that is asked for. */
function shaped(deep) {
  const least = Math.min(...deep), most = Math.max(...deep);
  const depth = (value) => (Array.isArray(value) ? 1 + (value.length ? depth(value.find((each) => each !== null) ?? 0) : 0) : 0);
  const made = (value) => {
    if (value === undefined || isObject(value) || typeof value === "string") return value;
    let found = value;
    while (depth(found) < least) found = [found];
    return found;
  };
  return { list: least > 0, table: least > 1, broad: most > 1 && least > 0, made };
}

function list(schemas, name, of, value, required) {
  const item = schemas.plain(of.items || {}), asRows = item.properties && !schemas.endless(item);
  if (item.enum) return new Checks(name, of, value, required);
  if (asRows && (value === undefined || (Array.isArray(value) && value.length <= MANY))) return new Rows(schemas, make, name, of, value, required);
  return json(name, of, value, required);
}

function structure(schemas, name, of, value, required) {
  const asked = value === undefined || isObject(value);
  if (of.properties && asked && !schemas.endless(of)) return new Group(schemas, make, name, of, value, required);
  const inner = isObject(of.additionalProperties) && schemas.plain(of.additionalProperties);
  if (inner && asked && (inner.type === "string" || inner.type === "number")) return new Pairs(name, of, value, inner.type);
  return json(name, of, value, required);
}

/** What can only be one thing needs no control. */
function constant(value) {
  const part = { element: null, fixed: true, read: () => value, find: () => null, mark() {}, clear() {}, focus() {} };
  return part;
}
