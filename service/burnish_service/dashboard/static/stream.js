/** A job's events as they happen, each once and in order, whatever happens to the connection. */

import { api } from "./api.js";

const TYPES = ["status", "progress", "refinement", "completed", "failed", "crashed", "cancelled"];
const TERMINAL = new Set(["completed", "failed", "crashed", "cancelled"]);
const LONGEST = 10_000;

/**
 * Follow a job from the event after `after`. `heard(type, data, sequence)` for each; `state(name)` with "live", "away"
 * (trying again) or "over" (nothing more will come). The browser resumes by Last-Event-ID where a connection ends in
 * good order; where it gives up, this asks anew from the last event that was heard. Returns {stop, last}.
 */
export function follow(id, after, heard, state) {
  let last = after, source = null, timer = 0, tries = 0, stopped = false, ended = false;

  function open() {
    source = new EventSource(api.events(id, last));
    source.onopen = () => { tries = 0; state("live"); };
    source.onerror = lost;
    for (const type of TYPES) source.addEventListener(type, (event) => take(type, event));
  }

  function take(type, event) {
    const sequence = Number(event.lastEventId);
    if (stopped || sequence <= last) return; // a proxy may send again what came before
    last = sequence;
    ended = TERMINAL.has(type);
    heard(type, JSON.parse(event.data), sequence);
    if (ended) state("over");
  }

  function lost() {
    if (stopped) return;
    if (!ended) state("away");
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    if (!ended) again();
  }

  function again() {
    timer = setTimeout(open, Math.min(LONGEST, 500 * 2 ** tries++));
  }

  open();
  return {
    stop() { stopped = true; clearTimeout(timer); source.close(); },
    last: () => last,
  };
}
