// What is known of the pipelines, kept up to date from the daemon's events, with the last seconds of it: rates are
// differences over these.

import { ApiError, stream } from "./api.js";

/** How far back rates look, in milliseconds. */
const WINDOW = 5000;
/** Milliseconds before the next attempt where the daemon does not answer. */
const RETRY = 2000;

export class Live {
  /** `onChange` is called when anything differs, `onLocked` when a token is wanted. */
  constructor(onChange, onLocked) {
    this.pipelines = new Map();
    /** "connecting", "live", "lost", or "locked" where a token is wanted. */
    this.connection = "connecting";
    this.error = null;
    this.shed = 0;
    this.samples = new Map();
    this.onChange = onChange;
    this.onLocked = onLocked;
    this.abort = null;
    setInterval(() => this.tick(), 1000);
  }

  /** Connects, once more if it was connected. */
  async connect() {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    while (!abort.signal.aborted) {
      try {
        await stream("events", abort.signal, (event, data) => this.take(event, data));
        this.lose(abort, new ApiError(0, "Ended", "the daemon has closed the connection"));
      } catch (error) {
        this.lose(abort, error);
      }
      if (this.connection === "locked") return;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  lose(abort, error) {
    if (abort.signal.aborted) return;
    this.connection = error.wantsToken ? "locked" : "lost";
    this.error = error;
    if (error.wantsToken) this.onLocked();
    else this.onChange();
  }

  take(event, data) {
    if (event === "shed") {
      this.shed += data.count;
    } else if (event === "pipelines") {
      // A new connection begins with all of them.
      if (this.connection !== "live") this.pipelines.clear();
      this.connection = "live";
      this.error = null;
      for (const pipeline of data.pipelines) this.pipelines.set(pipeline.name, pipeline);
      for (const name of data.removed ?? []) {
        this.pipelines.delete(name);
        this.samples.delete(name);
      }
    }
    this.onChange();
  }

  /** Puts in what an answer to a command says of a pipeline. */
  put(pipeline) {
    this.pipelines.set(pipeline.name, pipeline);
    this.onChange();
  }

  // A pipeline that does not change is not sent, but its rates fall.
  tick() {
    if (this.connection !== "live") return;
    const at = performance.now();
    for (const [name, pipeline] of this.pipelines) {
      const list = this.samples.get(name) ?? [];
      list.push({ at, pipeline });
      while (list.length > 2 && list[1].at <= at - WINDOW) list.shift();
      this.samples.set(name, list);
    }
    this.onChange();
  }

  /** Returns how much more a counter of a pipeline is than some seconds ago, and these seconds. */
  difference(name, counter) {
    const list = this.samples.get(name);
    if (!list || list.length < 2) return { value: 0, seconds: 0 };
    const [first, last] = [list[0], list[list.length - 1]];
    const value = (counter(last.pipeline) ?? 0) - (counter(first.pipeline) ?? 0);
    return { value: Math.max(0, value), seconds: (last.at - first.at) / 1000 };
  }

  /** Returns a counter's increase a second. */
  rate(name, counter) {
    const { value, seconds } = this.difference(name, counter);
    return seconds > 0 ? value / seconds : 0;
  }

  /** Returns what one counter's increase is of another's, or null where the other stands still. */
  ratio(name, counter, of) {
    const whole = this.difference(name, of).value;
    return whole > 0 ? this.difference(name, counter).value / whole : null;
  }
}

/** Returns all seconds of all workers. */
export function workerSeconds(pipeline) {
  return pipeline.workers.reduce((sum, worker) => sum + sumOf(worker.seconds), 0);
}

/** Returns the seconds of all workers for one activity. */
export function activitySeconds(activity) {
  return (pipeline) => pipeline.workers.reduce((sum, worker) => sum + (worker.seconds[activity] ?? 0), 0);
}

/** Returns the stage of this name, or undefined. */
export function stageOf(pipeline, name) {
  return pipeline.stages.find((stage) => stage.name === name);
}

/** Returns the records that a stage has given a verdict of. */
export function stageRecords(stage) {
  return stage ? sumOf(stage.records) : 0;
}

/** Returns the sum of an object's values. */
export function sumOf(values) {
  return Object.values(values ?? {}).reduce((sum, value) => sum + value, 0);
}
