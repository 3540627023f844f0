// One conversation: head with its actions, transcript, composer, side. It follows the server while it is on the screen.

import { get, given, part, post, remove } from "./api.js";
import { standing, undelivered, urgencyBadge, waiting } from "./badges.js";
import { composer } from "./composer.js";
import { details } from "./details.js";
import { ask, confirm } from "./dialogs.js";
import { announce, button, choice, fill, h, icon, labelled, toast } from "./dom.js";
import { keys } from "./keys.js";
import { know } from "./live.js";
import { GRAVE, alarming, handedToMe, isMe, nameOf, state } from "./state.js";
import { transcript } from "./transcript.js";

/** Open a conversation in `place`; returns what closes it. */
export async function openConversation(place, id, leave) {
  fill(place, h("p", { class: "empty" }, "Opening..."));
  let found;
  try {
    found = await get(`handoffs/${part(id)}`);
  } catch (error) {
    fill(place, h("div", { class: "empty" }, h("p", {}, error.status === 404 ? "This conversation is not here any more." : error.message), button("Back to the queue", leave)));
    return () => {};
  }
  return new Conversation(place, found, leave).start();
}

class Conversation {
  constructor(place, { handoff, visitor, messages, cursor }, leave) {
    // Behind the cursor something may still change: what the assistant understood comes after the message itself.
    Object.assign(this, { place, handoff, visitor, messages, cursor, leave });
    this.around = { viewing: [], typing: [], visitor_typing: false };
    this.understood = localStorage.getItem("understood") !== "off";
  }

  start() {
    this.head = h("header", { class: "talk-head" });
    this.notice = h("div", { class: "talk-notice" });
    this.older = button("Show earlier messages", () => this.earlier(), { kind: "small" });
    this.log = h("ol", { class: "log", "aria-label": "Conversation", tabindex: "0" });
    this.typing = h("p", { class: "typing", "aria-live": "polite" });
    this.side = h("aside", { class: "side", "aria-label": "About this conversation" });
    this.composer = composer(() => this.handoff, (verb, body) => this.act(verb, body));
    const body = h("div", { class: "talk-body" }, this.notice, this.older, this.log, this.typing, this.composer.node);
    fill(this.place, h("article", { class: "talk", "aria-label": "Conversation" }, this.head, body, this.side));
    this.draw();
    this.toEnd();
    // When something below grows, the last message stays in sight.
    this.sizes = new ResizeObserver(() => this.atEnd && this.toEnd());
    this.sizes.observe(this.log);
    this.log.addEventListener("scroll", () => (this.atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60), { passive: true });
    if (this.mine) this.composer.suggest();
    this.follow();
    const hide = () => (document.visibilityState === "hidden" ? this.source?.close() : this.follow());
    document.addEventListener("visibilitychange", hide);
    const free = keys({
      e: () => alarming(this.handoff) && this.act("acknowledge"), t: () => !this.mine && this.act("claim"), r: () => this.composer.use("reply"), n: () => this.composer.use("note"),
      c: () => this.mine && this.composer.canned(), s: () => this.mine && this.composer.answers(), z: () => this.askSnooze(), h: () => this.askTransfer(), b: () => this.giveBack(), x: () => this.askClose(), u: () => this.toggleUnderstood(), Escape: () => this.leave(),
    });
    return () => {
      free();
      this.source?.close();
      this.sizes.disconnect();
      this.closed = true;
      document.removeEventListener("visibilitychange", hide);
    };
  }

  get mine() {
    return this.handoff.state === "claimed" && isMe(this.handoff.member);
  }

  follow() {
    if (this.closed || this.source?.readyState === EventSource.OPEN) return;
    this.source?.close();
    this.source = new EventSource(`/staff/api/handoffs/${part(this.handoff.id)}/stream?after=${this.cursor}`);
    this.source.addEventListener("messages", (event) => { this.cursor = event.lastEventId; this.hear(JSON.parse(event.data)); });
    this.source.addEventListener("handoff", (event) => this.change(JSON.parse(event.data)));
    this.source.addEventListener("around", (event) => { this.around = JSON.parse(event.data); this.drawAround(); });
    this.source.addEventListener("gone", () => { this.source.close(); fill(this.place, h("p", { class: "empty" }, "This visitor's data was deleted.")); });
    this.source.onerror = () => this.source.readyState === EventSource.CLOSED && !this.closed && setTimeout(() => this.follow(), 3000);
  }

