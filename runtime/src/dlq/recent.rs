//! Recent dead letters of one pipeline in groups: those of the last day, and of a topic with many the last ones.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::list::{List, ListedGroup};
use super::marks::Marks;
use super::scan::{Flow, Found, Scan};
use super::select::At;
use crate::batch::{Offset, Partition};
use crate::config::plan::Plan;
use crate::kafka::reader::{Ends, Extent};
use crate::record_text::DevRecord;
use crate::show::{Hidden, Mask};

/// How old a failure may be.
const AGE: SignedDuration = SignedDuration::from_hours(24);
/// Offsets of the dead-letter topic that are read, at the most.
const MOST: i64 = 100_000;

/// What a scan has found.
#[derive(Clone, Debug)]
pub struct Recent {
    /// The groups, the largest first. What `show` hides is masked in their reasons.
    pub groups: Vec<ListedGroup>,
    /// Records that were read.
    pub scanned: u64,
    /// Of these, those that are in no group: older ones, those of other pipelines, those that are no dead letters of
    /// sluice, and those beyond the groups that are told apart.
    pub other: u64,
    /// Whether all of the last day was read.
    pub complete: bool,
    /// When.
    pub at: Timestamp,
}

/// Reads the last dead letters of a pipeline. Takes a second for each hundred thousand or so.
///
/// # Errors
/// The topic does not exist or cannot be read; no broker answers.
pub fn recent(plan: &Plan, topic: &str) -> anyhow::Result<Recent> {
    let scan = Scan::new(plan, topic)?.silent();
    let extents = last(scan.extents(), MOST);
    // Whoever looks on may have no right to read them.
    let marks = Marks::read(plan, topic, scan.extents(), Ends::Committed).unwrap_or_default();
    let cut: Vec<Partition> = cut_partitions(scan.extents(), &extents);
    let at = Timestamp::now();
    let since = at.checked_sub(AGE).unwrap_or(Timestamp::MIN);
    let (mask, mut list) = (Mask::new(&plan.show), List::new(false));
    let (mut scanned, mut listed) = (0, 0);
    let mut oldest: BTreeMap<Partition, Timestamp> = BTreeMap::new();
    let takes_place =
        |at: At| extents.iter().any(|extent| extent.partition == at.partition && extent.from <= at.offset);
    scan.run_over(&extents, &takes_place, &mut |found| {
        let Some(found) = found else { return Ok(Flow::On) };
        scanned += 1;
        let Found { at, record, letter: Ok(mut letter) } = found else { return Ok(Flow::On) };
        oldest.entry(at.partition).or_insert(letter.failed_at);
        if letter.failed_at >= since && *letter.pipeline == *plan.name {
            if !mask.is_off() {
                let mut hidden = Hidden::default();
                mask.collect(&DevRecord::from_fetched(&record), &mut hidden);
                letter.reason = hidden.scrub(&letter.reason);
            }
            let replayed = marks.contain(at, &letter);
            listed += 1;
            list.add(at, letter, replayed);
        }
        Ok(Flow::On)
    })?;
    let (groups, beyond) = list.groups();
    let complete = cut.iter().all(|partition| oldest.get(partition).is_some_and(|oldest| *oldest < since));
    Ok(Recent { groups, scanned, other: scanned - listed + beyond, complete, at })
}

/// The last `most` offsets of all partitions together, an equal share of each; what one does not need the others get.
fn last(extents: &[Extent], most: i64) -> Vec<Extent> {
    let mut by_size: Vec<&Extent> = extents.iter().collect();
    by_size.sort_by_key(|extent| extent.to.0 - extent.from.0);
    let (mut left, mut partitions) = (most, by_size.len() as i64);
    let mut last = Vec::new();
    for extent in by_size {
        let take = (extent.to.0 - extent.from.0).min(left / partitions.max(1));
        last.push(Extent { from: Offset(extent.to.0 - take), ..*extent });
        (left, partitions) = (left - take, partitions - 1);
    }
    last.sort_by_key(|extent| extent.partition);
    last
}

fn cut_partitions(all: &[Extent], read: &[Extent]) -> Vec<Partition> {
    let is_cut =
        |extent: &&Extent| read.iter().any(|part| part.partition == extent.partition && part.from > extent.from);
    all.iter().filter(is_cut).map(|extent| extent.partition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offsets_are_shared_by_the_partitions_as_they_need_them() {
        let extent =
            |partition, from, to| Extent { partition: Partition(partition), from: Offset(from), to: Offset(to) };
        let all = [extent(0, 0, 1000), extent(1, 50, 60), extent(2, 0, 0), extent(3, 500, 700)];
        let read = last(&all, 300);
        assert_eq!(read, [extent(0, 855, 1000), extent(1, 50, 60), extent(2, 0, 0), extent(3, 555, 700)]);
        assert_eq!(cut_partitions(&all, &read), [Partition(0), Partition(3)]);
        assert_eq!(last(&all, 10_000), all);
    }
}
