// What became of a record in the chain, stage by stage.

import { changes } from "./diff.js";
import { h } from "./dom.js";
import { time } from "./format.js";
import { icon } from "./icons.js";
import { RecordView } from "./record.js";
import { verdictBadge } from "./verdict.js";

export class ExplanationView {
  constructor(app) {
    this.records = new RecordView(app);
  }

  render(explanation) {
    return h(
      "div",
      { class: "explanation" },
      h("p", { class: "outcome" }, explanation.outcome),
      notes(explanation.notes),
      h(
        "ol",
        { class: "way" },
        explanation.stages.map((stage) => this.stage(stage)),
      ),
      explanation.outputs.length > 0 && [
        h(
          "h3",
          null,
          explanation.outputs.length === 1 ? "What comes out" : `What comes out (${explanation.outputs.length})`,
        ),
        explanation.outputs.map((record, index) =>
          h("div", { key: `output ${index}`, class: "card" }, this.records.render(record, `output ${index}`)),
        ),
      ],
    );
  }

  stage(stage) {
    const { number, error } = stage;
    return h(
      "li",
      { key: `${number} ${stage.stage}` },
      h(
        "div",
        { class: "bar" },
        h("h3", null, stage.stage),
        verdictBadge(stage.verdict),
        h("span", { class: "quiet number" }, time(stage.seconds)),
      ),
      error && h("p", { class: "error" }, icon("cross", "bad"), h("b", null, error.class, ": "), error.reason),
      notes(stage.notes),
      stage.after.map((after, index) => [
        (stage.after.length > 1 || after.output) &&
          h(
            "h4",
            { class: "of" },
            stage.after.length > 1 ? `record ${index + 1} of ${stage.after.length}` : "record",
            after.output ? ` to output ${after.output}` : "",
          ),
        changes(stage.before, after),
      ]),
    );
  }
}

function notes(list) {
  if (!list || list.length === 0) return null;
  return h(
    "ul",
    { class: "notices" },
    list.map((note) => h("li", null, icon("triangle", "warn"), note)),
  );
}
