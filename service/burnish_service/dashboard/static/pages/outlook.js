/** Where the job stands: why it ended, what more compute brings, and why there is no interval. */

import { fill, h } from "../dom.js";
import { clipped, names } from "../answers.js";
import { LIVE, count, duration, refusal, short, stopped } from "../words.js";
import { verdict } from "./actions.js";

export class Outlook {
  constructor() {
    this.element = h("div", { class: "outlook" });
    this.signature = "";
  }

  show({ job, last, history }) {
    const lines = [stopped(job), last && forecast(job, last, history), promise(job)].filter(Boolean);
    const signature = JSON.stringify([lines, last?.refused, job.verification]);
    if (signature === this.signature) return;
    this.signature = signature;
    fill(this.element, lines.map((text) => h("p", {}, text)), last?.refused && refused(last.refused, names(last)), job.verification && h("p", {}, verdict(job.verification)));
  }
}

/** `±0.001 in about 22 s, 4,100 more blocks`. */
function forecast(job, last, history) {
  const ahead = last.forecast;
  if (!ahead) return "";
  const parts = [], aim = target(job.spec.budget), blocks = more_blocks(last, history);
  if (aim && LIVE.has(job.status)) {
    const when = ahead.seconds_to_target;
    if (when && when.estimate > 0) {
      const range = when.upper > when.lower ? ` (${duration(when.lower)} to ${duration(when.upper)})` : "";
      parts.push(`${aim} in about ${duration(when.estimate)}${range}${blocks ? `, ${blocks.toLocaleString("en")} more blocks` : ""}`);
    } else if (ahead.units_to_target > last.spent.units) parts.push(`${aim} after ${count(ahead.units_to_target)} units`);
  }
  if (ahead.floor) parts.push(`no sampling gets below ± ${short(ahead.floor)}`);
  return parts.length ? `Forecast: ${parts.join("; ")}.` : "";
}

function target({ abs_tol, rel_tol }) {
  return [abs_tol && `±${short(abs_tol)}`, rel_tol && `±${short(100 * rel_tol)} %`].filter(Boolean).join(" or ");
}

/** By the newest blocks: the first ones are smaller. */
function more_blocks(last, history) {
  const before = [...history].reverse().find((each) => each.blocks < last.blocks);
  const lacking = (last.forecast.units_to_target || 0) - last.spent.units;
  if (!before || lacking <= 0) return 0;
  const each = (last.spent.units - before.spent.units) / (last.blocks - before.blocks);
  return each > 0 ? Math.ceil(lacking / each) : 0;
}

function promise(job) {
  const given = job.promise;
  if (!given) return "";
  const said = { open: "is promised", kept: "was promised, and kept", broken: "was promised, and not met", withdrawn: "was promised, then withdrawn" }[given.state];
  return `${target(given)} by ${new Date(given.deadline).toLocaleString()} ${said}.`;
}

/** Why there is no interval, and what helps, in the service's words. */
function refused(value, labels) {
  const modelled = value.robust?.value || [];  // of all outputs, in order
  const robust = (value.outputs || [...modelled.keys()]).map((i) => modelled[i] ?? null).filter((v) => v !== null);
  const whom = value.outputs ? ` for ${listed(value.outputs.map((i) => clipped(labels[i] ?? `output ${i}`, 30)))}` : "";
  return h("div", { class: "refused", role: "note" },
    h("strong", {}, value.code === "tolerance_below_floor" ? `${refusal(value)}.` : `No interval${whom}: ${lower(refusal(value))}.`),
    h("p", {}, sentence(value.why)),
    h("p", {}, h("b", {}, "What helps: "), sentence(value.advice)),
    robust.length > 0 && h("p", { class: "soft" }, `With the tail modelled, without an interval: ${robust.slice(0, 5).map(short).join(", ")}.`));
}

const lower = (text) => text[0].toLowerCase() + text.slice(1);
const sentence = (text) => (text.endsWith(".") ? text : `${text}.`);

function listed(found, most = 5) {
  return found.slice(0, most).join(", ") + (found.length > most ? ` and ${found.length - most} more` : "");
}
