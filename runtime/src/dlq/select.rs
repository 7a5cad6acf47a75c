//! Which dead letters are meant: what the options of `sluice dlq` say.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::headers::DeadLetterHeaders;
use super::list::generalised;
use crate::batch::{Offset, Partition};
use crate::failure::Class;
use crate::show::MASKED;

/// One record of the dead-letter topic: `PARTITION/OFFSET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The partition.
    pub partition: Partition,
    /// The offset.
    pub offset: Offset,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        let parsed = text.split_once('/').and_then(|(partition, offset)| {
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            (partition >= 0 && offset >= 0).then_some(At { partition: Partition(partition), offset: Offset(offset) })
        });
        parsed.ok_or_else(|| "expected PARTITION/OFFSET, such as 2/4711".to_owned())
    }
}

/// One record of an input topic: `TOPIC/PARTITION/OFFSET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The topic.
    pub topic: String,
    /// The partition and the offset.
    pub at: At,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.at)
    }
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> Result<Input, String> {
        let parsed = text.split_once('/').and_then(|(topic, at)| Some((topic, at.parse().ok()?)));
        let (topic, at) = parsed.ok_or_else(|| "expected TOPIC/PARTITION/OFFSET, such as orders/2/4711".to_owned())?;
        Ok(Input { topic: topic.to_owned(), at })
    }
}

/// Offsets of every partition that is read: `A..B` is from A up to but without B; either may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The first.
    pub from: Offset,
    /// The one behind the last.
    pub to: Offset,
}

impl Offsets {
    /// All of them.
    pub const ALL: Offsets = Offsets { from: Offset(0), to: Offset(i64::MAX) };
}

impl FromStr for Offsets {
    type Err = String;

    fn from_str(text: &str) -> Result<Offsets, String> {
        let number = |text: &str, default: Offset| match text {
            "" => Some(default),
            text => text.parse().ok().filter(|offset| *offset >= 0).map(Offset),
        };
        let parsed = text.split_once("..").and_then(|(from, to)| {
            let range = Offsets { from: number(from, Offsets::ALL.from)?, to: number(to, Offsets::ALL.to)? };
            (range.from < range.to).then_some(range)
        });
        parsed.ok_or_else(|| "expected A..B with A below B, such as 100..200, 100.. or ..200".to_owned())
    }
}

/// A point in time, as RFC 3339 has it or as a duration ago.
///
/// # Errors
/// The text is neither.
pub fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = text.parse().ok().filter(|ago: &SignedDuration| !ago.is_negative());
    let time = ago.and_then(|ago| Timestamp::now().checked_sub(ago).ok());
    time.ok_or_else(|| "expected a time such as 2026-01-31T08:00:00Z, or a duration ago such as 2h".to_owned())
}

/// A class by its word.
///
/// # Errors
/// There is no such class.
pub fn class(word: &str) -> Result<Class, String> {
    let words = || Class::ALL.map(Class::as_str).join(", ");
    Class::parse(word).ok_or_else(|| format!("expected one of {}", words()))
}

/// Which dead letters are meant. Of options that may repeat, one has to fit; and all options have to.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Selection {
    /// Only what failed in this stage. May repeat.
    #[arg(long, value_name = "NAME")]
    pub stage: Vec<String>,
    /// Only this class of failure. May repeat.
    #[arg(long, value_parser = class)]
    pub class: Vec<Class>,
    /// Only where the reason has this text in it.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only what failed then or later: a time as RFC 3339 has it, or a duration ago such as 2h.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Only what failed before: a time, or a duration ago.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Only this partition of the dead-letter topic. May repeat.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Vec<i32>,
    /// Only these offsets of each partition of the dead-letter topic: A..B, without B.
    #[arg(long, value_name = "A..B")]
    pub offset: Option<Offsets>,
    /// Only this one of the dead-letter topic. May repeat.
    #[arg(long, value_name = "PARTITION/OFFSET", conflicts_with_all = ["partition", "offset"])]
    pub at: Vec<At>,
    /// Only dead letters of this record of an input topic. May repeat.
    #[arg(long, value_name = "TOPIC/PARTITION/OFFSET")]
    pub input: Vec<Input>,
    /// The largest number of dead letters.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

impl Selection {
    /// One record, by its place.
    pub fn one(at: At) -> Selection {
        Selection { at: vec![at], ..Selection::default() }
    }

