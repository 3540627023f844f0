// The side of a conversation: what is known, the wish to be called, what was told to whom, the history, the record.

import { part } from "./api.js";
import { channelName, siteName } from "./badges.js";
import { add, button, fill, h, icon } from "./dom.js";
import { byWhom, may } from "./state.js";
import { full, when } from "./time.js";
import { eventText } from "./transcript.js";

const MEDIUM = { email: "E-mail", webhook: "Webhook", chat: "Chat" };

/** Draw the side; `actions` holds what the owner may do with the visitor. */
export function details(place, handoff, visitor, actions) {
  fill(place, report(handoff), callback(handoff), told(handoff), who(visitor), history(handoff), owner(handoff, actions));
}

function section(title, ...children) {
  return h("section", {}, h("h2", {}, title), children);
}

function facts(rows) {
  return h("dl", {}, rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** A time as short as it can be; the whole of it when somebody points at it. */
const at = (iso) => h("time", { datetime: iso, title: full(iso) }, when(iso));

function report(handoff) {
  const after = { true: "yes", false: "no", null: "not said" }[String(handoff.after_treatment)];
  const isReport = handoff.symptom || handoff.region || handoff.urgency !== "routine";
  const rows = isReport
    ? [["Symptom", handoff.symptom || "not recognised"], ["Region", handoff.region || "not said"], ["Since", handoff.since || "not said"], ["After treatment", after]]
    : [];
  const rules = handoff.rules.length ? `${handoff.rules.join(", ")}, list ${handoff.list_version || "unknown"}` : "";
  return section("What we know",
    facts([["Reason", handoff.reason], ...rows, ["Matched", rules], ["Came in", at(handoff.opened_at)], ["Seen", handoff.first_seen_at ? `${when(handoff.first_seen_at)}, ${byWhom(handoff.first_seen_by)}` : "nobody yet"]]),
    handoff.bot_text ? h("details", {}, h("summary", {}, "What the visitor was told"), h("p", { class: "quote" }, handoff.bot_text)) : null,
    handoff.state === "closed" ? facts([["Closed", `${when(handoff.closed_at)}, ${byWhom(handoff.closed_by)}`], ["Done", handoff.done]]) : null,
    may("records") && isReport ? h("p", {}, h("a", { class: "button", href: `/staff/records/${part(handoff.id)}`, target: "_blank", rel: "noopener" }, icon("print"), "Record, to print")) : null);
}

function callback(handoff) {
  const wish = handoff.callback;
  if (!wish) return null;
  const number = wish.phone.replace(/[^\d+]/g, "");
  return h("section", { class: "call" }, h("h2", {}, "Wants a call"),
    h("p", {}, h("a", { class: "button primary", href: `tel:${number}` }, icon("phone"), `Call ${wish.phone}`)),
    facts([["Name", wish.name], ["Best time", wish.best_time], ["Agreed", when(wish.consent_at)]]));
}

function told(handoff) {
  const rows = handoff.notifications || [];
  if (!rows.length) return null;
  return section("Who was told", h("ul", { class: "told" }, rows.map((one) => h("li", { class: one.state }, h("span", {}, `${MEDIUM[one.medium] || one.medium}: ${one.address}`), h("span", { class: "hint" }, toldState(one, handoff.state === "closed"))))));
}

/** Say in words what became of a notification. */
export function toldState(one, over = false) {
  if (one.state === "delivered") return `delivered ${when(one.delivered_at)}`;
  if (one.state === "cancelled") return "not needed: somebody had seen it";
  const call = (mark) => (one.handoff && !over ? `${mark} call instead` : ""); // nobody waits for a test, or any more
  if (one.state === "dead") return `not delivered after ${one.tries} ${one.tries === 1 ? "try" : "tries"}${call(":")}`;
  if (one.state === "sending" && one.tries <= 1) return "being sent";
  return one.tries ? `not delivered: retrying ${one.tries} of ${one.most_tries}${call(",")}` : "on its way";
}

function who(visitor) {
  return section("Visitor", facts([["Channel", channelName(visitor)], ["Site", siteName(visitor.site)], ["Language", visitor.language], ["First seen", at(visitor.created_at)], ["Reference", visitor.id.slice(-8).toUpperCase()]]));
}

function history(handoff) {
  return section("History", h("ol", { class: "history" }, handoff.history.map((event) => h("li", {}, h("span", {}, eventText(event)), h("time", { datetime: event.at, title: full(event.at) }, when(event.at))))));
}

function owner(handoff, actions) {
  if (!may("visitors")) return null;
  const place = section("This visitor's data");
  add(place, h("p", { class: "row-actions" },
    h("a", { class: "button", href: `/staff/api/visitors/${part(handoff.visitor)}/export`, download: "visitor.json" }, icon("download"), "Export"),
    button("Delete everything", actions.remove, { kind: "danger" })));
  return place;
}
