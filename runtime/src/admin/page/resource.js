// Something that is asked of the daemon for a view: loading, there, or refused.

import { h } from "./dom.js";
import { icon } from "./icons.js";

export class Resource {
  /** `load` is given an abort signal and returns a promise. */
  constructor(app, load) {
    this.app = app;
    this.load = load;
    this.value = null;
    this.error = null;
    this.isLoading = false;
    this.abort = new AbortController();
  }

  /** Asks, and shows the answer when it comes; what is shown stays until then. */
  async refresh() {
    if (this.isLoading) return;
    this.isLoading = true;
    this.app.update();
    try {
      this.value = await this.load(this.abort.signal);
      this.error = null;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error = error;
    } finally {
      this.isLoading = false;
      this.app.update();
    }
  }

  close() {
    this.abort.abort();
  }

  /** Shows what `show` makes of the value, or why there is none. */
  render(show) {
    if (this.error) return problem(this.app, this.error, () => this.refresh());
    if (this.value === null) return h("p", { class: "quiet" }, "Loading …");
    return show(this.value);
  }
}

/** Says why something cannot be shown, and what to do. */
export function problem(app, error, retry) {
  const act = error.wantsToken
    ? h("button", { type: "button", onclick: () => app.askForToken() }, icon("key"), "Enter a token")
    : retry && h("button", { type: "button", onclick: retry }, "Try again");
  return h("div", { class: "problem", role: "status" }, h("p", null, icon("triangle", "bad"), error.message), act);
}
