// Where the page begins: it connects to the daemon, follows the address, and shows the view that it names.

import { hasToken, setToken, takeTokenFromAddress } from "./api.js";
import { patch } from "./dom.js";
import { Live } from "./live.js";
import { Overview } from "./overview.js";
import { Pipeline } from "./pipeline.js";
import { frame } from "./frame.js";

class App {
  constructor(root) {
    this.root = root;
    this.live = new Live(() => this.update());
    this.isDue = false;
    this.isAskingForToken = false;
    this.view = null;
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
      patch(this.root, frame(this, this.view.render()));
    });
  }

  /** Makes the view that the address names: `#/`, `#/PIPELINE`, `#/PIPELINE/partitions` and so on. */
  follow() {
    takeTokenFromAddress();
    const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
    this.view?.close();
    this.view = name === undefined ? new Overview(this) : new Pipeline(this, name, rest);
    document.title = name === undefined ? "Sluicebox" : `${name} · Sluicebox`;
    if (this.path !== undefined) scrollTo(0, 0);
    this.path = location.hash;
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

new App(document.getElementById("page")).start();
