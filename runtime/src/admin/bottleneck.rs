//! What takes most of the workers' time, in words: over the last minute, as far as it is known.

use super::api::{BottleneckView, Point};

/// Points that are looked back on.
const LOOK_BACK: usize = 12;
/// From this share of the busy time on something stands out.
const LARGE: f64 = 0.5;
/// Workers that are idle for more than this share are not what holds the pipeline up.
const IDLE: f64 = 0.9;

/// Returns what stands out between the points of a pipeline with so many workers; none where nothing does.
pub(super) fn find(points: &[Point], interval: f64, workers: usize, lag: Option<u64>) -> Option<BottleneckView> {
    let last = points.last()?;
    let first = &points[points.len().saturating_sub(LOOK_BACK + 1)];
    let steps = points.len().min(LOOK_BACK + 1) - 1;
    let all = steps as f64 * interval * workers as f64;
    if all <= 0.0 || last.input_records == first.input_records {
        return None;
    }
    let share = |now: f64, before: f64| ((now - before) / all).clamp(0.0, 1.0);
    let idle = share(last.idle_seconds, first.idle_seconds);
    if idle > IDLE {
        let is_behind = lag.is_some_and(|lag| lag > 0);
        return is_behind.then(|| BottleneckView { text: "waits for Kafka".to_owned(), stage: None, share: idle });
    }
    let wait = share(last.produce_wait_seconds, first.produce_wait_seconds);
    if wait / (1.0 - idle).max(0.01) > LARGE {
        let text = format!("waits for the producer for {:.0} % of worker time", wait * 100.0);
        return Some(BottleneckView { text, stage: None, share: wait });
    }
    let stage = |(name, now): (&String, &f64)| {
        (name.clone(), share(*now, first.stage_seconds.get(name).copied().unwrap_or(*now)))
    };
    let (name, largest) = last.stage_seconds.iter().map(stage).max_by(|one, other| one.1.total_cmp(&other.1))?;
    (largest / (1.0 - idle).max(0.01) > LARGE).then(|| BottleneckView {
        text: format!("stage {name} takes {:.0} % of worker time", largest * 100.0),
        stage: Some(name),
        share: largest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(records: u64, stage: f64, idle: f64, wait: f64) -> Point {
        Point {
            time: String::new(),
            input_records: records,
            output_records: 0,
            dead_letters: 0,
            lag: None,
            stage_seconds: [("mask".to_owned(), stage)].into(),
            idle_seconds: idle,
            produce_wait_seconds: wait,
        }
    }

    #[test]
    fn what_takes_the_time_is_named() {
        let find = |last: Point| find(&[point(0, 0.0, 0.0, 0.0), last], 10.0, 1, Some(5)).map(|found| found.text);
        assert_eq!(find(point(9, 8.1, 1.0, 0.0)).unwrap(), "stage mask takes 81 % of worker time");
        assert_eq!(find(point(9, 1.0, 1.0, 7.0)).unwrap(), "waits for the producer for 70 % of worker time");
        assert_eq!(find(point(9, 0.1, 9.5, 0.0)).unwrap(), "waits for Kafka");
        assert_eq!(find(point(9, 2.0, 5.0, 0.0)), None);
        assert_eq!(find(point(0, 8.0, 0.0, 0.0)), None, "nothing flows");
    }
}
