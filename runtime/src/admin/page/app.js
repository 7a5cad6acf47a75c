// The application: what is connected, which view is shown, and when it is drawn.

import { hasToken, setToken, takeTokenFromAddress } from "./api.js";
import { patch } from "./dom.js";
import { frame } from "./frame.js";

export class App {
  /**
   * `connect(app)` returns what knows of the daemon, with `connection`, `shed` and `connect()`; `view(app, parts)` makes
   * the view for the parts of the address behind `#/`.
   */
  constructor(root, connect, view) {
    this.root = root;
    this.makeView = view;
    this.view = null;
    this.isDue = false;
    this.isAskingForToken = false;
    this.live = connect(this);
    addEventListener("hashchange", () => this.follow());
    addEventListener("resize", () => this.update());
  }

  start() {
    takeTokenFromAddress();
    this.live.connect();
    this.follow();
  }

  /** Shows the state as it is now, at the next frame. */
  update() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      if (this.view) patch(this.root, frame(this, this.view.render()));
    });
  }

  /** Makes the view that the address names. */
  follow() {
    takeTokenFromAddress();
    const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
    const isMove = this.view !== null;
    this.view?.close();
    this.view = this.makeView(this, parts);
    document.title = parts.length === 0 ? "Sluicebox" : `${parts[0]} · Sluicebox`;
    if (isMove) scrollTo(0, 0);
    this.update();
  }

  askForToken() {
    this.isAskingForToken = true;
    this.update();
  }

  /** Takes another token, or none, and asks everything once more with it. */
  useToken(token) {
    setToken(token);
    this.isAskingForToken = false;
    this.live.connect();
    this.follow();
  }

  get hasToken() {
    return hasToken();
  }
}
