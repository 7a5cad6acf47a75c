// The balance: what was read is what came of it, and what is on its way.

import { h } from "./dom.js";
import { count } from "./format.js";
import { icon } from "./icons.js";

const PARTS = [
  ["delivered", "delivered"],
  ["dead_lettered", "dead-lettered"],
  ["dropped", "dropped"],
  ["rewound", "given back"],
  ["in_flight", "in flight"],
  ["waiting_for_retry", "waiting for a retry"],
];

/** The balance as an equation, and whether it holds. */
export function balance(values) {
  const sum = PARTS.reduce((total, [name]) => total + (values[name] ?? 0), 0);
  const difference = values.input_records - sum;
  const term = (sign, value, label) =>
    h(
      "div",
      { class: "term" },
      h("dt", null, label),
      h("dd", null, sign && h("span", { class: "sign" }, sign), h("span", { class: "number" }, count(value))),
    );
  const terms = PARTS.map(([name, label], index) => term(index === 0 ? "=" : "+", values[name] ?? 0, label));
  return [
    h("dl", { class: "balance" }, term("", values.input_records, "records read"), terms),
    difference === 0
      ? h("p", { class: "verdict quiet" }, icon("check", "good"), "Every record is accounted for.")
      : h("p", { class: "verdict" }, icon("triangle", "bad"), `Off by ${count(Math.abs(difference))} records.`),
  ];
}
