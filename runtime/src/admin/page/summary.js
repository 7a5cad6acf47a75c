// The first view of a pipeline: its line, the last 15 minutes, where the workers' time goes, and the balance.

import { get, pipelinePath } from "./api.js";
import { balance } from "./balance.js";
import { Charts } from "./charts.js";
import { h } from "./dom.js";
import { line } from "./line.js";
import { Resource } from "./resource.js";

const EVERY = 5000;

export class Summary {
  constructor(app, name) {
    this.app = app;
    this.history = new Resource(app, (signal) => get(pipelinePath(name, "history"), signal));
    this.history.refresh();
    this.timer = setInterval(() => this.history.refresh(), EVERY);
    this.charts = new Charts(app);
  }

  close() {
    clearInterval(this.timer);
    this.history.close();
  }

  render(pipeline) {
    return [
      line(this.app, pipeline),
      h(
        "section",
        { class: "block" },
        h("h2", null, "The last 15 minutes"),
        this.history.render((history) => this.charts.render(history, pipeline)),
      ),
      h("section", { class: "block" }, h("h2", null, "Balance"), balance(pipeline.balance)),
    ];
  }
}
