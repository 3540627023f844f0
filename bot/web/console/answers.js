// The approved answers: find one, change it, see at once how a visitor will see it, how hard it reads and what it may not say.

import { get, keyPart, post, put } from "./api.js";
import { button, choice, fill, h, icon, labelled, toast } from "./dom.js";
import { showHistory } from "./history.js";
import { may, state } from "./state.js";

const EASY = 8;

let rows = [];
let placeholders = {};
let today = "";

/** Draw the page. */
export async function draw(place) {
  ({ answers: rows, placeholders, today } = await get("answers"));
  const search = h("input", { type: "search", placeholder: "Search answers", "aria-label": "Search answers" });
  const only = h("input", { type: "checkbox", id: "overdue" });
  const list = h("ul", { class: "pick-list", "aria-label": "Answers" });
  const editor = h("section", { class: "editor", "aria-label": "Answer" }, h("p", { class: "empty" }, "Choose an answer."));
  const open = (key) => edit(editor, rows.find((row) => row.key === key), async () => {
    rows = (await get("answers")).answers;
    refresh();
    open(key);
  });
  const refresh = () => {
    const words = search.value.toLowerCase();
    const shown = rows.filter((row) => (!only.checked || row.overdue) && `${row.title} ${row.key} ${row.fields.text || ""} ${JSON.stringify(row.fields.phrases || "")}`.toLowerCase().includes(words));
    fill(list, shown.map((row) => h("li", { class: row.variant ? "finer" : "" }, h("button", { type: "button", on: { click: () => { mark(list, row.key); open(row.key); } }, data: { key: row.key } },
      h("strong", {}, row.variant ? row.variant.replaceAll("_", " ") : row.title), h("span", { class: "hint" }, row.variant ? row.title : row.fields.text ? row.fields.text.slice(0, 70) : row.key.replaceAll("_", " ")), row.overdue && h("span", { class: "chip warn" }, "review due")))));
    if (!shown.length) fill(list, h("li", { class: "empty" }, "Nothing found."));
  };
  search.addEventListener("input", refresh);
  only.addEventListener("change", refresh);
  refresh();
  const intro = h("p", { class: "hint" }, may("answers") ? "A change is served to the next visitor at once. Every version is kept." : "You can read the answers. Changing them needs a clinician or the owner.");
  place.append(intro, h("div", { class: "two" }, h("div", { class: "finder" }, h("div", { class: "search" }, icon("search"), search), h("p", { class: "check" }, only, h("label", { for: "overdue" }, "Only those due for review")), list), editor));
}

function mark(list, key) {
  for (const one of list.querySelectorAll("button[data-key]")) one.setAttribute("aria-current", String(one.dataset.key === key));
}

function edit(place, row, done) {
  const writable = may("answers");
  const { fields } = row;
  const text = h("textarea", { rows: 8, disabled: !writable, value: fields.text || "" });
  const phrases = Object.entries(fields.phrases || {}).map(([name, value]) => [name, h("textarea", { rows: 2, disabled: !writable, value })]);
  const approved = h("input", { type: "text", value: fields.approved_by || "", required: true, disabled: !writable });
  const reviewed = h("input", { type: "date", value: today, disabled: !writable });
  const source = h("input", { type: "text", value: fields.source || "", disabled: !writable });
  const when = h("textarea", { rows: 2, disabled: !writable, value: (fields.when || []).join(", ") });
  const site = choice(state.sites.map((one) => [one.slug, one.title]), "", { "aria-label": "Preview for the site" });
  const seen = h("div", { class: "preview" });
  const marks = h("div", { class: "marks", "aria-live": "polite" });
  const problem = h("p", { class: "problem", role: "alert" });

  const given = () => ({
    ...(fields.text !== undefined ? { text: text.value } : {}),
    ...(phrases.length ? { phrases: Object.fromEntries(phrases.map(([name, field]) => [name, field.value])) } : {}),
    ...(fields.when ? { when: when.value.split(",").map((one) => one.trim()).filter(Boolean) } : {}),
    source: source.value,
  });
  let timer = 0;
  let turn = 0;
  const look = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++turn;
      try {
        const found = await post(`preview?site=${site.value}`, { key: row.key, fields: given() });
        if (mine !== turn) return;
        fill(seen, h("div", { class: "bubble bot" }, h("p", { class: "text" }, found.text)));
        fill(marks, grade(found.grade), found.forbidden.map((word) => h("p", { class: "mark bad" }, icon("urgent"), `May not be said: "${word}"`)), found.problems.filter((one) => !/a wording without/.test(one)).map((one) => h("p", { class: "mark bad" }, icon("urgent"), one)));
      } catch (error) {
        fill(marks, h("p", { class: "mark bad" }, error.message));
      }
    }, 250);
  };
  for (const field of [text, source, when, ...phrases.map(([, one]) => one)]) field.addEventListener("input", look);
  site.addEventListener("change", look);
  const save = async (event) => {
    event.preventDefault();
    fill(problem);
    try {
      await put(`answers/${keyPart(row.key)}`, { fields: given(), approved_by: approved.value, reviewed_on: reviewed.value, base: row.version });
      toast("Saved. Visitors get it from now on.");
      done();
    } catch (error) {
      fill(problem, error.message);
    }
  };
  const title = row.variant ? `${row.title}: ${row.variant.replaceAll("_", " ")}` : row.title;
  fill(place, h("form", { on: { submit: save } },
    h("header", {}, h("h2", {}, title), button("History", () => showHistory(`answers/${row.key}`, title, writable, done), { picture: "logs" })),
    fields.text !== undefined && labelled("Wording", text),
    phrases.map(([name, field]) => labelled(`Phrase: ${name.replaceAll("_", " ")}`, field)),
    fields.when && labelled("Chosen by these words", when, "With commas between them."),
    h("div", { class: "columns" }, labelled("Approved by", approved), labelled("Reviewed on", reviewed), labelled("Source", source)),
    gaps(text, look, writable),
    problem,
    writable && h("p", { class: "row-actions" }, h("button", { type: "submit", class: "primary" }, "Save and serve"), h("span", { class: "hint" }, `Version ${row.version}. Last reviewed ${fields.reviewed_on || "never"}${row.review_due ? `, due ${row.review_due}` : ""}.`))),
  h("section", { class: "as-seen" }, h("header", {}, h("h3", {}, "As the visitor sees it"), state.sites.length > 1 && site), seen, marks));
  if (writable) look();
  else fill(seen, h("div", { class: "bubble bot" }, h("p", { class: "text" }, fields.text || "")));
}

function grade(value) {
  const easy = value <= EASY;
  return h("p", { class: `mark ${easy ? "good" : "warn"}` }, icon(easy ? "check" : "urgent"), `Reading grade ${value}: ${easy ? "easy to read" : "hard for many people; try shorter sentences"}`);
}

function gaps(text, look, writable) {
  if (!writable) return null;
  const names = Object.entries(placeholders).filter(([, value]) => value);
  const list = h("ul", {}, names.map(([name, value]) => h("li", {}, h("button", { type: "button", class: "chip", on: { click: () => { text.setRangeText(`{${name}}`, text.selectionStart, text.selectionEnd, "end"); text.focus(); look(); } } }, `{${name}}`), h("span", { class: "hint" }, value.slice(0, 80)))));
  return h("details", { class: "gaps" }, h("summary", {}, "Facts that fill themselves"), list);
}
