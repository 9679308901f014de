/** Two views of one thing, as tabs: arrow keys go between them, as the ARIA practices have it. */

import { h } from "../dom.js";

let fresh = 0;

export class Tabs {
  /** `views`: [[name, element]]; `leave(name)` may return false to stay. */
  constructor(label, views, leave) {
    this.leave = leave;
    this.views = views.map(([name, element]) => {
      const id = `tab-${fresh++}`;
      const tab = h("button", { type: "button", role: "tab", id, class: "tab", "aria-controls": `${id}-view`, onclick: () => this.show(name), onkeydown: (event) => this.key(event) }, name);
      const view = h("div", { role: "tabpanel", id: `${id}-view`, "aria-labelledby": id }, element);
      return { name, tab, view };
    });
    this.bar = h("div", { class: "tabs", role: "tablist", "aria-label": label }, this.views.map((each) => each.tab));
    this.element = h("div", {}, this.bar, this.views.map((each) => each.view));
    this.set(views[0][0]);
  }

  show(name) {
    if (name === this.now || this.leave(this.now) === false) return;
    this.set(name);
  }

  set(name) {
    this.now = name;
    for (const each of this.views) {
      const on = each.name === name;
      each.tab.setAttribute("aria-selected", String(on));
      each.tab.tabIndex = on ? 0 : -1;
      each.view.hidden = !on;
    }
  }

  key(event) {
    if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const at = this.views.findIndex((each) => each.name === this.now), n = this.views.length;
    const to = { ArrowLeft: (at + n - 1) % n, ArrowRight: (at + 1) % n, Home: 0, End: n - 1 }[event.key];
    this.show(this.views[to].name);
    this.views.find((each) => each.name === this.now).tab.focus();
  }
}
