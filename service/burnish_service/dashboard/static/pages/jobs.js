/** All jobs, newest first, as they are now. */

import { headline } from "../answers.js";
import { api } from "../api.js";
import { complaint } from "../complaint.js";
import { fill, h, say, scrolling, write } from "../dom.js";
import { title_of } from "../titles.js";
import { LIVE, STATUS, moment, spent } from "../words.js";

const EVERY = 2500;
const PAGE = 25;

export class Jobs {
  title = "Jobs";

  constructor() {
    const filter = (label, options, name) => {
      const select = h("select", { onchange: () => this.refresh() }, options.map(([value, text]) => h("option", { value }, text)));
      this[name] = select;
      return h("label", {}, label, " ", select);
    };
    this.search = h("input", { type: "search", placeholder: "id, question, note or answer", oninput: () => this.sift(), "aria-label": "Search in the jobs shown" });
    this.kinds = [["", "all"]];
    this.rows = new Map();
    this.body = h("tbody");
    this.trouble = h("div");
    this.none = h("p", { class: "empty", hidden: true });
    this.more = h("button", { class: "quiet", hidden: true, onclick: () => this.further() }, "Show older jobs");
    this.element = h("div", {},
      h("div", { class: "head" }, h("h1", {}, "Jobs"), h("a", { class: "button", href: "#/new" }, "New job")),
      h("div", { class: "row filters", role: "search" },
        filter("Status", [["", "all"], ...Object.entries(STATUS)], "status"), filter("Kind", this.kinds, "kind"), this.search),
      this.trouble,
      scrolling("Jobs", h("table", { class: "jobs" }, h("caption", { class: "visually-hidden" }, "Jobs, newest first"),
        h("thead", {}, h("tr", {}, ["Job", "Status", "Answer", "Spent", "Created", ""].map((name) => h("th", { scope: "col" }, name || h("span", { class: "visually-hidden" }, "Actions"))))), this.body)),
      this.none, this.more);
    this.limit = PAGE;
  }

  async open() {
    const kinds = await api.kinds();
    this.kind.append(...kinds.data.map((kind) => h("option", { value: kind.name }, kind.name)));
    await this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), EVERY);
  }

  close() { clearInterval(this.timer); this.closed = true; }

  async refresh() {
    const query = { limit: Math.min(this.limit, 200) };
    if (this.status.value) query.status = this.status.value;
    if (this.kind.value) query.kind = this.kind.value;
    const asked = JSON.stringify(query);
    this.asked = asked;
    try {
      const page = await api.jobs(query);
      if (this.asked !== asked || this.closed) return; // the filter has changed meanwhile
      fill(this.trouble);
      this.show(page);
    } catch (error) {
      fill(this.trouble, complaint(error));
    }
  }

  further() {
    this.limit += PAGE;
    this.refresh();
  }

  show(page) {
    this.jobs = page.data;
    const ids = new Set(page.data.map((job) => job.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) { row.element.remove(); this.rows.delete(id); }
    page.data.forEach((job, place) => {
      if (!this.rows.has(job.id)) this.rows.set(job.id, new Row(job, () => this.refresh()));
      const row = this.rows.get(job.id);
      row.show(job);
      if (this.body.children[place] !== row.element) this.body.insertBefore(row.element, this.body.children[place] || null);
    });
    this.more.hidden = !page.has_more || this.limit >= 200;
    this.sift();
  }

  sift() {
    const wanted = this.search.value.trim().toLowerCase();
    let shown = 0;
    for (const row of this.rows.values()) {
      row.element.hidden = wanted !== "" && !row.text.includes(wanted);
      shown += !row.element.hidden;
    }
    this.none.hidden = shown > 0;
    const any = this.status.value || this.kind.value || wanted;
    fill(this.none, any ? "No job fits." : ["No jobs yet. ", h("a", { href: "#/new" }, "Create the first one"), "."]);
  }
}

class Row {
  constructor(job, changed) {
    this.changed = changed;
    this.badge = h("span", { class: "badge" });
    this.answer = h("td", { class: "answer" });
    this.spent = h("td", { class: "soft" });
    this.cancel = h("button", { class: "quiet", onclick: () => this.stop(job.id) }, "Cancel");
    this.cancel.setAttribute("aria-label", `Cancel ${job.id}`);
    const note = Object.values(job.spec.metadata || {}).join(" ").slice(0, 80);
    this.note = note;
    this.element = h("tr", {},
      h("th", { scope: "row" }, h("a", { href: `#/jobs/${encodeURIComponent(job.id)}` }, job.kind), h("span", { class: "id" }, job.id), h("span", { class: "asked" }, title_of(job.spec)), note && h("span", { class: "soft" }, note)),
      h("td", {}, this.badge), this.answer, this.spent, h("td", { class: "soft when" }, moment(job.created_at)), h("td", {}, this.cancel));
  }

  show(job) {
    if (job.last_refinement?.interval) this.told = job.last_refinement; // between looks there is none
    const answer = job.error ? job.error.title : headline(job.last_refinement, this.told);
    this.text = `${job.id} ${job.kind} ${title_of(job.spec)} ${job.status} ${this.note} ${answer}`.toLowerCase();
    write(this.badge, STATUS[job.status] || job.status);
    this.badge.className = `badge ${job.status}`;
    write(this.answer, answer);
    write(this.spent, job.last_refinement ? spent(job.spent) : "");
    this.cancel.hidden = !LIVE.has(job.status);
  }

  async stop(id) {
    this.cancel.disabled = true;
    await api.cancel(id).catch((error) => say(error.message));
    say(`Cancelled ${id}`);
    this.cancel.disabled = false;
    this.changed();
  }
}
