/** The paths of a chain as one tree: what it stands on now, and what it rolled back. */

import { clipped } from "../answers.js";
import { h } from "../dom.js";

/** The paths, oldest first: the one before the moves and the one after each; null stands for steps that no move names. */
export function paths(moves) {
  const found = [before(moves)];
  for (const move of moves) found.push([...found.at(-1).slice(0, move.kept), ...move.accepted]);
  return found;
}

function before(moves) {
  const [first, ...rest] = moves, path = [...Array(first.kept).fill(null), ...first.rolled_back];
  let reach = first.kept; // of the unknown steps only those below every cut so far are still the same
  for (const move of rest) {
    if (move.kept < reach) {
      path.splice(move.kept, reach - move.kept, ...move.rolled_back.slice(0, reach - move.kept));
      reach = move.kept;
    }
  }
  return path;
}

/** Nested lists: accepted steps stand, rolled-back ones are struck out, with how often the chain came by. */
export function tree(moves) {
  const root = { children: new Map() }, all = paths(moves);
  all.forEach((path, turn) => {
    let node = root;
    for (const step of path) {
      const key = step === null ? "\u0000" : step;
      if (!node.children.has(key)) node.children.set(key, { step, times: 0, now: false, children: new Map() });
      node = node.children.get(key);
      node.times += 1;
      node.now = turn === all.length - 1;
    }
  });
  return branch(root);
}

function branch(node) {
  return h("ul", {}, [...node.children.values()].map((child) => {
    const text = child.step === null ? "… (kept throughout)" : clipped(child.step, 160);
    return h("li", { class: child.now ? "now" : "gone" },
      child.now ? h("strong", {}, text) : h("del", {}, text),
      h("span", { class: "visually-hidden" }, child.now ? " (accepted)" : " (rolled back)"),
      child.times > 1 && h("span", { class: "soft" }, ` ${child.times}×`),
      child.children.size > 0 && branch(child));
  }));
}
