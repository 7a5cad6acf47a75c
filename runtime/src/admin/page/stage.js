// One stage: its verdicts, calls, memory and failures, and a tap on it.

import { h } from "./dom.js";
import { bytes, count, percent, rate, time } from "./format.js";
import { stageOf, stageRecords, workerSeconds } from "./live.js";
import { Tap } from "./tap.js";
import { verdictBadge } from "./verdict.js";

export class StageView {
  constructor(app, pipeline, name) {
    this.app = app;
    this.name = name;
    this.tap = new Tap(app, pipeline, name);
  }

  close() {
    this.tap.close();
  }

  render(pipeline) {
    const stage = stageOf(pipeline, this.name);
    if (!stage) return h("p", { class: "quiet" }, "There is no stage of this name (any more).");
    return [
      h(
        "section",
        { class: "block first" },
        h(
          "div",
          { class: "bar" },
          h("h2", null, `Stage ${stage.name}`),
          h("span", { class: "quiet" }, `number ${stage.number + 1}, plugin ${stage.plugin}`),
        ),
        this.numbers(pipeline, stage),
      ),
      h("section", { class: "block" }, h("h2", null, "Tap"), this.tap.render()),
    ];
  }

  numbers(pipeline, stage) {
    const { live } = this.app;
    const of = (counter) => (view) => counter(stageOf(view, this.name));
    const seconds = of((own) => own?.seconds);
    const perRecord = live.ratio(pipeline.name, seconds, of(stageRecords));
    const perCall = live.ratio(
      pipeline.name,
      of(stageRecords),
      of((own) => own?.calls),
    );
    const part = live.ratio(pipeline.name, seconds, workerSeconds);
    const verdicts = Object.entries(stage.records).map(([verdict, total]) =>
      h(
        "tr",
        { key: verdict },
        h("th", { scope: "row" }, verdictBadge(verdict)),
        h(
          "td",
          { class: "right" },
          rate(
            live.rate(
              pipeline.name,
              of((own) => own?.records[verdict]),
            ),
          ),
          "/s",
        ),
        h("td", { class: "right" }, count(total)),
      ),
    );
    return h(
      "div",
      { class: "columns" },
      h(
        "table",
        null,
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            h("th", { scope: "col" }, "Verdict"),
            h("th", { scope: "col", class: "right" }, "Now"),
            h("th", { scope: "col", class: "right" }, "So far"),
          ),
        ),
        h("tbody", null, verdicts),
      ),
      h(
        "dl",
        { class: "facts" },
        fact("share of worker time", part === null ? "–" : percent(part)),
        fact("time a record", time(perRecord)),
        fact("records a call", perCall === null ? "–" : rate(perCall)),
        fact("memory, all workers", bytes(stage.memory_bytes)),
        fact("retries", count(stage.retries)),
        fact("circuit breaker", stage.circuit_breaker_open ? "open" : "closed"),
        named("dead letters", stage.dead_letters),
        named("restarts", stage.restarts),
        named("counted by the plugin", stage.events),
      ),
    );
  }
}

function fact(name, value) {
  return h("div", { key: name }, h("dt", null, name), h("dd", null, value));
}

function named(title, values) {
  const some = Object.entries(values ?? {}).filter(([, value]) => value > 0);
  return some.length > 0 && fact(title, some.map(([name, value]) => `${name} ${count(value)}`).join(", "));
}
