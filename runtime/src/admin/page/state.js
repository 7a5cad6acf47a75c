// The states of a pipeline as a person reads them: word, shape, tone, and one sentence on how it stands.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { plural } from "./format.js";

// In the order of how much they want somebody.
const STATES = {
  failed: { word: "failed", shape: "cross", tone: "bad" },
  circuit_open: { word: "circuit open", shape: "triangle", tone: "bad" },
  restarting: { word: "restarting", shape: "again", tone: "bad" },
  paused: { word: "paused", shape: "bars", tone: "warn" },
  draining: { word: "draining", shape: "ring", tone: "warn" },
  starting: { word: "starting", shape: "ring", tone: "busy" },
  rebalancing: { word: "rebalancing", shape: "ring", tone: "busy" },
  stopped: { word: "stopped", shape: "square", tone: "quiet" },
  running: { word: "running", shape: "disc", tone: "good" },
};

/** Returns the word, shape and tone of a state. */
export function describe(state) {
  return STATES[state] ?? { word: state, shape: "ring", tone: "busy" };
}

/** Returns pipelines with those first that want somebody, else by name. */
export function byUrgency(pipelines) {
  const order = Object.keys(STATES);
  const urgent = (pipeline) => order.indexOf(pipeline.state);
  return [...pipelines].sort((a, b) => urgent(a) - urgent(b) || a.name.localeCompare(b.name));
}

/** The state as a badge. */
export function badge(state) {
  const { word, shape, tone } = describe(state);
  return h("span", { class: `badge ${tone}` }, icon(shape), word);
}

/** Returns one sentence on how the pipeline stands: what holds it up, or where its time goes. */
export function headline(pipeline, inputRate) {
  const { state, reason } = pipeline;
  if (state === "failed") return sentence(`Failed: ${reason ?? "the log says why"}`);
  if (state === "restarting") return sentence(reason ? `Restarts: ${reason}` : "Restarts after an error");
  if (state === "circuit_open") return sentence(pipeline.circuit_breaker ?? reason ?? "The circuit breaker is open");
  if (state === "paused") return "Paused by an operator.";
  if (state === "draining") return "Delivers and commits what is in flight, then stops.";
  if (state === "starting") return "Loads its plugins and joins the group.";
  if (state === "rebalancing") return "The group assigns partitions.";
  if (state === "stopped") return "Stopped.";
  if (pipeline.assigned_partitions === 0) return "Running, without a partition: others of the group have them all.";
  if (inputRate === 0 && pipeline.lag === 0) return "Idle: everything is processed.";
  return sentence(pipeline.bottleneck?.text ?? "Running");
}

/** Returns what else somebody should know, as pairs of tone and sentence. */
export function notices(pipeline) {
  const all = [];
  const paused = pipeline.partitions.filter((partition) => partition.paused_by === "operator");
  const blocked = pipeline.partitions.filter((partition) => partition.blocked_by_open_transaction !== null);
  if (pipeline.timing_out) all.push(["bad", sentence(pipeline.timing_out)]);
  if (paused.length > 0 && pipeline.state !== "paused") {
    const verb = paused.length === 1 ? "is" : "are";
    all.push(["warn", `${plural(paused.length, "partition")} ${verb} paused by an operator: ${names(paused)}.`]);
  }
  if (blocked.length > 0) {
    const wait = blocked.length === 1 ? "waits" : "wait";
    const rest = "for the end of another producer's open transaction";
    all.push(["warn", `${plural(blocked.length, "partition")} ${wait} ${rest}: ${names(blocked)}.`]);
  }
  if (pipeline.restarts > 0) all.push(["quiet", `Restarted ${plural(pipeline.restarts, "time")} in this process.`]);
  return all;
}

function names(partitions) {
  const shown = partitions.slice(0, 3).map(({ topic, partition }) => `${topic}/${partition}`);
  return shown.join(", ") + (partitions.length > 3 ? ", …" : "");
}

function sentence(text) {
  const end = /[.!?…]$/.test(text) ? "" : ".";
  return text.charAt(0).toUpperCase() + text.slice(1) + end;
}
