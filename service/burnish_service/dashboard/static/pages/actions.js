/** What can be done with a job besides looking at it. */

import { api } from "../api.js";
import { complaint } from "../complaint.js";
import { fill, h, say } from "../dom.js";
import { sooner_or_later } from "../later.js";
import { LIVE } from "../words.js";

export class Actions {
  /** `revived(job)` when it has changed; `note(element)` shows what went wrong. */
  constructor(revived, note) {
    const button = (name, text, act) => (this[name] = h("button", { class: "quiet", onclick: () => this.act(this[name], act) }, text));
    this.note = note;
    this.element = h("span", { class: "row" },
      button("cancel", "Cancel", async (id) => revived(await api.cancel(id))),
      button("resume", "Go on", async (id) => revived(await api.resume(id))),
      button("verify", "Verify", async (id) => this.verified(await api.verify(id))),
      button("again", "Ask again", async (id) => { sessionStorage.setItem("again", JSON.stringify((await api.job(id)).spec)); location.hash = "#/new/again"; }),
      button("remove", "Delete", (id) => this.forget(id)));
  }

  show(job) {
    this.id = job.id;
    const live = LIVE.has(job.status);
    this.cancel.hidden = !live;
    this.resume.hidden = !job.resumable;
    this.verify.hidden = live || !job.last_refinement || job.resolved?.resolution?.replayable === false;
    this.remove.hidden = live;
  }

  async act(button, what) {
    button.disabled = true;
    this.note("");
    try {
      await what(this.id);
    } catch (error) {
      this.note(complaint(error));
    } finally {
      button.disabled = false;
    }
  }

  async verified(found) {
    const told = h("div", { class: "noted", role: "status" });
    this.note(told);
    const waiting = (job) => fill(told, "Running blocks again, as job ", h("a", { href: `#/jobs/${job.id}` }, job.id), " …");
    const verification = await sooner_or_later(found, (job) => job.verification, () => told.isConnected, waiting);
    if (verification) fill(told, verdict(verification));
  }

  async forget(id) {
    if (!confirm(`Delete ${id}, with its answer and its files?`)) return;
    await api.remove(id);
    say(`Deleted ${id}`);
    location.hash = "#/";
  }
}

/** What running blocks again has shown, in words. */
export function verdict(found) {
  const which = `${found.blocks.length} of ${found.of} blocks ran again`, how = found.comparison === "digest" ? "bit by bit" : "to 1e-5";
  const wrong = found.blocks.filter((block) => !block.reproduced).map((block) => block.index);
  return found.reproduced ? `Verified: ${which} and are equal ${how}.` : `Not reproduced: ${which}; not equal ${how}: ${wrong.join(", ")}.`;
}
