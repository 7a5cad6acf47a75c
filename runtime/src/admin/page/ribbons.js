// The ribbons between the steps of a line: as wide as much flows.

import { h, patch } from "./dom.js";

/** The width of the widest ribbon and of one in which next to nothing flows, in pixels. */
const WIDEST = 16;
const NARROWEST = 1.5;
/** How far below the upper edge of a node its ribbons begin and end, so that the line runs straight. */
const PORT = 44;

/** Draws ribbons over an element, between its nodes as they lie now. */
export function drawRibbons(line, ribbons) {
  const svg = line.querySelector(".ribbons");
  const origin = line.getBoundingClientRect();
  const isDown = line.dataset.flow === "down";
  const nodes = new Map();
  for (const node of line.querySelectorAll("[data-node]")) {
    const box = node.getBoundingClientRect();
    const step = node.closest(".step").getBoundingClientRect();
    nodes.set(node.dataset.node, {
      left: box.left - origin.left,
      right: box.right - origin.left,
      top: box.top - origin.top,
      bottom: (isDown ? step.bottom : box.bottom) - origin.top,
      x: (box.left + box.right) / 2 - origin.left,
      y: Math.min((box.top + box.bottom) / 2, box.top + PORT) - origin.top,
    });
  }
  const most = Math.max(1e-9, ...ribbons.filter((ribbon) => !ribbon.isDeadLetter).map((ribbon) => ribbon.rate));
  const drawn = ribbons
    .filter((ribbon) => nodes.has(ribbon.from) && nodes.has(ribbon.to))
    .filter((ribbon) => !ribbon.isDeadLetter || ribbon.rate > 0)
    .map((ribbon) => ({ ...ribbon, width: Math.max(NARROWEST, (ribbon.rate / most) * WIDEST) }));
  const shift = stack(drawn);
  svg.setAttribute("width", origin.width);
  svg.setAttribute("height", origin.height);
  patch(
    svg,
    drawn.map((ribbon) => {
      const [from, to] = [nodes.get(ribbon.from), nodes.get(ribbon.to)];
      const draw = ribbon.isDeadLetter ? (isDown ? aside : below) : isDown ? downward : rightward;
      const still = ribbon.rate > 0 ? "" : " still";
      return h("path", {
        key: `${ribbon.from} ${ribbon.to}`,
        class: `${ribbon.isDeadLetter ? "letters" : "flow"}${still}`,
        d: draw(from, to, shift(ribbon, "from"), shift(ribbon, "to")),
        "stroke-width": ribbon.width.toFixed(1),
      });
    }),
  );
}

// Ribbons that share an end lie side by side there.
function stack(ribbons) {
  const main = ribbons.filter((ribbon) => !ribbon.isDeadLetter);
  return (ribbon, end) => {
    if (ribbon.isDeadLetter) return 0;
    const beside = main.filter((other) => other[end] === ribbon[end]);
    const total = beside.reduce((sum, other) => sum + other.width, 0);
    const before = beside.slice(0, beside.indexOf(ribbon)).reduce((sum, other) => sum + other.width, 0);
    return before + ribbon.width / 2 - total / 2;
  };
}

function rightward(from, to, shiftFrom, shiftTo) {
  const [y1, y2] = [from.y + shiftFrom, to.y + shiftTo];
  const middle = (from.right + to.left) / 2;
  return path`M${from.right} ${y1}C${middle} ${y1} ${middle} ${y2} ${to.left} ${y2}`;
}

function downward(from, to, shiftFrom, shiftTo) {
  const [x1, x2] = [Math.min(from.x, from.left + 120) + shiftFrom, Math.min(to.x, to.left + 120) + shiftTo];
  const middle = (from.bottom + to.top) / 2;
  return path`M${x1} ${from.bottom}C${x1} ${middle} ${x2} ${middle} ${x2} ${to.top}`;
}

function below(from, to) {
  return path`M${from.x} ${from.bottom}L${from.x} ${to.top}`;
}

// Along the right edge, where the line runs down.
function aside(from, to) {
  const rail = from.right + 12;
  return path`M${from.right} ${from.y}Q${rail} ${from.y} ${rail} ${from.y + 12}L${rail} ${to.y - 12}Q${rail} ${to.y} ${to.right} ${to.y}`;
}

function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map((value) => value.toFixed(1)));
}
