// One's own account: password, one-time code, where one is signed in, and how this browser looks and sounds.

import { askToNotify, setSilent, sound, tryOut } from "./alarm.js";
import { get, post, put, remove } from "./api.js";
import { ask } from "./dialogs.js";
import { button, choice, fill, h, labelled, svg, toast } from "./dom.js";
import { help } from "./keys.js";
import { forgetFilter, keptFilters } from "./queue.js";
import { state } from "./state.js";
import { full } from "./time.js";

/** Draw the page. */
export async function draw(place) {
  const sessions = h("section", { class: "card" });
  const filters = h("section", { class: "card" });
  const code = h("section", { class: "card" });
  place.append(h("p", { class: "hint" }, `${state.me.name}, ${state.me.email}, ${state.me.role_title}`), h("div", { class: "cards" }, browser(), password(), code, sessions, filters));
  drawCode(code);
  await Promise.all([drawFilters(filters), drawSessions(sessions)]);
}

function browser() {
  const theme = choice([["", "As the system has it"], ["light", "Light"], ["dark", "Dark"]], localStorage.getItem("theme") || "");
  theme.addEventListener("change", () => {
    localStorage.setItem("theme", theme.value);
    if (theme.value) document.documentElement.dataset.theme = theme.value;
    else delete document.documentElement.dataset.theme;
  });
  const silent = h("input", { type: "checkbox", id: "silent", checked: sound.state === "off" });
  silent.addEventListener("change", () => setSilent(silent.checked));
  const volume = h("input", { type: "range", min: 0.2, max: 1, step: 0.1, value: localStorage.getItem("volume") || 0.6 });
  volume.addEventListener("change", () => { localStorage.setItem("volume", volume.value); tryOut(); });
  const allowed = "Notification" in window ? { granted: "Notifications are allowed.", denied: "The browser blocks notifications: allow them in its settings.", default: "" }[Notification.permission] : "This browser has no notifications.";
  return h("section", { class: "card" }, h("h2", {}, "This browser"), labelled("Colours", theme), labelled("Loudness of the alarm", volume),
    h("p", { class: "row-actions" }, button("Hear it", tryOut, { picture: "sound" }), button("Keyboard", help, { picture: "keys" })),
    h("p", { class: "check" }, silent, h("label", { for: "silent" }, "Keep this browser silent (only where another one sounds)")),
    allowed ? h("p", { class: "hint" }, allowed) : button("Allow notifications", askToNotify, {}));
}

function password() {
  const current = h("input", { type: "password", autocomplete: "current-password", required: true });
  const fresh = h("input", { type: "password", autocomplete: "new-password", required: true, minlength: 10 });
  const problem = h("p", { class: "problem", role: "alert" });
  const save = async (event) => {
    event.preventDefault();
    fill(problem);
    try {
      await post("account/password", { current: current.value, new: fresh.value });
      event.target.reset();
      toast("Your password is changed. Your other sessions have ended.");
    } catch (error) {
      fill(problem, error.message);
    }
  };
  return h("section", { class: "card" }, h("h2", {}, "Password"), h("form", { on: { submit: save } }, labelled("Current password", current), labelled("New password", fresh, "At least 10 characters; three or four words do well."), problem, h("button", { type: "submit", class: "primary" }, "Change it")));
}

function drawCode(place) {
  const has = state.me.has_code;
  fill(place, h("h2", {}, "One-time code"), h("p", {}, has ? "Switched on: signing in asks for a code from your telephone." : "Signing in can also ask for a code from an app on your telephone. Whoever learns your password then still cannot sign in."),
    has ? button("Switch off", () => dropCode(place), { kind: "danger" }) : button("Switch on", () => setCode(place), { kind: "primary" }));
}

async function setCode(place) {
  const { secret, uri, square } = await get("account/code");
  const code = h("input", { type: "text", inputmode: "numeric", autocomplete: "one-time-code", required: true, maxlength: 8 });
  const side = square.length + 8;
  const dark = square.flatMap((row, y) => row.map((on, x) => (on ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
  const picture = svg("svg", { viewBox: `0 0 ${side} ${side}`, class: "square", role: "img", "aria-label": "Square code for your app" }, svg("rect", { width: side, height: side, fill: "#fff" }), svg("path", { d: dark, fill: "#000" }));
  ask({ title: "Switch on the one-time code", body: [h("p", {}, "Scan this with an authenticator app, then enter the code it shows."), picture, h("p", { class: "hint" }, "No camera? Enter this key: ", h("code", {}, secret), ". On this telephone: ", h("a", { href: uri }, "open the app"), "."), labelled("Code", code)], action: "Switch on", submit: async () => {
    await put("account/code", { secret, code: code.value });
    state.me.has_code = true;
    toast("Switched on.");
    drawCode(place);
  } });
}

function dropCode(place) {
  const current = h("input", { type: "password", autocomplete: "current-password", required: true });
  ask({ title: "Switch off the one-time code", body: labelled("Your password", current), action: "Switch off", kind: "danger", submit: async () => {
    await remove("account/code", { password: current.value });
    state.me.has_code = false;
    drawCode(place);
  } });
}

async function drawSessions(place) {
  const { sessions } = await get("account/sessions");
  const end = async () => {
    await post("account/sessions/end");
    toast("Your other sessions have ended.");
    drawSessions(place);
  };
  fill(place, h("h2", {}, "Where you are signed in"), h("ul", { class: "plain-list" }, sessions.map((one) => h("li", {}, h("strong", {}, one.device || "A browser"), one.here && h("span", { class: "chip on" }, "here"), h("span", { class: "hint" }, `since ${full(one.created_at)}, until ${full(one.expires_at)}`)))),
    sessions.length > 1 && button("End the others", end, { kind: "danger" }));
}

async function drawFilters(place) {
  const names = await keptFilters();
  fill(place, h("h2", {}, "Your filters"), names.length ? h("ul", { class: "plain-list" }, names.map((name) => h("li", {}, name, " ", button("Forget", async () => { await forgetFilter(name); drawFilters(place); }, { kind: "small", "aria-label": `Forget the filter ${name}` })))) : h("p", { class: "hint" }, "Filters you keep above the queue stand here."));
}
