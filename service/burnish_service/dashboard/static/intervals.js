/** Rows of values with their intervals, drawn beside their numbers: a table that can be read as well as looked at. */

import { h, table } from "./dom.js";

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

/**
 * `rows`: [{name, value, lower, upper, said, tone}] with nulls where nothing is known; `mark`: a value to draw a line at;
 * `range`: [low, high], by default that of the rows with the same `group`.
 */
export function whiskers(caption, columns, rows, { mark = null, range = null } = {}) {
  const ranges = new Map();
  for (const { group } of rows) if (!ranges.has(group)) ranges.set(group, range || reach(rows.filter((row) => row.group === group), mark));
  const at = (group) => (value) => {
    const [low, high] = ranges.get(group);
    return `${(100 * Math.min(1, Math.max(0, (value - low) / (high - low || 1)))).toFixed(2)}%`;
  };
  return table(caption, columns, rows.map((row) => [row.name, track(row, mark, at(row.group)), row.said]), { class: "whiskers" });
}

function reach(rows, mark) {
  const values = rows.flatMap((row) => [row.value, row.lower, row.upper]).filter(known);
  if (mark !== null) values.push(mark);
  if (!values.length) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const room = 0.04 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

function track(row, mark, at) {
  const pieces = [];
  if (mark !== null) pieces.push(h("span", { class: "mark", css: { left: at(mark) } }));
  if (known(row.lower) && known(row.upper)) {
    pieces.push(h("span", { class: "span", css: { left: at(row.lower), right: `calc(100% - ${at(row.upper)})` } }));
  }
  if (known(row.value)) pieces.push(h("span", { class: "dot", css: { left: at(row.value) } }));
  return h("span", { class: `track ${row.tone || ""}`, "aria-hidden": "true" }, pieces);
}

/** An amount as a bar, `share` of the largest. */
export const bar = (share) => h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "bar-fill", css: { width: `${100 * share}%` } }));

/** Rows of amounts as bars from zero: [{name, value, said}]. */
export function bars(caption, columns, rows) {
  const most = rows.reduce((top, row) => Math.max(top, row.value || 0), 0) || 1;
  return table(caption, columns, rows.map((row) => [row.name, bar((row.value || 0) / most), row.said]), { class: "whiskers" });
}