  hear(messages) {
    const last = this.messages.at(-1)?.seq || 0;
    const fresh = messages.filter((message) => message.seq > last);
    const told = new Map(messages.map((message) => [message.seq, message]));
    this.messages = [...this.messages.map((message) => told.get(message.seq) || message), ...fresh];
    if (fresh.some((message) => message.author === "visitor")) {
      this.around.visitor_typing = false;
      announce(`Visitor: ${fresh.filter((message) => message.author === "visitor").at(-1).text}`);
    }
    if (fresh.some((message) => message.emergency)) announce("The visitor was given emergency advice.", true);
    this.draw();
  }

  change(handoff) {
    const before = this.handoff;
    this.handoff = handoff;
    if (before.state !== "claimed" && this.mine) this.composer.suggest();
    if (isMe(before.member) && before.state === "claimed" && !isMe(handoff.member) && handoff.state === "claimed") toast(`${nameOf(handoff.member)} has this conversation now.`);
    this.draw();
  }

  draw() {
    const { atEnd } = this;
    const kept = this.log.scrollTop;
    transcript(this.log, this.messages, this.handoff, this.understood);
    if (atEnd) this.toEnd();
    else this.log.scrollTop = kept;
    this.older.hidden = !(this.messages[0]?.seq > 1);
    this.drawHead();
    this.drawAround();
    this.composer.draw();
    details(this.side, this.handoff, this.visitor, { remove: () => this.forget() });
  }

  async earlier() {
    const first = this.messages[0]?.seq || 1;
    const found = await get(`handoffs/${part(this.handoff.id)}/messages?before=${first}`).catch((error) => toast(error.message, "bad"));
    if (!found) return;
    this.messages.unshift(...found.messages);
    this.draw();
    this.log.scrollTop = 0;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.atEnd = true;
  }

  drawHead() {
    const { handoff } = this;
    const focused = this.head.contains(document.activeElement) ? document.activeElement.dataset.act : "";
    const about = button("Details", () => this.place.classList.toggle("show-side"), { kind: "plain side-toggle", picture: "more" });
    fill(this.head,
      h("button", { type: "button", class: "plain back", "aria-label": "Back to the queue", on: { click: () => this.leave() } }, icon("back")),
      h("div", { class: "talk-title" }, h("p", {}, urgencyBadge(handoff), waiting(handoff), h("span", { class: "hint" }, standing(handoff))), h("h1", {}, handoff.summary)),
      h("div", { class: "actions" }, this.actions(), about));
    fill(this.notice, undelivered(handoff), alarming(handoff) && h("div", { class: "see" }, icon("eye"), h("p", {}, handedToMe(handoff) ? "A colleague has handed this to you." : "Nobody has said yet that this was seen."), button("I have seen it", () => this.act("acknowledge"), { kind: "primary" })));
    if (focused) this.head.querySelector(`[data-act="${focused}"]`)?.focus();
  }

  actions() {
    const { handoff } = this;
    if (handoff.state === "closed") return [];
    const does = (name, text, call, options = {}) => { const node = button(text, call, options); node.dataset.act = name; return node; };
    return [
      handoff.state === "snoozed" && does("wake", "Bring back", () => this.act("wake")),
      handoff.state !== "claimed" && does("claim", "Take over", () => this.act("claim"), { kind: "primary" }),
      this.mine && does("snooze", "Put off", () => this.askSnooze(), { picture: "snooze" }),
      this.mine && does("transfer", "Hand on", () => this.askTransfer(), { picture: "people" }),
      this.mine && handoff.urgency !== "emergency" && does("give", "Give back", () => this.giveBack(), { picture: "out" }),
      does("close", "Close", () => this.askClose(), { picture: "check" }),
    ];
  }

  drawAround() {
    const { viewing, typing, visitor_typing: visitor } = this.around;
    const here = viewing.map(nameOf);
    const writing = typing.map(nameOf);
    const parts = [visitor && "The visitor is typing...", writing.length && `${writing.join(", ")} ${writing.length > 1 ? "are" : "is"} typing`, here.length && !writing.length && `${here.join(", ")} ${here.length > 1 ? "are" : "is"} viewing`].filter(Boolean);
    fill(this.typing, parts.join(" \u00b7 "));
    this.typing.classList.toggle("busy", visitor);
  }

