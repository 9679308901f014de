/** A job's events as they happen, each once and in order, whatever happens to the connection. */

import { api } from "./api.js";
import { admission } from "./key.js";

const TYPES = new Set(["status", "progress", "refinement", "completed", "failed", "crashed", "cancelled"]);
const TERMINAL = new Set(["completed", "failed", "crashed", "cancelled"]);
const LONGEST = 10_000;
const SILENCE = 60_000; // several heartbeats: a connection that says nothing for so long is dead

/**
 * Follow a job from the event after `after`. `heard(type, data, sequence)` for each; `state(name)` with "live", "away"
 * (trying again) or "over" (nothing more will come). Read by fetch and not by EventSource, which sends no key. Asks anew
 * from the last event that was heard when a connection ends. Returns {stop, last}.
 */
export function follow(id, after, heard, state) {
  let last = after, timer = 0, tries = 0, stopped = false, ended = false, wire = null;

  async function open() {
    wire = new AbortController();
    let watch = setTimeout(() => wire.abort(), SILENCE);
    try {
      const headers = { Accept: "text/event-stream", ...admission() };
      const reply = await fetch(api.events(id, last), { headers, signal: wire.signal, cache: "no-store" });
      if (!reply.ok) throw new Error(reply.statusText);
      tries = 0;
      state("live");
      for await (const event of events(reply.body, () => {
        clearTimeout(watch);
        watch = setTimeout(() => wire.abort(), SILENCE);
      })) take(event);
    } catch {
      // lost, refused or cut off: all of them are tried again
    } finally {
      clearTimeout(watch);
    }
    if (stopped || ended) return;
    if (tries) state("away");
    timer = setTimeout(open, Math.min(LONGEST, tries ? 250 * 2 ** tries : 0));
    tries++;
  }

  function take({ type, id: sequence, data }) {
    if (stopped || !TYPES.has(type) || sequence <= last) return; // a proxy may send again what came before
    last = sequence;
    ended = TERMINAL.has(type);
    heard(type, JSON.parse(data), sequence);
    if (ended) state("over");
  }

  open();
  return {
    stop() { stopped = true; clearTimeout(timer); wire?.abort(); },
    last: () => last,
  };
}

/** Server-sent events of a body, as the HTML standard has them. */
async function* events(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { type: "message", id: NaN, data: "" };
      for (const line of block.split("\n")) {
        const [name, text] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).replace(/^ /, "")];
        if (name === "event") event.type = text;
        else if (name === "id") event.id = Number(text);
        else if (name === "data") event.data += event.data ? `\n${text}` : text;
      }
      if (event.data) yield event;
    }
  }
}
