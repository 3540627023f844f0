// The queue: who waits, gravest first. Four views, search, filters that can be kept, and a row a person reads in a second.

import { get, part, post, put } from "./api.js";
import { channelName, siteName, standing, undelivered, urgencyBadge, waiting } from "./badges.js";
import { ask } from "./dialogs.js";
import { announce, button, choice, fill, h, icon, labelled, toast } from "./dom.js";
import { keys } from "./keys.js";
import { know } from "./live.js";
import { alarming, byUrgency, isMe, nameOf, on, state, waits } from "./state.js";

const VIEWS = [["waiting", "Waiting"], ["mine", "Mine"], ["all", "All open"], ["closed", "Closed"]];

const view = { name: "waiting", search: "", urgency: "", member: "" };
let found = null;
let more = false;
let filters = {};
let asked = 0;

const belongs = {
  waiting: waits,
  mine: (row) => isMe(row.member),
  all: () => true,
};

/** Build the column of the queue; `open` goes to a handoff. */
export function queueColumn(open) {
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": "Views of the queue" });
  const list = h("ul", { class: "rows", "aria-label": "Handoffs" });
  const foot = h("div", { class: "rows-foot" });
  const search = h("input", { type: "search", placeholder: "Search name, phone, words", "aria-label": "Search conversations", autocomplete: "off" });
  const chips = h("div", { class: "chips" });
  const column = h("section", { class: "queue", "aria-labelledby": "queue-title" },
    h("header", {}, h("h1", { id: "queue-title" }, "Queue"), button("Filter", () => askFilter(draw), { kind: "plain", picture: "rules" })),
    tabs, h("div", { class: "search" }, icon("search"), search), chips, list, foot);

  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => { view.search = search.value.trim(); load(draw); }, 250);
  });
  const draw = () => {
    search.value === view.search || document.activeElement === search || (search.value = view.search);
    drawTabs(tabs, draw);
    drawChips(chips, draw);
    drawRows(list, foot, open, draw);
  };
  const leave = [on("queue", draw), on("connection", draw), keys({
    "/": () => search.focus(),
    j: () => step(list, 1),
    k: () => step(list, -1),
  })];
  get("filters").then((answer) => { filters = answer.filters; draw(); }, () => {});
  draw();
  return { node: column, draw, leave: () => leave.forEach((end) => end()) };
}

