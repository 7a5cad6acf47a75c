// One dead letter: why it is one, what it holds, and what the chain makes of it today.

import { get, pipelinePath, post } from "./api.js";
import { h } from "./dom.js";
import { moment } from "./format.js";
import { icon } from "./icons.js";
import { ExplanationView } from "./explanation.js";
import { place, RecordView } from "./record.js";
import { Replay } from "./replay.js";
import { Resource } from "./resource.js";

/** What is said of it in the first lines; the rest follows as it comes. */
const FIRST = ["stage", "class", "reason"];
const TIMES = ["failed_at", "timestamp"];

export class DeadLetter {
  constructor(app, name, partition, offset) {
    this.name = name;
    this.at = { partition, offset };
    this.letter = new Resource(app, (signal) => get(pipelinePath(name, "dead-letters", partition, offset), signal));
    this.letter.refresh();
    this.trial = new Resource(app, () => post(pipelinePath(name, "explain"), { dead_letter: this.at }));
    this.wasTried = false;
    this.records = new RecordView(app);
    this.explanation = new ExplanationView(app);
    this.replay = new Replay(app, name);
  }

  close() {
    this.letter.close();
    this.trial.close();
    this.replay.close();
  }

  render() {
    const { partition, offset } = this.at;
    const near = (other, text) =>
      h(
        "a",
        { class: "button small", href: `#/${encodeURIComponent(this.name)}/dead-letters/${partition}/${other}` },
        text,
      );
    return h(
      "section",
      { class: "block first" },
      h(
        "div",
        { class: "bar" },
        h("h2", null, `Dead letter ${partition}/${offset}`),
        h("div", { class: "actions" }, offset > 0 && near(offset - 1, "Before"), near(offset + 1, "Next")),
      ),
      this.letter.render((letter) => this.show(letter)),
    );
  }

  card({ record, decoded_key: key, decoded_value: value }) {
    return h("div", { class: "card" }, this.records.render(record, "record", { key, value }));
  }

  show(letter) {
    const { error, foreign } = letter;
    if (!error) return [h("p", { class: "error large" }, icon("triangle", "warn"), foreign), this.card(letter)];
    const rest = Object.entries(error).filter(
      ([name, value]) => !FIRST.includes(name) && value !== null && value !== "",
    );
    const attempt = () => {
      this.wasTried = true;
      this.trial.refresh();
    };
    const { partition, offset } = this.at;
    return [
      h(
        "p",
        { class: "error large" },
        icon("cross", "bad"),
        h("b", null, error.stage ? `stage ${error.stage}, ` : "", error.class, ": "),
        error.reason,
      ),
      h(
        "div",
        { class: "actions" },
        h(
          "button",
          { class: "primary", type: "button", disabled: this.trial.isLoading, onclick: attempt },
          icon("play"),
          this.trial.isLoading ? "Trying …" : "Try with the running chain",
        ),
        h(
          "button",
          { type: "button", onclick: () => this.replay.propose({ partition, offset }, "this dead letter") },
          icon("again"),
          "Replay",
        ),
      ),
      this.replay.render(),
      this.wasTried &&
        h(
          "div",
          { class: "trial" },
          h("h3", { class: "sr" }, "Through the running chain"),
          this.trial.render((explanation) => this.explanation.render(explanation)),
        ),
      this.card(letter),
      rest.length > 0 &&
        h(
          "dl",
          { class: "facts" },
          rest.map(([name, value]) =>
            h("div", null, h("dt", null, name.replaceAll("_", " ")), h("dd", null, shown(name, value))),
          ),
        ),
    ];
  }
}

function shown(name, value) {
  if (TIMES.includes(name)) return moment(value);
  if (name === "input") return place(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
