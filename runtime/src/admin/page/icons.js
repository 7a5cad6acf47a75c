// Shapes: what a color says is said by a shape as well.

import { h } from "./dom.js";

const SHAPES = {
  disc: [["circle", { cx: 8, cy: 8, r: 5, class: "solid" }]],
  ring: [["circle", { cx: 8, cy: 8, r: 4.5, "stroke-dasharray": "4 3" }]],
  bars: [["path", { d: "M5.5 4v8M10.5 4v8" }]],
  triangle: [["path", { d: "M8 2.5 14.5 13.5H1.5Z", class: "solid" }]],
  cross: [["path", { d: "M4 4l8 8M12 4l-8 8" }]],
  square: [["rect", { x: 4, y: 4, width: 8, height: 8 }]],
  play: [["path", { d: "M5 3.5 13 8l-8 4.5Z", class: "solid" }]],
  arrow: [["path", { d: "M2.5 8h10M9 4.5 12.5 8 9 11.5" }]],
  changed: [["path", { d: "M2.5 8h10M9 4.5 12.5 8 9 11.5M3 3.5h4M5 1.5v4" }]],
  slash: [
    ["circle", { cx: 8, cy: 8, r: 5 }],
    ["path", { d: "M4.5 11.5l7-7" }],
  ],
  again: [["path", { d: "M12.5 8A4.5 4.5 0 1 1 11 4.6M11.5 2v3h-3" }]],
  check: [["path", { d: "M3 8.5 6.5 12 13 4.5" }]],
  sun: [
    ["circle", { cx: 8, cy: 8, r: 3 }],
    ["path", { d: "M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6" }],
  ],
  moon: [["path", { d: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5Z" }]],
  key: [
    ["circle", { cx: 5, cy: 8, r: 2.8 }],
    ["path", { d: "M8 8h6M11.5 8v2.8" }],
  ],
};

/** An icon; it says nothing to a screen reader, so words stand beside it. */
export function icon(name, tone) {
  const shapes = SHAPES[name].map(([tag, props]) => h(tag, props));
  return h("svg", { class: `icon${tone ? ` ${tone}` : ""}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, shapes);
}
