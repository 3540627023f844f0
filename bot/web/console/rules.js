// Who is notified of what, and after how many minutes without anybody having seen it: the alarm ladder.

import { get, put } from "./api.js";
import { add, button, choice, fill, h, icon, labelled, toast } from "./dom.js";

const URGENCIES = ["emergency", "urgent", "routine"];

/** Draw the page. */
export async function draw(place) {
  const card = h("section", { class: "card" });
  place.append(h("p", { class: "hint" }, "The console sounds at once. Who stands here is told besides; a step with minutes only while nobody has said that it was seen, one with 0 always. No message says what is wrong with anybody."), card);
  const load = async () => {
    const { rules, media } = await get("rules");
    const list = structuredClone(rules?.fields.items || []);
    const ladder = h("ol", { class: "ladder" });
    const problem = h("p", { class: "problem", role: "alert" });
    const drawRules = () => {
      fill(ladder, list.map((rule, number) => step(rule, media, () => { list.splice(number, 1); drawRules(); })));
      add(ladder, h("li", { class: "add" }, button("Add a step", () => { list.push({ medium: "email", address: "", urgencies: ["emergency", "urgent"], after_minutes: 0 }); drawRules(); }, { picture: "plus" })));
    };
    drawRules();
    const save = async (event) => {
      event.preventDefault();
      fill(problem);
      try {
        await put("rules", { fields: { items: list }, base: rules?.version });
        toast("Saved. Test it under Notifications.");
        load();
      } catch (error) {
        fill(problem, error.message);
      }
    };
    fill(card, h("form", { on: { submit: save } }, ladder, problem, h("p", { class: "row-actions" }, h("button", { type: "submit", class: "primary" }, "Save"))));
  };
  await load();
}

function step(rule, media, away) {
  const kind = { email: "email", webhook: "url", chat: "url" };
  const address = h("input", { type: kind[rule.medium] || "text", required: true, value: rule.address, on: { input: (event) => (rule.address = event.target.value.trim()) } });
  const medium = choice(media.map((one) => [one, { email: "E-mail", webhook: "Signed webhook", chat: "Chat (Slack compatible)" }[one]]), rule.medium, { on: { change: (event) => { rule.medium = event.target.value; address.type = kind[rule.medium]; } } });
  const minutes = h("input", { type: "number", min: 0, max: 1440, value: rule.after_minutes || 0, on: { input: (event) => (rule.after_minutes = Number(event.target.value)) } });
  const chosen = new Set(rule.urgencies || ["emergency", "urgent"]);
  const ticks = h("fieldset", { class: "ticks" }, h("legend", {}, "Of what"), URGENCIES.map((name) => {
    const id = `u${Math.random().toString(36).slice(2)}`;
    const tick = h("input", { type: "checkbox", id, checked: chosen.has(name), on: { change: () => { if (tick.checked) chosen.add(name); else chosen.delete(name); rule.urgencies = URGENCIES.filter((one) => chosen.has(one)); } } });
    return h("p", { class: "check" }, tick, h("label", { for: id }, name.charAt(0).toUpperCase() + name.slice(1)));
  }));
  return h("li", { class: "list-row wide" }, h("div", { class: "columns" }, labelled("Minutes unseen", minutes), labelled("By", medium), labelled("Address", address), ticks), h("button", { type: "button", class: "plain", "aria-label": `Remove ${rule.address || "this step"}`, on: { click: away } }, icon("close")));
}
