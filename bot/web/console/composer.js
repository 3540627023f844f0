// Where staff write: a reply to the visitor, or a note for colleagues. While nobody here has the conversation, only notes.

import { get, part, post } from "./api.js";
import { channelName } from "./badges.js";
import { add, button, fill, h, icon, toast } from "./dom.js";
import { show } from "./dialogs.js";
import { isMe, nameOf } from "./state.js";

const TYPING_MS = 3000;

/** Build the composer of one handoff; `act(verb, body)` does a verb, `current()` returns the handoff as it is now. */
export function composer(current, act) {
  const key = `draft:${current().id}`;
  let mode = "reply";
  let typedAt = 0;
  let sending = 0;
  let failed = null;
  let queue = Promise.resolve();

  const text = h("textarea", { rows: 3, maxlength: 4000, "aria-label": "Reply to the visitor", value: sessionStorage.getItem(key) || "" });
  const modes = h("div", { class: "modes", role: "group", "aria-label": "What you write" });
  const tools = h("div", { class: "tools" });
  const suggested = h("div", { class: "suggested", hidden: true });
  const locked = h("div", { class: "locked" });
  const send = button("Send", () => submit(), { kind: "primary", picture: "send" });
  const hint = h("p", { class: "hint" });
  const node = h("section", { class: "composer", "aria-label": "Write" }, locked, suggested, h("div", { class: "box" }, modes, text, h("div", { class: "tools-row" }, tools, hint, send)));

  text.addEventListener("input", () => {
    sessionStorage.setItem(key, text.value);
    grow();
    const now = Date.now();
    if (now - typedAt > TYPING_MS && text.value.trim()) {
      typedAt = now;
      post(`handoffs/${part(current().id)}/typing`, { visitor: current().visitor, to_visitor: mode === "reply" }).catch(() => {});
    }
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    } else if (event.key === "/" && !text.value && mode === "reply") {
      event.preventDefault();
      canned();
    }
  });

  function grow() {
    text.rows = Math.min(10, Math.max(3, text.value.split("\n").length));
  }

  function draw() {
    const handoff = current();
    const mine = handoff.state === "claimed" && isMe(handoff.member);
    const closed = handoff.state === "closed";
    if (!mine) mode = "note";
    node.hidden = closed;
    fill(locked, !mine && lockedWords(handoff), !mine && handoff.state !== "closed" && button(handoff.state === "claimed" ? `${nameOf(handoff.member)} has it` : "Take over to reply", () => act("claim"), { kind: "primary big", picture: "chat", disabled: handoff.state === "claimed" }));
    locked.hidden = mine || closed;
    fill(modes, [["reply", "Reply"], ["note", "Note"]].map(([name, title]) =>
      h("button", { type: "button", "aria-pressed": String(mode === name), disabled: name === "reply" && !mine, on: { click: () => use(name) } }, title)));
    fill(tools, mode === "reply" && mine ? [button("Canned", canned, { kind: "plain", picture: "canned" }), button("Answers", answers, { kind: "plain", picture: "answers" })] : null);
    node.classList.toggle("noting", mode === "note");
    text.setAttribute("aria-label", mode === "reply" ? "Reply to the visitor" : "Note for colleagues");
    text.placeholder = mode === "reply" ? "Write to the visitor" : "Only colleagues see this";
    fill(hint, sending ? "Sending..." : mode === "reply" ? `Goes to: ${channelName(handoff)}` : "Stays here");
    fill(send.querySelector("span"), mode === "reply" ? "Send" : "Keep note");
    grow();
    if (!mine) suggested.hidden = true;
  }

  function use(name) {
    const handoff = current();
    const mine = handoff.state === "claimed" && isMe(handoff.member);
    mode = name === "reply" && !mine ? "note" : name;
    draw();
    text.focus();
  }

  /** Take what is written out of the field at once, so that the next words are not lost; what fails comes back. */
  function submit() {
    const said = text.value.trim();
    if (!said) return;
    if (mode === "reply" && /\{[a-z_.]+\}/.test(said)) return toast("A gap in this reply is not filled: replace the words in braces.", "bad");
    const what = mode;
    // The same id when it is sent again after a broken connection: the visitor gets it once.
    const id = failed?.said === said ? failed.id : `s_${crypto.randomUUID?.() || Math.random().toString(36).slice(2)}`;
    text.value = "";
    suggested.hidden = true;
    sending += 1;
    draw();
    if (send.contains(document.activeElement)) text.focus();
    queue = queue.then(() => deliver(what, said, id));
  }

  async function deliver(what, said, id) {
    const done = await act(what, what === "reply" ? { text: said, message_id: id } : { text: said });
    sending -= 1;
    failed = done ? null : { said, id };
    if (!done) {
      text.value = text.value ? `${said}\n${text.value}` : said;
      if (mode !== what) use(what);
    }
    if (text.value) sessionStorage.setItem(key, text.value);
    else sessionStorage.removeItem(key);
    draw();
  }

  function insert(words) {
    use("reply");
    text.setRangeText(text.value && !/\s$/.test(text.value.slice(0, text.selectionStart)) ? ` ${words}` : words, text.selectionStart, text.selectionEnd, "end");
    text.dispatchEvent(new Event("input"));
  }

  function canned() {
    const found = get(`handoffs/${part(current().id)}/canned`).then((answer) => answer.canned);
    pick("Canned replies", found, insert, "Nothing here. Write some under Canned replies.");
  }

  function answers() {
    const path = `handoffs/${part(current().id)}/suggestions`;
    const found = get(path).then((answer) => answer.suggestions);
    pick("Approved answers", found, insert, "Nothing found.", async (words) => (await get(`${path}?search=${encodeURIComponent(words)}`)).suggestions);
  }

  /** Offer answers that fit what the visitor wrote, once the conversation is ours. */
  async function suggest() {
    const found = await get(`handoffs/${part(current().id)}/suggestions`).catch(() => null);
    if (!found?.suggestions.length) return;
    fill(suggested, h("span", { class: "hint" }, "Approved answers:"), found.suggestions.map((one) => button(one.title, () => insert(one.text), { kind: "chip" })));
    suggested.hidden = false;
  }

  draw();
  return { node, draw, use, suggest, canned, answers, focus: () => text.focus() };
}

