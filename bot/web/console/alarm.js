// The alarm: a sound that repeats and a browser notification, until somebody has acknowledged what is grave.
// Sounds are laid out a minute ahead on the audio clock, because a browser slows the timers of a page in the background.
// Nothing the alarm says outside the page tells what is wrong with anybody.

import { alarming, emit, on, state } from "./state.js";

const AHEAD_SECONDS = 75;
const EVERY = { emergency: 4, urgent: 9 };
const REMIND_MS = 60000;
const TITLE = document.title;

let audio = null;
let voice = null;
let laidUntil = 0;
let level = null;
let holds = false;
const told = new Map();

export const sound = {
  /** "on", "blocked" (the browser waits for a click) or "off" (this browser stays silent). */
  get state() {
    if (localStorage.getItem("silent") === "yes") return "off";
    return audio?.state === "running" ? "on" : "blocked";
  },
};

/** Begin to watch the queue. */
export function watchAlarm() {
  for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, unlock, { capture: true });
  unlock();
  on("queue", update);
  setInterval(update, 1000);
}

/** Let the browser sound, or keep it silent from now on. */
export function setSilent(silent) {
  localStorage.setItem("silent", silent ? "yes" : "no");
  if (silent) hush();
  else unlock();
  emit("sound");
}

/** Play the sound once, to hear how loud it is. */
export async function tryOut() {
  await unlock();
  if (audio) chime(audio.currentTime + 0.05, "urgent", openVoice());
}

/** Ask for notifications; only a click may. */
export async function askToNotify() {
  if ("Notification" in window) await Notification.requestPermission();
  emit("sound");
}

async function unlock() {
  if (sound.state !== "blocked" || !("AudioContext" in window)) return;
  audio ||= new AudioContext();
  await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 300))]);
  if (audio.state === "running") {
    emit("sound");
    hold();
    update();
  }
}

/** Of several tabs that can sound, one does. */
function hold() {
  if (holds) return;
  if (!navigator.locks) holds = true;
  else navigator.locks.request("frontdesk-alarm", () => new Promise(() => { holds = true; update(); }));
}

function update() {
  const rows = [...state.rows.values()].filter(alarming);
  const now = rows.some((row) => row.urgency === "emergency") ? "emergency" : rows.length ? "urgent" : null;
  document.documentElement.dataset.alarm = now || "none";
  document.title = rows.length ? `(${rows.length}) ${now === "emergency" ? "Emergency" : "Urgent"} - ${TITLE}` : TITLE;
  navigator.setAppBadge?.(rows.length).catch(() => {});
  if (now !== level) hush();
  level = now;
  if (now && holds && sound.state === "on") lay(now);
  notify(rows);
}

function lay(urgency) {
  voice ||= openVoice();
  const from = audio.currentTime;
  laidUntil = Math.max(laidUntil, from + 0.05);
  while (laidUntil < from + AHEAD_SECONDS) {
    chime(laidUntil, urgency, voice);
    laidUntil += EVERY[urgency];
  }
  document.documentElement.dataset.sounding = urgency;
}

function hush() {
  voice?.disconnect();
  voice = null;
  laidUntil = 0;
  delete document.documentElement.dataset.sounding;
}

function openVoice() {
  const gain = audio.createGain();
  gain.gain.value = Number(localStorage.getItem("volume") || 0.6);
  gain.connect(audio.destination);
  return gain;
}

/** Two soft notes for what is urgent, three rising ones for an emergency. */
function chime(at, urgency, out) {
  const notes = urgency === "emergency" ? [659, 784, 988] : [587, 784];
  notes.forEach((pitch, number) => {
    const begin = at + number * 0.19;
    const envelope = audio.createGain();
    envelope.gain.setValueAtTime(0.0001, begin);
    envelope.gain.exponentialRampToValueAtTime(0.5, begin + 0.02);
    envelope.gain.exponentialRampToValueAtTime(0.0001, begin + 0.6);
    envelope.connect(out);
    for (const [factor, type] of [[1, "sine"], [2, "triangle"]]) {
      const tone = audio.createOscillator();
      const part = audio.createGain();
      part.gain.value = factor === 1 ? 1 : 0.18;
      tone.type = type;
      tone.frequency.value = pitch * factor;
      tone.connect(part).connect(envelope);
      tone.start(begin);
      tone.stop(begin + 0.65);
    }
  });
}

function notify(rows) {
  const open = new Set(rows.map((row) => `${row.id}.${row.alarm}`));
  for (const key of told.keys()) {
    if (open.has(key)) continue;
    told.get(key).note?.close();
    told.delete(key);
  }
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  for (const row of rows) {
    const key = `${row.id}.${row.alarm}`;
    const last = told.get(key);
    if (last && Date.now() - last.at < REMIND_MS) continue;
    if (document.visibilityState === "visible" && document.hasFocus()) continue;
    const note = new Notification("A visitor needs a person now", { body: "Open the console.", tag: key, renotify: Boolean(last), requireInteraction: true });
    note.onclick = () => {
      window.focus();
      emit("open", row.id);
      note.close();
    };
    told.set(key, { at: Date.now(), note });
  }
}
