//! The checker of fault tests: every input against every output and dead letter, their order by the process that has
//! written them, and what was committed against what was delivered by then.

use std::collections::{BTreeMap, HashMap};

use crate::audit::audit;
use crate::commits::Sample;
use crate::record::{Record, Stored};
use crate::workload::{Place, WRITER, fate, identity};

/// The header of dead letters that names the stage, and so, where each process has stages of its own, the process.
const STAGE: &str = "sluice.error.stage";

/// How many findings of a kind are shown.
const SHOWN: usize = 3;

/// Everything that was seen of a run.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The input topic, in the order of partitions and offsets.
    pub input: Vec<Stored>,
    /// What was written, in the order of partitions and offsets.
    pub written: BTreeMap<Place, Vec<Stored>>,
    /// What was committed meanwhile.
    pub samples: Vec<Sample>,
    /// Whether a process may have come back to a partition that it had lost.
    pub may_come_back: bool,
}

/// What is wrong with a run. Each finding is in words.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Nothing has come of it, or not everything.
    pub lost: Vec<String>,
    /// It came with other bytes, headers or timestamp, or nobody knows it.
    pub changed: Vec<String>,
    /// It came more than once.
    pub duplicated: Vec<String>,
    /// It came before an earlier record of its key; or its process went back to what was committed.
    pub reordered: Vec<String>,
    /// Its offset was committed before it was delivered.
    pub early: Vec<String>,
}

impl Findings {
    /// What must not be in any run, in words; empty where there is nothing. Duplicates are for the caller to judge.
    pub fn faults(&self) -> Vec<String> {
        let kinds = [
            ("lost", &self.lost),
            ("changed", &self.changed),
            ("reordered", &self.reordered),
            ("committed too early", &self.early),
        ];
        let found = kinds.into_iter().filter(|(_, findings)| !findings.is_empty());
        found
            .map(|(kind, findings)| {
                let shown: Vec<_> = findings.iter().take(SHOWN).map(|finding| format!("\n    {finding}")).collect();
                format!("{} {kind}:{}", findings.len(), shown.concat())
            })
            .collect()
    }
}

/// Checks a run of the workload's records.
///
/// # Panics
/// Two records of the input have one identity.
pub fn check(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let mut pieces = vec![Vec::new(); evidence.input.len()];
    for place in Place::ALL {
        let written = evidence.written.get(&place).map_or(&[][..], Vec::as_slice);
        let expected = Expected::of(&evidence.input, place);
        let actual: Vec<Record> = written.iter().map(|stored| as_it_came(place, &stored.record)).collect();
        let audit = audit(&expected.records, &actual, identity);
        findings.lost.extend(audit.missing);
        findings.changed.extend(audit.changed.into_iter().chain(audit.unexpected));
        findings.duplicated.extend(audit.repeated);
        findings.reordered.extend(audit.reordered);
        findings.reordered.extend(steps_back(evidence, place, written, &expected));
        for (piece, at) in expected.first_seen(written).into_iter().enumerate() {
            pieces[expected.inputs[piece]].push((place, at));
        }
    }
    findings.early = committed_early(evidence, &pieces);
    findings
}

/// Where something was to arrive, and the partition and offset at which it was seen first.
type Seen = (Place, Option<(i32, i64)>);

/// What has to arrive in one place, in the order of the input.
struct Expected {
    records: Vec<Record>,
    /// Of each, the place of its input in the evidence.
    inputs: Vec<usize>,
    known: HashMap<(String, Option<u32>), usize>,
}

impl Expected {
    fn of(input: &[Stored], place: Place) -> Expected {
        let mut expected = Expected { records: Vec::new(), inputs: Vec::new(), known: HashMap::new() };
        for (number, stored) in input.iter().enumerate() {
            for (_, record) in fate(&stored.record).into_iter().filter(|(to, _)| *to == place) {
                expected.known.insert(identity(&record), expected.records.len());
                expected.records.push(record);
                expected.inputs.push(number);
            }
        }
        expected
    }