function lockedWords(handoff) {
  if (handoff.state === "claimed") return h("p", {}, `${nameOf(handoff.member)} is talking with this visitor. You can leave a note.`);
  if (handoff.state === "snoozed") return h("p", {}, "Put off for now. The visitor's next message brings it back.");
  if (handoff.held) return h("p", {}, "The assistant stays quiet here until a person answers, gives back or closes.");
  if (handoff.urgency === "emergency") return h("p", {}, "The assistant gives emergency advice only. Take over to write yourself.");
  return h("p", {}, "The assistant still answers general questions here.");
}

/**
 * Let somebody choose a text by keyboard or pointer; `search` asks the server, without it the list is filtered here.
 * The field is there before the texts are: what is typed at once belongs to the search.
 */
function pick(title, coming, choose, none, search) {
  let options = [];
  let shown = [];
  let at = 0;
  let turn = 0;
  const list = h("ul", { class: "picks", role: "listbox", id: "picks", "aria-label": title });
  const field = h("input", { type: "search", placeholder: "Search", role: "combobox", "aria-expanded": "true", "aria-controls": "picks", "aria-label": `Search: ${title}`, autocomplete: "off" });
  const take = (option) => { close(); choose(option.text); };
  const draw = () => {
    const nodes = shown.map((option, number) => h("li", { role: "option", id: `pick${number}`, "aria-selected": String(number === at), on: { click: () => take(option) } }, h("strong", {}, option.title), h("p", {}, option.text)));
    fill(list, nodes);
    if (!nodes.length) add(list, h("li", { class: "empty", role: "option", "aria-selected": "false", "aria-disabled": "true" }, none));
    field.setAttribute("aria-activedescendant", nodes.length ? `pick${at}` : "");
    nodes[at]?.scrollIntoView({ block: "nearest" });
  };
  const find = async () => {
    const words = field.value.toLowerCase().trim();
    const mine = ++turn;
    const found = search && words ? await search(words).catch(() => []) : options.filter((one) => `${one.title} ${one.text}`.toLowerCase().includes(words));
    if (mine !== turn) return;
    shown = found;
    at = 0;
    draw();
  };
  field.addEventListener("input", find);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = Math.min(shown.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)));
      draw();
    } else if (event.key === "Enter" && shown[at]) {
      event.preventDefault();
      take(shown[at]);
    }
  });
  const { close } = show(title, [h("div", { class: "search" }, icon("search"), field), list], true);
  field.focus();
  fill(list, h("li", { class: "empty", role: "option", "aria-selected": "false", "aria-disabled": "true" }, "Looking..."));
  coming.then((found) => { options = found; return find(); }, (error) => { close(); toast(error.message, "bad"); });
}
