/** The workers of the pool by what they run on: a square for each, so that a missing one is seen. */

import { h } from "../dom.js";

const MOST = 200; // squares; beyond that the numbers alone say it

export function devices(seen, tones) {
  const found = seen.devices || [];
  if (!found.length) return h("p", { class: "empty" }, seen.workers ? "This service does not tell what its workers run on." : "No worker is up.");
  return h("ul", { class: "devices" }, found.map((device) => {
    const [model, ...others] = device.numeric_class.split("|").map((part) => part.trim()), tone = tones.of(`device ${device.numeric_class}`);
    const squares = device.workers <= MOST && h("span", { class: "squares", "aria-hidden": "true" }, Array.from({ length: device.workers }, (_, i) => h("span", { class: i < device.up ? "square" : "square down", css: i < device.up ? { background: tone } : {} })));
    const told = [device.node && `on ${device.node}`, device.gpus > 0 && `${device.gpus} GPU each`, others.join(", ")].filter(Boolean).join(" · ");
    return h("li", {}, h("strong", {}, model), h("span", { class: "soft" }, ` ${device.up} of ${device.workers} up`), squares, h("div", { class: "soft" }, told));
  }));
}
