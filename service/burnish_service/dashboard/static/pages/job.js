/** One job, sharpening while it is looked at. */

import { api } from "../api.js";
import { headline } from "../answers.js";
import { complaint } from "../complaint.js";
import { fill, h, paced, say, write } from "../dom.js";
import { Extend } from "../extend.js";
import { panels } from "../kinds/index.js";
import { Record } from "../record.js";
import { follow } from "../stream.js";
import { title_of } from "../titles.js";
import { LIVE, STATUS, budget, moment, spent } from "../words.js";
import { Actions } from "./actions.js";
import { Outlook } from "./outlook.js";
import { Sharpening } from "./sharpening.js";

const LINK = { live: "live", away: "connection lost, trying again", over: "" };

export class JobPage {
  constructor(id) {
    this.id = id;
    this.title = id;
    this.badge = h("span", { class: "badge" });
    this.link = h("span", { class: "link", role: "status" });
    this.answer = h("p", { class: "headline" });
    this.claim = h("p", { class: "soft" });
    this.facts = h("p", { class: "soft facts" });
    this.progress = h("div");
    this.outlook = new Outlook();
    this.sharpening = new Sharpening();
    this.extend = new Extend((job) => this.revived(job));
    this.actions = new Actions((job) => this.revived(job), (text) => this.note(text));
    this.notes = h("div");
    this.kind = h("div");
    this.name = h("h1", {}, id);
    this.asked = h("p", { class: "asked" });
    this.spec = h("pre", { tabindex: "0", "aria-label": "The job's spec" });
    this.element = h("div", {},
      h("div", { class: "head" }, h("div", {}, this.name, this.asked, h("p", { class: "id" }, id)), h("div", { class: "row" }, this.link, this.badge, this.actions.element)),
      this.notes,
      h("section", { class: "panel answer", "aria-label": "Answer" }, this.answer, this.claim, this.progress, this.outlook.element, this.facts),
      this.sharpening.element, this.extend.element, this.kind,
      h("details", { class: "panel" }, h("summary", {}, "What was asked, and how it was resolved"), this.spec));
    this.draw = paced(() => this.show());
    this.hidden = () => (document.hidden ? this.pause() : this.listen());
  }

  async open() {
    const job = await api.job(this.id);
    if (this.closed) return;
    this.record = new Record(job);
    this.panels = panels(job);
    if (this.panels) fill(this.kind, this.panels.element);
    if (this.panels?.lead) this.sharpening.element.before(this.panels.lead);
    if (this.panels?.alone) this.extend.element.before(this.kind);
    this.alone = this.panels?.alone;
    document.addEventListener("visibilitychange", this.hidden);
    this.after = 0;
    this.listen();
    this.show();
  }

  close() {
    this.closed = true;
    this.pause();
    document.removeEventListener("visibilitychange", this.hidden);
    this.sharpening.close();
    this.panels?.close?.();
  }

  /** A browser opens only six connections to a server: pages that nobody looks at hold none. */
  pause() {
    if (this.stream) this.after = this.stream.last();
    this.stream?.stop();
    this.stream = null;
  }

  listen() {
    this.pause();
    this.stream = follow(this.id, this.after, (type, data) => this.heard(type, data), (state) => this.linked(state));
  }

  heard(type, data) {
    if (this.record.take(type, data) && data.status === "running") this.reread();
    if (["completed", "failed", "crashed", "cancelled"].includes(type)) say(`${type}: ${headline(this.record.last, this.record.told)}`);
    this.draw();
  }

  async reread() {
    const job = await api.job(this.id).catch(() => null);
    if (job) this.record.job = { ...this.record.job, spec: job.spec, resolved: job.resolved, observations: job.observations };
    this.draw();
  }

  linked(state) {
    this.link.className = `link ${state}`;
    write(this.link, LINK[state]);
  }

  /** The service has taken a change. What state the job is in, events say: they may be newer than this answer. */
  revived({ spec, resolved }) {
    this.record.job = { ...this.record.job, spec, resolved };
    this.note("");
    this.listen();
    this.draw();
  }

  note(content) { fill(this.notes, content || null); }

  show() {
    if (this.closed) return;
    const { job, last, told, progress } = this.record;
    write(this.name, `${job.kind}${job.purpose && job.purpose !== "answer" ? ` (${job.purpose})` : ""}`);
    write(this.asked, title_of(job.spec));
    document.title = `${headline(last, told)} – burnish`;
    write(this.badge, STATUS[job.status] || job.status);
    this.badge.className = `badge ${job.status}`;
    write(this.answer, headline(last, told));
    write(this.claim, claim(told));
    this.show_facts(job, last);
    this.show_progress(job, progress);
    this.show_error(job);
    this.outlook.show(this.record);
    if (!this.alone) this.sharpening.show(this.record);
    this.extend.show(job, last);
    this.actions.show(job);
    write(this.spec, JSON.stringify(job.resolved || job.spec, null, 2));
    if (last && this.panels) this.panels.show(this.record);
  }

  show_facts(job, last) {
    const parts = [`asked for ${budget(job.spec.budget)}`, last && `spent ${spent(last.spent)} in ${last.blocks} blocks`, `created ${moment(job.created_at)}`];
    write(this.facts, parts.filter(Boolean).join(" · "));
  }

  show_progress(job, progress) {
    if (!progress || !LIVE.has(job.status)) return fill(this.progress);
    const loss = progress.metrics?.loss;
    const text = `${progress.stage}: ${progress.done}${progress.total ? ` of ${progress.total}` : ""} steps${loss ? `, loss ${loss.toPrecision(2)}` : ""}`;
    fill(this.progress, h("label", { class: "soft" }, text, " ", h("progress", progress.total ? { max: String(progress.total), value: String(progress.done) } : {})));
  }

  show_error(job) {
    const key = job.error ? JSON.stringify(job.error) : "";
    if (key === this.told_error) return;
    this.told_error = key;
    if (!job.error) return;
    this.note(complaint({ problem: job.error }, job.status === "crashed" ? `${job.error.title}: our fault; it can go on` : job.error.title));
  }
}

/** What the interval claims, in words. */
function claim(told) {
  const interval = told?.interval;
  if (!interval) return "";
  const parts = [`${(100 * interval.level).toPrecision(3).replace(/\.?0+$/, "")} % interval${interval.lower.length > 1 ? "s" : ""} from block ${interval.blocks}`];
  if (interval.joint) parts.push("valid whenever you stop watching");
  if (interval.simultaneous && interval.lower.length > 1) parts.push("for all outputs at once");
  return parts.join(", ");
}

