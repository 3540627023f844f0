// The frame round every page: where to go, whether the clinic is open, and the alarm that cannot be overlooked.

import { askToNotify, setSilent, sound } from "./alarm.js";
import { given, get, post } from "./api.js";
import { urgencyBadge } from "./badges.js";
import { button, fill, h, icon, toast } from "./dom.js";
import { help } from "./keys.js";
import { acknowledge } from "./queue.js";
import { alarming, byUrgency, emit, handedToMe, may, on, state, waits } from "./state.js";
import { closeNow } from "./closing.js";
import { span } from "./time.js";

const LINKS = [
  ["queue", "/staff/", "Queue", "queue"],
  ["records", "/staff/records", "Records", "record"],
  ["hours", "/staff/hours", "Hours", "hours"],
  ["answers_read", "/staff/answers", "Answers", "answers"],
  ["canned", "/staff/canned", "Canned replies", "canned"],
  ["facts", "/staff/facts", "Prices and team", "facts"],
  ["notifications", "/staff/notifications", "Notifications", "notices"],
  ["rules", "/staff/rules", "Who is notified", "rules"],
  ["overview", "/staff/overview", "Overview", "overview"],
  ["people", "/staff/people", "People", "people", "staff"],
  ["logs", "/staff/logs", "Logs", "logs"],
];

/** Build the frame; `go` opens an address, and the page is drawn into `main`. */
export function shell(go) {
  const main = h("main", { id: "main", tabindex: "-1" });
  const banner = h("div", { class: "banners", role: "region", "aria-label": "Alarm" });
  const sites = h("div", { class: "sites" });
  const links = h("ul", {}, LINKS.filter(([name, , , , needs]) => may(needs || name)).map(([name, href, title, picture]) =>
    h("li", {}, h("a", { href, data: { page: name } }, icon(picture), h("span", {}, title), name === "queue" && h("span", { class: "count", hidden: true })))));
  const menu = button("Menu", () => rail.classList.toggle("open"), { kind: "plain menu-toggle", picture: "more", "aria-expanded": "false" });
  const soundState = h("div", { class: "sound" });
  const rail = h("nav", { class: "rail", "aria-label": "Console" },
    h("p", { class: "clinic" }, h("span", { class: "mark", "aria-hidden": "true" }), h("span", {}, state.clinic.name)), menu, links, sites,
    h("div", { class: "rail-foot" }, soundState,
      h("a", { href: "/staff/account", data: { page: "account" } }, icon("account"), h("span", {}, state.me.name)),
      button("Keyboard", help, { kind: "plain", picture: "keys" }),
      h("form", { method: "post", action: "/staff/sign-out" }, h("input", { type: "hidden", name: "csrf", value: given.csrf }), h("button", { type: "submit", class: "plain" }, icon("out"), h("span", {}, "Sign out")))));
  fill(document.getElementById("app"), banner, rail, main);
  menu.addEventListener("click", () => menu.setAttribute("aria-expanded", String(rail.classList.contains("open"))));
  links.addEventListener("click", () => rail.classList.remove("open"));

  const draw = () => { drawBanner(banner, go); drawCount(links); };
  on("queue", draw);
  on("connection", draw);
  on("sound", () => { drawBanner(banner, go); drawSound(soundState); });
  on("sites", (found) => drawSites(sites, found));
  draw();
  drawSound(soundState);
  if (may("hours")) refreshSites();
  setInterval(() => may("hours") && document.visibilityState === "visible" && refreshSites(), 60000);
  return main;
}

/** Mark where we are. */
export function here(page) {
  for (const link of document.querySelectorAll(".rail a[data-page]")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Read again whether each site is open, and tell the box on the left and the page of hours. */
export async function refreshSites() {
  try {
    emit("sites", (await get("hours")).sites);
  } catch { /* the line at the top says that the server is away */ }
}

function drawSites(place, hours) {
  fill(place, hours.map((site) => {
    const closed = site.closed_until;
    const words = closed ? "Closed now" : site.open ? "Open" : "Closed";
    const until = closed ? "until" : site.open ? "until" : "opens";
    return h("div", { class: `site ${site.open ? "open" : "shut"}` },
      h("p", {}, h("strong", {}, hours.length > 1 ? site.title : "Clinic"), h("span", {}, ` ${words}`), site.changes_text && h("span", { class: "hint" }, `${until} ${site.changes_text}`)),
      closed ? button("Open again", () => reopen(site), { kind: "small" }) : site.open && button("Close now", () => closeNow(site, refreshSites), { kind: "small" }));
  }));
}

/** End a "closed now" before its time. */
export async function reopen(site) {
  try {
    await post(`sites/${site.site}/open`);
    toast(`${site.title} follows its usual hours again.`);
    refreshSites();
  } catch (error) {
    toast(error.message, "bad");
  }
}

function drawCount(links) {
  const count = links.querySelector(".count");
  const waiting = [...state.rows.values()].filter(waits).length;
  count.hidden = !waiting;
  count.classList.toggle("alarming", [...state.rows.values()].some((row) => row.urgency === "emergency" && alarming(row)));
  fill(count, String(waiting));
}

function drawBanner(place, go) {
  const rows = [...state.rows.values()].filter(alarming).sort(byUrgency);
  const parts = [];
  if (!state.connected && state.ready) parts.push(h("div", { class: "banner offline", role: "status" }, icon("urgent"), h("p", {}, "No connection to the server. Trying again. What you see may be old; telephones still work.")));
  else if (state.stale) parts.push(h("div", { class: "banner offline", role: "status" }, icon("urgent"), h("p", {}, "The database cannot be read. What you see may be old.")));
  const first = rows[0];
  if (first) {
    const alarm = h("div", { class: `banner ${first.urgency}`, role: "alert" }, urgencyBadge(first),
      h("p", {}, handedToMe(first) && "Handed to you: ", h("strong", {}, first.summary), " ", h("time", { data: { since: first.opened_at }, datetime: first.opened_at }, span(first.opened_at)), rows.length > 1 ? `, and ${rows.length - 1} more` : ""),
      h("div", { class: "row-actions" }, button("I have seen it", () => acknowledge(first), { picture: "eye" }), button("Open", () => go(`/staff/handoffs/${first.id}`), { kind: "primary" })));
    parts.push(alarm);
  }
  if (sound.state === "blocked" && first) parts.push(h("div", { class: "banner note" }, icon("silent"), h("p", {}, "The browser keeps the alarm silent until you click."), button("Switch the sound on", () => {}, { kind: "small" })));
  const key = `${first?.id} ${first?.alarm} ${first && handedToMe(first)} ${rows.length} ${state.connected} ${state.stale} ${sound.state}`;
  if (place.dataset.key === key) return;
  const had = place.contains(document.activeElement) ? document.activeElement.textContent : "";
  place.dataset.key = key;
  fill(place, parts);
  if (had) [...place.querySelectorAll("button")].find((one) => one.textContent === had)?.focus();
}

function drawSound(place) {
  const words = { on: "Alarm sounds here", blocked: "Click once to allow the sound", off: "Silent in this browser" }[sound.state];
  const silent = sound.state === "off";
  const notes = "Notification" in window ? Notification.permission : "granted";
  fill(place,
    h("p", { class: sound.state }, icon(sound.state === "on" ? "sound" : "silent"), words),
    silent ? button("Sound on", () => setSilent(false), { kind: "small" }) : null,
    notes === "default" ? button("Allow notifications", askToNotify, { kind: "small" }) : null,
    notes === "denied" ? h("p", { class: "blocked", title: "Allow them in the browser, beside the address" }, icon("notices"), "Notifications are blocked") : null);
}

