// Small pieces that several pages show: urgency, channel, state, waiting time.

import { h, icon } from "./dom.js";
import { byWhom, nameOf, state } from "./state.js";
import { span, when } from "./time.js";

const URGENCY = { emergency: "Emergency", urgent: "Urgent", routine: "Routine" };
const CHANNEL = { website: "Website", sms: "Text message", telegram: "Telegram", slack: "Slack", facebook: "Messenger", whatsapp: "WhatsApp" };

export const urgencyBadge = (row) => h("span", { class: `badge ${row.urgency}` }, icon(row.urgency), URGENCY[row.urgency] || row.urgency);

export const channelName = (row) => CHANNEL[row.channel] || row.channel;

/** Name the site, where the clinic has several. */
export function siteName(slug) {
  return state.sites.length > 1 && slug ? state.sites.find((site) => site.slug === slug)?.title || "" : "";
}

/** How long the visitor has waited for an answer. */
export function waiting(row) {
  if (row.state === "closed") return h("span", { class: "waits" }, when(row.closed_at));
  if (!row.waiting_since) return h("span", { class: "waits answered" }, icon("check"), "answered");
  const since = row.waiting_since;
  return h("span", { class: "waits" }, h("span", { class: "unseen" }, "waiting for "), h("time", { data: { since }, datetime: since }, span(since)));
}

/** Say who has it, in a few words. */
export function standing(row) {
  if (row.state === "closed") return "Closed";
  if (row.state === "snoozed") return `Put off until ${when(row.snoozed_until)}`;
  if (row.state === "claimed") return `${nameOf(row.member)} ${row.member === state.me?.id ? "have" : "has"} it`;
  if (row.held) return "Back in the queue: left without an answer";
  return row.acknowledged_by ? `Seen by ${byWhom(row.acknowledged_by)}` : "Waiting";
}

/** Say that somebody could not be told, where that is so. */
export function undelivered(row) {
  const dead = row.undelivered?.filter((one) => one.state === "dead") || [];
  const trying = row.undelivered?.filter((one) => one.state !== "dead") || [];
  if (dead.length) return h("p", { class: "undelivered" }, icon("urgent"), "Not delivered: call your colleague instead");
  if (trying.length) return h("p", { class: "undelivered" }, icon("urgent"), `Not delivered yet: try ${trying[0].tries} of ${trying[0].most_tries}, call instead`);
  return null;
}
