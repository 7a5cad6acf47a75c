//! Every fault that the checker is there for is put into a clean run, and found.

use std::time::Instant;

use super::*;
use crate::workload::{Mix, Workload};

const COUNT: usize = 400;

/// A run without a fault: one partition, one writer, and a commit after every tenth record.
fn clean() -> Evidence {
    let workload = Workload::new(7, Mix::usual());
    let mut evidence = Evidence::default();
    for number in 0..COUNT {
        let record = workload.record(number);
        for (place, piece) in fate(&record) {
            write(&mut evidence, place, piece, "first");
        }
        evidence.input.push(Stored { partition: 0, offset: number as i64, record });
        if number % 10 == 9 {
            take_sample(&mut evidence, number as i64 + 1);
        }
    }
    evidence
}

fn write(evidence: &mut Evidence, place: Place, piece: Record, by: &str) {
    let header = if place == Place::Letters { STAGE } else { WRITER };
    let written = evidence.written.entry(place).or_default();
    written.push(Stored { partition: 0, offset: written.len() as i64, record: piece.with_header(header, by) });
}

fn take_sample(evidence: &mut Evidence, committed: i64) {
    let end = |place| (place, vec![evidence.written.get(&place).map_or(0, |written| written.len() as i64)]);
    let ends = Place::ALL.map(end).into();
    evidence.commits.push(Commit { partition: 0, offset: committed });
    evidence.samples.push(Sample { at: Instant::now(), committed: vec![Some(committed)], ends });
}

/// Writes again what came of these inputs.
fn repeat(evidence: &mut Evidence, inputs: std::ops::Range<usize>, by: &str) {
    for number in inputs {
        for (place, piece) in fate(&evidence.input[number].record.clone()) {
            write(evidence, place, piece, by);
        }
    }
}

/// How many findings there are: lost, changed, duplicated, reordered, early.
fn counts(evidence: &Evidence) -> [usize; 5] {
    let Findings { lost, changed, duplicated, reordered, early } = check(evidence);
    [lost, changed, duplicated, reordered, early].map(|findings| findings.len())
}

fn place(evidence: &mut Evidence, place: Place) -> &mut Vec<Stored> {
    evidence.written.get_mut(&place).unwrap()
}

/// Two records of one key in the output, the first of which is at hand.
fn two_of_a_key(evidence: &Evidence) -> (usize, usize) {
    let output = &evidence.written[&Place::Output];
    let second = output.iter().skip(1).position(|stored| stored.record.key == output[0].record.key).unwrap() + 1;
    (0, second)
}

#[test]
fn a_clean_run_passes() {
    let evidence = clean();
    assert_eq!(counts(&evidence), [0; 5]);
    assert!(check(&evidence).faults().is_empty());
}

#[test]
fn a_loss_is_caught_in_every_place() {
    for from in Place::ALL {
        let mut evidence = clean();
        evidence.samples.clear();
        place(&mut evidence, from).remove(3);
        assert_eq!(counts(&evidence), [1, 0, 0, 0, 0], "{from:?}");
        assert!(check(&evidence).faults()[0].starts_with("1 lost:"));
    }
}

#[test]
fn a_dropped_record_that_comes_out_is_caught() {
    let mut evidence = clean();
    let dropped = evidence.input.iter().find(|stored| fate(&stored.record).is_empty()).unwrap();
    let dropped = dropped.record.clone();
    write(&mut evidence, Place::Output, dropped, "first");
    assert_eq!(counts(&evidence), [0, 1, 0, 0, 0]);
}

#[test]
fn a_duplicate_is_caught_in_every_place() {
    for at in Place::ALL {
        let mut evidence = clean();
        let twice = place(&mut evidence, at).last().unwrap().record.without_headers(WRITER).without_headers(STAGE);
        write(&mut evidence, at, twice, "second");
        assert_eq!(counts(&evidence), [0, 0, 1, 0, 0], "{at:?}");
    }
}

#[test]
fn a_reordering_is_caught() {
    let mut evidence = clean();
    evidence.samples.clear();
    evidence.may_come_back = true;
    let (first, second) = two_of_a_key(&evidence);
    let output = place(&mut evidence, Place::Output);
    let other = output[second].record.clone();
    output[second].record = std::mem::replace(&mut output[first].record, other);
    assert!(counts(&evidence)[3] > 0);
}

#[test]
fn a_corrupted_field_is_caught() {
    let changes: [fn(&mut Record); 5] = [
        |record| record.headers[1].1 = Some(b"other".to_vec()),
        |record| _ = record.headers.remove(2),
        |record| record.headers.push((b"more".to_vec(), None)),
        |record| record.timestamp += 1,
        |record| record.value.as_mut().unwrap().push(b'!'),
    ];
    for change in changes {
        for at in Place::ALL {
            let mut evidence = clean();
            let written = place(&mut evidence, at);
            let whole = written.iter_mut().find(|stored| stored.record.text().starts_with('!')).unwrap();
            change(&mut whole.record);
            assert_eq!(counts(&evidence), [0, 1, 0, 0, 0], "{at:?}");
        }
    }
}

#[test]
fn a_commit_before_its_delivery_is_caught() {
    let mut evidence = clean();
    let last = evidence.samples.len() - 1;
    evidence.samples[last / 2].committed = vec![Some(COUNT as i64)];
    let findings = check(&evidence);
    assert!(findings.early.iter().any(|finding| finding.contains("below the committed 400")), "{findings:?}");
}

#[test]
fn an_offset_that_goes_back_is_caught() {
    let mut evidence = clean();
    let last = evidence.commits.len() - 1;
    evidence.commits.swap(last / 2, last / 2 + 1);
    let findings = check(&evidence);
    assert_eq!(findings.early, ["the offset of partition 0 went back from 210 to 200"]);
}

#[test]
fn a_commit_of_what_is_never_delivered_is_caught() {
    let mut evidence = clean();
    place(&mut evidence, Place::Letters).pop();
    let counts = counts(&evidence);
    assert_eq!((counts[0], counts[4]), (1, 1));
}

#[test]
fn what_a_second_process_repeats_is_a_duplicate_and_in_order() {
    let mut evidence = clean();
    repeat(&mut evidence, COUNT - 20..COUNT, "second");
    let counts = counts(&evidence);
    assert!(counts[2] > 10);
    assert_eq!((counts[0], counts[1], counts[3], counts[4]), (0, 0, 0, 0));
}

#[test]
fn a_process_that_goes_back_is_caught_unless_it_lost_its_partition_and_nothing_of_it_was_committed() {
    let mut evidence = clean();
    // Nothing of the last hundred records is committed.
    evidence.samples.truncate((COUNT - 100) / 10);
    repeat(&mut evidence, COUNT - 50..COUNT, "first");
    assert!(counts(&evidence)[3] > 0, "it has never lost its partition");
    evidence.may_come_back = true;
    assert_eq!(counts(&evidence)[3], 0);

    let mut evidence = clean();
    evidence.may_come_back = true;
    repeat(&mut evidence, COUNT - 150..COUNT, "first");
    assert!(counts(&evidence)[3] > 0, "it went back to what was committed");
}
