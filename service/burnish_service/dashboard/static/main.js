/** Which page is shown: by the part of the address behind #, so that any static server and any prefix will do. */

import { complaint } from "./complaint.js";
import { fill, h } from "./dom.js";
import { key } from "./key.js";
import { admit } from "./pages/admit.js";
import { Cluster } from "./pages/cluster.js";
import { Create } from "./pages/create.js";
import { JobPage } from "./pages/job.js";
import { Jobs } from "./pages/jobs.js";

const main = document.getElementById("main");
let page = null;

function page_of(path) {
  const [, first, second] = path.split("/");
  if (!first) return new Jobs();
  if (first === "new") return new Create(second ? decodeURIComponent(second) : null);
  if (first === "cluster") return new Cluster();
  if (first === "jobs" && second) return new JobPage(decodeURIComponent(second));
  return null;
}

async function go(event) {
  page?.close();
  const path = location.hash.slice(1) || "/";
  const here = (page = page_of(path));
  if (!here) return fill(main, h("h1", {}, "No such page"), h("p", {}, "There are ", h("a", { href: "#/" }, "jobs"), ", ", h("a", { href: "#/new" }, "a form for new ones"), " and ", h("a", { href: "#/cluster" }, "the cluster"), "."));
  mark(path);
  fill(main, here.element);
  document.title = `${here.title} – burnish`;
  if (event) main.focus(); // a screen reader goes on at the new page
  try {
    await here.open();
  } catch (error) {
    if (page !== here) return;
    if (error.status === 401) fill(main, admit(go, key.get() && error.problem.detail));
    else fill(main, h("h1", {}, here.title), complaint(error));
  }
}

function mark(path) {
  for (const link of document.querySelectorAll("header nav a")) {
    const target = link.getAttribute("href");
    const current = target === `#${path}` || (target === "#/new" && path.startsWith("/new"));
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

addEventListener("hashchange", go);
go();
