/** Mean, deviation and samples as heat maps that refine, how they have come, and the evidence of islands. */

import { column } from "../answers.js";
import { fill, h, write } from "../dom.js";
import { Heatmap, field } from "../heatmap.js";
import { count } from "../words.js";
import { Whole } from "../whole.js";
import { Islands } from "./islands.js";
import { Samples } from "./samples.js";

const STEPS = 7;

export class Posterior {
  constructor() {
    this.maps = { mean: new Heatmap("Mean"), std: new Heatmap("Standard deviation"), width: new Heatmap("Half-width of the mean's interval") };
    this.fields = h("div", { class: "fields" });
    this.film = h("div", { class: "fields small" });
    this.way = h("div", { hidden: true }, h("h3", {}, "How the mean has come, look by look"), this.film);
    this.about = h("p", { class: "soft" });
    this.samples = new Samples();
    this.islands = new Islands();
    this.whole = new Whole(() => this.record && this.show_fields(this.record));
    this.lead = this.pictures = h("section", { class: "panel", "aria-labelledby": "pictures", hidden: true },
      h("h2", { id: "pictures" }, "Posterior"), this.fields, this.about, this.way, this.samples.element);
    this.element = this.islands.element;
    this.looks = 0;
  }

  async show(record) {
    this.record = record;
    this.show_fields(record);
    this.islands.show(record);
    if (await this.samples.show(record)) this.pictures.hidden = false;
  }

  show_fields(record) {
    const found = this.whole.of(record), { last } = record;
    if (!found) return;
    const widths = found.lower ? Array.from(found.value, (_, i) => (found.upper[i] - found.lower[i]) / 2) : [];
    const parts = { mean: column(last, "mean", found.value), std: column(last, "std", found.value), width: found.lower && column(last, "mean", widths.map((v, i) => (found.lower[i] === null ? NaN : v))) };
    const shown = Object.entries(parts).filter(([, part]) => part && field(part.shape) && part.values.some(Number.isFinite));
    for (const [name, part] of shown) this.maps[name].draw(part.values, ...field(part.shape));
    const wanted = shown.map(([name]) => this.maps[name].element);
    if (wanted.some((element, i) => this.fields.children[i] !== element)) fill(this.fields, wanted);
    if (!wanted.length) return;
    this.pictures.hidden = false;
    write(this.about, last.arrays ? `All ${count(last.arrays.outputs)} outputs, out of the file of the newest look: ${this.whole.name}` : "");
    if (parts.mean) this.show_way(record, parts.mean);
  }

  /** The mean at looks of the past, in the colours of the newest. Large fields are in files, and are not fetched again. */
  show_way({ history, last }, mean) {
    const looks = history.filter((each) => each.interval), size = field(mean.shape);
    if (looks.length === this.looks || looks.length < 2 || last.arrays) return;
    this.looks = looks.length;
    const chosen = looks.slice(-STEPS), known = mean.values.filter(Number.isFinite);
    const range = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
    fill(this.film, chosen.map((each) => {
      const map = new Heatmap(`${each.blocks} blocks`, { plain: true });
      map.draw(column({ ...each, layout: last.layout }, "mean", each.estimate.value).values, ...size, range);
      return map.element;
    }));
    this.way.hidden = false;
  }

  close() {
    this.islands.close();
    this.samples.close();
  }
}
