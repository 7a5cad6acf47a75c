// Dead letters by stage and reason, and their replay.

import { get, pipelinePath } from "./api.js";
import { h } from "./dom.js";
import { count, moment, plural } from "./format.js";
import { icon } from "./icons.js";
import { Replay } from "./replay.js";
import { Resource } from "./resource.js";

export class DeadLetters {
  constructor(app, name) {
    this.name = name;
    this.groups = new Resource(app, (signal) => get(pipelinePath(name, "dead-letters"), signal));
    this.groups.refresh();
    this.replay = new Replay(app, name);
    this.replay.resume();
  }

  close() {
    this.groups.close();
    this.replay.close();
  }

  render() {
    const again = h(
      "button",
      { type: "button", disabled: this.groups.isLoading, onclick: () => this.groups.refresh() },
      icon("again"),
      this.groups.isLoading ? "Reading the topic …" : "Read again",
    );
    return h(
      "section",
      { class: "block first" },
      h("div", { class: "bar" }, h("h2", null, "Dead letters by stage and reason"), again),
      this.groups.render((answer) => this.list(answer)),
      this.replay.render(),
    );
  }

  list({ groups, scanned, other, complete, scanned_at }) {
    const read = complete
      ? `${plural(scanned, "record")} of the topic read at ${moment(scanned_at)}.`
      : `The newest ${plural(scanned, "record")} of the topic read at ${moment(scanned_at)}; there are older ones.`;
    if (groups.length === 0) return h("p", { class: "quiet" }, "There are none. ", read);
    return [
      h(
        "ul",
        { class: "groups" },
        groups.map((group) => this.group(group)),
      ),
      h("p", { class: "quiet" }, read, other > 0 && ` ${plural(other, "record")} of it are no dead letters of sluice.`),
    ];
  }

  group(group) {
    const { stage, reason, last } = group;
    const letter = ["dead-letters", last.partition, last.offset].map(encodeURIComponent).join("/");
    const selection = Object.fromEntries(
      ["stage", "class"].filter((name) => group[name]).map((name) => [name, group[name]]),
    );
    const all = `all dead letters of class ${group.class}${stage ? ` of stage ${stage}` : ""}`;
    return h(
      "li",
      { key: `${stage} ${group.class} ${reason}` },
      h("span", { class: "number count" }, count(group.count)),
      h(
        "div",
        { class: "what" },
        h("p", null, h("b", null, stage ?? "no stage"), " ", h("span", { class: "class" }, group.class)),
        h("p", { class: "reason" }, reason),
        h(
          "p",
          { class: "quiet" },
          [
            `last ${moment(group.last_failed_at)}, ${last.partition}/${last.offset}`,
            `first ${moment(group.first_failed_at)}`,
            group.replayed > 0 && `${count(group.replayed)} replayed`,
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      h(
        "div",
        { class: "actions" },
        h("a", { class: "button", href: `#/${encodeURIComponent(this.name)}/${letter}` }, "Open the last"),
        h("button", { type: "button", onclick: () => this.replay.propose(selection, all) }, icon("again"), "Replay"),
      ),
    );
  }
}