    /// Partition and offset at which each was seen first.
    fn first_seen(&self, written: &[Stored]) -> Vec<Option<(i32, i64)>> {
        let mut first = vec![None; self.records.len()];
        for stored in written {
            if let Some(&number) = self.known.get(&identity(&stored.record)) {
                first[number].get_or_insert((stored.partition, stored.offset));
            }
        }
        first
    }
}

/// A written record without what the way has added to it.
fn as_it_came(place: Place, record: &Record) -> Record {
    match place {
        Place::Output | Place::Audit => record.without_headers(WRITER),
        Place::Letters => record.without_headers("sluice.error."),
    }
}

fn writer(place: Place, record: &Record) -> &str {
    let header = match place {
        Place::Output | Place::Audit => WRITER,
        Place::Letters => STAGE,
    };
    record.header(header).unwrap_or_default()
}

/// Where a process went back in the records of a key, and must not have: in a run in which no process comes back to a
/// partition anywhere; else where the record that it went back to was committed before the process wrote the one that
/// it came from, for then it must have known.
fn steps_back(evidence: &Evidence, place: Place, written: &[Stored], expected: &Expected) -> Vec<String> {
    let mut last: HashMap<(&[u8], &str), (usize, &Stored)> = HashMap::new();
    let mut wrong = Vec::new();
    for stored in written {
        let (Some(&number), Some(key)) = (expected.known.get(&identity(&stored.record)), stored.record.key.as_deref())
        else {
            continue;
        };
        let Some((before, from)) = last.insert((key, writer(place, &stored.record)), (number, stored)) else {
            continue;
        };
        if number > before {
            continue;
        }
        let input = &evidence.input[expected.inputs[number]];
        if !evidence.may_come_back || committed_when(evidence, place, from, input.partition) > Some(input.offset) {
            let writer = writer(place, &stored.record);
            wrong.push(format!("{writer} went back to {:?} after {:?}", stored.record, from.record));
        }
    }
    wrong
}

/// What was known to be committed of an input partition before `stored` was written.
fn committed_when(evidence: &Evidence, place: Place, stored: &Stored, partition: i32) -> Option<i64> {
    let is_before =
        |sample: &Sample| sample.ends.get(&place).is_none_or(|ends| ends[stored.partition as usize] <= stored.offset);
    let before = &evidence.samples[..evidence.samples.partition_point(is_before)];
    before.last()?.committed[partition as usize]
}

/// Records whose offset was committed at a moment when not all that came of them was written, and offsets that went
/// back. `pieces`: of each input record, where each piece of it was seen first.
fn committed_early(evidence: &Evidence, pieces: &[Vec<Seen>]) -> Vec<String> {
    let mut early = Vec::new();
    // Of each partition: what was committed, and the first record that is not below it.
    let mut reached: BTreeMap<i32, (i64, usize)> = BTreeMap::new();
    for sample in &evidence.samples {
        for (partition, committed) in (0..).zip(&sample.committed) {
            let Some(committed) = *committed else { continue };
            let begin = || evidence.input.partition_point(|stored| stored.partition < partition);
            let (before, next) = reached.entry(partition).or_insert_with(|| (0, begin()));
            if committed < *before {
                early.push(format!("the offset of partition {partition} went back from {before} to {committed}"));
            }
            *before = committed;
            let is_below = |stored: &Stored| stored.partition == partition && stored.offset < committed;
            while let Some(stored) = evidence.input.get(*next).filter(|stored| is_below(stored)) {
                if !pieces[*next].iter().all(|piece| was_there(sample, *piece)) {
                    early.push(format!(
                        "{partition}/{} below the committed {committed}: {:?}",
                        stored.offset, stored.record
                    ));
                }
                *next += 1;
            }
        }
    }
    early
}

fn was_there(sample: &Sample, (place, at): Seen) -> bool {
    let Some((partition, offset)) = at else { return false };
    sample.ends.get(&place).is_some_and(|ends| offset < ends[partition as usize])
}

#[cfg(test)]
mod tests {
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
        assert!(findings.early.iter().any(|finding| finding.contains("went back")), "{findings:?}");
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
}
