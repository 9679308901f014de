/** What a refinement says, by output: names, half-widths, the headline. */

import { number, short } from "./words.js";

const finite = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** Half the width of one output's interval; null where there is none. */
export function half(interval, i) {
  if (!interval || !finite(interval.lower[i]) || !finite(interval.upper[i])) return null;
  return (interval.upper[i] - interval.lower[i]) / 2;
}

/** Of the worst output, listed or not; null where there is none. */
export function widest(refinement) {
  if (!refinement || !refinement.interval) return null;
  if (refinement.arrays) return refinement.arrays.widest_half_width;
  let most = null;
  for (let i = 0; i < refinement.interval.lower.length; i++) {
    const each = half(refinement.interval, i);
    if (each !== null && (most === null || each > most)) most = each;
  }
  return most;
}

/** The largest standard error of an output. */
export function worstError(refinement) {
  const known = refinement.estimate.standard_error.filter(finite);
  return known.length ? known.reduce((a, b) => Math.max(a, b)) : null;
}

/** Names of the outputs that are listed: answers, `mean[3]`, or `output 3`. */
export function names(refinement) {
  const n = refinement.estimate.value.length, answers = refinement.diagnostics?.answers;
  if (Array.isArray(answers) && answers.length === n) return answers.map(String);
  const found = Array.from({ length: n }, (_, i) => `output ${i}`);
  for (const part of refinement.layout || []) {
    places(part, (index, output) => {
      if (output < n) found[output] = part.name + index.map((i) => `[${i}]`).join("");
    });
  }
  return found;
}

/** Every element of a part: `each(index, output)`. */
export function places(part, each, axis = 0, at = part.start, index = []) {
  if (axis === part.shape.length) return each(index, at);
  for (let i = 0; i < part.shape[axis]; i++) places(part, each, axis + 1, at + i * part.strides[axis], [...index, i]);
}

/** The outputs of a part, in the order of its shape, out of a flat column; null where the part is not all there. */
export function column(refinement, name, values) {
  const part = (refinement.layout || []).find((each) => each.name === name);
  if (!part) return null;
  const found = [];
  places(part, (_, output) => found.push(values[output]));
  return found.includes(undefined) ? null : { shape: part.shape, values: found };
}

/** The answer in a line. `told`: the refinement that brought the newest interval. */
export function headline(last, told) {
  if (!last) return "No answer yet";
  const values = last.estimate.value, interval = told?.interval;
  const answers = last.diagnostics?.answers;
  if (Array.isArray(answers) && answers.length === values.length) return leading(answers, last, interval);
  if (values.length === 1) {
    const width = half(interval, 0);
    return number(values[0], width) + (width === null ? "" : ` ±\u00a0${short(width)}`);
  }
  const width = widest(told), outputs = last.arrays ? last.arrays.outputs : values.length;
  if (width === null) return `${outputs} outputs, no interval yet`;
  const lacking = told.arrays ? told.arrays.without_interval : values.filter((_, i) => half(interval, i) === null).length;
  return `${outputs} outputs, ${lacking ? `${outputs - lacking} of them` : "each"} within ±\u00a0${short(width)}`;
}

function leading(answers, last, interval) {
  const leader = last.diagnostics.leader;
  if (leader === null || leader === undefined) return "No answer yet";
  const i = answers.indexOf(leader), width = half(interval, i);
  const chance = number(last.estimate.value[i], width) + (width === null ? "" : ` ±\u00a0${short(width)}`);
  return `${clipped(leader)} ${decided(interval) ? "decided" : "leads"}: ${chance}`;
}

/** Whether the greatest lower limit passes all other upper limits, or one half. */
export function decided(interval) {
  if (!interval || !interval.lower.some(finite)) return false;
  const lower = interval.lower.map((v) => (finite(v) ? v : -Infinity));
  const top = lower.indexOf(Math.max(...lower));
  const others = interval.upper.filter((_, i) => i !== top);
  return lower[top] > 0.5 || (others.length > 0 && others.every((v) => finite(v) && v < lower[top]));
}

/** A text of a stranger on one line, cut. */
export const clipped = (text, most = 80) => {
  const line = String(text).replace(/\s+/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
};
