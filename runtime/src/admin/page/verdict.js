// A stage's verdict of a record: a word, a shape and a tone.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const VERDICTS = {
  keep: { shape: "arrow", tone: "good", text: "keep" },
  emit: { shape: "changed", tone: "accent", text: "emit" },
  drop: { shape: "slash", tone: "quiet", text: "drop" },
  reject: { shape: "cross", tone: "bad", text: "reject" },
  fail: { shape: "triangle", tone: "bad", text: "fail" },
  retry: { shape: "again", tone: "warn", text: "retry" },
};

/** The verdict as a badge. */
export function verdictBadge(verdict) {
  const { shape, tone, text } = VERDICTS[verdict] ?? { shape: "cross", tone: "bad", text: verdict };
  return h("span", { class: `badge ${tone}` }, icon(shape), text);
}
