// What stands around the conversation: the bar above it (the emergency and its numbers, who is talking, how long it may take,
// whether there is a line), and the box below it that a visitor writes in.
import { by, h, icon, plural, t } from "./dom.js";

const PATIENCE = 3000;

export class Bar {
  constructor(config) {
    this.config = config;
    this.standing = null;
    this.advice = false;
    this.offline = false;
    this.box = by("bar");
    const { locale, zone: timeZone, clock } = config;
    this.clock = new Intl.DateTimeFormat(locale, { timeZone, hour: "numeric", minute: "2-digit", hour12: clock === 12 });
    this.day = new Intl.DateTimeFormat(locale, { timeZone, weekday: "long" });
  }

  /** Take what the server says about who is talking. */
  stand(standing) {
    this.standing = standing;
    this.draw();
  }

  /** Take advice that came with a refusal: the numbers stay in sight until the page is left. */
  warn() {
    this.advice = true;
    this.draw();
  }

  /** Show, after a moment, that the line is down; take it away at once when it is back. */
  line(up) {
    clearTimeout(this.timer);
    if (up === !this.offline) return;
    const change = () => {
      this.offline = !up;
      this.draw();
    };
    if (up) change();
    else this.timer = setTimeout(change, PATIENCE);
  }

  /** Say at once that something could not be fetched. */
  cut() {
    this.offline = true;
    this.draw();
    this.offline = false;
  }

  get emergency() {
    return this.standing?.emergency ?? (this.advice ? { numbers: [this.config.contact.emergency] } : null);
  }

  draw() {
    const parts = [];
    if (this.emergency) parts.push(this.alarm(this.emergency.numbers));
    if (this.offline) parts.push(this.noLine());
    else if (!this.emergency && this.standing && this.standing.owner !== "bot") parts.push(h("p", { class: "wait" }, this.waiting()));
    const shown = parts.map((one) => one.textContent).join();
    by("role").textContent = t(this.standing?.owner === "claimed" ? "header.staff" : "header.role");
    if (shown === this.shown) return;
    this.shown = shown;
    this.box.replaceChildren(...parts);
    this.box.hidden = !parts.length;
  }

  alarm(numbers) {
    const calls = numbers.map(({ number, uri }) => h("a", { class: "call", href: uri }, icon("phone"), t("banner.call", { number })));
    return h("div", { class: "alarm" }, h("p", { class: "alarm-title" }, icon("alert"), t("banner.title")),
      h("p", {}, t("banner.text")), h("div", { class: "calls" }, ...calls));
  }

  noLine() {
    const { number, uri } = this.config.contact.phone;
    return h("p", { class: "wait" }, t("net.down"), " ", h("a", { href: uri }, t("net.call", { phone: number })));
  }

  /** What can honestly be said about waiting: never more than the server knows. */
  waiting() {
    const { owner, told, callback, team } = this.standing;
    if (owner === "claimed") return t("standing.claimed");
    const back = team.changes_at && this.when(new Date(team.changes_at));
    const there = back ? t(team.open ? "standing.open" : "standing.closed", { time: back }) : team.open ? "" : t("standing.away");
    return [t(told ? "standing.told" : "standing.left"), callback ? t("standing.callback") : "", there, t("standing.meanwhile")].filter(Boolean).join(" ");
  }

  when(at) {
    const same = this.day.format(at) === this.day.format(new Date()) && at - Date.now() < 86_400_000;
    const clock = this.clock.format(at).toLowerCase();
    return same ? clock : `${this.day.format(at)} ${clock}`;
  }
}

const TYPING_EVERY = 3000;

export class Composer extends EventTarget {
  constructor(vault, transport) {
    super();
    this.vault = vault;
    this.transport = transport;
    this.box = by("words");
    this.form = by("composer");
    this.told = 0;
    this.box.value = vault.read().draft;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.send();
    });
    this.box.addEventListener("input", () => this.changed());
    this.fit();
  }

  /** Put the cursor here, where that brings no keyboard over the page; else into the list, which shows no ring of its own. */
  focus() {
    (matchMedia("(pointer: fine)").matches ? this.box : by("log")).focus({ preventScroll: true });
  }

  send() {
    const text = this.box.value.trim();
    if (!text) return;
    this.box.value = "";
    this.vault.write({ draft: "" });
    this.fit();
    this.dispatchEvent(new CustomEvent("send", { detail: text }));
    this.box.focus();
  }

  /** Put words back that could not be sent, unless something else stands there. */
  restore(text) {
    if (this.box.value) return;
    this.box.value = text;
    this.changed();
  }

  changed() {
    this.fit();
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.vault.write({ draft: this.box.value }), 300);
    const now = Date.now();
    if (this.staffThere && this.box.value.trim() && now - this.told > TYPING_EVERY) {
      this.told = now;
      this.transport.call("POST", "/typing").catch(() => {});
    }
  }

  fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 160)}px`;
    const left = this.box.maxLength - this.box.value.length;
    by("left").textContent = left > 200 ? "" : plural("composer.left", left);
    this.form.classList.toggle("filled", Boolean(this.box.value.trim()));
  }
}
