// The owner's figures. Every chart reads as a table and downloads as CSV; the formula stands beside the share.

import { get } from "./api.js";
import { bars, columns, figuresTable, grid, legend, ring } from "./charts.js";
import { choice, fill, h, icon, labelled } from "./dom.js";

const PERIODS = [[7, "Last 7 days"], [28, "Last 4 weeks"], [84, "Last 12 weeks"], [364, "Last year"]];

/** Draw the page. */
export async function draw(place) {
  const period = choice(PERIODS, 28);
  const first = h("input", { type: "date" });
  const last = h("input", { type: "date" });
  const body = h("div", { class: "stack" });
  const days = (back) => new Date(Date.now() - back * 86400000).toLocaleDateString("sv");
  const set = () => { first.value = days(period.value - 1); last.value = days(0); };
  set();
  const load = async () => {
    const query = `first=${first.value}&last=${last.value}`;
    try {
      page(body, await get(`overview?${query}`), query);
    } catch (error) {
      fill(body, h("p", { class: "problem" }, error.message));
    }
  };
  period.addEventListener("change", () => { set(); load(); });
  for (const one of [first, last]) one.addEventListener("change", load);
  place.append(h("div", { class: "columns period" }, labelled("Period", period), labelled("From", first), labelled("To", last)), body);
  await load();
}

function page(body, found, query) {
  const { tables, totals } = found;
  const card = (name, chart, note) => figure(name, tables[name], chart, note, query);
  fill(body,
    h("section", { class: "card share" }, ring(found.share_answered), h("div", {}, h("h2", {}, "Answered without a person"), h("p", { class: "formula" }, found.formula), h("dl", { class: "tiles" }, tile("Conversations", totals.conversations), tile("Answered", totals.answered), tile("To a person", totals.person), tile("Left without an answer", totals.unanswered), tile("Voted not helpful", totals.unhelpful), tile("Helpful votes", `${found.helpful} of ${found.helpful + found.unhelpful}`)))),
    card("weeks", [columns(tables.weeks.rows, [1, 2, 3, 4], "Conversations by week"), legend(tables.weeks.columns.slice(1, 5))], "A conversation is what one visitor wrote in one week."),
    card("acknowledged", null, "From the report until somebody pressed \"I have seen it\" or took over; open or closed by the main site's hours as they were then."),
    card("reasons", bars(tables.reasons.rows, 4, "Handed to a person, by reason")),
    card("topics", bars(tables.topics.rows, 1, "What visitors ask most")),
    card("questions", null, "Only of visitors who reported nothing about their health."),
    card("hours", grid(tables.hours.rows, "When visitors write, by day and hour"), `On the clinic's clock (${found.zone}).`));
}

const tile = (title, value) => h("div", {}, h("dt", {}, title), h("dd", {}, String(value)));

function figure(name, table, chart, note, query) {
  const empty = !table.rows.length;
  const csv = h("a", { class: "button small", href: `/staff/api/overview/${name}.csv?${query}`, download: `${name}.csv`, "aria-label": `${table.title}: download as CSV` }, icon("download"), "CSV");
  return h("section", { class: "card figure" }, h("header", {}, h("h2", {}, table.title), csv), note && h("p", { class: "hint" }, note),
    empty ? h("p", { class: "hint" }, "Nothing in this period.") : chart, !empty && (chart ? h("details", {}, h("summary", {}, "As a table"), figuresTable(table)) : figuresTable(table)));
}
