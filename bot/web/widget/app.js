// Puts the chat together: the line, the outbox, the list of messages, the bar, the box, the menu.
import { by, h, t, useNumbers, useTexts } from "./dom.js";
import { Bar, Composer } from "./edges.js";
import { Log } from "./log.js";
import { Outbox, Vault } from "./outbox.js";
import { Host, Transport } from "./transport.js";

const HELPLESS = 6000;
const LONGEST_TYPING = 20_000;

const config = JSON.parse(by("config").textContent);
const { contact } = config;
useTexts(config.texts, config.locale, { clinic: contact.name, phone: contact.phone.number, emergency: contact.emergency.number });
useNumbers(config.numbers);

const vault = new Vault(config.site);
const transport = new Transport(config, vault);
const outbox = new Outbox(vault, transport);
const host = new Host(config);
const log = new Log(config);
const bar = new Bar(config);
const composer = new Composer(vault, transport);
const title = document.title;
let ended = false;

const say = (text, payload) => outbox.add(text, payload);

const pending = () => {
  log.pending(outbox.items, outbox.sending, transport.up || !transport.failures);
  thinking();
};

/** Show the dots while an answer is on its way, and no longer than anybody believes them. */
let thinkingSince = 0;
const thinking = () => {
  const standing = bar.standing;
  const last = log.stored.pop();
  const waits = transport.up && last?.dataset.author === "visitor" && standing?.owner !== "claimed" && Number(last.dataset.seq) > log.read;
  if (!waits) thinkingSince = 0;
  else thinkingSince ||= Date.now();
  const soon = waits && Date.now() - thinkingSince < LONGEST_TYPING;
  log.typing(standing?.staff_typing ? "staff" : soon ? "bot" : null);
  if (soon) setTimeout(thinking, LONGEST_TYPING);
};

const unread = () => {
  if (host.seen) vault.write({ seen: Math.max(vault.read().seen, transport.cursor) });
  const { seen } = vault.read();
  const count = log.stored.filter((one) => one.dataset.author !== "visitor" && one.dataset.seq > seen).length;
  if (host.framed) host.tell("unread", host.seen ? 0 : count);
  else document.title = count && !host.seen ? `(${count}) ${title}` : title;
};

// -- what comes from the server ---------------------------------------------------------------------------------------

transport.addEventListener("message", ({ detail }) => {
  log.add(detail);
  thinking();
  if (log.live) unread();
});
transport.addEventListener("read", ({ detail }) => {
  log.read = Math.max(log.read, detail.seq);
  thinking();
});
transport.addEventListener("standing", ({ detail }) => {
  bar.stand(detail);
  composer.staffThere = detail.owner !== "bot";
  log.emergency = Boolean(bar.emergency);
  log.tidy();
  thinking();
});
transport.addEventListener("up", () => {
  clearTimeout(helpless);
  by("app").hidden = false;
  by("down").hidden = true;
  bar.line(true);
  pending();
  if (!log.live) {
    log.toEnd(false);
    log.live = true;
    if (host.shown) composer.focus();
  }
  unread();
});
transport.addEventListener("down", () => {
  bar.line(false);
  pending();
});
transport.addEventListener("lost", () => {
  log.clear();
  bar.stand(null);
  pending();
});
transport.addEventListener("gone", () => finish());
for (const name of ["added", "changed", "sent"]) outbox.addEventListener(name, pending);
// The browser's own print command waits for no style: how a conversation prints is there before it is asked for.
outbox.addEventListener("sent", () => style().catch(() => {}));
outbox.addEventListener("refused", ({ detail: { item, problem } }) => {
  log.refused(item, problem.message);
  composer.restore(item.text);
});
const warn = (text) => {
  bar.warn();
  log.emergency = true;
  log.notice(text);
};
outbox.addEventListener("advice", ({ detail }) => warn(detail));
vault.addEventListener("elsewhere", ({ detail: deleted }) => (deleted && log.live ? finish() : pending()));

// -- under the last message -------------------------------------------------------------------------------------------

