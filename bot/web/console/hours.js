// Opening hours: the week with split days, closures and holidays, special days, and the switch for a snow day.

import { get, part, put } from "./api.js";
import { closeNow } from "./closing.js";
import { add, button, fill, h, icon, labelled, toast } from "./dom.js";
import { showHistory } from "./history.js";
import { refreshSites, reopen } from "./shell.js";
import { on } from "./state.js";

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/** Draw the page. */
export async function draw(place) {
  const sites = h("div", { class: "cards" });
  place.append(h("p", { class: "hint" }, "The assistant tells visitors these hours at once. Two stretches make a day with a lunch break."), sites);
  const load = async () => {
    const found = await get("hours");
    fill(sites, found.sites.map((site) => siteCard(site, load)));
    refreshSites();
  };
  await load();
  // Only the heads: what is being changed below them is not saved yet.
  return on("sites", (found) => {
    for (const site of found) {
      const head = sites.querySelector(`header[data-site="${CSS.escape(site.site)}"]`);
      if (head) drawHead(head, site, load);
    }
  });
}

function drawHead(head, site, load) {
  const closed = site.closed_until;
  fill(head, h("div", {}, h("h2", {}, site.title), h("p", { class: `site-state ${site.open ? "open" : "shut"}` }, icon(site.open ? "check" : "hours"), closed ? `Closed now until ${site.changes_text}${site.closed_reason ? ` (${site.closed_reason})` : ""}` : site.open ? `Open until ${site.changes_text}` : `Closed, opens ${site.changes_text}`)),
    h("div", { class: "row-actions" }, closed ? button("Open again", () => reopen(site)) : button("Close now", () => closeNow(site, refreshSites), { kind: "danger" }), button("History", () => showHistory(`hours/${site.site}`, site.title, true, load), { picture: "logs" })));
  return head;
}

function siteCard(site, load) {
  const fields = structuredClone(site.fields);
  fields.closures ||= [];
  fields.special_days ||= [];
  fields.holidays ||= {};
  const problem = h("p", { class: "problem", role: "alert" });
  const week = DAYS.map((day) => dayRow(day, fields.week[day] || []));
  const closures = rowList(fields.closures, (one) => [dayField("From", one, "first"), dayField("To", one, "last"), textField("Reason", one, "reason")], () => ({ first: site.today, last: site.today, reason: "" }), "Add a closure");
  const specials = rowList(fields.special_days, (one) => [dayField("Day", one, "day"), periodsField("Open", one), textField("Reason", one, "reason")], () => ({ day: site.today, periods: [], reason: "" }), "Add a day with other hours");
  const kept = new Set(fields.holidays.closed || []);
  const holidays = h("fieldset", { class: "ticks" }, h("legend", {}, "Closed on these holidays"), site.holidays.map((name, number) => {
    const tick = h("input", { type: "checkbox", id: `${site.site}${number}`, checked: kept.has(name), on: { change: () => (tick.checked ? kept.add(name) : kept.delete(name)) } });
    return h("p", { class: "check" }, tick, h("label", { for: tick.id }, name));
  }));
  const save = async (event) => {
    event.preventDefault();
    fill(problem);
    const said = { ...fields, week: Object.fromEntries(week.map((row) => [row.day, row.value()])), closures: fields.closures, special_days: fields.special_days };
    if (Object.keys(fields.holidays).length || kept.size) said.holidays = { ...fields.holidays, closed: [...kept] };
    else delete said.holidays;
    try {
      await put(`hours/${part(site.site)}`, { fields: said, base: site.version });
      toast("Saved. Visitors are told these hours from now on.");
      load();
    } catch (error) {
      fill(problem, error.message);
    }
  };
  return h("form", { class: "card", on: { submit: save } },
    drawHead(h("header", { data: { site: site.site } }), site, load),
    h("div", { class: "hours-grid" }, h("section", {}, h("h3", {}, "Week"), week.map((row) => row.node)), h("section", {}, h("h3", {}, "Closures"), closures, h("h3", {}, "Days with other hours"), specials), h("section", {}, h("h3", {}, "Holidays"), holidays)),
    site.coming.length ? h("p", { class: "hint" }, `Coming: ${site.coming.map((day) => `${day.day} ${day.reason} (${day.periods.join(", ") || "closed"})`).join("; ")}`) : null,
    problem, h("p", { class: "row-actions" }, h("button", { type: "submit", class: "primary" }, "Save"), h("span", { class: "hint" }, `Times are those of ${site.zone}.`)));
}

function dayRow(day, periods) {
  const title = day.charAt(0).toUpperCase() + day.slice(1);
  const spans = h("div", { class: "spans" });
  const kept = periods.map((text) => text.split("-"));
  const drawSpans = () => fill(spans, kept.map((span, number) => {
    const time = (at, label) => h("input", { type: "time", required: true, value: span[at].padStart(5, "0"), "aria-label": `${title}, ${label}${kept.length > 1 ? ` ${number + 1}` : ""}`, on: { input: (event) => (span[at] = event.target.value) } });
    return h("span", { class: "span" }, time(0, "opens"), "to", time(1, "closes"), h("button", { type: "button", class: "plain", "aria-label": `${title}: remove ${span.join(" to ")}`, on: { click: () => { kept.splice(number, 1); drawSpans(); } } }, icon("close")));
  }), !kept.length && h("span", { class: "hint" }, "Closed"), kept.length < 3 && h("button", { type: "button", class: "plain", "aria-label": `${title}: add a stretch`, on: { click: () => { kept.push(kept.length ? ["13:00", "18:00"] : ["08:00", "12:00"]); drawSpans(); } } }, icon("plus")));
  drawSpans();
  const plainTime = (text) => text.replace(/^0(?=\d)/, "");
  return { day, value: () => kept.map(([opens, closes]) => `${plainTime(opens)}-${plainTime(closes)}`), node: h("div", { class: "day-row" }, h("span", { class: "day-name" }, title), spans) };
}

function rowList(list, fields, fresh, addTitle) {
  const place = h("div", { class: "row-list" });
  const drawRows = () => {
    fill(place, list.map((one, number) => h("div", { class: "list-row" }, fields(one), h("button", { type: "button", class: "plain", "aria-label": `Remove ${one.reason || "this row"}`, on: { click: () => { list.splice(number, 1); drawRows(); } } }, icon("close")))));
    add(place, button(addTitle, () => { list.push(fresh()); drawRows(); }, { kind: "small", picture: "plus" }));
  };
  drawRows();
  return place;
}

const dayField = (title, one, name) => labelled(title, h("input", { type: "date", required: true, value: one[name] || "", on: { input: (event) => (one[name] = event.target.value) } }));
const textField = (title, one, name) => labelled(title, h("input", { type: "text", value: one[name] || "", on: { input: (event) => (one[name] = event.target.value) } }));
const periodsField = (title, one) => labelled(title, h("input", { type: "text", placeholder: "8:00-12:00, 13:00-18:00", value: (one.periods || []).join(", "), on: { input: (event) => (one.periods = event.target.value.split(",").map((text) => text.trim()).filter(Boolean)) } }));
