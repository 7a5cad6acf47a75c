//! A stage that does not answer in time, on all records or on some.

use std::time::Duration;

use super::*;

#[test]
fn a_stage_that_times_out_on_everything_opens_the_breaker_in_the_middle_of_a_batch() {
    let pipeline = default_pipeline();
    let (first, _) = job(0, 0, &["a"; 1024]);
    let (second, _) = job(1, 0, &["a"; 10]);
    let plugin = SimulatedPlugin::by_value(|_| Act::Fail(CallError::Time));
    let calls = plugin.calls();
    let told = pipeline.work(vec![stage("first", plugin, on_error())], vec![first, second]);
    assert_eq!(pipeline.kafka.texts("dlq").len(), 100, "no more than `min_records`");
    assert_eq!(told.delivered, [(0, 100)], "the rest is read again");
    assert_eq!(told.abandoned, [(0, false)], "and so is what came behind");
    assert!(told.breaker.unwrap().starts_with("99 time: "));
    assert_eq!(calls.sizes().len(), 3 + 10 * 2 + 90);
    let timeouts = pipeline.context.timeouts.now(rt::now());
    let last = &timeouts[0].last;
    assert_eq!((&*last.stage, last.records, last.record.1), ("first", 1, Offset(99)));
    assert_eq!((timeouts[0].calls, last.in_a_row), (113, 113));
}

/// So many records, of which every third loops.
fn every_third_loops(records: usize) -> (SimulatedPlugin, Vec<&'static str>) {
    let values = (0..records).map(|number| if number % 3 == 2 { "!" } else { "a" }).collect();
    let plugin = SimulatedPlugin::by_value(|value| if value == "!" { Act::Fail(CallError::Time) } else { Act::Keep });
    (plugin, values)
}

#[test]
fn where_every_third_record_loops_records_go_one_by_one_and_a_stop_leaves_the_rest() {
    let pipeline = default_pipeline();
    let (plugin, values) = every_third_loops(600);
    let calls = plugin.calls();
    let (first, _) = job(0, 0, &values);
    let told = pipeline.work(vec![stage("first", plugin, on_error())], vec![first]);
    assert!(told.breaker.is_none(), "a third is less than `share`");
    assert_eq!((told.delivered, told.left), (vec![(0, 600)], vec![]));
    let sizes = calls.sizes();
    assert_eq!(sizes[..3], [600, 300, 150]);
    assert!(sizes[3..].iter().all(|size| *size == 1), "no call with others is cut off again: {sizes:?}");
    assert_eq!(sizes.len(), 3 + 600 + 10 * 2, "only the first ten are called again, twice with a fresh instance");
    assert_eq!(pipeline.context.timeouts.now(rt::now())[0].calls, 3 + 200 + 10 * 2);

    let (plugin, values) = every_third_loops(600);
    let (first, lease) = job(0, 600, &values);
    pipeline.context.stopping.store(true, Ordering::Release);
    let calls = plugin.calls();
    let told = pipeline.work(vec![stage("first", plugin, on_error())], vec![first]);
    assert_eq!(calls.sizes(), [600], "nothing more is called");
    assert_eq!((told.abandoned, told.left), (vec![(600, false)], vec![600]));
    assert!(!lease.covers(Offset(600)));
}

#[test]
fn what_is_settled_goes_on_after_a_while_where_calls_are_cut_off_and_the_rest_is_read_again() {
    let mut pipeline = default_pipeline();
    Arc::get_mut(&mut pipeline.context).unwrap().goes_back_after = Some(Duration::ZERO);
    let (plugin, values) = every_third_loops(60);
    let calls = plugin.calls();
    let (first, lease) = job(0, 0, &values);
    let (second, _) = job(0, 60, &["a"]);
    let second = Job { spans: vec![Span { lease, ..second.spans[0].clone() }], ..second };
    let told = pipeline.work(vec![stage("first", plugin, on_error())], vec![first, second]);
    assert_eq!(calls.sizes(), [60, 30, 15, 1], "something is settled before anything is left");
    assert_eq!((told.delivered, told.left), (vec![(0, 1)], vec![59]));
    assert_eq!(told.abandoned, [(60, false)], "nothing overtakes what was left");
    assert_eq!(pipeline.kafka.texts("out"), ["a"]);
}
