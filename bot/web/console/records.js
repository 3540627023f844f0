// The records of reports: what came in, who saw it when, how it ended; each opens as a page to print.

import { get, given, part } from "./api.js";
import { urgencyBadge } from "./badges.js";
import { fill, h, icon } from "./dom.js";
import { byWhom } from "./state.js";
import { full, span } from "./time.js";

/** Draw the page. */
export async function draw(place) {
  const search = h("input", { type: "search", placeholder: "Search records", "aria-label": "Search records" });
  const body = h("div", {});
  const load = async () => {
    const { rows } = await get(`records?search=${encodeURIComponent(search.value)}`);
    fill(body, rows.length ? table(rows) : h("p", { class: "empty" }, "No record here."));
  };
  let timer = 0;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(load, 250); });
  place.append(h("p", { class: "hint" }, "One record for each report of a symptom or an emergency. A closed record can no longer be changed."), h("div", { class: "search" }, icon("search"), search), body);
  await load();
}

function table(rows) {
  return h("section", { class: "card" }, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Records" }, h("table", {}, h("thead", {}, h("tr", {}, ["Came in", "Urgency", "Report", "Seen", "Ended", ""].map((title) => h("th", { scope: "col" }, title || h("span", { class: "unseen" }, "Print"))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("td", { class: "moment" }, full(row.opened_at)), h("td", {}, urgencyBadge(row)), h("td", {}, h("a", { href: `/staff/handoffs/${part(row.id)}` }, row.summary)), h("td", {}, row.first_seen_at ? `after ${span(row.opened_at, Date.parse(row.first_seen_at))}, ${byWhom(row.first_seen_by)}` : "not yet"), h("td", {}, row.closed_at ? given.outcomes[row.outcome] || row.outcome : "open"), h("td", {}, h("a", { class: "button small", href: `/staff/records/${part(row.id)}`, target: "_blank", rel: "noopener", "aria-label": `Record of ${full(row.opened_at)}` }, icon("print"), "Record"))))))));
}
