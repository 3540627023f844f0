// Times as people at a desk say them. Waiting times on the screen count by themselves.

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Write am and pm small, as the assistant does. */
const small = (text) => text.replace(/\b[AP]M\b/, (half) => half.toLowerCase());

/** "14:05" today, "Mon 3 Nov 14:05" on another day. */
export function when(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return small(today ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`);
}

export const dayOf = (iso) => day.format(new Date(iso));
export const full = (iso) => (iso ? small(whole.format(new Date(iso))) : "");

/** "now", "4 min", "1 h 20 min", "3 days". */
export function span(iso, now = Date.now()) {
  const minutes = Math.max(0, Math.floor((now - Date.parse(iso)) / 60000));
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 60 * 24) return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
  const days = Math.floor(minutes / 60 / 24);
  return days === 1 ? "1 day" : `${days} days`;
}

/** Keep every <time data-since> on the screen counting. */
export function tick() {
  for (const node of document.querySelectorAll("time[data-since]")) {
    const text = span(node.dataset.since);
    if (node.textContent !== text) node.textContent = text;
    const minutes = (Date.now() - Date.parse(node.dataset.since)) / 60000;
    node.classList.toggle("long", minutes >= 5);
  }
}

setInterval(tick, 1000);
