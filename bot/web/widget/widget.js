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

  const CSS = `:host{all:initial!important;display:block!important;position:fixed!important;z-index:2147483000!important;
inset:auto!important;width:0!important;height:0!important;color-scheme:light dark!important}
*{box-sizing:border-box;margin:0;font:inherit}
.all{font:400 16px/1.5 Inter,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:#1c2826;--surface:#fff;--line:#dfe5e2}
.launcher{position:fixed;bottom:max(20px,env(safe-area-inset-bottom));display:flex;align-items:center;gap:10px;min-height:56px;
padding:0 22px 0 18px;border:2px solid transparent;border-radius:28px;background:var(--brand);color:var(--on-brand);cursor:pointer;
font-weight:600;box-shadow:0 1px 2px rgb(15 30 28/.2),0 8px 28px rgb(15 30 28/.22);transition:transform .18s,box-shadow .18s}
.launcher:hover{transform:translateY(-2px);box-shadow:0 2px 4px rgb(15 30 28/.2),0 12px 34px rgb(15 30 28/.28)}
:focus-visible{outline:3px solid var(--surface);outline-offset:2px;box-shadow:0 0 0 6px var(--brand-text)}
.right{right:max(20px,env(safe-area-inset-right))}.left{left:max(20px,env(safe-area-inset-left))}
svg{width:26px;height:26px;flex:none;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.badge{position:absolute;top:-6px;inset-inline-end:-4px;min-width:24px;height:24px;padding:0 7px;border-radius:12px;background:#b3261e;
color:#fff;font-size:13px;line-height:24px;text-align:center;font-weight:700}
[hidden]{display:none!important}
.panel{position:fixed;bottom:max(92px,calc(env(safe-area-inset-bottom) + 88px));top:auto;padding:0;border:0;margin:0;
width:408px;max-width:calc(100vw - 40px);height:680px;max-height:calc(100vh - 116px);max-height:calc(100dvh - 116px);border-radius:22px;overflow:hidden;background:var(--surface);
color:inherit;box-shadow:0 0 0 1px rgb(15 30 28/.08),0 24px 64px rgb(15 30 28/.28)}
.panel[open]{animation:rise .22s cubic-bezier(.2,.8,.3,1)}
.panel.right{left:auto}.panel.left{right:auto}
.panel::backdrop{background:var(--surface)}
iframe{display:block;width:100%;height:100%;border:0;background:var(--surface)}
.card{position:absolute;inset:0;padding:56px 32px 32px;background:var(--surface);overflow:auto;text-align:center}
.card h2{font-size:21px;line-height:1.3;font-weight:650;text-wrap:balance}.card p{margin-top:10px}
.call{display:inline-flex;align-items:center;gap:10px;min-height:48px;margin:26px 0 0;padding:0 24px;border-radius:24px;background:var(--brand);
color:var(--on-brand);font-weight:600;text-decoration:none}
.call svg{width:20px;height:20px}
dl{display:grid;grid-template-columns:auto auto;justify-content:center;gap:4px 18px;margin-top:28px;text-align:start;font-size:15px}dt{font-weight:600}
.more{display:grid;gap:8px;justify-items:center;margin-top:28px}
.more button,.more a{min-height:44px;padding:10px 16px;border:0;background:none;color:var(--brand-text);font-weight:600;cursor:pointer;text-decoration:underline;text-underline-offset:3px}
.small{font-size:14px}.small a{color:inherit;font-weight:600}
.x{position:absolute;top:10px;inset-inline-end:10px;width:44px;height:44px;border:0;border-radius:22px;background:none;color:inherit;cursor:pointer}
.x svg{width:22px;height:22px}
.status{position:fixed;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@keyframes rise{from{opacity:0;transform:translateY(14px) scale(.985)}}
@media(max-width:520px),(max-height:480px){.panel{inset:0;width:100%;max-width:none;height:100%;max-height:none;border-radius:0}
.launcher{width:60px;height:60px;padding:0;justify-content:center;border-radius:30px}.launcher span:not(.badge){display:none}}
@media(prefers-color-scheme:dark){.all{color:#e9efed;--surface:#16201f;--line:#2b3836}}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media(forced-colors:active){.launcher,.panel{border:2px solid ButtonText}}
@media print{:host{display:none!important}}`;

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const drawing = (...paths) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    for (const d of paths) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      svg.append(path);
    }
    return svg;
  };
  const BUBBLE = "M21 11.5a8.4 8.4 0 0 1-12.3 7.4L3.5 20.5l1.6-4.7A8.4 8.4 0 1 1 21 11.5Z";
  const PHONE = "M21 16.5v2.6a1.8 1.8 0 0 1-2 1.8A17.6 17.6 0 0 1 3.1 5a1.8 1.8 0 0 1 1.8-2h2.6c.8 0 1.5.6 1.7 1.4l.7 2.9c.1.6 0 1.2-.5 1.6L8 10.3a14 14 0 0 0 5.7 5.7l1.4-1.4c.4-.5 1-.6 1.6-.5l2.9.7c.8.2 1.4.9 1.4 1.7Z";
  const CROSS = "M6 6l12 12M18 6 6 18";

  const host = element(TAG);
  const root = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CLINIC.theme.replaceAll(":root", ".all") + CSS);
  root.adoptedStyleSheets = [sheet];

  const badge = element("span", { class: "badge", "aria-hidden": "true", hidden: "" });
  const label = element("span", {}, t("launcher.open"));
  const launcher = element("button", { class: `launcher ${CLINIC.position}`, type: "button", "aria-expanded": "false" }, drawing(BUBBLE), label, badge);
  const status = element("div", { class: "status", role: "status" });
  const panel = element("dialog", { class: `panel ${CLINIC.position}`, "aria-label": contact.name });
  const all = element("div", { class: "all", lang: language, dir: "auto" }, launcher, status, panel);
  root.append(all);

  const full = matchMedia("(max-width:520px),(max-height:480px)");
  let frame = null;
  let card = null;
  let timer = 0;
  let ready = false;
  let unread = 0;

  const post = (kind) => frame?.contentWindow?.postMessage({ frontdesk: kind }, ORIGIN);

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
    const retry = element("button", { type: "button" }, t("down.retry"));
    const close = element("button", { class: "x", type: "button", "aria-label": t("launcher.close") }, drawing(CROSS));
    const hours = element("dl");
    for (const [days, times] of contact.hours) hours.append(element("dt", {}, days), element("dd", {}, times));
    card = element("section", { class: "card", "aria-labelledby": "down" }, close,
      element("h2", { id: "down", tabindex: "-1" }, t("down.title")), element("p", {}, t("down.text")),
      element("a", { class: "call", href: contact.phone.uri }, drawing(PHONE), t("down.call")), hours,
      element("div", { class: "more" }, retry, element("a", { href: ORIGIN + CLINIC.page, target: "_blank", rel: "noopener" }, t("down.tab"))),
      element("p", { class: "small" }, element("a", { href: contact.emergency.uri }, t("emergency.line"))));
    retry.addEventListener("click", load);
    close.addEventListener("click", hide);
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
