// Small hands for the page: make elements, fetch texts, never parse HTML.

/** @type {Record<string, string>} */
let texts = {};
/** @type {Record<string, string>} */
let known = {};
let rules = new Intl.PluralRules("en");

/** Take the texts of the page's language. */
export const useTexts = (all, values, language) => {
  texts = all;
  known = values;
  rules = new Intl.PluralRules(language.startsWith("ar-XB") || language.startsWith("en-XA") ? "en" : language);
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

/** Draw one of the page's icons. */
export const icon = (name) => {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
};

/** Return an id that nobody else makes. */
export const newId = () =>
  crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Speak a text once to a screen reader. */
export const speak = (text, urgent = false) => {
  const line = h("p", {}, text);
  by(urgent ? "alert" : "say").append(line);
  setTimeout(() => line.remove(), 20000);
};
