// Notifications: what could not be delivered, what is on its way, and whether the alarm path works.

import { get, part, post } from "./api.js";
import { toldState } from "./details.js";
import { button, fill, h, icon, toast } from "./dom.js";
import { on } from "./state.js";
import { full, when } from "./time.js";

const MEDIUM = { email: "E-mail", webhook: "Webhook", chat: "Chat" };

/** Draw the page. */
export async function draw(place) {
  const body = h("div", { class: "stack" });
  place.append(body);
  let drawn = "";
  const load = async () => {
    const found = await get("notifications");
    // What has not changed stays as it is: the focus and a half-made click survive.
    if (drawn === (drawn = JSON.stringify(found))) return;
    fill(body, tested(found, load), section("Not delivered", found.dead, "Everything was delivered.", (one) => button("Try again", () => again(one, load), { kind: "small", "aria-label": `Try again: ${one.address}` })), section("On the way", found.waiting, "Nothing is waiting to be sent."));
  };
  await load();
  const timer = setInterval(() => document.visibilityState === "visible" && load().catch(() => {}), 10000);
  const leave = on("queue", () => load().catch(() => {}));
  return () => { clearInterval(timer); leave(); };
}

function tested(found, load) {
  const last = found.last_test;
  const good = last && last.delivered === last.ways;
  const words = !found.ways.length ? "Nobody is notified of anything. The owner writes the rules under Who is notified." : !last ? "The alarm path has not been tested yet." : good ? `Alarm path tested ${full(last.at)}: every way delivers.` : `Last test ${full(last.at)}: ${last.delivered} of ${last.ways} ways have delivered${last.failed ? `, ${last.failed} cannot` : ""}.`;
  const test = async () => {
    try {
      const { ways } = await post("notifications/test");
      toast(`A test was sent along ${ways} ${ways === 1 ? "way" : "ways"}.`);
      // Watch it arrive.
      for (let second = 0; second < 15; second++) setTimeout(() => load().catch(() => {}), second * 1000);
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  return h("section", { class: `card ${good ? "good" : "warn"}` }, h("h2", {}, "Alarm path"), h("p", { class: "status-line" }, icon(good ? "check" : "urgent"), words),
    h("p", { class: "row-actions" }, button("Test it now", test, { kind: "primary", disabled: !found.ways.length })),
    found.tested.length ? table(found.tested.slice(0, last.ways), null) : null);
}

function section(title, rows, none, action) {
  return h("section", { class: "card" }, h("h2", {}, title), rows.length ? table(rows, action) : h("p", { class: "hint" }, none));
}

function table(rows, action) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Notifications" }, h("table", {}, h("thead", {}, h("tr", {}, ["Written", "To", "State", "Said", ...(action ? [""] : [])].map((title) => h("th", { scope: "col" }, title || h("span", { class: "unseen" }, "Action"))))),
    h("tbody", {}, rows.map((one) => h("tr", {}, h("td", {}, when(one.created_at)), h("td", {}, `${MEDIUM[one.medium] || one.medium}: ${one.address}`), h("td", { class: one.state === "dead" ? "bad" : "" }, toldState(one)), h("td", {}, one.last_error || "", one.handoff && h("p", {}, h("a", { href: `/staff/handoffs/${part(one.handoff)}` }, "Open the conversation"))), action && h("td", {}, action(one)))))));
}

async function again(one, load) {
  try {
    await post(`notifications/${part(one.id)}/retry`);
    toast("It is tried again.");
    load();
  } catch (error) {
    toast(error.message, "bad");
  }
}