  async act(verb, body) {
    try {
      const { handoff } = await patiently(() => post(`handoffs/${part(this.handoff.id)}/${verb}`, body), verb === "reply" ? 2 : 0);
      know(handoff);
      this.change({ ...this.handoff, ...handoff });
      if (verb === "claim") { this.composer.use("reply"); announce("You have the conversation. The assistant is quiet."); }
      return true;
    } catch (error) {
      const text = error.member ? `${nameOf(error.member)} was faster and has this conversation.` : error.message;
      toast(text, "bad");
      return false;
    }
  }

  askSnooze() {
    if (!this.mine) return;
    const hour = 3600000;
    const morning = new Date();
    morning.setDate(morning.getDate() + 1);
    morning.setHours(8, 0, 0, 0);
    const select = choice([[Date.now() + hour / 2, "30 minutes"], [Date.now() + hour, "1 hour"], [Date.now() + 3 * hour, "3 hours"], [morning.getTime(), "Tomorrow at 8:00"], ["own", "Until..."]], "");
    const own = h("input", { type: "datetime-local" });
    const ownField = labelled("Day and time", own);
    ownField.hidden = true;
    select.addEventListener("change", () => (ownField.hidden = select.value !== "own"));
    ask({ title: "Put off", body: [h("p", {}, "The assistant stays quiet. If the visitor writes, it comes back at once."), labelled("For how long", select), ownField], action: "Put off", submit: async () => {
      const until = select.value === "own" ? new Date(own.value) : new Date(Number(select.value));
      if (Number.isNaN(until.getTime())) throw new Error("Choose a day and a time.");
      return this.act("snooze", { until: until.toISOString() });
    } });
  }

  askTransfer() {
    if (!this.mine) return;
    const others = [...state.members.values()].filter((one) => one.on && !isMe(one.id));
    if (!others.length) return toast("There is no colleague to hand it to yet.");
    const to = choice(others.map((one) => [one.id, one.name]), "");
    ask({ title: "Hand to a colleague", body: [labelled("To", to), h("p", { class: "hint" }, "If they do not answer in time it goes back to the queue.")], action: "Hand on", submit: () => this.act("transfer", { to: to.value }) });
  }

  async giveBack() {
    if (!this.mine) return;
    if (this.handoff.urgency === "emergency") return toast("An emergency is closed with what was done, not given back.", "bad");
    if (await confirm("Give back to the assistant", "The assistant answers this visitor again from the next message on.", "Give back", "primary")) {
      if (await this.act("give_back")) this.leave();
    }
  }

  askClose() {
    if (this.handoff.state === "closed") return;
    const grave = GRAVE.has(this.handoff.urgency);
    const outcome = choice([["", "Choose..."], ...Object.entries(given.outcomes)], "", { required: true });
    const done = h("textarea", { rows: 3, maxlength: 4000, required: grave });
    const words = grave ? "This becomes part of the record, which can no longer be changed after." : "For colleagues. The visitor does not see it.";
    ask({ title: "Close with an outcome", body: [labelled("How did it end?", outcome), labelled(grave ? "What was done" : "What was done (if you like)", done, words)], action: "Close", submit: async () => {
      if (await this.act("close", { outcome: outcome.value, done: done.value })) this.leave();
      else return false;
    } });
  }

  toggleUnderstood() {
    this.understood = !this.understood;
    localStorage.setItem("understood", this.understood ? "on" : "off");
    this.draw();
  }

  async forget() {
    if (!(await confirm("Delete everything of this visitor", "Messages, handoffs, notes and notifications are deleted everywhere and cannot be brought back. Only that something was deleted stays in the audit log.", "Delete everything"))) return;
    try {
      await remove(`visitors/${part(this.handoff.visitor)}`);
      toast("Deleted.");
      this.leave();
    } catch (error) {
      toast(error.message, "bad");
    }
  }
}

/** Try again where the network failed: only for what carries an id of its own, which the server keeps once. */
async function patiently(call, tries) {
  try {
    return await call();
  } catch (error) {
    if (error.status !== 0 || !tries) throw error;
    await new Promise((done) => setTimeout(done, 800));
    return patiently(call, tries - 1);
  }
}
