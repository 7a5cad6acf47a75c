// The overview: every pipeline in a line, those first that want somebody.

import { h } from "./dom.js";
import { badge, byUrgency, describe, headline } from "./state.js";
import { duration, plural, rate, short } from "./format.js";
import { Log } from "./log.js";
import { icon } from "./icons.js";
import { problem } from "./resource.js";

export class Overview {
  constructor(app) {
    this.app = app;
    this.log = new Log(app, null);
  }

  close() {
    this.log.close();
  }

  render() {
    const { live } = this.app;
    const pipelines = byUrgency(live.pipelines.values());
    if (live.connection === "connecting") return h("p", { class: "quiet" }, "Connecting …");
    if (pipelines.length === 0 && live.error) return problem(this.app, live.error);
    return [
      h("h1", { class: "situation" }, situation(pipelines)),
      pipelines.length > 0 &&
        h(
          "ul",
          { class: "pipelines" },
          pipelines.map((pipeline) => this.row(pipeline)),
        ),
      h("section", { class: "block" }, h("h2", null, "Last warnings and errors"), this.log.render()),
    ];
  }

  row(pipeline) {
    const { live } = this.app;
    const { name } = pipeline;
    const of = (counter) => live.rate(name, counter);
    const inputRate = of((view) => view.input_records);
    const letters = of((view) => view.dead_letters);
    const behind = pipeline.lag === null ? "unknown" : short(pipeline.lag);
    const seconds = pipeline.lag > 0 && pipeline.lag_seconds !== null && duration(pipeline.lag_seconds);
    return h(
      "li",
      { key: name, class: `pipeline ${describe(pipeline.state).tone}` },
      h("a", { class: "name", href: `#/${encodeURIComponent(name)}` }, name),
      badge(pipeline.state),
      h("p", { class: "headline" }, headline(pipeline, inputRate)),
      h(
        "dl",
        { class: "figures" },
        figure("in", rate(inputRate), "/s"),
        figure("out", rate(of((view) => view.output_records)), "/s"),
        figure("dead letters", rate(letters), "/s", letters > 0 && "bad"),
        figure("lag", behind, seconds || "records"),
      ),
    );
  }
}

/** A number with its name and unit; a tone puts a mark beside it. */
export function figure(name, value, unit, tone) {
  return h(
    "div",
    { class: "figure" },
    h("dt", null, name),
    h(
      "dd",
      { class: tone || null },
      tone === "bad" && icon("triangle", "bad"),
      h("span", { class: "number" }, value),
      " ",
      h("span", { class: "unit" }, unit),
    ),
  );
}

function situation(pipelines) {
  if (pipelines.length === 0) return "No pipeline runs.";
  const bad = pipelines.filter((pipeline) => describe(pipeline.state).tone === "bad");
  const paused = pipelines.filter((pipeline) => pipeline.state === "paused");
  if (bad.length === 1) return `${bad[0].name} needs attention.`;
  if (bad.length > 1) return `${bad.length} of ${plural(pipelines.length, "pipeline")} need attention.`;
  if (paused.length > 0) return `${plural(paused.length, "pipeline")} paused, the others run.`;
  return pipelines.length === 1 ? "The pipeline runs." : `All ${pipelines.length} pipelines run.`;
}
