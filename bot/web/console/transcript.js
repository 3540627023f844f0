// The conversation as it happened: messages of all three, notes and events between them, and what was understood.

import { h, icon } from "./dom.js";
import { byWhom, nameOf } from "./state.js";
import { dayOf, full, when } from "./time.js";
import { given } from "./api.js";

const ROUTE = { answer: "answered", staff: "to a person", emergency: "emergency", decline: "declined" };

export const EVENTS = {
  opened: "Reported", raised: "Raised to a graver sign", added: "Another sign", acknowledged: "seen by", claimed: "taken over by",
  snoozed: "put off by", woken: "back from being put off", transferred: "handed on by", requeued: "Back to the queue: left without an answer",
  replied: "answered by", noted: "note by", expired: "Emergency mode ended by itself", callback: "Wish to be called", given_back: "given back to the assistant by", closed: "closed by",
};

/** Draw everything in order of time; `understood` shows the assistant's reading below each message. */
export function transcript(place, messages, handoff, understood) {
  const rules = matched(handoff.history || []);
  const entries = [
    ...(handoff.notes || []).map((note) => ({ at: note.at, node: () => noteBubble(note) })),
    ...(handoff.history || []).filter((event) => !["replied", "noted", "opened"].includes(event.what)).map((event) => ({ at: event.at, node: () => line(event) })),
    ...messages.map((message) => ({ at: message.at, node: () => bubble(message, understood, rules.get(message.seq)) })),
  ].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  const nodes = [];
  let last = "";
  for (const entry of entries) {
    const today = dayOf(entry.at);
    if (today !== last) nodes.push(h("li", { class: "day" }, today));
    last = today;
    nodes.push(entry.node());
  }
  place.replaceChildren(...nodes);
}

/** Return the patterns that matched, by the number of the visitor's message. */
function matched(history) {
  const rules = new Map();
  for (const { detail } of history) if (detail.rules?.length) rules.set(detail.seq, detail.rules);
  return rules;
}

function bubble(message, understood, rules) {
  const who = { visitor: "Visitor", bot: "Assistant", staff: nameOf(message.member) || "Staff" }[message.author];
  const kind = `${message.author}${message.emergency ? " grave" : ""}`;
  return h("li", { class: `bubble ${kind}`, data: { seq: message.seq } },
    h("p", { class: "who" }, who, h("time", { datetime: message.at, title: full(message.at) }, when(message.at))),
    h("p", { class: "text" }, message.text),
    message.buttons.length ? h("p", { class: "offered" }, message.buttons.map((title) => h("span", {}, title))) : null,
    understood && message.author === "visitor" ? reading(message, rules) : null);
}

function reading(message, rules) {
  const parts = [
    message.topic && `Topic: ${message.topic.replaceAll("_", " ")}`,
    message.route && ROUTE[message.route],
    message.topic && message.confidence !== null && message.confidence !== undefined && `${Math.round(message.confidence * 100)} % sure`,
    rules && `matched ${rules.join(", ")}`,
  ].filter(Boolean);
  return parts.length ? h("p", { class: "reading" }, parts.join(" \u00b7 ")) : null;
}

function noteBubble(note) {
  return h("li", { class: "bubble note" },
    h("p", { class: "who" }, icon("note"), `Note by ${byWhom(note.member)}`, h("time", { datetime: note.at }, when(note.at))),
    h("p", { class: "text" }, note.text));
}

function line(event) {
  return h("li", { class: "event" }, h("span", {}, eventText(event)), " ", h("time", { datetime: event.at, title: full(event.at) }, when(event.at)));
}

/** Put an event into words. */
export function eventText(event) {
  const who = byWhom(event.member);
  const words = EVENTS[event.what] || event.what;
  const text = who ? `${words} ${who}` : words;
  const { detail } = event;
  const extra = event.what === "snoozed" ? ` until ${when(detail.until)}`
    : event.what === "transferred" ? ` to ${byWhom(detail.to)}`
    : event.what === "closed" ? `: ${given.outcomes[detail.outcome] || detail.outcome || ""}`
    : event.what === "requeued" ? ` by ${byWhom(detail.left_by)}`
    : ["raised", "added"].includes(event.what) ? `: ${detail.reason || ""}` : "";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${extra}`;
}
