// The owner's logs: every change in a chain of hashes, and who opened which conversation.

import { get } from "./api.js";
import { show } from "./dialogs.js";
import { button, fill, h, icon } from "./dom.js";
import { nameOf } from "./state.js";
import { full } from "./time.js";

/** Draw the page. */
export async function draw(place) {
  const body = h("div", {});
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": "Logs" });
  const open = (name) => {
    fill(tabs, [["audit", "Changes"], ["access", "Who opened what"]].map(([key, title]) => h("button", { type: "button", "aria-pressed": String(key === name), on: { click: () => open(key) } }, title)));
    return (name === "audit" ? changes(body) : opened(body)).catch((error) => fill(body, h("p", { class: "problem" }, error.message)));
  };
  place.append(tabs, body);
  await open("audit");
}

async function changes(body) {
  const state = h("p", { class: "status-line" }, "Checking the chain...");
  const rows = h("tbody");
  const more = button("Show older", () => load(), {});
  let last = 0;
  const load = async () => {
    const found = (await get(`audit?before=${last}`)).rows;
    rows.append(...found.map((entry) => h("tr", {}, h("td", { class: "figure" }, entry.seq), h("td", { class: "moment" }, full(entry.at)), h("td", {}, entry.member ? nameOf(entry.member) : "Command line or assistant"), h("td", {}, deed(entry)), h("td", {}, summary(entry)), h("td", {}, button("Look", () => look(entry), { kind: "small", "aria-label": `Look at change ${entry.seq}: before and after` })))));
    last = found.at(-1)?.seq || 0;
    more.hidden = last <= 1;
  };
  fill(body, h("section", { class: "card" }, h("header", {}, h("h2", {}, "Audit log"), button("Check again", () => verify(state), { kind: "small" })), state,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Changes" }, h("table", {}, h("thead", {}, h("tr", {}, ["No.", "When", "Who", "What", "About", ""].map((title) => h("th", { scope: "col" }, title || h("span", { class: "unseen" }, "Before and after"))))), rows)), more));
  await Promise.all([load(), verify(state)]);
}

async function verify(place) {
  const found = await get("audit/verify");
  place.className = `status-line ${found.whole ? "good" : "bad"}`;
  fill(place, icon(found.whole ? "check" : "emergency"), found.whole ? `The chain is whole: ${found.rows} entries, end ${found.head.slice(0, 12)}.` : `The chain is broken at entry ${found.broken_at}: somebody changed the database past the console.`);
}

/** Put what was done into words: "staff.signed_in" is "Staff signed in". */
function deed(entry) {
  const words = entry.what.replaceAll(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function summary(entry) {
  const said = entry.after || entry.before || {};
  return [said.key, said.title, said.name, said.state, said.outcome, said.role, said.site].filter((one) => typeof one === "string").slice(0, 3).join(", ");
}

function look(entry) {
  const block = (title, value) => h("section", {}, h("h3", {}, title), h("pre", { tabindex: "0" }, value === null ? "nothing" : JSON.stringify(value, null, 2)));
  show(`Change ${entry.seq}: ${deed(entry)}`, [h("p", { class: "hint" }, `${entry.member ? nameOf(entry.member) : "Command line or assistant"}, ${full(entry.at)}`), block("Before", entry.before), block("After", entry.after)], true);
}

async function opened(body) {
  const { rows } = await get("access");
  fill(body, h("section", { class: "card" }, h("h2", {}, "Who opened which conversation"), h("p", { class: "hint" }, "Every opening is kept, also by the owner; it is deleted with the visitor."), !rows.length ? h("p", {}, "Nobody has opened a conversation that is kept.") : h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Openings" }, h("table", {}, h("thead", {}, h("tr", {}, ["When", "Who", "Visitor"].map((title) => h("th", { scope: "col" }, title)))), h("tbody", {}, rows.map((one) => h("tr", {}, h("td", {}, full(one.at)), h("td", {}, nameOf(one.member)), h("td", {}, one.visitor.slice(-8).toUpperCase()))))))));
}
