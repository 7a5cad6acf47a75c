//! What fault tests are fed with, and what has to become of it: records of many fates, the same for the same seed.

use crate::record::Record;

/// The header that a record is known by.
pub const ID: &str = "id";

/// The header that a stage which stamps leaves in what it emits: which process has written it.
pub const WRITER: &str = "writer";

/// Test data begins at this time.
const EPOCH: i64 = 1_767_225_600_000;

/// Keys are few, so that each has an order to be kept, and many, so that every partition has some.
const KEYS: usize = 97;

const PADDING: usize = 160;

/// Where something of a record is to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The output `default`.
    Output,
    /// The output `audit`.
    Audit,
    /// The dead letters.
    Letters,
}

impl Place {
    /// All of them.
    pub const ALL: [Place; 3] = [Place::Output, Place::Audit, Place::Letters];
}

/// How many of ten thousand records order the plugin `misbehave` to do what; the rest is kept after a spin.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Turns of the plugin's loop, about a nanosecond each.
    pub spin: u32,
    /// Orders, and of how many in ten thousand records each is.
    pub orders: Vec<(usize, &'static str)>,
}

impl Mix {
    /// Keeps and emits, and nothing that fails.
    pub fn harmless() -> Mix {
        Mix { spin: 2_000, orders: vec![(500, "!drop"), (500, "!emit:3"), (500, "!output:audit")] }
    }

    /// Some of everything that a healthy plugin says.
    pub fn usual() -> Mix {
        let mut mix = Mix::harmless();
        mix.orders.push((500, "!reject:no"));
        mix
    }

    /// A plugin that traps, loops and eats memory too, here and there.
    pub fn poisonous() -> Mix {
        let mut mix = Mix::usual();
        mix.orders.extend([(5, "!trap"), (5, "!memory"), (2, "!loop"), (5, "!panic")]);
        mix
    }
}

/// Records without an end, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Workload {
    seed: u64,
    mix: Mix,
}

impl Workload {
    /// Records of this mix.
    pub fn new(seed: u64, mix: Mix) -> Workload {
        Workload { seed, mix }
    }

    /// The record with this number. Its place among those of its key is that of its number.
    pub fn record(&self, number: usize) -> Record {
        let mut random = fastrand::Rng::with_seed(self.seed.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9)));
        let order = self.order(random.usize(..10_000));
        let padding: String = (0..random.usize(..PADDING)).map(|_| random.alphanumeric()).collect();
        let mut record = record_with(number, &format!("key-{}", random.usize(..KEYS)), &format!("{order} {padding}"));
        record = record.with_header("trace", format!("{:016x}", random.u64(..)));
        record.headers.extend([(b"empty".to_vec(), Some(Vec::new())), (b"null".to_vec(), None)]);
        record
    }

    fn order(&self, mut lot: usize) -> String {
        for (share, order) in &self.mix.orders {
            if lot < *share {
                return (*order).to_owned();
            }
            lot -= share;
        }
        format!("!spin:{}", self.mix.spin)
    }
}

/// A record that is known by this number, with any key and value.
pub fn record_with(number: usize, key: &str, value: &str) -> Record {
    Record::new(key, value, EPOCH + number as i64).with_header(ID, number.to_string())
}

/// What has to come of a record that goes through `misbehave`: everything else of it unchanged.
///
/// # Panics
/// Its order is none that a workload gives.
pub fn fate(record: &Record) -> Vec<(Place, Record)> {
    let order = record.text().split(' ').next().unwrap_or_default();
    let (order, argument) = order.split_once(':').unwrap_or((order, ""));
    match order {
        "!spin" | "!log" | "" => vec![(Place::Output, record.clone())],
        order if !order.starts_with('!') => vec![(Place::Output, record.clone())],
        "!drop" => Vec::new(),
        "!emit" => {
            let count = argument.parse().expect("a number of records");
            (0..count).map(|n: u32| (Place::Output, piece(record, n))).collect()
        }
        "!output" => vec![(Place::Audit, record.clone())],
        "!reject" | "!trap" | "!panic" | "!memory" | "!loop" => vec![(Place::Letters, record.clone())],
        other => panic!("nobody knows what is to come of {other}"),
    }
}

/// What a written record is known by: its input, and which of the emitted records it is.
pub fn identity(record: &Record) -> (String, Option<u32>) {
    (record.header(ID).unwrap_or_default().to_owned(), record.text().parse().ok())
}

fn piece(record: &Record, number: u32) -> Record {
    Record { value: Some(number.to_string().into_bytes()), ..record.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_the_same_for_the_same_seed_and_have_every_fate() {
        let (one, same, other) =
            (Workload::new(1, Mix::usual()), Workload::new(1, Mix::usual()), Workload::new(2, Mix::usual()));
        let records = |workload: &Workload| (0..1_000).map(|n| workload.record(n)).collect::<Vec<_>>();
        assert_eq!(records(&one), records(&same));
        assert_ne!(records(&one), records(&other));
        let fates: Vec<_> = records(&one).iter().map(fate).collect();
        assert!(fates.iter().any(Vec::is_empty));
        assert!(fates.iter().any(|fate| fate.len() == 3));
        for place in Place::ALL {
            assert!(fates.iter().flatten().any(|(to, _)| *to == place), "{place:?}");
        }
    }

    #[test]
    fn what_comes_of_a_record_can_be_told_apart() {
        let emitted = fate(&record_with(7, "k", "!emit:3 x"));
        let identities: Vec<_> = emitted.iter().map(|(_, record)| identity(record)).collect();
        assert_eq!(identities, [0, 1, 2].map(|n| ("7".to_owned(), Some(n))));
        assert_eq!(identity(&record_with(7, "k", "!spin:1 x")), ("7".to_owned(), None));
    }
}
