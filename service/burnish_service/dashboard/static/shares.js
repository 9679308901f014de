/** Who has what part of a whole, as one bar of coloured pieces with its legend. */

import { fill, h } from "./dom.js";

const TONES = ["accent", "warm", "third", "fourth", "fifth", "good"];

/** A colour of the page for each name, the same for as long as this lives. */
export class Tones {
  constructor() { this.known = new Map(); }

  of(name) {
    if (!this.known.has(name)) this.known.set(name, `var(--${TONES[this.known.size % TONES.length]})`);
    return this.known.get(name);
  }
}

/** `parts`: [{name, value, tone, said, href}] of `whole`; what is left is shown as free, named `rest`. */
export function shares(parts, whole, rest) {
  const sum = parts.reduce((total, part) => total + part.value, 0), all = Math.max(whole, sum) || 1, left = all - sum;
  const piece = (value, tone) => h("span", { class: tone ? "piece" : "piece free", css: { width: `${(100 * value) / all}%`, ...(tone ? { background: tone } : {}) } });
  const bar = h("div", { class: "shares", "aria-hidden": "true" }, parts.filter((part) => part.value > 0).map((part) => piece(part.value, part.tone)), left > 0 && piece(left));
  const entry = (name, said, tone, href) => h("li", {}, h("span", { class: tone ? "swatch" : "swatch free", css: tone ? { background: tone } : {}, "aria-hidden": "true" }), href ? h("a", { href }, name) : name, " ", h("span", { class: "soft" }, said));
  return [bar, h("ul", { class: "key" }, parts.map((part) => entry(part.name, part.said, part.tone, part.href)), left > 0 && rest && entry(rest, String(left), null))];
}

/** Pieces again only where something has changed: a picture that is the same is not read out or redrawn. */
export class Shares {
  constructor() {
    this.element = h("div");
    this.signature = "";
  }

  show(parts, whole, rest) {
    const signature = JSON.stringify([parts, whole, rest]);
    if (signature === this.signature) return;
    this.signature = signature;
    fill(this.element, ...shares(parts, whole, rest));
  }
}
