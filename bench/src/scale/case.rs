//! What is varied: one thing at a time.

use anyhow::Result;

use crate::orders;
use crate::pipeline::example_stages;

/// Records of a batch, and bytes: the defaults of a pipeline.
const MAX_RECORDS: usize = 1024;
const MAX_BYTES: usize = 1 << 20;

/// What is done to the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// So many identity stages, which each send the value back.
    Echo(usize),
    /// The three stages of order-status.
    OrderStatus,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is varied: its number in [`AXES`].
    pub axis: usize,
    /// How far it is turned.
    pub at: usize,
    /// How many workers there are.
    pub workers: usize,
    /// How many partitions the records come from.
    pub partitions: usize,
    /// What is done.
    pub work: Work,
    /// Bytes of a value.
    pub bytes: usize,
}

/// What is varied, by name, and how far.
pub const AXES: [(&str, &[usize]); 5] = [
    ("workers", &[1, 2]),
    ("partitions", &[1, 4, 16, 64]),
    ("stages", &[1, 2, 4, 8, 12]),
    ("bytes, one stage", &[100, 1_000, 10_000, 100_000]),
    ("bytes, order-status", &[orders::VALUE, 1_000, 10_000, 100_000]),
];
/// The numbers of those that are asked for.
pub const WORKERS: usize = 0;
const PARTITIONS: usize = 1;
const STAGES: usize = 2;
const BYTES: usize = 3;

impl Case {
    /// Every case, axis by axis.
    pub fn all() -> Vec<Case> {
        let mut cases = Vec::new();
        for (axis, (_, values)) in AXES.iter().enumerate() {
            for &at in *values {
                let usual = Case { axis, at, workers: 1, partitions: 4, work: Work::OrderStatus, bytes: orders::VALUE };
                cases.push(match axis {
                    WORKERS => Case { workers: at, ..usual },
                    PARTITIONS => Case { partitions: at, ..usual },
                    STAGES => Case { work: Work::Echo(at), ..usual },
                    BYTES => Case { work: Work::Echo(1), bytes: at, ..usual },
                    _ => Case { bytes: at, ..usual },
                });
            }
        }
        cases
    }

    /// Its name in tables.
    pub fn name(&self) -> String {
        format!("{}: {}", AXES[self.axis].0, self.at)
    }

    /// Whether it is about the size of records.
    pub fn is_of_bytes(&self) -> bool {
        self.axis >= BYTES
    }

    /// The pipeline file.
    pub fn pipeline(&self) -> Result<String> {
        let stages = match self.work {
            Work::OrderStatus => example_stages()?,
            Work::Echo(count) => {
                let stage = |n| format!("\n  - {{ name: echo-{n}, plugin: identity, config: {{ echo: true }} }}");
                format!("stages:{}\n", (0..count).map(stage).collect::<String>())
            }
        };
        Ok(format!(
            "name: scale\nkafka: {{ bootstrap.servers: \"127.0.0.1:9\" }}\ninput: {{ topics: [in] }}\n\
             outputs: {{ default: {{ topic: out }} }}\ndlq: {{ topic: dlq }}\n{stages}"
        ))
    }

    /// Records of a batch.
    pub fn batch(&self) -> usize {
        (MAX_BYTES / self.bytes).clamp(1, MAX_RECORDS)
    }

    /// How many of those come out.
    pub fn kept(&self) -> u64 {
        let records = 0..self.batch() as u64;
        match self.work {
            Work::Echo(_) => records.count() as u64,
            Work::OrderStatus => records.filter(|&number| orders::is_kept(number)).count() as u64,
        }
    }

    /// The value of a record: an order, cut off or with a longer note.
    pub fn value(&self, number: u64) -> Vec<u8> {
        let mut value = orders::value(number);
        let note = "more to note, ".repeat(self.bytes.saturating_sub(orders::VALUE) / 14 + 1);
        value.insert_str(orders::VALUE - 2, &note[..self.bytes.saturating_sub(orders::VALUE)]);
        value.truncate(self.bytes);
        value.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn values_have_their_size_and_are_json_where_plugins_read_them() {
        for case in Case::all() {
            let value = case.value(5);
            assert_eq!(value.len(), case.bytes);
            if case.work == Work::OrderStatus {
                assert_eq!(serde_json::from_slice::<Value>(&value).unwrap()["order_id"], orders::key(5));
            }
        }
    }

    #[test]
    fn batches_are_as_large_as_a_pipeline_makes_them() {
        let sizes: Vec<usize> = Case::all().iter().filter(|case| case.axis == BYTES).map(Case::batch).collect();
        assert_eq!(sizes, [1024, 1024, 104, 10]);
    }
}
