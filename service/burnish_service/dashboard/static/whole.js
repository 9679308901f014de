/** All outputs of an answer that lists only the first of them: out of the file of its newest look. */

import { api } from "./api.js";
import { arrays } from "./safetensors.js";

export class Whole {
  /** `again()` when a file has come. */
  constructor(again) {
    this.again = again;
    this.name = "";
  }

  /** {value, lower, upper, standard_error} by flat output; from the answer itself where it lists everything, else null until a file is here. */
  of({ last, told, filed, job }) {
    if (!last.arrays) return { value: last.estimate.value, lower: told?.interval?.lower, upper: told?.interval?.upper };
    const name = filed?.arrays.name;
    if (name && name !== this.name) this.load(job.id, name);
    return this.found || null;
  }

  async load(job, name) {
    this.name = name;
    const found = await arrays(api.file(job, name));
    if (this.name !== name) return; // a newer look has come meanwhile
    if (!found?.value) return void (this.name = ""); // away: asked again with the next refinement
    this.found = Object.fromEntries(Object.entries(found).map(([each, { values }]) => [each, values]));
    this.again();
  }
}
