/** What a JSON schema asks for, as far as forms need it: references, alternatives, and which of them a value is. */

const SINGLE = new Set(["number", "integer", "string", "boolean"]);

/** The schemas of one kind. `names(type)`: what the catalogue lists of a type. */
export class Schemas {
  constructor(root, names) {
    this.defs = root.$defs || {};
    this.names = names;
  }

  /** Without reference and without the alternative null; what is said beside a reference goes before what it says. */
  plain(schema) {
    const { $ref, anyOf, ...beside } = schema;
    if ($ref) return this.plain({ ...this.defs[$ref.split("/").pop()], ...beside, of: $ref.split("/").pop() });
    const others = (anyOf || []).filter((each) => each.type !== "null");
    if (anyOf && others.length === 1) return { ...this.plain(others[0]), ...said(beside) };
    if (anyOf) return { ...beside, oneOf: others };
    return schema;
  }

  /** Its alternatives, flat; a schema without any is its only one. */
  alternatives(schema) {
    const plain = this.plain(schema);
    return plain.oneOf ? plain.oneOf.flatMap((each) => this.alternatives(each)) : [plain];
  }

  /** Whether a value may be meant as this: by its type, and by the names and constants of its properties. */
  fits(value, schema) {
    const of = this.plain(schema);
    if (of.oneOf) return of.oneOf.some((each) => this.fits(value, each));
    if ("const" in of) return value === of.const;
    if (of.enum) return of.enum.includes(value);
    if (of.type === "array") return Array.isArray(value) && value.slice(0, 3).every((each) => this.fits(each, of.items || {}));
    if (of.type === "object") return isObject(value) && this.agrees(value, of);
    if (of.type === "integer") return Number.isInteger(value);
    return SINGLE.has(of.type) ? typeof value === of.type : true;
  }

  agrees(value, { properties, required = [] }) {
    if (!properties) return true;
    const constant = (name) => "const" in properties[name] || properties[name].enum;
    return required.every((name) => name in value) && Object.keys(value).every((name) => name in properties && (!constant(name) || this.fits(value[name], properties[name])));
  }

  /** Whether a named structure holds itself: it has no end that a form could show. */
  endless(schema) {
    const top = this.plain(schema), seen = new Set();
    const within = (of) => [...Object.values(of.properties || {}), ...(of.oneOf || []), ...(of.items ? [of.items] : [])];
    const reached = (each) => {
      const of = this.plain(each);
      if (of.of && of.of === top.of) return true;
      if (of.of && seen.has(of.of)) return false;
      seen.add(of.of);
      return within(of).some(reached);
    };
    return Boolean(top.of) && within(top).some(reached);
  }
}

const said = (beside) => Object.fromEntries(Object.entries(beside).filter(([name, value]) => name !== "title" && (name !== "default" || value !== null)));

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** The depths of lists of numbers that are asked for: 0 for a number itself; null where there is anything else. */
export function depths(schemas, schema, depth = 0) {
  const of = schemas.plain(schema);
  if (of.oneOf) {
    const all = of.oneOf.map((each) => depths(schemas, each, depth));
    return all.every(Boolean) ? all.flat() : null;
  }
  if (of.type === "array") return depth < 4 ? depths(schemas, of.items || {}, depth + 1) : null;
  return ["number", "integer"].includes(of.type) && !of.enum ? [depth] : null;
}

/** `worker_seconds` as people write it, and `NamedProblem` too. */
const LONGER = { abs_tol: "absolute tolerance", rel_tol: "relative tolerance", dim: "dimension" };
export const words = (name) => LONGER[name] || name.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2").replace(/^[A-Z]/, (c) => c.toLowerCase());
export const phrase = (text) => words(text).toLowerCase();

/** The first sentence of a description, for a line beside a control. */
export const first = (text) => (text || "").split(/\n\n|(?<=[^ie]\.)\s/)[0].replaceAll("`", "");
