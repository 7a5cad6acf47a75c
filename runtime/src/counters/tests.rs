//! What is counted, under which names, and that it lasts.

use super::*;

#[test]
fn what_is_acknowledged_is_counted_under_its_stage_output_and_class() {
    let pipeline: Arc<PipelineCounters> = Arc::default();
    let names: [Arc<str>; 2] = ["first".into(), "second".into()];
    let counters = PlanCounters::new(pipeline.clone(), names.iter(), names.iter());
    let mut tally = SpanTally { delivered: 2, dead_lettered: 1, dropped: 3, ..SpanTally::default() };
    tally.output(1, 10);
    tally.output(1, 5);
    tally.dead_letter(0, Class::Time);
    let mut both = SpanTally::default();
    both.add(&tally);
    both.add(&tally);
    assert_eq!(both.inputs(), 12);
    counters.acknowledge(&both);
    assert_eq!(pipeline.output(&names[1]).bytes.get(), 30);
    assert_eq!(pipeline.stage(&names[0]).dead_letters(Class::Time), 2);
    assert_eq!(pipeline.totals(), Totals { records: 12, out: 4, dead_letters: 2, dropped: 6 });
}

#[test]
fn counters_outlive_a_restart_and_a_dead_letter_without_stages_is_counted() {
    let pipeline: Arc<PipelineCounters> = Arc::default();
    let output: Arc<str> = "default".into();
    for _ in 0..2 {
        let counters = PlanCounters::new(pipeline.clone(), std::iter::empty(), std::iter::once(&output));
        let mut tally = SpanTally::default();
        tally.dead_letter(0, Class::Refused);
        counters.acknowledge(&tally);
    }
    assert_eq!(pipeline.totals().dead_letters, 2);
}

#[test]
fn a_plugin_cannot_make_names_without_end() {
    let stage = StageCounters::default();
    for number in 0..MAX_PLUGIN_NAMES + 10 {
        stage.count_plugin(&number.to_string(), 1);
    }
    stage.count_plugin("0", 2);
    stage.count_plugin(&"ä".repeat(MAX_PLUGIN_NAME), 1);
    assert_eq!(stage.plugin().len(), MAX_PLUGIN_NAMES);
    assert_eq!(stage.plugin_ignored.get(), 11);
    assert_eq!(stage.plugin()[0], ("0".to_owned(), 3));
}

#[test]
fn a_long_name_is_cut_between_characters() {
    let stage = StageCounters::default();
    stage.count_plugin(&format!("x{}", "ä".repeat(MAX_PLUGIN_NAME)), 1);
    assert_eq!(stage.plugin()[0].0.len(), MAX_PLUGIN_NAME - 1);
}
