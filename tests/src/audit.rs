//! The audit: what should have come out against what did, by an identity that each record carries.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use crate::record::Record;

/// How many findings of a kind a failure shows.
const SHOWN: usize = 3;

/// What differs between what should have come out and what did. Each finding is in words.
#[derive(Debug, Default)]
pub struct Audit {
    /// Should have come out, and did not.
    pub missing: Vec<String>,
    /// Came out, and nobody knows it.
    pub unexpected: Vec<String>,
    /// Came out more than once.
    pub repeated: Vec<String>,
    /// Came out with other bytes, headers or timestamp.
    pub changed: Vec<String>,
    /// Came out before an earlier record of the same key.
    pub reordered: Vec<String>,
}

/// Compares `actual`, in the order of its partitions and offsets, with `expected`, in the order of the input. `id`
/// answers what a record is known by; an expected record has an identity of its own. Null keys have no order.
///
/// # Panics
/// Two expected records have one identity.
pub fn audit<I: Hash + Eq + Debug>(expected: &[Record], actual: &[Record], id: impl Fn(&Record) -> I) -> Audit {
    let mut known: HashMap<I, (usize, u32)> = HashMap::with_capacity(expected.len());
    for (number, record) in expected.iter().enumerate() {
        let before = known.insert(id(record), (number, 0));
        assert!(before.is_none(), "the audit cannot tell two expected records apart: {record:?}");
    }
    let mut audit = Audit::default();
    let mut last: HashMap<&[u8], usize> = HashMap::new();
    for record in actual {
        let Some((number, times)) = known.get_mut(&id(record)) else {
            audit.unexpected.push(format!("{record:?}"));
            continue;
        };
        *times += 1;
        let wanted = &expected[*number];
        if wanted != record {
            audit.changed.push(format!("{record:?} instead of {wanted:?}"));
        }
        if *times > 1 {
            audit.repeated.push(format!("{record:?}"));
            // A repetition goes back in time and is no disorder; what comes first decides.
            continue;
        }
        if let Some(key) = record.key.as_deref() {
            let latest = last.entry(key).or_insert(*number);
            if *latest > *number {
                audit.reordered.push(format!("{record:?} after {:?}", expected[*latest]));
            }
            *latest = (*latest).max(*number);
        }
    }
    let missing = expected.iter().filter(|record| known[&id(record)].1 == 0);
    audit.missing.extend(missing.map(|record| format!("{record:?}")));
    audit
}

impl Audit {
    /// Everything came out, as it should and in order; something may have come twice.
    ///
    /// # Panics
    /// It is not so.
    pub fn assert_nothing_lost(&self) {
        self.assert_none(false);
    }

    /// Everything came out once, as it should and in order, and nothing else did.
    ///
    /// # Panics
    /// It is not so.
    pub fn assert_exact(&self) {
        self.assert_none(true);
    }

    fn assert_none(&self, once: bool) {
        let kinds = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("changed", &self.changed),
            ("out of order", &self.reordered),
            ("repeated", &self.repeated),
        ];
        let mut text = String::new();
        for (kind, findings) in &kinds[..if once { 5 } else { 4 }] {
            if !findings.is_empty() {
                let shown: Vec<_> = findings.iter().take(SHOWN).map(|finding| format!("\n    {finding}")).collect();
                text += &format!("\n{} {kind}:{}", findings.len(), shown.concat());
            }
        }
        assert!(text.is_empty(), "what came out is not what should have:{text}");
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn records() -> Vec<Record> {
        let record = |n: i64| Record::new(format!("key {}", n % 3), format!("value {n}"), n).with_header("h", "x");
        (0..9).map(record).collect()
    }

    fn of(actual: &[Record]) -> Audit {
        audit(&records(), actual, |record| record.timestamp)
    }

    fn passes(check: impl FnOnce() + std::panic::UnwindSafe) -> bool {
        catch_unwind(check).is_ok()
    }

    #[test]
    fn what_is_equal_passes_in_any_order_of_keys() {
        of(&records()).assert_exact();
        let mut by_key = records();
        by_key.sort_by_key(|record| record.key.clone());
        of(&by_key).assert_exact();
    }

    #[test]
    fn a_loss_is_found() {
        let mut actual = records();
        actual.remove(4);
        let audit = of(&actual);
        assert_eq!((audit.missing.len(), audit.reordered.len()), (1, 0));
        assert!(!passes(|| of(&records()[1..]).assert_nothing_lost()));
    }

    #[test]
    fn a_repetition_is_found_and_counts_only_where_it_must_not_be() {
        let mut actual = records();
        actual.extend_from_slice(&records()[6..]);
        let audit = of(&actual);
        assert_eq!(audit.repeated.len(), 3);
        audit.assert_nothing_lost();
        assert!(!passes(move || audit.assert_exact()));
    }

    #[test]
    fn a_changed_order_of_one_key_is_found() {
        let mut actual = records();
        actual.swap(1, 4);
        let audit = of(&actual);
        assert_eq!(audit.reordered.len(), 1);
        assert!(!passes(move || audit.assert_nothing_lost()));
    }

    #[test]
    fn every_changed_field_is_found() {
        let changes: [fn(&mut Record); 6] = [
            |record| record.key = None,
            |record| record.value = Some(Vec::new()),
            |record| record.value = None,
            |record| record.headers.clear(),
            |record| record.headers[0].1 = None,
            |record| record.headers.push((b"more".to_vec(), None)),
        ];
        for change in changes {
            let mut actual = records();
            change(&mut actual[3]);
            let audit = of(&actual);
            assert_eq!(audit.changed.len(), 1);
            assert!(!passes(move || audit.assert_nothing_lost()));
        }
    }

    #[test]
    fn a_stranger_is_found() {
        let mut actual = records();
        actual.push(Record::new("key 0", "value", 99));
        let audit = of(&actual);
        assert_eq!(audit.unexpected.len(), 1);
        assert!(!passes(move || audit.assert_nothing_lost()));
    }
}
