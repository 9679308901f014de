/** Lists and tables of numbers as people type them: `0.5`, `1, 2, 3`, a row a line; or JSON. */

import { pretty } from "./pretty.js";

const flat = (list) => Array.isArray(list) && list.every((each) => each === null || typeof each === "number");

/** A value in as few characters as say it. */
export function written(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "number") return String(value);
  if (flat(value)) return value.length > 1 ? value.join(", ").replaceAll(", ,", ", null,") : JSON.stringify(value);
  const table = Array.isArray(value) && value.length > 1 && value.every((row) => row === null || (flat(row) && row.length > 1 && !row.includes(null)));
  if (table) return value.map((row) => (row === null ? "null" : row.join(", "))).join("\n");
  const line = JSON.stringify(value);
  return line.length < 60 ? line : pretty(value);
}

/** What was typed; undefined for nothing. Throws where it is neither numbers nor JSON. */
export function understood(text) {
  const clean = text.trim();
  if (clean === "") return undefined;
  if (/^[[{"]/.test(clean)) return parsed(clean);
  const rows = clean.split("\n").filter((line) => line.trim()).map(row);
  if (rows.length > 1) return rows.map((each) => (each.length === 1 && each[0] === null ? null : each));
  return rows[0].length === 1 ? rows[0][0] : rows[0];
}

function row(line) {
  return line.trim().replace(/,$/, "").split(/\s*,\s*|\s+/).map((each) => {
    const value = each === "null" ? null : Number(each);
    if (each === "" || Number.isNaN(value)) throw new Error(`${each ? `“${each.slice(0, 40)}”` : "an empty place"} is no number; write numbers with commas between them, a row a line`);
    return value;
  });
}

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`this is no JSON: ${error.message}`);
  }
}
