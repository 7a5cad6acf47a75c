// A record for a person: where it is from, key, headers and value, each as JSON, text or hexadecimal.

import { bytesOf, cut, dump, headerText, headersOf, indented, textOf } from "./bytes.js";
import { h } from "./dom.js";
import { bytes as size, moment } from "./format.js";

const DECODED = "Decoded";
const FORMS = [
  ["JSON", (bytes) => indented(textOf(bytes) ?? "")],
  ["Text", textOf],
  ["Hex", dump],
];

/** Shows records; remembers for each field which form was chosen. */
export class RecordView {
  constructor(app) {
    this.app = app;
    this.forms = new Map();
  }

  /**
   * `name` tells this record from others in the same view; `decoded` has what was decoded of its key and its value.
   */
  render(record, name = "record", decoded = {}) {
    return h(
      "div",
      { class: "record" },
      h("p", { class: "quiet" }, place(record)),
      this.field(record, "key", name, decoded.key),
      this.field(record, "value", name, decoded.value),
      headersOf(record).length > 0 && headers(headersOf(record)),
    );
  }

  field(record, field, name, decoded) {
    const bytes = bytesOf(record, field);
    const length = bytes === null ? "null" : size(bytes.length);
    const title = h(
      "h4",
      null,
      field,
      " ",
      h("span", { class: "quiet" }, decoded ? `${length} of ${decoded.format}` : length),
    );
    if (bytes === null) return h("div", { class: "field" }, title);
    const forms = decoded?.json ? [[DECODED, () => indented(decoded.json) ?? decoded.json], ...FORMS] : FORMS;
    const possible = forms.filter(([, make]) => make(bytes) !== null);
    const key = `${name} ${field}`;
    const [form, make] = possible.find(([own]) => own === this.forms.get(key)) ?? possible[0];
    const choose = (own) => {
      this.forms.set(key, own);
      this.app.update();
    };
    const choices = possible.map(([own]) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": own === form ? "true" : "false",
          "aria-label": `${own} view of the ${field}`,
          onclick: () => choose(own),
        },
        own,
      ),
    );
    return h(
      "div",
      { class: "field" },
      h("div", { class: "bar" }, title, h("div", { class: "choices" }, choices)),
      decoded?.error && h("p", { class: "quiet" }, `It is shown as it is, and cannot be decoded: ${decoded.error}`),
      h("pre", { tabindex: "0", "aria-label": `${field} as ${form}` }, cut(make(bytes))),
    );
  }
}

/** Returns where a record lies and when it was written, in words. */
export function place(record) {
  const parts = [record.topic, record.partition, record.offset].filter((part) => part !== undefined && part !== null);
  const at = record.timestamp === null || record.timestamp === undefined ? "" : moment(record.timestamp);
  return [parts.join("/"), at].filter(Boolean).join(" · ");
}

function headers(list) {
  return h(
    "div",
    { class: "field" },
    h("h4", null, "headers ", h("span", { class: "quiet" }, list.length)),
    h(
      "dl",
      { class: "headers" },
      list.map(([name, value]) => h("div", null, h("dt", null, headerText(name)), h("dd", null, headerText(value)))),
    ),
  );
}
