// Charts of the last 15 minutes, as SVG by hand. A crosshair shows one moment in all of them.

import { h } from "./dom.js";
import { clock, percent, rate, short } from "./format.js";
import { timesOf, worthOf } from "./history.js";

const HEIGHT = 132;
const PAD = { left: 14, right: 14, top: 18, bottom: 20 };
/** Minutes between two marks on the axis. */
const MARKS = 5;

export class Charts {
  constructor(app) {
    this.app = app;
    this.width = 480;
    this.hover = null;
  }

  render(history, pipeline) {
    const moments = worthOf(history.points);
    if (moments.length < 2) return h("p", { class: "quiet" }, "There is something to draw after ten seconds.");
    const at = this.hover === null ? moments.length - 1 : Math.min(this.hover, moments.length - 1);
    const scale = { x: timesOf(moments, PAD.left, this.width - PAD.right), moments, at };
    const measure = (element) => {
      const width = Math.round(element.firstElementChild.clientWidth - 2);
      if (width > 0 && width !== this.width) {
        this.width = width;
        this.app.update();
      }
    };
    const when = this.hover === null ? "now" : clock(moments[at].time);
    return h(
      "div",
      { class: "charts", after: measure },
      this.chart(
        "Records a second",
        scale,
        [
          { name: "in", kind: "area", of: (moment) => moment.input },
          { name: "out", kind: "dotted", of: (moment) => moment.output },
        ],
        rate,
        when,
      ),
      this.chart("Worker time", scale, workLayers(pipeline), percent, when, 1),
      this.chart("Lag, records", scale, [{ name: "", kind: "area plain", of: (moment) => moment.lag }], short, when),
      this.chart(
        "Dead letters a second",
        scale,
        [{ name: "", kind: "area bad", of: (moment) => moment.letters }],
        rate,
        when,
      ),
    );
  }

  chart(title, scale, layers, format, when, top) {
    const { moments, at } = scale;
    const isStacked = layers.some((layer) => layer.isStacked);
    const highest = Math.max(...layers.flatMap((layer) => moments.map((moment) => layer.of(moment) ?? 0)));
    const most = top ?? nice(highest);
    const isEmpty = highest === 0;
    const y = (value) => PAD.top + (1 - Math.min(value, most) / most) * (HEIGHT - PAD.top - PAD.bottom);
    const values = layers
      .filter((layer) => layer.name !== null)
      .map((layer) => ({ layer, value: layer.of(moments[at]) }));
    const said = values.map(({ layer, value }) => `${layer.name} ${value === null ? "unknown" : format(value)}`);
    return h(
      "figure",
      { key: title, class: "chart" },
      h(
        "figcaption",
        null,
        h("h3", null, title),
        h(
          "ul",
          { class: "legend" },
          values.map(({ layer, value }) =>
            h(
              "li",
              { class: layer.kind },
              layer.name && [h("span", { class: "swatch", "aria-hidden": "true" }), layer.name, " "],
              h("span", { class: "number" }, value === null ? "unknown" : format(value)),
            ),
          ),
        ),
      ),
      h(
        "svg",
        {
          role: "img",
          "aria-label": `${title}, ${when}: ${said.join(", ")}; at most ${format(most)}`,
          viewBox: `0 0 ${this.width} ${HEIGHT}`,
          width: this.width,
          height: HEIGHT,
          onpointermove: (event) => this.point(event, scale),
          onpointerleave: () => this.leave(),
        },
        h("line", { class: "rule", x1: PAD.left, x2: this.width - PAD.right, y1: y(most), y2: y(most) }),
        h("line", { class: "rule", x1: PAD.left, x2: this.width - PAD.right, y1: y(0), y2: y(0) }),
        marks(moments, scale.x, this.width),
        isEmpty ? null : isStacked ? stacked(layers, scale, y) : layers.map((layer) => shape(layer, scale, y)),
        !isEmpty && h("text", { class: "top", x: 14, y: y(most) - 5 }, format(most)),
        this.hover !== null && h("line", { class: "hair", x1: scale.x[at], x2: scale.x[at], y1: PAD.top, y2: y(0) }),
      ),
    );
  }

  point(event, { x }) {
    const box = event.currentTarget.getBoundingClientRect();
    const near = ((event.clientX - box.left) / box.width) * this.width;
    let best = 0;
    for (let index = 1; index < x.length; index += 1)
      if (Math.abs(x[index] - near) < Math.abs(x[best] - near)) best = index;
    this.hover = best;
    this.app.update();
  }

  leave() {
    this.hover = null;
    this.app.update();
  }
}

// The stage that takes the most has the accent; the others are shades of grey, told apart by their names.
function workLayers(pipeline) {
  const { stages, bottleneck } = pipeline;
  const layers = stages.map((stage, index) => ({
    name: stage.name,
    kind: stage.name === bottleneck?.stage ? "accent" : `shade-${index % 3}`,
    isStacked: true,
    of: (moment) => moment.stages[stage.name] ?? 0,
  }));
  layers.sort((a, b) => (b.kind === "accent") - (a.kind === "accent"));
  layers.push({ name: "waits for the producer", kind: "wait", isStacked: true, of: (moment) => moment.produceWait });
  return layers;
}

function shape({ kind, of }, { moments, x }, y) {
  const points = moments.map((moment, index) => [x[index], of(moment)]).filter(([, value]) => value !== null);
  if (points.length === 0) return null;
  const edge = points.map(([at, value]) => `${at.toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  const [first, last] = [points[0][0].toFixed(1), points.at(-1)[0].toFixed(1)];
  return [
    kind.startsWith("area") && h("path", { class: `${kind} under`, d: `M${first} ${y(0)}L${edge}L${last} ${y(0)}Z` }),
    h("path", { class: `${kind} edge`, d: `M${edge}` }),
  ];
}

function stacked(layers, { moments, x }, y) {
  const below = moments.map(() => 0);
  return layers.map((layer) => {
    const lower = moments.map((_, index) => `${x[index].toFixed(1)} ${y(below[index]).toFixed(1)}`).reverse();
    moments.forEach((moment, index) => (below[index] += layer.of(moment)));
    const upper = moments.map((_, index) => `${x[index].toFixed(1)} ${y(below[index]).toFixed(1)}`);
    return h("path", { class: `layer ${layer.kind}`, d: `M${upper.join("L")}L${lower.join("L")}Z` });
  });
}

function marks(moments, x, width) {
  const all = [];
  for (let index = 1; index < moments.length; index += 1) {
    const [before, now] = [moments[index - 1].time, moments[index].time];
    const isMark = Math.floor(now / (MARKS * 60000)) !== Math.floor(before / (MARKS * 60000));
    if (!isMark) continue;
    const at = x[index];
    all.push(h("line", { class: "rule", x1: at, x2: at, y1: HEIGHT - PAD.bottom, y2: HEIGHT - PAD.bottom + 4 }));
    const anchor = at < 24 ? "start" : at > width - 24 ? "end" : "middle";
    all.push(h("text", { x: at, y: HEIGHT - 4, "text-anchor": anchor }, clock(now)));
  }
  return all;
}

// The next of 1, 2, 5, 10 and so on, so that the scale rarely changes.
function nice(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 1.5, 2, 3, 5, 7.5, 10].find((step) => step * power >= value);
}
