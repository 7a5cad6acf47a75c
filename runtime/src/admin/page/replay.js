// A replay of dead letters: asked for, confirmed, watched, cancelled.

import { get, pipelinePath, post, remove } from "./api.js";
import { h } from "./dom.js";
import { count, plural } from "./format.js";
import { icon } from "./icons.js";
import { problem } from "./resource.js";

const EVERY = 1000;

export class Replay {
  constructor(app, name) {
    this.app = app;
    this.name = name;
    this.proposal = null;
    this.state = null;
    this.error = null;
    this.timer = null;
  }

  close() {
    clearInterval(this.timer);
  }

  /** Shows the replay that runs, whoever has started it. */
  async resume() {
    await this.attempt(async () => {
      const { replays } = await get(pipelinePath(this.name, "replays"));
      const running = replays.find((replay) => !isOver(replay));
      if (running) this.watch(running);
    });
  }

  /** Asks before it replays: `what` says which dead letters. */
  propose(selection, what) {
    this.proposal = { selection, what };
    this.state = null;
    this.error = null;
    this.app.update();
  }

  async start() {
    const { selection } = this.proposal;
    this.proposal = null;
    await this.attempt(async () => {
      this.watch(await post(pipelinePath(this.name, "replays"), selection));
    });
  }

  watch(replay) {
    this.state = replay;
    this.path = pipelinePath(this.name, "replays", replay.id);
    clearInterval(this.timer);
    this.timer = setInterval(() => this.attempt(() => this.look()), EVERY);
  }

  async look() {
    this.state = await get(this.path);
    if (isOver(this.state)) clearInterval(this.timer);
  }

  async attempt(act) {
    try {
      await act();
      this.error = null;
    } catch (error) {
      clearInterval(this.timer);
      this.error = error;
    }
    this.app.update();
  }

  render() {
    return h(
      "div",
      { class: "replay", "aria-live": "polite" },
      this.error && problem(this.app, this.error),
      this.proposal && this.question(),
      this.state && this.progress(),
    );
  }

  question() {
    const cancel = () => {
      this.proposal = null;
      this.app.update();
    };
    return h(
      "div",
      { class: "card" },
      h("p", null, h("b", null, `Replay ${this.proposal.what}?`)),
      h(
        "p",
        { class: "quiet" },
        "Each goes through the chain as it runs now, once, and to the outputs. ",
        "Those that were replayed before are left out; those that fail again become dead letters again.",
      ),
      h(
        "div",
        { class: "actions" },
        h(
          "button",
          { class: "primary", type: "button", after: focusOnce, onclick: () => this.start() },
          icon("again"),
          "Replay now",
        ),
        h("button", { type: "button", onclick: cancel }, "Cancel"),
      ),
    );
  }

  progress() {
    const { state, replayed, failed_again, dropped, already, left, error } = this.state;
    const [shape, tone] = error ? ["cross", "bad"] : isOver(this.state) ? ["check", "good"] : ["ring", "busy"];
    const stop = () => this.attempt(() => remove(this.path).then(() => this.look()));
    return h(
      "div",
      { class: "card" },
      h("p", null, icon(shape, tone), h("b", null, `Replay: ${state}`)),
      h(
        "p",
        null,
        [
          `${plural(replayed, "dead letter")} replayed`,
          `${count(failed_again)} failed again`,
          dropped > 0 && `${count(dropped)} dropped`,
          already > 0 && `${count(already)} replayed before`,
          left > 0 && `${count(left)} left`,
        ]
          .filter(Boolean)
          .join(", "),
        ".",
      ),
      error && h("p", { class: "bad" }, error),
      !isOver(this.state) &&
        h("div", { class: "actions" }, h("button", { type: "button", onclick: stop }, "Stop the replay")),
    );
  }
}

function isOver({ state }) {
  return !["starting", "running", "stopping"].includes(state);
}

function focusOnce(button) {
  if (button.dataset.focused) return;
  button.dataset.focused = "yes";
  button.focus();
}
