// The people of the clinic: invite, change a role, reset, sign out, switch off. A table says who may do what.

import { get, given, part, post, put } from "./api.js";
import { ask, confirm, show } from "./dialogs.js";
import { button, choice, fill, h, icon, labelled, toast } from "./dom.js";
import { isMe } from "./state.js";
import { full, when } from "./time.js";

const ROLES = Object.entries(given.roles || {});

/** Draw the page. */
export async function draw(place) {
  const list = h("div", { class: "card" });
  const load = async () => {
    const { people } = await get("people");
    fill(list, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "People" }, h("table", {}, h("thead", {}, h("tr", {}, ["Name", "Role", "State", "Actions"].map((title) => h("th", { scope: "col" }, title)))), h("tbody", {}, people.map((one) => row(one, load))))));
  };
  place.append(h("p", { class: "row-actions" }, button("Invite somebody", () => invite(load), { kind: "primary", picture: "plus" })), list, permissions());
  await load();
}

function row(one, load) {
  const off = Boolean(one.disabled_at);
  const state = off ? `switched off ${when(one.disabled_at)}` : !one.joined ? "invited" : one.has_code ? "active, with one-time code" : "active";
  const locked = one.locked_until && Date.parse(one.locked_until) > Date.now() ? h("span", { class: "chip warn" }, `pauses until ${when(one.locked_until)}`) : null;
  return h("tr", { class: off ? "off" : "" }, h("th", { scope: "row" }, one.name, h("span", { class: "hint" }, one.email)), h("td", {}, one.role_title), h("td", {}, state, " ", locked),
    h("td", {}, h("div", { class: "row-actions" },
      button("Change", () => change(one, load), { kind: "small", "aria-label": `Change ${one.name}` }),
      !off && button(one.joined ? "Reset" : "New link", () => reset(one), { kind: "small", "aria-label": `${one.joined ? "Reset" : "New link"}: ${one.name}` }),
      !off && one.joined && button("Sign out", () => act(`people/${part(one.id)}/sign-out`, {}, `${one.name} is signed out everywhere.`, load), { kind: "small", "aria-label": `Sign out ${one.name} everywhere` }),
      !isMe(one.id) && button(off ? "Switch on" : "Switch off", () => toggle(one, off, load), { kind: `small ${off ? "" : "danger"}`, "aria-label": `${off ? "Switch on" : "Switch off"}: ${one.name}` }))));
}

async function act(path, body, words, load) {
  try {
    await post(path, body);
    toast(words);
    load();
  } catch (error) {
    toast(error.message, "bad");
  }
}

async function toggle(one, off, load) {
  if (!off && !(await confirm(`Switch off ${one.name}`, "They are signed out at once and cannot sign in. What they wrote and did stays.", "Switch off"))) return;
  act(`people/${part(one.id)}/switch`, { on: off }, off ? `${one.name} can sign in again.` : `${one.name} cannot sign in any more.`, load);
}

function invite(load) {
  const email = h("input", { type: "email", required: true });
  const name = h("input", { type: "text", maxlength: 80, required: true });
  const role = choice(ROLES, "front_desk");
  ask({ title: "Invite somebody", body: [labelled("Name", name, "Colleagues see it; visitors see it where a canned reply says it."), labelled("E-mail", email), labelled("Role", role)], action: "Make a link", submit: async () => {
    const { link, person } = await post("people", { email: email.value, name: name.value, role: role.value });
    load();
    setTimeout(() => showLink(link, person, "seven days"), 0);
  } });
}

function reset(one) {
  const drop = h("input", { type: "checkbox", id: "drop" });
  ask({ title: `A new link for ${one.name}`, body: [h("p", {}, `With it they choose a ${one.joined ? "new " : ""}password. Earlier links stop working${one.joined ? "; the old password works until then" : ""}.`), one.has_code && h("p", { class: "check" }, drop, h("label", { for: "drop" }, "Their telephone is lost: also remove the one-time code"))], action: "Make a link", submit: async () => {
    const { link } = await post(`people/${part(one.id)}/link`, { drop_code: drop.checked });
    setTimeout(() => showLink(link, one, one.joined ? "24 hours" : "seven days"), 0);
  } });
}

function showLink(link, person, life) {
  const field = h("input", { type: "text", readonly: true, value: link });
  // Without https, but on this machine, a browser lets nobody write to the clipboard: the link is selected already.
  const copy = navigator.clipboard && button("Copy", () => navigator.clipboard.writeText(link).then(() => toast("Copied."), () => field.select()), { kind: "primary" });
  const mail = h("a", { class: "button", href: `mailto:${person.email}?subject=${encodeURIComponent("Your link to the front desk")}&body=${encodeURIComponent(link)}` }, "Write an e-mail");
  show(`Link for ${person.name}`, [h("p", {}, `It works once, for ${life}. Give it to nobody else; it is not shown again.`), labelled("Link", field), h("p", { class: "row-actions" }, copy, mail)], true);
  field.select();
}

function change(one, load) {
  const name = h("input", { type: "text", maxlength: 80, required: true, value: one.name });
  const role = choice(ROLES, one.role);
  ask({ title: `Change ${one.name}`, body: [labelled("Name", name), labelled("Role", role), h("p", { class: "hint" }, `Since ${full(one.created_at)}`)], action: "Keep", submit: async () => {
    await put(`people/${part(one.id)}`, { name: name.value, role: role.value });
    load();
  } });
}

function permissions() {
  const yes = (able) => h("td", { class: "figure" }, able ? icon("check") : null, h("span", { class: "unseen" }, able ? "yes" : "no"));
  return h("section", { class: "card" }, h("h2", {}, "Who may do what"), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Who may do what" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "What"), ROLES.map(([, title]) => h("th", { scope: "col" }, title)))), h("tbody", {}, given.permissions.map((one) => h("tr", {}, h("th", { scope: "row" }, one.title), ROLES.map(([role]) => yes(one.roles.includes(role)))))))));
}
