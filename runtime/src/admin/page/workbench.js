// The workbench of `sluice dev --page`: a record, and what the pipeline, a jq program or an SQL query makes of it.

import { post } from "./api.js";
import { h } from "./dom.js";
import { ExplanationView } from "./explanation.js";
import { problem } from "./resource.js";
import { typed } from "./try.js";

/** Milliseconds without a change after which the record is tried. */
const PAUSE = 250;
const START = '{"order_id": "o-1", "status": "shipped", "quantity": 3, "price_cents": 499}';
const CHAINS = [
  { name: "pipeline", label: "Pipeline", start: "" },
  { name: "jq", label: "jq", start: "select(.quantity > 0) | .total = .quantity * .price_cents" },
  {
    name: "sql",
    label: "SQL",
    start: "SELECT order_id, upper(status) AS status, quantity * price_cents AS total\nFROM input\nWHERE quantity > 0",
  },
];

export class Workbench {
  constructor(app) {
    this.app = app;
    this.chain = CHAINS[0];
    this.record = null;
    this.sample = 0;
    this.programs = Object.fromEntries(CHAINS.map(({ name, start }) => [name, start]));
    this.explanation = null;
    this.error = null;
    this.timer = null;
    this.round = 0;
    this.view = new ExplanationView(app);
  }

  close() {
    clearTimeout(this.timer);
  }

  render() {
    const { about } = this.app.live;
    if (!about) return h("p", { class: "quiet" }, "Loading …");
    if (this.record === null) this.begin(about);
    return [
      h("h1", { class: "situation" }, "What becomes of a record?"),
      h(
        "div",
        { class: "workbench" },
        h("div", { class: "inputs" }, this.recordBox(about), this.chains(about), this.programBox()),
        h("section", { class: "results", "aria-label": "Result", "aria-live": "polite" }, this.result()),
      ),
    ];
  }

  begin({ samples }) {
    this.record = samples[0] ?? START;
    this.later(0);
  }

  recordBox({ samples }) {
    const step = (by) => {
      this.sample = (this.sample + by + samples.length) % samples.length;
      this.record = samples[this.sample];
      this.later(0);
    };
    const choose =
      samples.length > 1 &&
      h(
        "div",
        { class: "actions" },
        h("span", { class: "quiet" }, `sample ${this.sample + 1} of ${samples.length}`),
        h("button", { class: "small", type: "button", onclick: () => step(-1) }, "Before"),
        h("button", { class: "small", type: "button", onclick: () => step(1) }, "Next"),
      );
    return [
      h("div", { class: "bar" }, h("h2", null, h("label", { for: "record" }, "Record")), choose),
      h("textarea", {
        id: "record",
        class: "mono",
        rows: 8,
        spellcheck: "false",
        value: this.record,
        "aria-describedby": "record-help",
        oninput: (event) => this.type("record", event),
      }),
      h(
        "p",
        { id: "record-help", class: "quiet small" },
        "A value, or a record with its key and headers: ",
        h("code", null, '{"key": "o-1", "value": {…}, "headers": [["source", "shop"]]}'),
      ),
    ];
  }

  chains({ pipeline, stages }) {
    const choose = (chain) => {
      this.chain = chain;
      this.later(0);
    };
    const names = stages.join(" → ");
    return [
      h(
        "div",
        { class: "choices wide", role: "group", "aria-label": "What it goes through" },
        CHAINS.map((chain) =>
          h(
            "button",
            { type: "button", "aria-pressed": chain === this.chain ? "true" : "false", onclick: () => choose(chain) },
            chain.name === "pipeline" ? pipeline : chain.label,
          ),
        ),
      ),
      this.chain.name === "pipeline" &&
        h(
          "p",
          { class: "quiet" },
          names || "The pipeline has no stages.",
          " · ",
          "the file is read again for each try",
        ),
    ];
  }

  programBox() {
    const { name } = this.chain;
    if (name === "pipeline") return null;
    return h(
      "label",
      { key: name },
      name === "jq" ? "jq program" : "SQL query",
      h("textarea", {
        class: "mono",
        rows: 6,
        spellcheck: "false",
        value: this.programs[name],
        oninput: (event) => this.type(name, event),
      }),
    );
  }

  type(what, event) {
    if (what === "record") this.record = event.target.value;
    else this.programs[what] = event.target.value;
    this.later(PAUSE);
  }

  later(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.attempt(), pause);
    this.app.update();
  }

  async attempt() {
    const round = (this.round += 1);
    const { name } = this.chain;
    const [topic] = this.app.live.about.topics;
    const request = typed(this.record, topic);
    if (name !== "pipeline") request.program = { language: name, text: this.programs[name] };
    let [explanation, error] = [null, null];
    try {
      explanation = await post("dev/explain", request);
    } catch (failed) {
      error = failed;
    }
    // A later question has its own answer.
    if (round !== this.round) return;
    Object.assign(this, { explanation, error });
    this.app.live.tell(error);
  }

  result() {
    if (this.error) {
      return this.error.status > 0 && !this.error.wantsToken
        ? h("pre", { class: "wrong", tabindex: "0" }, this.error.message)
        : problem(this.app, this.error, () => this.attempt());
    }
    return this.explanation && this.view.render(this.explanation);
  }
}
