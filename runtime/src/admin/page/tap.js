// A tap on a stage: live records before and after it, sampled and bounded.

import { bytesOf, cut, textOf } from "./bytes.js";
import { pipelinePath, stream } from "./api.js";
import { changes } from "./diff.js";
import { h } from "./dom.js";
import { plural, time } from "./format.js";
import { icon } from "./icons.js";
import { place, RecordView } from "./record.js";
import { problem } from "./resource.js";
import { verdictBadge } from "./verdict.js";

/** Records that are kept on the page. */
const KEPT = 50;

export class Tap {
  constructor(app, pipeline, stage) {
    this.app = app;
    this.path = pipelinePath(pipeline, "stages", stage, "tap");
    this.sample = "0.01";
    this.only = "";
    this.records = [];
    this.number = 0;
    this.abort = null;
    this.ended = null;
    this.error = null;
    this.shed = 0;
    this.view = new RecordView(app);
  }

  close() {
    this.abort?.abort();
    this.abort = null;
  }

  async start() {
    this.close();
    const abort = new AbortController();
    Object.assign(this, { abort, records: [], number: 0, ended: null, error: null, shed: 0 });
    this.app.update();
    try {
      const query = new URLSearchParams({ sample: this.sample, limit: 200, seconds: 60 });
      await stream(`${this.path}?${query}`, abort.signal, (event, data) => this.take(event, data));
    } catch (error) {
      if (error.name !== "AbortError") this.error = error;
    }
    if (this.abort === abort) this.abort = null;
    this.app.update();
  }

  take(event, data) {
    if (event === "record") this.records.unshift({ ...data, number: (this.number += 1) });
    if (event === "shed") this.shed += data.count;
    if (event === "end") this.ended = data.reason;
    this.records.length = Math.min(this.records.length, KEPT);
    this.app.update();
  }

  stop() {
    this.close();
    this.ended = "stopped";
    this.app.update();
  }

  render() {
    const isOn = this.abort !== null;
    const shown = this.records.filter((record) => this.only === "" || record.verdict === this.only);
    const state = [
      isOn ? "on" : this.ended && `ended: ${this.ended}`,
      this.number > 0 && plural(this.number, "record"),
      this.shed > 0 && `${this.shed} left out`,
    ]
      .filter(Boolean)
      .join(", ");
    return [
      h(
        "div",
        { class: "controls" },
        this.choice(
          "Sample",
          "sample",
          [
            ["0.001", "one of 1,000"],
            ["0.01", "one of 100"],
            ["0.1", "one of 10"],
            ["1", "every record"],
          ],
          isOn,
        ),
        this.choice("Show", "only", [
          ["", "all verdicts"],
          ...["keep", "drop", "emit", "reject", "retry"].map((own) => [own, own]),
        ]),
        isOn
          ? h("button", { key: "stop", type: "button", onclick: () => this.stop() }, icon("square"), "Stop")
          : h(
              "button",
              { key: "start", class: "primary", type: "button", onclick: () => this.start() },
              icon("play"),
              "Start the tap",
            ),
        h("p", { class: "quiet", role: "status" }, state),
      ),
      this.error && problem(this.app, this.error),
      !isOn &&
        this.number === 0 &&
        !this.error &&
        h(
          "p",
          { class: "quiet" },
          "Live records before and after the stage, for a minute or 200 of them. It slows nothing down: what the page does not take is left out.",
        ),
      h(
        "ul",
        { class: "tapped" },
        shown.map((record) => this.record(record)),
      ),
    ];
  }

  choice(label, field, options, disabled = false) {
    const choose = (event) => {
      this[field] = event.target.value;
      this.app.update();
    };
    return h(
      "label",
      null,
      label,
      h(
        "select",
        { onchange: choose, disabled, value: this[field], after: (select) => (select.value = this[field]) },
        options.map(([value, text]) => h("option", { value }, text)),
      ),
    );
  }

  record(tapped) {
    const { before, after, verdict, seconds, error, number } = tapped;
    return h(
      "li",
      { key: number },
      h(
        "details",
        null,
        h(
          "summary",
          null,
          verdictBadge(verdict),
          h("span", { class: "mono" }, keyText(before)),
          h("span", { class: "quiet" }, place(before)),
          h("span", { class: "quiet number" }, time(seconds)),
          error && h("span", { class: "bad" }, error),
        ),
        after.length === 0
          ? this.view.render(before, `tap ${number}`)
          : after.map((made) => [
              made.output && h("h4", { class: "of" }, `to output ${made.output}`),
              changes(before, made.record),
            ]),
      ),
    );
  }
}

function keyText(record) {
  const bytes = bytesOf(record, "key");
  return bytes === null ? "null" : cut(textOf(bytes) ?? `${bytes.length} bytes`);
}
