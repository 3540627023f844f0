// What a message says, as elements: paragraphs, **bold**, links, numbers that can be called. Text stays text.
import { h } from "./dom.js";

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
