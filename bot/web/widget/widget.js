/* The loader: a launcher on the clinic's page and, once it is opened, the chat in a frame of its own origin.
   It adds one element with a closed shadow root, and touches nothing else of the page but the unread mark in its title. */
(() => {
  "use strict";
  const CLINIC = /* clinic */ null;
  const TAG = "frontdesk-chat";
  const script = document.currentScript ?? document.querySelector('script[src*="/widget.js"]');
  if (!CLINIC || !script || document.querySelector(TAG)) return;

  const ORIGIN = new URL(script.src).origin;
  const site = script.dataset.site in CLINIC.sites ? script.dataset.site : CLINIC.main;
  const contact = CLINIC.sites[site];
  const wanted = [script.dataset.language, document.documentElement.lang, document.documentElement.lang.split("-")[0]];
  const language = wanted.find((one) => one in CLINIC.texts) ?? Object.keys(CLINIC.texts)[0];
  const t = (key, values = {}) =>
    CLINIC.texts[language][key].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? known[name] ?? all);
  const known = { clinic: contact.name, phone: contact.phone.number, emergency: contact.emergency.number };
  const READY_SECONDS = 10;
  const FULL = "(max-width:520px),(max-height:480px)";

  const CSS = `:host{all:initial!important;display:block!important;position:fixed!important;z-index:2147483000!important;color-scheme:light dark!important}
*{box-sizing:border-box;margin:0;font:inherit;color:inherit}
.all{font:400 16px/1.5 Inter,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:#1b2725;--surface:#fff}
.launcher{position:fixed;bottom:max(20px,env(safe-area-inset-bottom));display:flex;align-items:center;gap:10px;min-height:56px;padding:0 22px 0 18px;
border:2px solid transparent;border-radius:30px;background:var(--brand);color:var(--on-brand);cursor:pointer;font-weight:600;box-shadow:0 8px 40px #0f1e1c4d}
.launcher:hover{filter:brightness(1.08)}
:focus-visible{outline:3px solid;outline-offset:3px}.launcher:focus-visible{outline-color:var(--brand-text)}
.right{right:20px;left:auto}.left{left:20px;right:auto}
svg{width:26px;height:26px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}
.badge{position:absolute;top:-6px;inset-inline-end:-4px;min-width:24px;padding:0 7px;border-radius:12px;background:#b3261e;color:#fff;font-weight:700;font-size:13px;line-height:24px}
[hidden]{display:none}
.panel{position:fixed;inset-block:auto 92px;padding:0;border:1px solid #0f1e1c1a;width:408px;max-width:calc(100vw - 40px);height:680px;max-height:calc(100vh - 116px);
border-radius:22px;overflow:hidden;background:var(--surface);box-shadow:0 8px 40px #0f1e1c4d;animation:rise .22s}
iframe{display:block;width:100%;height:100%;border:0}
.card{position:absolute;inset:0;padding:32px 20px;background:var(--surface);overflow:auto;text-align:center;white-space:pre-line}
.card>*{margin-top:16px}.card h2{font-size:21px;font-weight:650}.card p+a+p{font-size:14px}
.card :is(a,button){display:block;margin:4px auto 0;padding:9px;border:0;background:none;color:var(--brand-text);font-weight:600;cursor:pointer}
.card .call{width:fit-content;margin-top:16px;padding:12px 26px;border-radius:30px;background:var(--brand);color:var(--on-brand);text-decoration:none}
.status{position:fixed;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@keyframes rise{from{opacity:0;transform:translateY(14px)}}
@media ${FULL}{.panel{inset:0;width:100%;max-width:none;height:100%;max-height:none;border:0;border-radius:0}
.launcher{width:60px;height:60px;padding:0;justify-content:center}.launcher span:not(.badge){display:none}}
@media(prefers-color-scheme:dark){.all{color:#e8eeec;--surface:#16201f}}
@media(prefers-reduced-motion:reduce){.panel{animation:none}}
@media print{:host{display:none!important}}`;

  const element = (tag, attributes = {}, ...children) => {
    const svg = tag === "svg" || tag === "path";
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const host = element(TAG);
  const root = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CLINIC.theme.replaceAll(":root", ".all") + CSS);
  root.adoptedStyleSheets = [sheet];

  const badge = element("span", { class: "badge", "aria-hidden": "true", hidden: "" });
  const label = element("span", {}, t("launcher.open"));
  const launcher = element("button", { class: `launcher ${CLINIC.position}`, type: "button", "aria-expanded": "false" }, element("svg", { viewBox: "0 0 24 24" }, element("path", { d: "M21 11.5a8.4 8.4 0 0 1-12.3 7.4L3.5 20.5l1.6-4.7A8.4 8.4 0 1 1 21 11.5Z" })), label, badge);
  const status = element("div", { class: "status", role: "status" });
  const panel = element("dialog", { class: `panel ${CLINIC.position}`, "aria-label": contact.name });
  const all = element("div", { class: "all", lang: language, dir: "auto" }, launcher, status, panel);
  root.append(all);

  const full = matchMedia(FULL);
  let frame = null;
  let card = null;
  let timer = 0;
  let ready = false;
  let unread = 0;

  const post = (kind) => ready && frame.contentWindow.postMessage({ frontdesk: kind }, ORIGIN);

  const name = () => {
    const news = unread ? t(unread === 1 ? "launcher.unread.one" : "launcher.unread.other", { n: String(unread) }) : "";
    const does = panel.open ? t("launcher.close") : t("launcher.label");
    launcher.setAttribute("aria-label", news ? `${does}. ${news}` : does);
    launcher.setAttribute("aria-expanded", String(panel.open));
    label.textContent = panel.open ? t("launcher.close") : t("launcher.open");
    return news;
  };

  const count = (number) => {
    const before = unread;
    unread = Math.max(0, Math.trunc(Number(number)) || 0);
    badge.textContent = unread > 9 ? "9+" : String(unread);
    badge.hidden = !unread;
    const news = name();
    if (unread > before) status.textContent = news;
    if (!unread) status.textContent = "";
    const bare = document.title.replace(/^\(\d+\) /, "");
    if (unread || bare !== document.title) document.title = unread ? `(${unread}) ${bare}` : bare;
  };

  const fallback = () => {
    if (ready || card) return;
    // For whoever looks after the page.
    console.warn(location.origin, "is not in allowed_origins of clinic.yml, or the chat is down");
    const button = (key, does) => {
      const made = element("button", { type: "button" }, t(key));
      made.addEventListener("click", does);
      return made;
    };
    card = element("section", { class: "card", "aria-labelledby": "down" },
      element("h2", { id: "down", tabindex: "-1" }, t("down.title")), element("p", {}, t("down.text")),
      element("a", { class: "call", href: contact.phone.uri }, t("down.call")), element("p", {}, contact.hours),
      button("down.retry", load), element("a", { href: ORIGIN + CLINIC.page, target: "_blank", rel: "noopener" }, t("down.tab")),
      element("a", { href: contact.emergency.uri }, t("emergency.line")), button("launcher.close", hide));
    panel.append(card);
    card.querySelector("h2").focus();
  };

  const load = () => {
    card?.remove();
    frame?.remove();
    card = null;
    ready = false;
    const address = new URL(CLINIC.frame, ORIGIN);
    address.searchParams.set("site", site);
    address.searchParams.set("lang", language);
    address.hash = location.origin;
    frame = element("iframe", { src: address.href, title: contact.name, referrerpolicy: "no-referrer" });
    panel.append(frame);
    clearTimeout(timer);
    timer = setTimeout(fallback, READY_SECONDS * 1000);
    // A page that could not be loaded loads too: it only never says that it is ready.
    frame.addEventListener("load", () => setTimeout(fallback, 4000));
  };

  // On a phone the visible part shrinks when the keyboard comes: the chat keeps to what can be seen.
  const fit = () => {
    const seen = globalThis.visualViewport;
    const cover = panel.open && full.matches && seen && seen.scale === 1;
    panel.style.height = cover ? `${seen.height}px` : "";
    panel.style.transform = cover && seen.offsetTop ? `translateY(${seen.offsetTop}px)` : "";
  };

  const show = () => {
    if (panel.open) return;
    if (full.matches) panel.showModal();
    else panel.show();
    if (!frame) load();
    fit();
    count(0);
    if (!card) frame.focus();
    post("shown");
  };

  const hide = () => {
    if (panel.open) panel.close();
  };

  panel.addEventListener("close", () => {
    if (panel.open) return;
    name();
    fit();
    post("hidden");
    launcher.focus();
  });
  launcher.addEventListener("click", () => (panel.open ? hide() : show()));
  all.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel.open) hide();
  });
  full.addEventListener("change", () => {
    if (!panel.open) return;
    panel.close();
    queueMicrotask(show);
  });
  globalThis.visualViewport?.addEventListener("resize", fit);
  globalThis.visualViewport?.addEventListener("scroll", fit);
  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== ORIGIN) return;
    const { frontdesk: kind, value } = event.data ?? {};
    if (kind === "ready") {
      ready = true;
      clearTimeout(timer);
      card?.remove();
      card = null;
      post(panel.open ? "shown" : "hidden");
    } else if (kind === "close") hide();
    else if (kind === "unread" && !panel.open) count(value);
  });

  name();
  const put = () => document.body.append(host);
  if (document.body) put();
  else addEventListener("DOMContentLoaded", put);
})();
