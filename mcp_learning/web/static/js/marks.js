// Marks the words of a query in texts.

import { h } from "./dom.js";

const WORD = /[\p{L}\p{M}\p{N}_]+/gu;
const COMMON = new Set(("a about after all an and any are as at be been but by can do does for from had has have how i " +
  "if in into is it its new not of on or out so some that the their then there this to up use was we were what when " +
  "which while who why will with").split(" "));

/** A function that splits a text into strings and `mark` elements. */
export function marker(query) {
  const wanted = new Set([...query.matchAll(WORD)].map(([word]) => folded(word)).filter((word) => !COMMON.has(word)));
  return (text) => {
    const parts = [];
    let end = 0;
    for (const match of text.matchAll(WORD)) {
      if (!wanted.has(folded(match[0]))) continue;
      parts.push(text.slice(end, match.index), h("mark", {}, match[0]));
      end = match.index + match[0].length;
    }
    return [...parts, text.slice(end)];
  };
}

/** A word in lower case, without accents and, if it is long, without the commonest English endings. */
function folded(word) {
  const plain = word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.length > 4 ? plain.replace(/(?:ing|ed|es|s)$/, "") : plain;
}
