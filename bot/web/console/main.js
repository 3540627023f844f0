// Starts the console: who is signed in, the frame, the live queue, and which page an address means.

import { watchAlarm } from "./alarm.js";
import { get } from "./api.js";
import { openConversation } from "./conversation.js";
import { button, fill, h, icon, toast } from "./dom.js";
import { keys, listen } from "./keys.js";
import { follow } from "./live.js";
import { acknowledge, markOpen, queueColumn } from "./queue.js";
import { here, shell } from "./shell.js";
import { alarming, byUrgency, on, state, waits } from "./state.js";

const PAGES = {
  records: () => import("./records.js"),
  hours: () => import("./hours.js"),
  answers: () => import("./answers.js"),
  facts: () => import("./facts.js"),
  canned: () => import("./canned.js"),
  notifications: () => import("./notices.js"),
  rules: () => import("./rules.js"),
  overview: () => import("./overview.js"),
  people: () => import("./people.js"),
  logs: () => import("./logs.js"),
  account: () => import("./account.js"),
};
const TITLES = { records: "Records", hours: "Hours", answers: "Answers", facts: "Prices and team", canned: "Canned replies", notifications: "Notifications", rules: "Who is notified", overview: "Overview", people: "People", logs: "Logs", account: "Your account" };

let main;
let leavePage = null;
let column = null;
let turn = 0;

async function start() {
  const me = await get("me");
  Object.assign(state, { me: me.member, permissions: new Set(me.permissions), members: new Map(me.members.map((one) => [one.id, one])), sites: me.sites, clinic: me.clinic });
  main = shell(go);
  listen();
  keys({ "g q": () => go("/staff/"), "g h": () => go("/staff/hours"), "g a": () => go("/staff/answers"), "g c": () => go("/staff/canned"), "g n": () => go("/staff/notifications"), "g o": () => go("/staff/overview") });
  document.addEventListener("click", follow_link);
  window.addEventListener("popstate", () => route());
  on("open", (id) => go(`/staff/handoffs/${id}`));
  watchAlarm();
  follow();
  route();
}

/** Open an address of the console. */
export function go(path) {
  if (path !== location.pathname) history.pushState(null, "", path);
  route();
}

function follow_link(event) {
  const link = event.target.closest?.("a[href^='/staff']");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target || link.hasAttribute("download")) return;
  if (/^\/staff\/(api|records\/|sign|files)/.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname);
}

async function route() {
  const mine = ++turn;
  const [, , page = "", id] = location.pathname.split("/");
  leavePage?.();
  leavePage = null;
  if (page === "" || page === "handoffs") return desk(id, mine);
  column?.leave();
  column = null;
  here(page);
  main.className = "page-main";
  const place = h("div", { class: "page" }, h("p", { class: "empty" }, "Opening..."));
  fill(main, place);
  try {
    const { draw } = await PAGES[page]();
    if (mine !== turn) return;
    fill(place, h("header", { class: "page-head" }, h("h1", { tabindex: "-1" }, TITLES[page])));
    leavePage = (await draw(place)) || null;
    place.querySelector("h1")?.focus({ preventScroll: true });
  } catch (error) {
    fill(place, h("h1", {}, TITLES[page] || "Not here"), h("p", { class: "problem" }, error.status === 403 ? "Your role does not open this page." : error.message || "There is no such page."));
  }
}

async function desk(id, mine) {
  here("queue");
  main.className = id ? "desk has-open" : "desk";
  if (!column) {
    column = queueColumn((one) => go(`/staff/handoffs/${one}`));
    fill(main, column.node, h("div", { class: "open-place" }));
  }
  const place = main.querySelector(".open-place");
  place.classList.remove("show-side");
  markOpen(id);
  column.draw();
  const free = id ? null : keys({ e: () => firstAlarm() });
  if (!id) {
    const leave = on("queue", () => next(place));
    leavePage = () => { free(); leave(); };
    delete place.dataset.next;
    return next(place);
  }
  const close = await openConversation(place, id, () => go("/staff/"));
  if (mine !== turn) return close();
  leavePage = close;
  markOpen(id);
}

/** With nothing open, say what there is to do, and open the first of it. */
function next(place) {
  const rows = [...state.rows.values()].filter(waits).sort(byUrgency);
  const [first] = rows;
  const key = `${first?.id} ${rows.length} ${state.ready}`;
  if (place.dataset.next === key) return;
  const had = place.contains(document.activeElement);
  place.dataset.next = key;
  const keysHint = h("p", { class: "hint" }, "Press ", h("kbd", {}, "j"), " and ", h("kbd", {}, "k"), " to move, ", h("kbd", {}, "Enter"), " to open, ", h("kbd", {}, "?"), " for all keys.");
  const words = !state.ready ? "Looking at the queue..." : !first ? "Nobody is waiting." : rows.length === 1 ? "One visitor waits for a person." : `${rows.length} visitors wait for a person.`;
  fill(place, h("div", { class: "empty nothing" }, state.ready && !first && icon("check"), h("h2", {}, words),
    first && button("Open the first", () => go(`/staff/handoffs/${first.id}`), { kind: "primary big" }), keysHint));
  if (had) place.querySelector("button")?.focus();
}

function firstAlarm() {
  const [first] = [...state.rows.values()].filter(alarming).sort(byUrgency);
  if (first) acknowledge(first);
}

start().catch((error) => {
  toast(error.message, "bad");
  fill(document.getElementById("app"), h("main", { id: "main", class: "page-main" }, h("h1", {}, "The console could not start"), h("p", {}, error.message), h("p", {}, h("a", { href: "/staff/" }, "Try again"))));
});
