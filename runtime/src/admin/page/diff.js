// What differs between two texts, line by line, and between two records, field by field.

import { bytesOf, headersOf, headerText, readable } from "./bytes.js";
import { h } from "./dom.js";
import { moment } from "./format.js";

/** Lines on both sides above which no common ones are looked for. */
const MOST = 600;

/** Shows what a stage has made of a record: the fields that differ; the rest in one line. */
export function changes(before, after) {
  const same = [];
  const differing = [];
  for (const [name, of] of FIELDS) {
    const [old, now] = [of(before), of(after)];
    if (old === now) same.push(name);
    else differing.push(h("div", { class: "field", key: name }, h("h4", null, name), lines(old, now)));
  }
  return [
    differing,
    h(
      "p",
      { class: "quiet" },
      same.length === FIELDS.length ? "Nothing is changed." : `Unchanged: ${same.join(", ") || "nothing"}.`,
    ),
  ];
}

const FIELDS = [
  ["key", (record) => readable(bytesOf(record, "key"))],
  ["value", (record) => readable(bytesOf(record, "value"))],
  [
    "headers",
    (record) =>
      headersOf(record)
        .map(([name, value]) => `${headerText(name)}: ${headerText(value)}`)
        .join("\n"),
  ],
  [
    "timestamp",
    (record) => ((record.timestamp ?? null) === null ? "none" : `${moment(record.timestamp)} (${record.timestamp})`),
  ],
];

function lines(before, after) {
  const rows = compare(before === "" ? [] : before.split("\n"), after === "" ? [] : after.split("\n"));
  const said = { "-": "removed: ", "+": "added: ", " ": "" };
  return h(
    "pre",
    { class: "diff", tabindex: "0" },
    rows.map(([sign, text]) =>
      h(
        "span",
        { class: { "-": "gone", "+": "new", " ": "same" }[sign] },
        h("span", { class: "sign", "aria-hidden": "true" }, sign),
        h("span", { class: "sr" }, said[sign]),
        `${text}\n`,
      ),
    ),
  );
}

/** Returns pairs of a sign (" ", "-", "+") and a line: the fewest changes that lead from one list to the other. */
export function compare(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const isSame = () => before.at(-1 - end) === after.at(-1 - end);
  while (end < before.length - start && end < after.length - start && isSame()) end += 1;
  const head = before.slice(0, start).map((line) => [" ", line]);
  const tail = before.slice(before.length - end).map((line) => [" ", line]);
  return [
    ...head,
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...tail,
  ];
}

// By the longest common subsequence.
function middle(before, after) {
  const [rows, columns] = [before.length, after.length];
  if (rows > MOST || columns > MOST) return [...before.map((line) => ["-", line]), ...after.map((line) => ["+", line])];
  const longest = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      const isCommon = before[i] === after[j];
      longest[i][j] = isCommon ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  const result = [];
  let [i, j] = [0, 0];
  while (i < rows || j < columns) {
    if (i < rows && j < columns && before[i] === after[j]) result.push([" ", before[((j += 1), i++)]]);
    else if (i < rows && (j === columns || longest[i + 1][j] >= longest[i][j + 1])) result.push(["-", before[i++]]);
    else result.push(["+", after[j++]]);
  }
  return result;
}
