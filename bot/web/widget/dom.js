// Small hands for the page: make elements, fetch texts, never parse HTML.

/** @type {Record<string, string>} */
const texts = {};
/** @type {Record<string, string>} */
const known = {};
let rules;

/** Take texts of the page's language, and the values that any of them may name. */
export const useTexts = (some, locale, values) => {
  Object.assign(texts, some);
  Object.assign(known, values);
  rules ??= new Intl.PluralRules(locale);
};

/** Return a text with its {values} filled in. */
export const t = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? known[name] ?? all);

/** Return a text for a number of things. */
export const plural = (key, n) => t(`${key}.${rules.select(n)}` in texts ? `${key}.${rules.select(n)}` : `${key}.other`, { n });

/** @returns {any} the element with an id */
export const by = (id) => document.getElementById(id);

/** Make an element: attributes as given, `on…` as listeners, null left out. */
export const h = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
};

const shape = (tag, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

/** Draw a shape. */
export const drawing = (d, inner = shape("path", { d })) => {
  const svg = shape("svg", { "aria-hidden": true, viewBox: "0 0 24 24" });
  svg.append(inner);
  return svg;
};

/** Draw one of the page's icons. */
export const icon = (name) => drawing("", shape("use", { href: `#i-${name}` }));

/** Return an id that nobody else makes. */
export const newId = () =>
  crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Speak a text once to a screen reader. */
export const speak = (text, urgent = false) => {
  const line = h("p", {}, text);
  by(urgent ? "alert" : "say").append(line);
  setTimeout(() => line.remove(), 20000);
};

// -- what a message says, as elements: paragraphs, **bold**, links, numbers that can be called; text stays text -----------

/** @type {RegExp} */
let things;

/** Take the numbers that are to be tappable wherever they stand. */
export const useNumbers = (numbers) => {
  const exact = numbers.map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).sort((a, b) => b.length - a.length);
  things = new RegExp(
    [
      "\\*\\*(?<bold>[^*]+)\\*\\*",
      "(?<link>https?:\\/\\/[^\\s<>\"']*[^\\s<>\"'.,;:!?)\\]])",
      "(?<mail>[\\w.+-]+@[\\w-]+(?:\\.[\\w-]+)+)",
      `(?<![\\w.+-])(?<known>${exact.join("|") || "(?!)"})(?![\\w-])`,
      "(?<![\\w.+-])(?<number>\\+\\d[\\d ().-]{7,}\\d|1[ -.]?\\d{3}[ .-]\\d{3}[ .-]\\d{4}|\\(\\d{3}\\) ?\\d{3}[ .-]\\d{4}|\\d{3}[ .-]\\d{3}[ .-]\\d{4})(?![\\w-])",
    ].join("|"),
    "gu",
  );
};

/** @returns {DocumentFragment} a message's text as paragraphs */
export const words = (text) => {
  const whole = document.createDocumentFragment();
  for (const paragraph of text.split(/\n{2,}/)) {
    const p = h("p");
    paragraph.split("\n").forEach((line, number) => {
      if (number) p.append(h("br"));
      p.append(...parts(line));
    });
    whole.append(p);
  }
  return whole;
};

/** @returns {(Node|string)[]} */
const parts = (line, inside = false) => {
  const made = [];
  let last = 0;
  for (const hit of line.matchAll(things)) {
    made.push(line.slice(last, hit.index), part(hit, inside));
    last = hit.index + hit[0].length;
  }
  return [...made, line.slice(last)];
};

const part = (hit, inside) => {
  const { bold, link, mail } = hit.groups;
  if (bold) return inside ? bold : h("strong", {}, ...parts(bold, true));
  if (link) return h("a", { href: link, target: "_blank", rel: "noopener noreferrer nofollow" }, link.replace(/^https?:\/\//, ""));
  if (mail) return h("a", { href: `mailto:${mail}` }, mail);
  return h("a", { class: "tel", href: `tel:${hit[0].replace(/[^\d+]/g, "")}` }, hit[0]);
};

/** Return a message's text as it is spoken. */
export const spoken = (text) => text.replaceAll("**", "");
