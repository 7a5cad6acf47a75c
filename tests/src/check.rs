//! The checker of fault tests: every input against every output and dead letter, their order by the process that has
//! written them, and what was committed against what was delivered by then.

use std::collections::{BTreeMap, HashMap};

use crate::audit::audit;
use crate::commit_log::Commit;
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
    /// Every commit, in order.
    pub commits: Vec<Commit>,
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
    findings.early.extend(went_back(&evidence.commits));
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

/// Offsets that went back.
fn went_back(commits: &[Commit]) -> Vec<String> {
    let mut reached = BTreeMap::new();
    let mut back = Vec::new();
    for Commit { partition, offset } in commits {
        match reached.insert(partition, offset) {
            Some(before) if before > offset => {
                back.push(format!("the offset of partition {partition} went back from {before} to {offset}"));
            }
            Some(_) | None => {}
        }
    }
    back
}

/// Records whose offset was committed at a moment when not all that came of them was written. `pieces`: of each input
/// record, where each piece of it was seen first.
fn committed_early(evidence: &Evidence, pieces: &[Vec<Seen>]) -> Vec<String> {
    let mut early = Vec::new();
    // Of each partition: the first record that is not below what was committed.
    let mut reached: BTreeMap<i32, usize> = BTreeMap::new();
    for sample in &evidence.samples {
        for (partition, committed) in (0..).zip(&sample.committed) {
            let Some(committed) = *committed else { continue };
            let begin = || evidence.input.partition_point(|stored| stored.partition < partition);
            let next = reached.entry(partition).or_insert_with(begin);
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
mod tests;
