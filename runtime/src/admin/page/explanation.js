// What became of a record in the chain, stage by stage.

import { changes } from "./diff.js";
import { h } from "./dom.js";
import { moment, time } from "./format.js";
import { icon } from "./icons.js";
import { RecordView } from "./record.js";
import { verdictBadge } from "./verdict.js";

const RESULTS = {
  delivered: ["check", "good"],
  dropped: ["slash", "quiet"],
  dead_lettered: ["cross", "bad"],
  stops: ["cross", "bad"],
};
const THEN = { dlq: "then it is dead-lettered", drop: "then it is dropped", stop: "then the pipeline stops" };

export class ExplanationView {
  constructor(app) {
    this.records = new RecordView(app);
  }

  render(explanation) {
    const { outputs, before } = explanation;
    const [shape, tone] = RESULTS[explanation.result] ?? ["arrow", "quiet"];
    const title = outputs.length === 1 ? "What comes out" : `What comes out: ${outputs.length} records`;
    return h(
      "div",
      { class: "explanation" },
      h("p", { class: "outcome" }, icon(shape, tone), h("span", null, explanation.outcome)),
      before && h("p", { class: "quiet" }, `Before, at ${moment(before.failed_at)}: ${before.class}, ${before.reason}`),
      notes(explanation.notes),
      h(
        "ol",
        { class: "way" },
        explanation.stages.map((stage) => this.stage(stage)),
      ),
      outputs.length > 0 && h("h3", null, title),
      outputs.map((output, index) =>
        h(
          "div",
          { key: `output ${index}`, class: "card" },
          h("h4", { class: "of" }, target(output)),
          this.records.render(output.record, `output ${index}`),
        ),
      ),
    );
  }

  stage(stage) {
    const { number, path, error, after } = stage;
    return h(
      "li",
      { key: `${number} ${path}` },
      h(
        "div",
        { class: "bar" },
        h("h3", null, stage.stage),
        path && h("span", { class: "quiet" }, `record ${path}`),
        verdictBadge(stage.verdict),
        h("span", { class: "quiet number" }, time(stage.seconds)),
      ),
      error &&
        h(
          "p",
          { class: "error" },
          icon("cross", "bad"),
          h("b", null, error.class, ": "),
          error.reason,
          h("span", { class: "quiet" }, error.then ? `, ${THEN[error.then]}` : ""),
        ),
      notes(stage.notes),
      after.map((made, index) => [
        (after.length > 1 || made.output) &&
          h(
            "h4",
            { class: "of" },
            [after.length > 1 && `record ${index + 1} of ${after.length}`, made.output && target(made)]
              .filter(Boolean)
              .join(", "),
          ),
        changes(stage.before, made.record),
      ]),
    );
  }
}

function target({ output, topic }) {
  return topic ? `to output ${output}, topic ${topic}` : `to output ${output}`;
}

function notes(list) {
  if (!list || list.length === 0) return null;
  return h(
    "ul",
    { class: "notices" },
    list.map((note) => h("li", null, icon("triangle", "warn"), note)),
  );
}
