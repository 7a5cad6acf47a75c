// A record of the input, or one that is typed in, through the running chain. Nothing is written.

import { pipelinePath, post } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { ExplanationView } from "./explanation.js";
import { problem, Resource } from "./resource.js";

const PLACE = /^\s*(.+)\/(\d+)\/(\d+)\s*$/;

export class TryRecord {
  constructor(app, name) {
    this.app = app;
    this.request = null;
    this.wrong = null;
    this.result = new Resource(app, () => post(pipelinePath(name, "explain"), this.request));
    this.explanation = new ExplanationView(app);
  }

  close() {
    this.result.close();
  }

  render(pipeline) {
    const topic = pipeline.inputs[0]?.topic ?? "topic";
    return h(
      "section",
      { class: "block first" },
      h("h2", null, "What becomes of a record?"),
      h(
        "p",
        { class: "quiet" },
        "It goes through instances of its own of the chain as it runs now. Nothing is written, nothing is committed.",
      ),
      h(
        "div",
        { class: "columns" },
        h(
          "form",
          { onsubmit: (event) => this.submit(event, byPlace) },
          h(
            "label",
            null,
            "A record of the input",
            h("input", {
              name: "text",
              class: "mono",
              placeholder: `${topic}/0/4711`,
              required: true,
              autocomplete: "off",
              spellcheck: "false",
            }),
          ),
          h("button", { class: "primary", type: "submit" }, icon("play"), "Explain it"),
        ),
        h(
          "form",
          { onsubmit: (event) => this.submit(event, (text) => typed(text, topic)) },
          h(
            "label",
            null,
            "Or one of your own: a value, or a record as JSON",
            h("textarea", {
              name: "text",
              class: "mono",
              rows: 4,
              placeholder: '{"status": "shipped"}',
              spellcheck: "false",
            }),
          ),
          h("button", { class: "primary", type: "submit" }, icon("play"), "Try it"),
        ),
      ),
      this.wrong && problem(this.app, this.wrong),
      this.request && this.result.render((explanation) => this.explanation.render(explanation)),
    );
  }

  submit(event, read) {
    event.preventDefault();
    try {
      this.request = read(event.target.elements.text.value);
      this.wrong = null;
      this.result.value = null;
      this.result.refresh();
    } catch (error) {
      this.wrong = error;
      this.app.update();
    }
  }
}

function byPlace(text) {
  const match = PLACE.exec(text);
  if (!match) throw new Error("a record of the input is TOPIC/PARTITION/OFFSET");
  return { topic: match[1], partition: Number(match[2]), offset: Number(match[3]) };
}

/** Returns the request for a record that somebody typed: a value, or an object with `key` or `value` and so on. */
export function typed(text, topic) {
  const whole = { topic, timestamp: Date.now(), key: null, headers: [] };
  let parsed = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not JSON: a value.
  }
  const isRecord =
    parsed !== null && typeof parsed === "object" && ["value", "value_base64"].some((name) => name in parsed);
  if (!isRecord) return { record: { ...whole, value: text } };
  const value = parsed.value !== null && typeof parsed.value === "object" ? JSON.stringify(parsed.value) : parsed.value;
  return { record: { ...whole, ...parsed, ...("value" in parsed ? { value } : {}) } };
}
