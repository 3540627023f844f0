// What every part of the console knows: who is signed in, the open queue, and how fresh it is.

import { get } from "./api.js";

const listeners = new Map();

export const state = {
  me: null,
  permissions: new Set(),
  members: new Map(),
  sites: [],
  clinic: { name: "", emergency: "" },
  rows: new Map(),
  ready: false,
  stale: false,
  connected: false,
};

/** Hear of a change: "queue", "connection", "sites"; returns what ends it. */
export function on(name, call) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(call);
  return () => listeners.get(name).delete(call);
}

/** Tell everybody. */
export function emit(name, detail) {
  for (const call of [...(listeners.get(name) || [])]) call(detail);
}

export const may = (permission) => state.permissions.has(permission);
export const isMe = (member) => member === state.me?.id;

/** Name a member as a colleague would. */
export function nameOf(member) {
  if (!member) return "";
  if (isMe(member)) return "You";
  // On the command line somebody signs with a name, not with an account.
  if (!/^m_[0-9a-f]+$/.test(member)) return member;
  if (!state.members.has(member)) meet(member);
  return state.members.get(member)?.name || "a colleague";
}

const asked = new Set();

/** Somebody who came after this page was opened: ask once who it is, and draw again. */
async function meet(member) {
  if (asked.has(member)) return;
  asked.add(member);
  const me = await get("me").catch(() => asked.delete(member));
  if (!me.members?.some((one) => one.id === member)) return;
  state.members = new Map(me.members.map((one) => [one.id, one]));
  // A row is drawn again only when it has changed.
  for (const [id, row] of state.rows) if ([row.member, row.acknowledged_by].includes(member)) state.rows.set(id, { ...row, met: member });
  emit("queue");
}

/** The same within a sentence. */
export const byWhom = (member) => (isMe(member) ? "you" : nameOf(member));

export const GRAVE = new Set(["emergency", "urgent"]);
const RANK = { emergency: 0, urgent: 1, routine: 2 };

/** Order the queue as it is due: gravest first, then who waits longest; those already answered come last. */
export function byUrgency(one, other) {
  return (
    RANK[one.urgency] - RANK[other.urgency] ||
    Number(!one.unanswered_since) - Number(!other.unanswered_since) ||
    (one.unanswered_since || one.opened_at).localeCompare(other.unanswered_since || other.opened_at) ||
    one.id.localeCompare(other.id)
  );
}

/** Say whether a colleague has handed it to me and I have not acted yet. */
export const handedToMe = (row) => row.handed && isMe(row.member);

/** Say whether a row still sounds the alarm, here. */
export const alarming = (row) => GRAVE.has(row.urgency) && row.state !== "closed" && (!row.acknowledged_at || handedToMe(row));

/** Say whether somebody has to come. */
export const waits = (row) => row.state === "waiting" || alarming(row);
