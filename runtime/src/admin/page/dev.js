// Where the page of `sluice dev --page` begins.

import { ApiError, get } from "./api.js";
import { App } from "./app.js";
import { Workbench } from "./workbench.js";

/** What is known of the process: the pipeline that it was started with. */
class Dev {
  constructor(app) {
    this.app = app;
    this.connection = "connecting";
    this.shed = 0;
    this.about = null;
  }

  async connect() {
    try {
      this.about = await get("dev");
      this.tell(null);
    } catch (error) {
      this.tell(error);
    }
  }

  /** Takes note of how the last question went. */
  tell(error) {
    const isAway = error instanceof ApiError && error.status === 0;
    this.connection = error?.wantsToken ? "locked" : isAway ? "lost" : "live";
    if (error?.wantsToken) this.app.askForToken();
    else this.app.update();
  }
}

new App(
  document.getElementById("page"),
  (app) => new Dev(app),
  (app) => new Workbench(app),
).start();
