// Charts as inline SVG, coloured by the style sheet. Each stands beside the table it was drawn from: whoever cannot see it
// reads the same figures there.

import { h, svg } from "./dom.js";

const WIDTH = 720;

/** Stacked columns: one column for each row, one part for each series after the first cell. */
export function columns(rows, series, label) {
  const height = 220;
  const base = height - 26;
  const most = nice(Math.max(1, ...rows.map((row) => total(row, series))));
  const step = (WIDTH - 40) / Math.max(rows.length, 1);
  const wide = Math.min(46, step * 0.64);
  const root = frame(height, label);
  for (const part of [0, 0.5, 1]) {
    const y = base - part * (base - 12);
    root.append(svg("line", { x1: 34, x2: WIDTH, y1: y, y2: y, class: "grid" }), svg("text", { x: 28, y: y + 4, "text-anchor": "end", class: "axis" }, String(Math.round(most * part * 10) / 10)));
  }
  const every = Math.ceil(rows.length / 12);
  rows.forEach((row, number) => {
    const x = 40 + number * step + (step - wide) / 2;
    let y = base;
    series.forEach((at, index) => {
      const tall = (row[at] / most) * (base - 12);
      if (!tall) return;
      y -= tall;
      root.append(svg("rect", { x, y, width: wide, height: tall, class: `series s${index}`, rx: 2 }));
    });
    if (number % every === 0) root.append(svg("text", { x: x + wide / 2, y: height - 8, "text-anchor": "middle", class: "axis" }, short(row[0])));
  });
  return root;
}

/** Bars from left to right, with the name before and the number behind. */
export function bars(rows, at, label) {
  const most = Math.max(1, ...rows.map((row) => row[at] || 0));
  const root = frame(rows.length * 30 + 8, label);
  rows.forEach((row, number) => {
    const y = number * 30 + 6;
    const wide = Math.max(2, ((row[at] || 0) / most) * (WIDTH - 330));
    root.append(
      svg("text", { x: 250, y: y + 15, "text-anchor": "end", class: "name" }, clip(String(row[0]).replaceAll("_", " "), 34)),
      svg("rect", { x: 262, y, width: wide, height: 20, rx: 3, class: "series s0" }),
      svg("text", { x: 270 + wide, y: y + 15, class: "number" }, String(row[at] ?? "")));
  });
  return root;
}

/** A week of hours: the darker, the more. */
export function grid(rows, label) {
  const most = Math.max(1, ...rows.flatMap((row) => row.slice(1)));
  const cell = (WIDTH - 50) / 24;
  const root = frame(rows.length * 26 + 24, label);
  for (let hour = 0; hour < 24; hour += 3) root.append(svg("text", { x: 50 + hour * cell + cell / 2, y: 14, "text-anchor": "middle", class: "axis" }, String(hour)));
  rows.forEach((row, number) => {
    const y = 22 + number * 26;
    root.append(svg("text", { x: 42, y: y + 16, "text-anchor": "end", class: "axis" }, row[0].slice(0, 3)));
    row.slice(1).forEach((value, hour) => {
      const strength = value ? 0.15 + 0.85 * (value / most) : 0;
      root.append(svg("rect", { x: 50 + hour * cell + 1, y, width: cell - 2, height: 23, rx: 3, class: value ? "heat" : "heat none", "fill-opacity": value ? strength.toFixed(2) : "1" }));
      if (value) root.append(svg("text", { x: 50 + hour * cell + cell / 2, y: y + 16, "text-anchor": "middle", class: `heat-number${strength > 0.55 ? " strong" : ""}` }, String(value)));
    });
  });
  return root;
}

/** The share as a ring with its number in the middle. */
export function ring(share) {
  const around = 2 * Math.PI * 52;
  const root = svg("svg", { viewBox: "0 0 130 130", class: "ring", role: "img", "aria-label": share === null ? "No figure yet" : `${Math.round(share * 100)} percent` });
  root.append(svg("circle", { cx: 65, cy: 65, r: 52, class: "ring-base" }));
  if (share) root.append(svg("circle", { cx: 65, cy: 65, r: 52, class: "ring-part", "stroke-dasharray": `${share * around} ${around}`, transform: "rotate(-90 65 65)" }));
  root.append(svg("text", { x: 65, y: 74, "text-anchor": "middle", class: "ring-number" }, share === null ? "-" : `${Math.round(share * 100)} %`));
  return root;
}

/** Name the series of a chart. */
export const legend = (names) => h("ul", { class: "legend" }, names.map((name, number) => h("li", {}, h("span", { class: `swatch s${number}` }), name)));

/** The same figures as a table. */
export function figuresTable(table) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.title }, h("table", {}, h("caption", { class: "unseen" }, table.title),
    h("thead", {}, h("tr", {}, table.columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, table.rows.map((row) => h("tr", {}, row.map((value, number) => (number ? h("td", { class: typeof value === "number" ? "figure" : "" }, value ?? "-") : h("th", { scope: "row" }, String(value).replaceAll("_", " ")))))))));
}

const frame = (height, label) => svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "chart", role: "img", "aria-label": `${label}. The table below has the figures.` });
const total = (row, series) => series.reduce((sum, at) => sum + (row[at] || 0), 0);
const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);
const short = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? text.slice(5).replace("-", "/") : text);

function nice(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= most);
}
