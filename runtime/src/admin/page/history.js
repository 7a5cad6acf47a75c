// What the running totals of a history say of each interval.

/** Returns one entry an interval: rates a second, and shares of the workers' time. */
export function worthOf(points) {
  const moments = [];
  for (let index = 1; index < points.length; index += 1) {
    const [before, now] = [points[index - 1], points[index]];
    const time = new Date(now.time);
    const seconds = (time - new Date(before.time)) / 1000;
    if (!(seconds > 0)) continue;
    const more = (name) => Math.max(0, now[name] - before[name]);
    moments.push({
      time,
      input: more("input_records") / seconds,
      output: more("output_records") / seconds,
      letters: more("dead_letters") / seconds,
      lag: now.lag,
      ...shares(before, now, more),
    });
  }
  return moments;
}

// Of the time that the workers have had: in stages, waiting for the producer, and idle.
function shares(before, now, more) {
  const stages = {};
  let whole = more("idle_seconds") + more("produce_wait_seconds");
  for (const [name, value] of Object.entries(now.stage_seconds)) {
    stages[name] = Math.max(0, value - (before.stage_seconds[name] ?? 0));
    whole += stages[name];
  }
  for (const name in stages) stages[name] = whole > 0 ? stages[name] / whole : 0;
  return { stages, produceWait: whole > 0 ? more("produce_wait_seconds") / whole : 0 };
}

/** Returns where each moment stands between two ends of an axis, by its time. */
export function timesOf(moments, left, right) {
  const [first, last] = [moments[0].time, moments.at(-1).time];
  const span = Math.max(1, last - first);
  return moments.map((moment) => left + ((moment.time - first) / span) * (right - left));
}
