// The log's last warnings and errors.

import { get } from "./api.js";
import { h } from "./dom.js";
import { moment } from "./format.js";
import { icon } from "./icons.js";
import { Resource } from "./resource.js";

const EVERY = 5000;

export class Log {
  /** Of one pipeline, or of all where it is null. */
  constructor(app, pipeline) {
    this.pipeline = pipeline;
    this.lines = new Resource(app, (signal) => get("log", signal));
    this.lines.refresh();
    this.timer = setInterval(() => this.lines.refresh(), EVERY);
  }

  close() {
    clearInterval(this.timer);
    this.lines.close();
  }

  render() {
    return this.lines.render(({ lines }) => {
      const own = lines.filter((line) => this.pipeline === null || line.pipeline === this.pipeline);
      const newest = own.sort((a, b) => (a.time < b.time ? 1 : -1));
      if (newest.length === 0) return h("p", { class: "quiet" }, "None.");
      return h(
        "ol",
        { class: "log" },
        newest.map((line) => this.line(line)),
      );
    });
  }

  line(line) {
    const isError = line.level.toLowerCase() === "error";
    const where = [this.pipeline === null && line.pipeline, line.stage && `stage ${line.stage}`].filter(Boolean);
    const fields = Object.entries(line.fields ?? {}).map(([name, value]) => `${name}=${text(value)}`);
    return h(
      "li",
      null,
      h("time", { datetime: line.time }, moment(line.time)),
      icon(isError ? "cross" : "triangle", isError ? "bad" : "warn"),
      h("span", { class: "sr" }, isError ? "error" : "warning"),
      h(
        "p",
        null,
        where.length > 0 && h("b", null, where.join(", "), ": "),
        line.message,
        " ",
        h("span", { class: "quiet mono" }, fields.join(" ")),
      ),
    );
  }
}

function text(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
