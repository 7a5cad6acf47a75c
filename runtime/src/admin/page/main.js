// Where the daemon's page begins: `#/` is the overview, `#/PIPELINE` a pipeline, `#/PIPELINE/partitions` a part of it.

import { App } from "./app.js";
import { Live } from "./live.js";
import { Overview } from "./overview.js";
import { Pipeline } from "./pipeline.js";

const connect = (app) =>
  new Live(
    () => app.update(),
    () => app.askForToken(),
  );
const view = (app, [name, ...rest]) => (name === undefined ? new Overview(app) : new Pipeline(app, name, rest));

new App(document.getElementById("page"), connect, view).start();