log.addEventListener("last", ({ detail: item }) => {
  const { payload = {}, route, seq } = item.message;
  if (bar.emergency || payload.emergency) return;
  const offer = payload.offer === "callback" && !bar.standing?.callback;
  const buttons = (payload.buttons ?? []).filter((one) => !(offer && ["affirm", "deny"].includes(one.intent)));
  if (route === "answer" && payload.feedback !== false) item.append(helpful(seq));
  if (offer) item.append(callback(item));
  if (buttons.length) {
    item.append(h("div", { class: "extra chips" }, ...buttons.map((one) => h("button", { class: "chip", type: "button", onclick: () => tap(one) }, one.title))));
  }
  if (log.stuck) log.toEnd();
});

/** A button that becomes the call-back form. */
const callback = (item) => {
  const place = h("div", { class: "extra" });
  const open = h("button", { class: "chip", type: "button", onclick: () => lazy("callback.js", open, ({ form }) => place.replaceChildren(form(transport, warn, (sent) => {
    place.replaceChildren(...(sent ? [] : [open]));
    (sent ? by("words") : open).focus();
  }))) }, t("offer.callback"));
  place.append(open);
  return place;
};

/** Fetch what is seldom needed when it is; if that fails, the button can be pressed again. */
const lazy = (name, button, use) => {
  button.disabled = true;
  Promise.all([import(`./${name}`), import(config.more), style()])
    .then(([module, more]) => (useTexts(more.default), use(module)), () => bar.cut()).finally(() => (button.disabled = false));
};

const style = () => new Promise((resolve, reject) => {
  if (by("more-css")) return resolve();
  const href = import.meta.url.replace("app.js", "more.css");
  document.head.append(h("link", { id: "more-css", rel: "stylesheet", href, onload: resolve, onerror: ({ target }) => (target.remove(), reject()) }));
});

const tap = ({ title: shown, text, intent, site }) => {
  say(text || shown, { intent, site });
  composer.focus();
};

const helpful = (seq) => {
  const place = h("div", { class: "extra helpful", role: "group", "aria-label": t("feedback.ask") });
  const { rated } = vault.read();
  const thanks = () => place.replaceChildren(h("span", { role: "status" }, t("feedback.thanks")));
  if (seq in rated) return thanks(), place;
  const vote = (answer, text) => h("button", { type: "button", onclick: () => {
    vault.write({ rated: { ...vault.read().rated, [seq]: answer } });
    transport.call("POST", "/feedback", { seq, helpful: answer }).catch(() => {});
    thanks();
    composer.focus();
  } }, text);
  place.append(h("span", { "aria-hidden": "true" }, t("feedback.ask")), vote(true, t("feedback.yes")), vote(false, t("feedback.no")));
  return place;
};

// -- what the visitor does --------------------------------------------------------------------------------------------

composer.addEventListener("send", ({ detail }) => say(detail));
by("person").addEventListener("click", () => {
  say(t("person.text"), { intent: "talk_to_human" });
  composer.focus();
});
by("close").addEventListener("click", () => host.tell("close"));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (!menu?.hide()) host.tell("close");
});
document.addEventListener("visibilitychange", unread);
host.addEventListener("shown", () => {
  unread();
  if (host.shown) composer.focus();
});
by("again").addEventListener("click", () => transport.wake());
let menu = null;
by("more").addEventListener("click", ({ currentTarget }) => {
  if (menu) return menu.toggle();
  lazy("menu.js", currentTarget, ({ Menu }) => {
    menu = new Menu(config, transport);
    menu.addEventListener("deleted", finish);
    menu.toggle();
  });
});

/** Everything is deleted: say so, keep nothing, offer to begin again. */
const finish = () => {
  if (ended) return;
  ended = true;
  transport.close();
  vault.clear();
  log.clear();
  bar.stand(null);
  lazy("menu.js", by("more"), ({ ended }) => ended());
};

// -- beginning --------------------------------------------------------------------------------------------------------

by("close").hidden = !host.framed;
by("again").hidden = false;
const mark = by("mark");
if (mark.dataset.logo) mark.append(h("img", { src: mark.dataset.logo, alt: "" }));
else mark.textContent = [...title][0];
const helpless = setTimeout(() => by("down").classList.add("now"), HELPLESS);
host.tell("ready");
transport.open();
pending();
