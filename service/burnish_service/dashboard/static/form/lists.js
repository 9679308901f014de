/** Parts that repeat: rows of structures, pairs of a name and a value, and choices of several. */

import { h, say } from "../dom.js";
import { Group } from "./groups.js";
import { first, phrase, words } from "./schema.js";

const heading = (name, required) => [words(name), required && h("span", { class: "needed" }, " needed")];

/** A list of structures, each with its own controls. */
export class Rows {
  constructor(schemas, make, name, of, value, required) {
    Object.assign(this, { schemas, make, required, item: schemas.plain(of.items) });
    this.noun = phrase(this.item.of || name);
    this.wrong = h("p", { class: "wrong" });
    this.list = h("ol", { class: "repeated" });
    this.more = h("button", { type: "button", class: "quiet", onclick: () => this.another() }, `Add a ${this.noun}`);
    const help = of.description || this.item.description;
    this.inside = h("div", {}, help && h("p", { class: "help" }, first(help)), this.wrong, this.list, this.more);
    this.element = h("fieldset", { class: "group broad" }, h("legend", {}, heading(name, required)), this.inside);
    this.rows = [];
    for (const each of value ?? (required ? [{}] : [])) this.add(each);
  }

  add(value) {
    const group = new Group(this.schemas, this.make, this.noun, this.item, value, true, true);
    const row = { group, element: null };
    const drop = h("button", { type: "button", class: "quiet remove", title: `Remove this ${this.noun}`, onclick: () => this.drop(row) }, "✕");
    row.element = h("li", {}, group.element, drop);
    row.button = drop;
    this.rows.push(row);
    this.list.append(row.element);
    this.number();
    return row;
  }

  another() {
    this.add({}).group.focus();
    this.changed();
  }

  drop(row) {
    const place = this.rows.indexOf(row);
    this.rows.splice(place, 1);
    row.element.remove();
    this.number();
    say(`Removed ${this.noun} ${place}`);
    (this.rows[Math.min(place, this.rows.length - 1)]?.button || this.more).focus();
    this.changed();
  }

  changed() { this.element.dispatchEvent(new Event("input", { bubbles: true })); }

  number() { this.rows.forEach((row, i) => { row.button.setAttribute("aria-label", `Remove ${this.noun} ${i}`); row.element.setAttribute("aria-label", `${this.noun} ${i}`); }); }

  read(errors, at) {
    const found = this.rows.map((row, i) => row.group.read(errors, `${at}/${i}`));
    return found.length || this.required ? found : undefined;
  }

  find([step, ...steps]) { return (step !== undefined && this.rows[Number(step)]?.group.find(steps)) || this; }

  mark(text) { this.wrong.textContent = text; }

  clear() {
    this.mark("");
    for (const row of this.rows) row.group.clear();
  }

  focus() { (this.rows[0]?.group || this.more).focus(); }
}

/** Names of the user's own, each with a value. */
export class Pairs {
  constructor(name, of, value, type) {
    this.numeric = type === "number";
    this.wrong = h("p", { class: "wrong" });
    this.list = h("ul", { class: "repeated" });
    this.more = h("button", { type: "button", class: "quiet", onclick: () => this.add("", "").focus() }, "Add one");
    this.element = h("details", { class: "group broad", open: Object.keys(value || {}).length > 0 }, h("summary", {}, words(name)), of.description && h("p", { class: "help" }, first(of.description)), this.wrong, this.list, this.more);
    this.rows = [];
    for (const [key, each] of Object.entries(value || {})) this.add(key, each);
  }

  add(key, value) {
    const name = h("input", { type: "text", value: key, "aria-label": "Name", placeholder: "name" });
    const what = h("input", { type: this.numeric ? "number" : "text", step: "any", value: String(value), "aria-label": "Value", placeholder: "value" });
    const row = { name, what, element: null };
    const drop = () => { this.rows.splice(this.rows.indexOf(row), 1); row.element.remove(); this.more.focus(); };
    row.element = h("li", {}, h("div", { class: "row" }, name, what), h("button", { type: "button", class: "quiet remove", "aria-label": "Remove", onclick: drop }, "✕"));
    this.rows.push(row);
    this.list.append(row.element);
    return name;
  }

  read() {
    const known = this.rows.filter((row) => row.name.value !== "");
    return known.length ? Object.fromEntries(known.map((row) => [row.name.value, this.numeric ? Number(row.what.value) : row.what.value])) : undefined;
  }

  find() { return this; }
  mark(text) { this.wrong.textContent = text; }
  clear() { this.mark(""); }
  focus() { (this.rows[0]?.name || this.more).focus(); }
}

/** Any of a few names, in the order that was given, then that of the schema. */
export class Checks {
  constructor(name, of, value, required) {
    this.required = required;
    const shown = value ?? of.default ?? [];
    this.given = Array.isArray(value) ? value : [];
    this.wrong = h("p", { class: "wrong" });
    this.boxes = of.items.enum.map((each) => h("input", { type: "checkbox", value: String(each), checked: shown.includes(each) }));
    this.usual = JSON.stringify(of.default ?? []);
    this.element = h("fieldset", { class: "group broad" }, h("legend", {}, heading(name, required)),
      h("div", { class: "row" }, this.boxes.map((box) => h("label", {}, box, ` ${box.value}`))), of.description && h("p", { class: "help" }, first(of.description)), this.wrong);
  }

  read() {
    const chosen = this.boxes.filter((box) => box.checked).map((box) => box.value);
    const ordered = [...this.given.filter((each) => chosen.includes(each)), ...chosen.filter((each) => !this.given.includes(each))];
    return !this.required && !this.given.length && JSON.stringify(ordered) === this.usual ? undefined : ordered;
  }

  find() { return this; }
  mark(text) { this.wrong.textContent = text; }
  clear() { this.mark(""); }
  focus() { this.boxes[0].focus(); }
}
