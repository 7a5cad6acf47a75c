// The drawing of a pipeline's line: topics, stages, outputs and the dead-letter topic, with what flows between them.

import { h } from "./dom.js";
import { bytes, count, duration, percent, plural, rate, time } from "./format.js";
import { icon } from "./icons.js";
import { activitySeconds, stageOf, stageRecords, sumOf, workerSeconds } from "./live.js";
import { drawRibbons } from "./ribbons.js";

/** The least width of a step, in pixels, for the line to run from left to right. */
const STEP = 172;

/** The drawing. */
export function line(app, pipeline) {
  const flow = flowOf(app.live, pipeline);
  const columns = pipeline.stages.length + 2;
  const place = (element) => {
    element.dataset.flow = element.parentElement.clientWidth / columns >= STEP ? "right" : "down";
    element.style.setProperty("--columns", columns);
    drawRibbons(element, flow.ribbons);
  };
  return h(
    "section",
    { class: "block" },
    h("h2", { class: "sr" }, "The line"),
    h(
      "ol",
      { class: "line", after: place },
      h("svg", { key: "ribbons", class: "ribbons", "aria-hidden": "true" }),
      h("li", { key: "inputs", class: "step inputs" }, inputs(app.live, pipeline)),
      pipeline.stages.map((stage) => stageStep(app.live, pipeline, stage)),
      h("li", { key: "outputs", class: "step outputs" }, outputs(app.live, pipeline)),
      pipeline.dlq && deadLetterStep(app.live, pipeline),
    ),
  );
}

function inputs(live, pipeline) {
  const wait = live.ratio(pipeline.name, activitySeconds("idle"), workerSeconds);
  const seconds = pipeline.lag > 0 && pipeline.lag_seconds !== null && duration(pipeline.lag_seconds);
  return [
    pipeline.inputs.map((input, index) =>
      h(
        "div",
        { key: input.topic, class: "node", "data-node": `input ${input.topic}` },
        h("span", { class: "kind" }, "topic"),
        h("span", { class: "name" }, input.topic),
        big(rate(live.rate(pipeline.name, (view) => view.inputs[index]?.records)), "records/s"),
      ),
    ),
    h(
      "dl",
      { key: "waits", class: "small" },
      pair("lag", count(pipeline.lag)),
      seconds && pair("behind", seconds),
      pair("workers wait for it", share(wait)),
    ),
  ];
}

function stageStep(live, pipeline, stage) {
  const { name } = pipeline;
  const of = (counter) => (view) => counter(stageOf(view, stage.name));
  const isBottleneck = pipeline.bottleneck?.stage === stage.name;
  const records = live.rate(name, of(stageRecords));
  const perRecord = live.ratio(
    name,
    of((own) => own?.seconds),
    of(stageRecords),
  );
  const part = live.ratio(
    name,
    of((own) => own?.seconds),
    workerSeconds,
  );
  const letters = live.rate(
    name,
    of((own) => sumOf(own?.dead_letters)),
  );
  const dropped = live.ratio(
    name,
    of((own) => own?.records.drop),
    of(stageRecords),
  );
  const href = `#/${encodeURIComponent(name)}/stages/${encodeURIComponent(stage.name)}`;
  const classes = `node stage${isBottleneck ? " bottleneck" : ""}${stage.circuit_breaker_open ? " broken" : ""}`;
  return h(
    "li",
    { key: `stage ${stage.name}`, class: "step" },
    h(
      "a",
      { class: classes, href, "data-node": `stage ${stage.name}` },
      h("span", { class: "kind" }, `stage ${stage.number + 1} · ${stage.plugin}`),
      h("span", { class: "name" }, stage.name),
      big(rate(records), "records/s"),
      meter(part ?? 0),
      h(
        "dl",
        { class: "small" },
        pair("worker time", share(part)),
        pair("a record", perRecord === null ? "–" : time(perRecord)),
        pair("memory", bytes(stage.memory_bytes)),
        dropped > 0 && pair("drops", percent(dropped)),
        letters > 0 && pair("dead letters", `${rate(letters)}/s`, "bad"),
      ),
      isBottleneck && h("span", { class: "tag" }, "takes most of the time"),
      stage.circuit_breaker_open && h("span", { class: "tag bad" }, icon("triangle", "bad"), "circuit open"),
    ),
  );
}

function outputs(live, pipeline) {
  const wait = live.ratio(pipeline.name, activitySeconds("produce_wait"), workerSeconds);
  return [
    pipeline.outputs.map((output, index) =>
      h(
        "div",
        {
          key: output.name,
          class: `node${output.topic === null ? " dropped" : ""}`,
          "data-node": `output ${output.name}`,
        },
        h("span", { class: "kind" }, output.topic === null ? "output, dropped" : `output · ${output.name}`),
        h("span", { class: "name" }, output.topic ?? output.name),
        big(rate(live.rate(pipeline.name, (view) => view.outputs[index]?.records)), "records/s"),
      ),
    ),
    h("dl", { key: "waits", class: "small" }, pair("workers wait for it", share(wait))),
  ];
}

function deadLetterStep(live, pipeline) {
  const { name, dlq } = pipeline;
  const perSecond = live.rate(name, (view) => view.dlq?.records);
  return h(
    "li",
    { key: "dlq", class: "step dlq" },
    h(
      "a",
      {
        class: `node${perSecond > 0 ? " bad" : ""}`,
        href: `#/${encodeURIComponent(name)}/dead-letters`,
        "data-node": "dlq",
      },
      h("span", { class: "kind" }, "dead letters"),
      h("span", { class: "name" }, dlq.topic),
      big(rate(perSecond), "/s"),
      h("span", { class: "aside" }, `${plural(dlq.records, "record")} so far`),
    ),
  );
}

// What flows, in records a second, from node to node.
function flowOf(live, pipeline) {
  const { name } = pipeline;
  const into = (stage) => live.rate(name, (view) => stageRecords(stageOf(view, stage.name)));
  const first = pipeline.stages[0];
  const last = pipeline.stages.at(-1);
  const ribbons = pipeline.inputs.map((input, index) => ({
    from: `input ${input.topic}`,
    to: first ? `stage ${first.name}` : `output ${pipeline.outputs[0]?.name}`,
    rate: live.rate(name, (view) => view.inputs[index]?.records),
  }));
  pipeline.stages.slice(1).forEach((stage, index) => {
    ribbons.push({ from: `stage ${pipeline.stages[index].name}`, to: `stage ${stage.name}`, rate: into(stage) });
  });
  if (last) {
    pipeline.outputs.forEach((output, index) =>
      ribbons.push({
        from: `stage ${last.name}`,
        to: `output ${output.name}`,
        rate: live.rate(name, (view) => view.outputs[index]?.records),
      }),
    );
  }
  for (const stage of pipeline.dlq ? pipeline.stages : []) {
    const letters = live.rate(name, (view) => sumOf(stageOf(view, stage.name)?.dead_letters));
    ribbons.push({ from: `stage ${stage.name}`, to: "dlq", rate: letters, isDeadLetter: true });
  }
  return { ribbons };
}

function big(value, unit) {
  return h("span", { class: "big" }, h("span", { class: "number" }, value), " ", h("span", { class: "unit" }, unit));
}

function pair(name, value, tone) {
  return h("div", null, h("dt", null, name), h("dd", { class: tone ?? null }, value));
}

function share(value) {
  return value === null ? "–" : percent(value);
}

function meter(value) {
  return h(
    "span",
    { class: "meter", "aria-hidden": "true" },
    h("span", { class: "fill", style: { width: `${Math.min(1, value) * 100}%` } }),
  );
}
