/** Elements from names, attributes and children. Strings become text, never markup: jobs carry those of strangers. */

/** h("button", {class: "quiet", onclick: go, disabled: true}, "Go"). `css`: custom properties and styles by name. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "css") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/** Say something to those who listen to a screen reader. The same text twice is said once. */
export function say(text) {
  const place = document.getElementById("said");
  if (place.textContent !== text) place.textContent = text;
}

/** Change a text only where it differs: selections and screen readers are left alone. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replace the children. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** A table with a caption for screen readers; `columns` are texts, `rows` lists of texts or elements. */
export function table(caption, columns, rows, attributes = {}) {
  const cells = (row) => row.map((cell, i) => (i ? h("td", {}, cell) : h("th", { scope: "row" }, cell)));
  return scrolling(caption, h("table", attributes,
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, columns.map((name) => (name ? h("th", { scope: "col" }, name) : h("td"))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, cells(row))))));
}

/** Where what is inside is wider than its place it scrolls, and the keyboard must get there. */
const wide = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

export function scrolling(name, inside) {
  const element = h("div", { class: "scroll", role: "group", "aria-label": name }, inside);
  wide.observe(element);
  return element;
}

/** Run `draw` at most once per frame and `gap` milliseconds, the last time for certain. */
export function paced(draw, gap = 120) {
  let waiting = false, last = 0;
  return () => {
    if (waiting) return;
    waiting = true;
    const wait = Math.max(0, last + gap - performance.now());
    setTimeout(() => requestAnimationFrame(() => {
      waiting = false;
      last = performance.now();
      draw();
    }), wait);
  };
}
