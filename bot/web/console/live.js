// The live queue. One tab holds the connection and tells the others, so that many open tabs do not use up the
// browser's connections; where that is not possible every tab connects itself.

import { emit, state } from "./state.js";

const SILENCE_MS = 40000;

const channel = "BroadcastChannel" in window ? new BroadcastChannel("frontdesk-console") : null;
let leads = false;
let source = null;
let heardAt = Date.now();

/** Begin to follow the queue. */
export function follow() {
  if (channel && navigator.locks) {
    channel.onmessage = (event) => hear(event.data);
    channel.postMessage({ kind: "hello" });
    navigator.locks.request("frontdesk-console", () => new Promise(lead));
  } else {
    lead();
  }
  setInterval(watch, 5000);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && watch());
}

function lead() {
  leads = true;
  connect();
}

function connect() {
  source?.close();
  source = new EventSource("/staff/api/stream");
  for (const name of ["queue", "state", "beat"]) source.addEventListener(name, (event) => pass({ kind: name, data: JSON.parse(event.data) }));
  source.addEventListener("signed-out", () => pass({ kind: "signed-out" }));
  source.onerror = () => {
    pass({ kind: "lost" });
    // A browser gives up after an answer that is no stream (a restart behind a proxy, a session that ended): look why.
    if (source.readyState === EventSource.CLOSED) setTimeout(retry, 3000);
  };
}

async function retry() {
  const answer = await fetch("/staff/api/me", { credentials: "same-origin" }).catch(() => null);
  if (answer?.status === 401) pass({ kind: "signed-out" });
  else connect();
}

function pass(news) {
  take(news);
  channel?.postMessage(news);
}

function hear(news) {
  if (news.kind === "hello") {
    if (leads && state.ready) channel.postMessage({ kind: "queue", data: { whole: true, removed: [], stale: state.stale, rows: [...state.rows.values()] } });
  } else if (!leads) {
    take(news);
  }
}

function take(news) {
  // Who is no longer signed in comes to the door; whose role has changed, to what that role may.
  if (news.kind === "signed-out") return location.reload();
  if (news.kind === "lost") return connected(false);
  heardAt = Date.now();
  if (news.kind === "queue") {
    if (news.data.whole) state.rows.clear();
    for (const id of news.data.removed) state.rows.delete(id);
    for (const row of news.data.rows) state.rows.set(row.id, row);
    state.ready = true;
    emit("queue");
  }
  if (news.data?.stale !== undefined && news.data.stale !== state.stale) {
    state.stale = news.data.stale;
    emit("connection");
  }
  connected(true);
}

function connected(now) {
  if (now === state.connected) return;
  state.connected = now;
  emit("connection");
}

function watch() {
  if (Date.now() - heardAt > SILENCE_MS) {
    connected(false);
    if (leads && source?.readyState !== EventSource.CONNECTING) connect();
  }
}

/** Put a row that an action has just returned in its place, before the stream says the same. */
export function know(row) {
  if (row.state === "closed") state.rows.delete(row.id);
  else state.rows.set(row.id, row);
  emit("queue");
}
