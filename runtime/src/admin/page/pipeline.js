// One pipeline: how it stands, what can be done with it, and the views of its parts.

import { pipelinePath, post } from "./api.js";
import { h } from "./dom.js";
import { DeadLetter } from "./dead_letter.js";
import { DeadLetters } from "./dead_letters.js";
import { count } from "./format.js";
import { icon } from "./icons.js";
import { Log } from "./log.js";
import { Partitions } from "./partitions.js";
import { problem } from "./resource.js";
import { StageView } from "./stage.js";
import { badge, headline, notices } from "./state.js";
import { Summary } from "./summary.js";
import { TryRecord } from "./try.js";

const DELIVERY = { at_least_once: "at least once", exactly_once: "exactly once" };

export class Pipeline {
  constructor(app, name, rest) {
    this.app = app;
    this.name = name;
    this.part = rest[0] ?? "";
    this.error = null;
    this.part_view = makePart(app, name, rest);
  }

  close() {
    this.part_view.close?.();
  }

  render() {
    const { live } = this.app;
    const pipeline = live.pipelines.get(this.name);
    const back = h("a", { class: "back", href: "#/" }, "All pipelines");
    if (!pipeline) {
      const text = live.connection === "live" ? "There is no pipeline of this name (any more)." : "Connecting …";
      return [back, h("h1", null, this.name), h("p", { class: "quiet" }, text)];
    }
    const inputRate = live.rate(this.name, (view) => view.input_records);
    const others = notices(pipeline);
    return [
      back,
      h(
        "div",
        { class: "title" },
        h("h1", null, this.name),
        badge(pipeline.state),
        h("p", { class: "quiet" }, `${DELIVERY[pipeline.delivery] ?? pipeline.delivery} · ${pipeline.file}`),
        this.actions(pipeline),
      ),
      h("p", { class: "situation" }, headline(pipeline, inputRate)),
      others.length > 0 &&
        h(
          "ul",
          { class: "notices" },
          others.map(([tone, text]) => h("li", null, icon(tone === "quiet" ? "again" : "triangle", tone), text)),
        ),
      this.error && problem(this.app, this.error),
      this.tabs(pipeline),
      this.part_view.render(pipeline),
    ];
  }

  actions(pipeline) {
    const isPaused = pipeline.paused_by === "operator";
    const button = (verb, text, shape) =>
      h("button", { key: verb, type: "button", onclick: () => this.command(verb) }, icon(shape), text);
    return h(
      "div",
      { class: "actions" },
      isPaused ? button("resume", "Resume", "play") : button("pause", "Pause", "bars"),
      button("reload", "Reload", "again"),
    );
  }

  async command(verb) {
    try {
      this.app.live.put(await post(pipelinePath(this.name, verb)));
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.app.update();
  }

  tabs(pipeline) {
    const tab = (part, text, number) => {
      const parts = [this.name, part].filter(Boolean).map(encodeURIComponent).join("/");
      const isHere = part === this.part || (part === "" && this.part === "stages");
      const label = number > 0 && h("span", { class: "count" }, count(number));
      return h("a", { href: `#/${parts}`, "aria-current": isHere ? "page" : null }, text, label);
    };
    return h(
      "nav",
      { class: "tabs", "aria-label": `Parts of ${this.name}` },
      tab("", "Line"),
      tab("partitions", "Partitions", pipeline.partitions_total),
      pipeline.dlq && tab("dead-letters", "Dead letters", pipeline.dead_letters),
      tab("try", "Try a record"),
      tab("log", "Log"),
    );
  }
}

function makePart(app, name, [part, ...rest]) {
  if (part === "partitions") return new Partitions(app, name);
  if (part === "dead-letters" && rest.length === 2) return new DeadLetter(app, name, Number(rest[0]), Number(rest[1]));
  if (part === "dead-letters") return new DeadLetters(app, name);
  if (part === "stages" && rest.length === 1) return new StageView(app, name, rest[0]);
  if (part === "try") return new TryRecord(app, name);
  if (part === "log") return new Log(app, name);
  return new Summary(app, name);
}
