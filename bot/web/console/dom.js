// Builds elements. Text goes in as text: nothing here, or anywhere in the console, makes HTML out of what somebody wrote.

/** Make an element: h("button", {class: "primary", on: {click}}, "Text", child, ...). */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  add(node, children);
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") for (const [event, call] of Object.entries(value)) node.addEventListener(event, call);
  else if (name === "data") Object.assign(node.dataset, value);
  else if (name === "class") node.className = value;
  else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") node[name] = value;
  else node.setAttribute(name, value === true ? "" : value);
}

/** Append children; arrays are flattened, what is empty is left out. */
export function add(node, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** Put children in place of what a node holds. */
export function fill(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  add(node, children);
  return node;
}

const PATHS = {
  queue: "M4 6h16M4 12h16M4 18h10",
  record: "M7 3h7l5 5v13H7zM14 3v5h5M10 13h6M10 17h6",
  answers: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
  hours: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM12 7v5l3 2",
  facts: "M4 10l8-6l8 6v10H4zM10 20v-6h4v6",
  canned: "M13 2L5 13h6l-1 9l8-12h-6z",
  notices: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  rules: "M4 8h10M18 8h2M4 16h2M10 16h10M16 5v6M8 13v6",
  overview: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  people: "M9 11a4 4 0 1 0 0-8a4 4 0 0 0 0 8zM2 21c0-4 3-7 7-7s7 3 7 7M16 4a4 4 0 0 1 0 7M18 14c3 1 4 4 4 7",
  logs: "M5 4h14v16H5zM9 8h6M9 12h6M9 16h3",
  account: "M12 12a4 4 0 1 0 0-8a4 4 0 0 0 0 8zM4 21c0-4 4-7 8-7s8 3 8 7",
  phone: "M5 3h4l2 5l-3 2c1 3 3 5 6 6l2-3l5 2v4c0 1-1 2-2 2C10 21 3 14 3 5c0-1 1-2 2-2z",
  website: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  chat: "M4 5h16v11H9l-5 4z",
  emergency: "M12 3L2 20h20zM12 10v4M12 17v0.5",
  urgent: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM12 7v6M12 16v0.5",
  routine: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM8 12l3 3l5-6",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21",
  back: "M15 5l-7 7l7 7",
  close: "M6 6l12 12M18 6L6 18",
  more: "M5 12h0.5M12 12h0.5M19 12h0.5",
  check: "M4 12l6 6L20 6",
  snooze: "M20 14a8 8 0 1 1-9-10a7 7 0 0 0 9 10z",
  send: "M3 4l18 8l-18 8l4-8zM7 12h14",
  note: "M5 4h14v10l-5 6H5zM19 14h-5v6",
  print: "M7 8V3h10v5M7 17H4V9h16v8h-3M7 14h10v7H7z",
  download: "M12 3v12M7 11l5 5l5-5M4 20h16",
  sound: "M4 9v6h4l5 4V5L8 9zM16 9c1 2 1 4 0 6M19 7c2 3 2 7 0 10",
  silent: "M4 9v6h4l5 4V5L8 9zM16 9l5 6M21 9l-5 6",
  eye: "M2 12c4-7 16-7 20 0c-4 7-16 7-20 0zM12 9a3 3 0 1 0 0 6a3 3 0 0 0 0-6z",
  keys: "M3 6h18v12H3zM7 10h0.5M11 10h0.5M15 10h0.5M8 14h8",
  out: "M10 4H5v16h5M14 8l4 4l-4 4M18 12H9",
  plus: "M12 5v14M5 12h14",
};

/** Return an icon that says nothing to a screen reader: the words beside it do. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" }, svg("path", { d: PATHS[name] || PATHS.chat }));
}

/** Say something to a screen reader. */
export function announce(text, urgent = false) {
  const place = document.getElementById(urgent ? "alert" : "status");
  if (place) {
    place.textContent = "";
    setTimeout(() => (place.textContent = text), 30);
  }
}

/** Show a short message at the edge of the screen, and say it. */
export function toast(text, kind = "info") {
  const place = document.getElementById("toasts");
  const note = h("div", { class: `toast ${kind}` }, text, h("button", { type: "button", class: "plain", "aria-label": "Hide this message", on: { click: () => note.remove() } }, icon("close")));
  place.append(note);
  announce(text, kind === "bad");
  setTimeout(() => note.remove(), kind === "bad" ? 12000 : 5000);
}

let numbers = 0;

/** Return a field with its label; `input` is the control. */
export function labelled(title, input, hint = "") {
  const id = `f${++numbers}`;
  input.id = id;
  const about = hint ? h("p", { class: "hint", id: `${id}h` }, hint) : null;
  if (hint) input.setAttribute("aria-describedby", `${id}h`);
  return h("div", { class: "field" }, h("label", { for: id }, title), input, about);
}

/** Return a button. */
export function button(text, click, { kind = "", picture = "", ...props } = {}) {
  return h("button", { type: "button", class: kind, on: { click }, ...props }, picture && icon(picture), h("span", {}, text));
}

/** Return a select with options [value, title]. */
export function choice(options, value, props = {}) {
  return h("select", props, options.map(([key, title]) => h("option", { value: key, selected: key === value }, title)));
}