/** Mark the open conversation in the list. */
export function markOpen(id) {
  for (const link of document.querySelectorAll(".rows a[data-id]")) {
    if (link.dataset.id === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function drawTabs(tabs, draw) {
  const rows = [...state.rows.values()];
  const focused = tabs.contains(document.activeElement) ? document.activeElement.dataset.view : "";
  fill(tabs, VIEWS.map(([name, title]) => {
    const count = belongs[name] ? rows.filter(belongs[name]).length : null;
    const press = () => { view.name = name; load(draw); };
    return h("button", { type: "button", "aria-pressed": String(view.name === name), data: { view: name }, on: { click: press } }, title, count !== null && h("span", { class: "count" }, String(count)));
  }));
  if (focused) tabs.querySelector(`[data-view="${focused}"]`)?.focus();
}

function drawChips(chips, draw) {
  const active = [["urgency", view.urgency], ["member", view.member && `with ${nameOf(view.member)}`]].filter(([, text]) => text);
  const saved = Object.entries(filters).map(([name, query]) => button(name, () => { Object.assign(view, { name: "all", search: "", urgency: "", member: "" }, query); load(draw); }, { kind: "chip" }));
  const off = active.map(([name, text]) => button(text, () => { view[name] = ""; load(draw); }, { kind: "chip on", picture: "close", "aria-label": `Remove filter: ${text}` }));
  const keep = active.length || view.search ? [button("Keep this filter", () => askName(draw), { kind: "chip", picture: "plus" })] : [];
  fill(chips, saved, off, keep);
  chips.hidden = !chips.childElementCount;
}

function drawRows(list, foot, open, draw) {
  const local = view.name !== "closed" && !view.search;
  let rows = local ? [...state.rows.values()].filter(belongs[view.name]).sort(byUrgency) : found || [];
  rows = rows.filter((row) => (!view.urgency || row.urgency === view.urgency) && (!view.member || row.member === view.member));
  const current = document.activeElement?.closest?.(".rows a[data-id]")?.dataset.id;
  const here = location.pathname.split("/").pop();
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = rows.map((row) => {
    const said = JSON.stringify([row, row.id === here]);
    const old = known.get(row.id);
    return old?.dataset.said === said ? old : item(row, open, said, row.id === here);
  });
  // Rows that have not changed stay as they are: the focus and a half-made click survive.
  if (items.length !== list.childElementCount || items.some((one, number) => list.children[number] !== one)) list.replaceChildren(...items);
  if (current) list.querySelector(`a[data-id="${CSS.escape(current)}"]`)?.focus();
  fill(foot, rows.length ? null : empty(local), !local && more && button("Show more", () => load(draw, true)));
}

function empty(local) {
  if (local && !state.ready) return h("p", { class: "empty" }, "Looking at the queue...");
  if (view.search) return h("p", { class: "empty" }, `Nothing found for "${view.search}".`);
  const words = { waiting: "Nobody is waiting.", mine: "You have no open conversation.", all: "No open conversation.", closed: "Nothing closed yet." };
  return h("div", { class: "empty" }, icon("check"), h("p", {}, words[view.name]), view.name === "waiting" && h("p", { class: "hint" }, "You hear a sound when somebody reports something urgent."));
}

function item(row, open, said, here) {
  const alarm = alarming(row);
  const go = (event) => { event.preventDefault(); open(row.id); };
  const place = [channelName(row), siteName(row.site)].filter(Boolean).join(", ");
  const link = h("a", { href: `/staff/handoffs/${part(row.id)}`, data: { id: row.id }, on: { click: go }, "aria-current": here ? "true" : null },
    h("span", { class: "row-top" }, urgencyBadge(row), waiting(row)),
    h("strong", { class: "row-summary" }, row.summary),
    h("span", { class: "row-said" }, row.said ? `Told: ${row.said}` : row.reason),
    h("span", { class: "row-foot" }, h("span", { class: "row-state" }, standing(row)), h("span", {}, row.callback && icon("phone"), row.callback && h("span", { class: "unseen" }, "wants a call, "), place)));
  const seen = alarm && button("I have seen it", () => acknowledge(row), { kind: "seen", picture: "eye" });
  return h("li", { class: `row ${row.urgency} ${row.state}${alarm ? " alarming" : ""}`, data: { id: row.id, said } }, link, undelivered(row), seen);
}

/** Acknowledge: the alarm of this one ends everywhere. */
export async function acknowledge(row) {
  try {
    know((await post(`handoffs/${part(row.id)}/acknowledge`)).handoff);
    announce("Marked as seen. The alarm has stopped.");
  } catch (error) {
    toast(error.message, "bad");
  }
}

function step(list, by) {
  const links = [...list.querySelectorAll("a[data-id]")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement?.closest?.("a[data-id]"));
  const from = at >= 0 ? at : links.findIndex((link) => link.hasAttribute("aria-current"));
  links[Math.min(links.length - 1, Math.max(0, from + by))].focus();
}

async function load(draw, next = false) {
  draw();
  if (view.name !== "closed" && !view.search) return;
  const turn = ++asked;
  const query = new URLSearchParams({ state: view.name === "closed" ? "closed" : view.search ? "all" : "open", search: view.search, offset: next ? String(found?.length || 0) : "0" });
  try {
    const answer = await get(`handoffs?${query}`);
    if (turn !== asked) return;
    found = next ? [...(found || []), ...answer.rows] : answer.rows;
    more = answer.more;
    draw();
    if (view.search) announce(`${found.length} found`);
  } catch (error) {
    toast(error.message, "bad");
  }
}

function askFilter(draw) {
  const urgency = choice([["", "Every urgency"], ["emergency", "Emergency"], ["urgent", "Urgent"], ["routine", "Routine"]], view.urgency);
  const member = choice([["", "Everybody"], ...[...state.members.values()].filter((one) => one.on).map((one) => [one.id, one.name])], view.member);
  ask({ title: "Filter the queue", body: [labelled("Urgency", urgency), labelled("Who has it", member)], action: "Show", submit: async () => {
    Object.assign(view, { urgency: urgency.value, member: member.value });
    if (member.value && view.name !== "closed") view.name = "all";
    load(draw);
  } });
}

function askName(draw) {
  const name = h("input", { type: "text", maxlength: 40, required: true });
  ask({ title: "Keep this filter", body: labelled("Name", name, "It stands above the queue from now on. The same name again replaces it."), action: "Keep", submit: async () => {
    const { name: shown, search, urgency, member } = view;
    filters = (await put("filters", { name: name.value, query: { name: shown, search, urgency, member } })).filters;
    draw();
  } });
}

/** Forget a filter that was kept. */
export async function forgetFilter(name) {
  filters = (await put("filters", { name, query: null })).filters;
}

/** Return the names of the filters that were kept. */
export async function keptFilters() {
  ({ filters } = await get("filters"));
  return Object.keys(filters);
}
