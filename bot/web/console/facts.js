// Prices, the team and the clinic's other facts: forms made from what the entry holds, saved as one version.

import { get, keyPart, put } from "./api.js";
import { add, button, fill, h, icon, labelled, toast } from "./dom.js";
import { showHistory } from "./history.js";

const TITLES = { about: "The clinic", numbers: "Numbers to call", prices: "Prices", payment_methods: "Ways to pay", policies: "Policies", team: "Team", privacy: "Privacy" };
const ORDER = ["prices", "team", "sites", "payment_methods", "policies", "about", "numbers", "privacy"];
const FRESH = {
  prices: { service: "visit", title: "", minutes: 30, amount: 0 },
  team: { name: "", role: "", credentials: "", gender: "other", languages: ["English"], days: {}, needles: true, about: "" },
};
const CHOICES = { service: ["visit", "first_visit", "package", "other"], gender: ["woman", "man", "other"] };
const NUMBERS = new Set(["minutes", "sessions", "review_months"]);

/** Draw the page. */
export async function draw(place) {
  const cards = h("div", { class: "cards" });
  place.append(h("p", { class: "hint" }, "What stands here fills the answers: change a price once and every answer says the new one."), cards);
  const load = async () => {
    const { facts } = await get("facts");
    const rank = (key) => ORDER.indexOf(key.split("/")[1]);
    fill(cards, facts.sort((one, other) => rank(one.key) - rank(other.key)).map((entry) => card(entry, load)));
  };
  await load();
}

function card(entry, load) {
  const name = entry.key.replace("clinic/", "");
  const fields = structuredClone(entry.fields);
  const title = TITLES[name] || fields.title || name;
  const problem = h("p", { class: "problem", role: "alert" });
  const body = Array.isArray(fields.items) ? items(fields.items, name) : mapping(fields);
  const save = async (event) => {
    event.preventDefault();
    fill(problem);
    try {
      await put(`facts/${keyPart(name)}`, { fields, base: entry.version });
      toast(`Saved: ${title}.`);
      load();
    } catch (error) {
      fill(problem, error.message);
    }
  };
  return h("details", { class: "card", open: name === "prices" }, h("summary", {}, h("h2", {}, title)),
    h("form", { on: { submit: save } }, body, problem, h("p", { class: "row-actions" }, h("button", { type: "submit", class: "primary" }, `Save ${title.toLowerCase()}`), button("History", () => showHistory(`facts/${name}`, title, true, load), { picture: "logs" }))));
}

function mapping(fields) {
  return h("div", { class: "columns" }, Object.keys(fields).map((name) => field(fields, name)));
}

function items(list, name) {
  const place = h("div", { class: "row-list" });
  const drawRows = () => {
    fill(place, list.map((one, number) => {
      const away = h("button", { type: "button", class: "plain", "aria-label": `Remove ${one.title || one.name || one}`, on: { click: () => { list.splice(number, 1); drawRows(); } } }, icon("close"));
      if (typeof one !== "object") return h("div", { class: "list-row" }, h("input", { type: "text", value: one, "aria-label": `Item ${number + 1}`, on: { input: (event) => (list[number] = event.target.value) } }), away);
      return h("fieldset", { class: "list-row wide" }, h("legend", {}, one.title || one.name || "New"), h("div", { class: "columns" }, shown(one, name).map((key) => field(one, key))), away);
    }));
    add(place, button("Add one", () => { list.push(FRESH[name] ? structuredClone(FRESH[name]) : ""); drawRows(); }, { kind: "small", picture: "plus" }));
  };
  drawRows();
  return place;
}

function shown(one, name) {
  return [...new Set([...Object.keys(FRESH[name] || {}), ...(name === "prices" ? ["sessions", "note"] : []), ...Object.keys(one)])];
}

function field(fields, name) {
  const title = name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());
  const value = fields[name];
  const keep = (said) => { if (said === "" || said === null) delete fields[name]; else fields[name] = said; };
  if (CHOICES[name]) return labelled(title, h("select", { on: { change: (event) => keep(event.target.value) } }, CHOICES[name].map((one) => h("option", { value: one, selected: one === value }, one.replace("_", " ")))));
  if (typeof value === "boolean") return labelled(title, h("input", { type: "checkbox", checked: value, on: { change: (event) => (fields[name] = event.target.checked) } }));
  if (NUMBERS.has(name)) return labelled(title, h("input", { type: "number", min: 0, value: value ?? "", on: { input: (event) => keep(event.target.value === "" ? "" : Number(event.target.value)) } }));
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return labelled(title, h("input", { type: "text", value: value.join(", "), on: { input: (event) => (fields[name] = event.target.value.split(",").map((one) => one.trim()).filter(Boolean)) } }), "With commas between them.");
  if (name === "days") return days(fields);
  if (value && typeof value === "object") return null;
  const long = String(value || "").length > 60 || ["about", "directions"].includes(name);
  return labelled(title, h(long ? "textarea" : "input", { ...(long ? { rows: 2 } : { type: "text" }), value: value ?? "", on: { input: (event) => keep(event.target.value) } }));
}

function days(fields) {
  const said = Object.entries(fields.days || {}).map(([site, list]) => `${site}: ${list.join(" ")}`).join("; ");
  return labelled("Days", h("input", { type: "text", value: said, placeholder: "willow: monday tuesday; juniper: friday", on: { input: (event) => {
    fields.days = Object.fromEntries(event.target.value.split(";").map((one) => one.split(":")).filter(([site, list]) => site?.trim() && list).map(([site, list]) => [site.trim(), list.trim().toLowerCase().split(/[\s,]+/).filter(Boolean)]));
  } } }), "Site, a colon, the weekdays; a semicolon before the next site.");
}
