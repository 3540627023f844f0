// What changed between two wordings, word by word.

import { h } from "./dom.js";

/** Return the pieces of both texts as nodes: kept, taken away, put in. */
export function wordDiff(before, after) {
  const one = (before || "").split(/(\s+)/);
  const two = (after || "").split(/(\s+)/);
  const rows = Array.from({ length: one.length + 1 }, () => new Uint16Array(two.length + 1));
  for (let i = one.length - 1; i >= 0; i--) for (let j = two.length - 1; j >= 0; j--) rows[i][j] = one[i] === two[j] ? rows[i + 1][j + 1] + 1 : Math.max(rows[i + 1][j], rows[i][j + 1]);
  const pieces = [];
  const put = (tag, word) => {
    const last = pieces.at(-1);
    if (last?.tag === tag) last.words.push(word);
    else pieces.push({ tag, words: [word] });
  };
  let i = 0;
  let j = 0;
  while (i < one.length || j < two.length) {
    if (i < one.length && j < two.length && one[i] === two[j]) { put("span", one[i]); i++; j++; }
    else if (j >= two.length || (i < one.length && rows[i + 1][j] >= rows[i][j + 1])) put("del", one[i++]);
    else put("ins", two[j++]);
  }
  return pieces.map(({ tag, words }) => h(tag, {}, words.join("")));
}

/** Put the fields of an entry into lines that can be compared. */
export function linesOf(fields) {
  if (!fields) return "";
  return Object.entries(fields).filter(([name]) => name !== "position").map(([name, value]) => (name === "text" ? value : `${name}: ${typeof value === "string" ? value : JSON.stringify(value, null, 1).replace(/[{}"\[\]]/g, "").replace(/\n\s*/g, " ").trim()}`)).join("\n");
}
