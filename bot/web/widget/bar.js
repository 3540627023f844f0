// The bar under the header: the emergency and its numbers, who is talking, how long it may take, whether there is a line.
import { by, h, icon, t } from "./dom.js";

const PATIENCE = 3000;

export class Bar {
  constructor(config) {
    this.config = config;
    this.standing = null;
    this.advice = false;
    this.offline = false;
    this.box = by("bar");
    this.clock = new Intl.DateTimeFormat(config.language.includes("-X") ? "en" : config.language, {
      timeZone: config.zone, hour: "numeric", minute: "2-digit", hour12: config.clock === 12,
    });
    this.day = new Intl.DateTimeFormat(config.language.includes("-X") ? "en" : config.language, { timeZone: config.zone, weekday: "long" });
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
  cutOff() {
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
    if (this.offline) parts.push(this.cut());
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
    return h("div", { class: "alarm", id: "alarm" }, h("p", { class: "alarm-title" }, icon("alert"), t("banner.title")),
      h("p", {}, t("banner.text")), h("div", { class: "calls" }, ...calls));
  }

  cut() {
    const { number, uri } = this.config.contact.phone;
    return h("p", { class: "wait cut", role: "status" }, t("net.down"), " ", h("a", { href: uri }, t("net.call", { phone: number })));
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
    return same ? this.clock.format(at) : `${this.day.format(at)} ${this.clock.format(at)}`;
  }
}