    /// The offsets of a partition that have to be read; none where nothing of it is meant.
    pub fn offsets(&self, partition: Partition) -> Option<Offsets> {
        if !self.at.is_empty() {
            let of_it = || self.at.iter().filter(|at| at.partition == partition).map(|at| at.offset);
            return Some(Offsets { from: of_it().min()?, to: Offset(of_it().max()?.0.saturating_add(1)) });
        }
        let read = self.partition.is_empty() || self.partition.contains(&partition.0);
        read.then(|| self.offset.unwrap_or(Offsets::ALL))
    }

    /// Whether a place is meant.
    pub fn takes_place(&self, at: At) -> bool {
        let listed = self.at.is_empty() || self.at.contains(&at);
        listed && self.offsets(at.partition).is_some_and(|offsets| (offsets.from..offsets.to).contains(&at.offset))
    }

    /// Whether a dead letter of a place that is meant is meant itself.
    pub fn takes(&self, letter: &DeadLetterHeaders) -> bool {
        let is_input = |input: &Input| {
            input.topic == letter.topic && input.at == At { partition: letter.partition, offset: letter.offset }
        };
        (self.stage.is_empty() || self.stage.contains(&letter.stage))
            && (self.class.is_empty() || self.class.contains(&letter.class))
            && self.reason.as_ref().is_none_or(|part| reason_fits(part, &letter.reason))
            && self.since.is_none_or(|since| letter.failed_at >= since)
            && self.until.is_none_or(|until| letter.failed_at < until)
            && (self.input.is_empty() || self.input.iter().any(is_input))
    }
}

/// Whether a reason has this part, or is one of a group whose reason this is: without what differs, and with what is
/// masked as it may be.
fn reason_fits(wanted: &str, reason: &str) -> bool {
    if reason.contains(wanted) {
        return true;
    }
    let general = generalised(reason);
    let (mut parts, mut rest) = (wanted.split(MASKED), general.as_str());
    let is_masked = wanted.contains(MASKED);
    if !is_masked {
        return general == wanted;
    }
    parts.all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, offset: i64) -> At {
        At { partition: Partition(partition), offset: Offset(offset) }
    }

    #[test]
    fn places_ranges_and_times_are_read_as_they_are_written() {
        assert_eq!("2/4711".parse(), Ok(at(2, 4711)));
        assert_eq!("a.b/2/4711".parse(), Ok(Input { topic: "a.b".to_owned(), at: at(2, 4711) }));
        assert_eq!("5..7".parse(), Ok(Offsets { from: Offset(5), to: Offset(7) }));
        assert_eq!("..".parse(), Ok(Offsets::ALL));
        assert_eq!(
            time("2026-01-31T08:00:00+01:00").map(|time| time.to_string()),
            Ok("2026-01-31T07:00:00Z".to_owned())
        );
        let then = time("2h").expect("a duration");
        let ago = Timestamp::now().duration_since(then);
        assert!((7200..7260).contains(&ago.as_secs()), "{ago:?}");
        for wrong in ["2", "/", "2/x", "-1/2", "1/-2", "1/2/3"] {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
        for wrong in ["", "5", "7..5", "5..5", "-1..", "a..b"] {
            assert!(wrong.parse::<Offsets>().is_err(), "{wrong}");
        }
        assert!(time("yesterday").is_err() && time("-2h").is_err());
    }

    #[test]
    fn a_reason_fits_by_a_part_of_it_or_as_its_group_has_it() {
        let reason = "no mail to ann@example.com: `b` is 17";
        for wanted in ["mail to", reason, "no mail to ann@example.com: `…` is N", "no mail to ***@***.***: `…` is N"]
        {
            assert!(reason_fits(wanted, reason), "{wanted}");
        }
        for wanted in ["no mail to bob", "no mail to ***: `…` is M", "mail to ann@example.com: `…` is N"] {
            assert!(!reason_fits(wanted, reason), "{wanted}");
        }
    }

    #[test]
    fn only_places_that_are_meant_are_read() {
        let mut selection = Selection::one(at(1, 5));
        assert_eq!(selection.offsets(Partition(0)), None);
        selection.at.push(at(1, 8));
        assert_eq!(selection.offsets(Partition(1)), Some(Offsets { from: Offset(5), to: Offset(9) }));
        assert!(selection.takes_place(at(1, 5)) && !selection.takes_place(at(1, 6)));
        selection.at.clear();
        (selection.partition, selection.offset) = (vec![2], Some(Offsets { from: Offset(3), to: Offset(4) }));
        assert!(selection.takes_place(at(2, 3)));
        assert!(![at(2, 4), at(2, 2), at(1, 3)].into_iter().any(|at| selection.takes_place(at)));
    }
}
