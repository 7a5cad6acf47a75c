// The partitions: position, lag, worker, and what holds one up.

import { get, pipelinePath, post } from "./api.js";
import { h } from "./dom.js";
import { count, duration } from "./format.js";
import { icon } from "./icons.js";
import { problem, Resource } from "./resource.js";

const EVERY = 2000;
const COLUMNS = [
  ["Partition", (partition) => `${partition.topic} ${String(partition.partition).padStart(9)}`],
  ["Worker", (partition) => partition.worker],
  ["Position", (partition) => partition.position],
  ["Committed", (partition) => partition.committed],
  ["Lag", (partition) => partition.lag],
  ["Behind", (partition) => partition.lag_seconds],
];

export class Partitions {
  constructor(app, name) {
    this.app = app;
    this.name = name;
    this.sort = { column: 0, isDown: false };
    this.error = null;
    this.all = new Resource(app, (signal) => get(pipelinePath(name, "partitions"), signal));
    this.all.refresh();
    this.timer = setInterval(() => this.all.refresh(), EVERY);
  }

  close() {
    clearInterval(this.timer);
    this.all.close();
  }

  render() {
    return this.all.render(({ partitions }) => {
      if (partitions.length === 0) return h("p", { class: "quiet" }, "No partition is assigned to this process.");
      const most = Math.max(1, ...partitions.map((partition) => partition.lag ?? 0));
      return [
        this.error && problem(this.app, this.error),
        h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Partitions" },
          h(
            "table",
            null,
            h(
              "thead",
              null,
              h(
                "tr",
                null,
                COLUMNS.map(([name], index) => this.heading(name, index)),
                h("th", { scope: "col" }, "State"),
                h("th", { scope: "col" }, h("span", { class: "sr" }, "Actions")),
              ),
            ),
            h(
              "tbody",
              null,
              this.sorted(partitions).map((partition) => this.row(partition, most)),
            ),
          ),
        ),
      ];
    });
  }

  heading(name, index) {
    const { column, isDown } = this.sort;
    const sort = () => {
      this.sort = { column: index, isDown: index === column ? !isDown : index > 3 };
      this.app.update();
    };
    const order = index === column ? (isDown ? "descending" : "ascending") : null;
    return h(
      "th",
      { scope: "col", class: index > 0 ? "right" : null, "aria-sort": order },
      h(
        "button",
        { class: "bare", type: "button", onclick: sort },
        name,
        h("span", { class: "order", "aria-hidden": "true" }, order && (isDown ? "↓" : "↑")),
      ),
    );
  }

  sorted(partitions) {
    const value = COLUMNS[this.sort.column][1];
    const rank = (partition) => value(partition) ?? -1;
    const sorted = [...partitions].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
    return this.sort.isDown ? sorted.reverse() : sorted;
  }

  row(partition, most) {
    const { topic, partition: number } = partition;
    const isPaused = partition.paused_by === "operator";
    const verb = isPaused ? "resume" : "pause";
    return h(
      "tr",
      { key: `${topic}/${number}` },
      h("th", { scope: "row" }, h("span", { class: "quiet" }, topic, "/"), number),
      cell(partition.worker),
      cell(count(partition.position)),
      cell(count(partition.committed)),
      h(
        "td",
        { class: "right" },
        count(partition.lag),
        h(
          "span",
          { class: "meter", "aria-hidden": "true" },
          h("span", { class: "fill", style: { width: `${((partition.lag ?? 0) / most) * 100}%` } }),
        ),
      ),
      cell(duration(partition.lag_seconds)),
      h("td", null, states(partition)),
      h(
        "td",
        { class: "right" },
        h(
          "button",
          {
            type: "button",
            class: "small",
            "aria-label": `${isPaused ? "Resume" : "Pause"} ${topic}/${number}`,
            onclick: () => this.command(partition, verb),
          },
          icon(isPaused ? "play" : "bars"),
          isPaused ? "Resume" : "Pause",
        ),
      ),
    );
  }

  async command({ topic, partition }, verb) {
    try {
      await post(pipelinePath(this.name, "partitions", topic, partition, verb));
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.all.refresh();
  }
}

function cell(text) {
  return h("td", { class: "right" }, text ?? "–");
}

function states(partition) {
  const all = [];
  if (partition.paused_by === "operator") all.push(["bars", "warn", "paused by an operator"]);
  if (partition.paused_by === "breaker") all.push(["triangle", "bad", "circuit open"]);
  if (partition.waiting_for_retry) all.push(["again", "warn", "waits for a retry"]);
  if (partition.blocked_by_open_transaction !== null) {
    all.push(["ring", "warn", `open transaction at ${count(partition.blocked_by_open_transaction)}`]);
  }
  for (const reason of partition.paused_by ? [] : partition.paused_for) all.push(["bars", "quiet", reason]);
  if (all.length === 0) all.push(["disc", "good", "read"]);
  return h(
    "ul",
    { class: "states" },
    all.map(([shape, tone, text]) => h("li", null, icon(shape, tone), text)),
  );
}
