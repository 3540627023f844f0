// The conversation as a list: messages by their number, what is still to be sent after them, buttons under the last one.
import { by, h, speak, spoken, t, words } from "./dom.js";

const TOGETHER = 5 * 60_000;
const NEAR_END = 120;

export class Log extends EventTarget {
  /** @param {{clock: number, locale: string}} config */
  constructor(config) {
    super();
    this.list = by("log");
    this.scroll = by("scroll");
    /** @type {Map<string, any>} */
    this.items = new Map();
    this.last = null;
    this.read = 0;
    this.live = false;
    this.emergency = false;
    this.time = new Intl.DateTimeFormat(config.locale, { hour: "numeric", minute: "2-digit", hour12: config.clock === 12 });
    this.day = new Intl.DateTimeFormat(config.locale, { weekday: "long", day: "numeric", month: "long" });
    new ResizeObserver(() => this.stuck && this.toEnd(false)).observe(this.scroll);
    this.scroll.addEventListener("scroll", () => (this.stuck = this.nearEnd()), { passive: true });
    this.stuck = true;
  }

  /** Show a message of the server; one that this page wrote takes the place of its draft. */
  add(message) {
    const key = message.author === "visitor" ? message.id : `#${message.seq}`;
    this.typing(null);
    this.items.get(key)?.remove();
    const item = this.item(message, key);
    const after = this.stored.pop();
    if (after) after.after(item);
    else this.list.prepend(item);
    if (!this.live) return;
    this.tidy();
    if (message.author !== "visitor") {
      const who = t(`author.${message.author}`);
      speak(`${who}: ${spoken(message.text)}`, Boolean(message.payload?.emergency));
    }
    if (this.stuck || message.author === "visitor") this.toEnd();
  }

  /** Show what is still to be sent, in order, after everything else. */
  pending(outbox, sending, online) {
    for (const one of outbox) {
      const item = this.items.get(one.id) ?? this.item({ ...one, author: "visitor", created_at: one.at }, one.id);
      if (item.dataset.seq) continue;
      if (!item.isConnected) {
        this.list.append(item);
        this.toEnd();
      }
      item.dataset.state = one.id === sending && online ? "sending" : "waiting";
    }
    this.tidy();
  }

  /** Say of one message that it will not be sent, and why. */
  refused(one, reason) {
    const item = this.items.get(one.id);
    if (!item) return;
    item.dataset.state = "refused";
    item.append(h("p", { class: "why" }, reason));
    speak(`${t("state.refused")}. ${reason}`, true);
    this.tidy();
  }

  /** Show words that no server has stored: the advice that came with a refusal. */
  notice(text) {
    const item = this.item({ author: "bot", text, created_at: new Date().toISOString(), payload: { emergency: true } }, `!${text}`);
    this.list.append(item);
    this.tidy();
    this.toEnd();
    speak(spoken(text), true);
  }

  /** Show who is writing: "bot", "staff" or nobody. */
  typing(who) {
    if (this.dots?.dataset.author === who) return;
    this.dots?.remove();
    this.dots = who ? h("li", { class: `turn ${who} dots`, "data-author": who }, h("span", { class: "vh" }, t(`typing.${who}`)),
      h("div", { class: "bubble", "aria-hidden": "true" }, h("i"), h("i"), h("i"))) : null;
    if (this.dots) this.list.append(this.dots);
    if (who && this.stuck) this.toEnd();
  }

  /** Forget everything. */
  clear() {
    this.items.clear();
    this.list.replaceChildren();
    this.dots = this.last = null;
    this.read = 0;
    this.live = false;
  }

  /** @returns {any[]} the messages that the server has */
  get stored() {
    return [...this.list.querySelectorAll(".turn[data-seq]")];
  }

  toEnd(smooth = true) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches || !this.live;
    this.scroll.scrollTo({ top: this.scroll.scrollHeight, behavior: smooth && !calm ? "smooth" : "auto" });
    this.stuck = true;
  }

  nearEnd() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < NEAR_END;
  }

  item(message, key) {
    const at = new Date(message.created_at);
    const who = message.payload?.member_name ?? t(`author.${message.author}`);
    const item = h("li", {
      class: `turn ${message.author}${message.payload?.emergency ? " emergency" : ""}`,
      "data-author": message.author,
      "data-seq": message.seq,
      "data-at": at.getTime(),
    },
      h("p", { class: "who" }, who),
      h("div", { class: "bubble", dir: "auto" }, words(message.text)),
      h("p", { class: "meta" }, h("time", { datetime: message.created_at }, this.time.format(at).toLowerCase()), h("span", { class: "state" })));
    item.message = message;
    this.items.set(key, item);
    return item;
  }

  /** Keep what belongs to the whole list true: days, groups, states, and the buttons under the last message only. */
  tidy() {
    let day = "";
    let before = null;
    let mine = null;
    for (const one of this.list.querySelectorAll(".day")) one.remove();
    for (const item of this.list.querySelectorAll(".turn:not(.dots)")) {
      const at = Number(item.dataset.at);
      const today = new Date(at).toDateString();
      if (today !== day) item.before(h("li", { class: "day" }, h("span", {}, this.dayName(at))));
      const together = before && today === day && before.dataset.author === item.dataset.author && at - Number(before.dataset.at) < TOGETHER;
      item.classList.toggle("next", Boolean(together));
      const { state } = item.dataset;
      item.querySelector(".state").textContent = state ? t(`state.${state}`) : "";
      if (!state && item.dataset.author === "visitor") mine = item;
      day = today;
      before = item;
    }
    // Never "seen": that an assistant has answered does not mean that a person knows.
    if (mine) mine.querySelector(".state").textContent = t("state.sent");
    if (this.dots) this.list.append(this.dots);
    if (before !== this.last || this.emergency !== this.quiet) this.extras(before);
  }

  /** Tell the page which message is the last: it puts buttons, forms and questions under it. */
  extras(item) {
    for (const one of this.list.querySelectorAll(".extra")) one.remove();
    this.last = item;
    this.quiet = this.emergency;
    if (item?.dataset.author === "bot" && item.dataset.seq) this.dispatchEvent(new CustomEvent("last", { detail: item }));
  }

  dayName(at) {
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
    return days === 0 ? t("day.today") : days === 1 ? t("day.yesterday") : this.day.format(at);
  }
}
