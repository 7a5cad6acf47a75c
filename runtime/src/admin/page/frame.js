// What stands around every view: the name, the connection, the theme, and the question for a token.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const THEME = "sluice.theme";
applyTheme(localStorage.getItem(THEME));

/** The whole page with a view in it. */
export function frame(app, view) {
  return [
    h("a", { class: "skip", href: "#main", onclick: skip }, "Skip to the content"),
    h(
      "header",
      { class: "top" },
      h(
        "a",
        { class: "wordmark", href: "#/" },
        h("img", { src: "/assets/icon.svg", alt: "", width: 20, height: 20 }),
        "Sluicebox",
      ),
      connection(app.live),
      tokenButton(app),
      themeButton(app),
    ),
    h("main", { id: "main", tabindex: "-1" }, view),
    app.isAskingForToken && tokenDialog(app),
  ];
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function connection(live) {
  const [shape, tone, text] = {
    connecting: ["ring", "busy", "connecting"],
    live: ["disc", "good", "live"],
    lost: ["cross", "bad", "no connection, trying again"],
    locked: ["key", "warn", "a token is needed"],
  }[live.connection];
  const shed = live.shed > 0 && `, ${live.shed} updates left out`;
  return h("p", { class: `connection ${tone}`, role: "status" }, icon(shape), text, shed);
}

function tokenButton(app) {
  const [text, act] = app.hasToken ? ["Forget token", () => app.useToken(null)] : ["Token", () => app.askForToken()];
  return h("button", { class: "bare", type: "button", onclick: act }, icon("key"), text);
}

function tokenDialog(app) {
  const submit = (event) => {
    event.preventDefault();
    app.useToken(event.target.elements.token.value.trim());
  };
  const close = () => {
    app.isAskingForToken = false;
    app.update();
  };
  const refused = app.live.connection === "locked" && app.hasToken && "The daemon does not accept this token.";
  return h(
    "dialog",
    { key: "token", class: "token", "aria-labelledby": "token-title", onclose: close, after: showModal },
    h(
      "form",
      { onsubmit: submit },
      h("h2", { id: "token-title" }, "Token"),
      h(
        "p",
        { class: "quiet" },
        "The daemon asks for one of the tokens in its ",
        h("code", null, "--admin-token-file"),
        " (everything) or ",
        h("code", null, "--admin-read-token-file"),
        " (views only). It is kept in this tab and forgotten with it.",
      ),
      refused && h("p", { class: "error", role: "alert" }, icon("cross", "bad"), refused),
      h(
        "label",
        null,
        "Token",
        h("input", { name: "token", type: "password", autocomplete: "off", required: true, autofocus: true }),
      ),
      h(
        "div",
        { class: "actions" },
        h("button", { class: "primary", type: "submit" }, "Use token"),
        h("button", { type: "button", onclick: (event) => event.target.closest("dialog").close() }, "Cancel"),
      ),
    ),
  );
}

function showModal(dialog) {
  if (!dialog.open) dialog.showModal();
}

function themeButton(app) {
  const isDark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const toggle = () => {
    applyTheme(isDark ? "light" : "dark");
    localStorage.setItem(THEME, isDark ? "light" : "dark");
    app.update();
  };
  const label = isDark ? "Use light colors" : "Use dark colors";
  return h(
    "button",
    { class: "bare", type: "button", onclick: toggle, "aria-label": label, title: label },
    icon(isDark ? "sun" : "moon"),
  );
}

function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}
