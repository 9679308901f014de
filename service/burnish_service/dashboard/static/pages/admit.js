/** A service that asks for a key: where to enter it. */

import { h } from "../dom.js";
import { key } from "../key.js";

/** The form; `again` is called with the key in place. `said`: why the last one was refused. */
export function admit(again, said) {
  const field = h("input", { type: "password", id: "key", name: "key", autocomplete: "off", required: true, placeholder: "bk_…" });
  const send = (event) => {
    event.preventDefault();
    key.set(field.value.trim());
    again();
  };
  return h("form", { class: "panel", onsubmit: send },
    h("h1", {}, "This service needs a key"),
    said && h("p", { class: "trouble", role: "alert" }, said),
    h("p", {}, h("label", { for: "key" }, "API key "), field, " ", h("button", { type: "submit" }, "Go on")),
    h("p", { class: "soft" }, "It stays in this tab until the tab is closed. Keys are made by an administrator: ", h("code", {}, "burnish keys create"), "."));
}
