//! What contenders are given to do: the input, and what must become of each of its records.

use anyhow::{Result, bail};
use clap::ValueEnum as _;

use super::avro;
use crate::boundary::native::{self, Outcome};
use crate::orders;

/// The statuses of the orders that go on.
pub const STATUSES: [&str; 3] = ["shipped", "delivered", "cancelled"];

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Job {
    /// Every record goes on as it came
    Copy,
    /// The work of pipelines/order-status.yaml: keep some, mask, add, remove; what is no JSON is dead-lettered
    OrderStatus,
    /// The same with Avro in the input and in the output, by a schema registry
    OrderStatusAvro,
}

/// What must become of a record.
#[derive(Debug, PartialEq)]
pub enum Fate {
    /// It is in the output, with this value.
    Output(Vec<u8>),
    /// It is in no topic.
    Dropped,
    /// It is in the dead-letter topic, as it came.
    DeadLetter,
}

/// How many records a run must write.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Written {
    /// To the output.
    pub outputs: u64,
    /// To the dead-letter topic.
    pub dead_letters: u64,
}

impl Job {
    /// What it is called where a heading needs a noun.
    pub fn name(self) -> &'static str {
        match self {
            Job::Copy => "a copy",
            Job::OrderStatus => "order-status",
            Job::OrderStatusAvro => "order-status in Avro",
        }
    }

    /// What it is called on a command line.
    pub fn argument(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What is done, for the line over the table.
    pub fn title(self) -> &'static str {
        match self {
            Job::Copy => "Copying",
            Job::OrderStatus => "The job order-status on",
            Job::OrderStatusAvro => "The job order-status in Avro on",
        }
    }

    /// Whether there is a dead-letter topic.
    pub fn has_dead_letters(self) -> bool {
        self != Job::Copy
    }

    /// Whether values have schemas.
    pub fn has_schemas(self) -> bool {
        self == Job::OrderStatusAvro
    }

    /// How a value is told, for the line over the table.
    pub fn size(self) -> String {
        let bytes = orders::VALUE;
        if self.has_schemas() { format!("{bytes} B as JSON") } else { format!("{bytes} B") }
    }

    /// The value of a record of the input.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn value(self, number: u64) -> Result<Vec<u8>> {
        Ok(match self {
            Job::Copy => orders::value(number).into_bytes(),
            Job::OrderStatus => orders::event(number).into_bytes(),
            Job::OrderStatusAvro => avro::event(number)?,
        })
    }

    /// What must become of a record of the input.
    ///
    /// # Errors
    /// The work cannot be done by hand.
    pub fn fate(self, number: u64) -> Result<Fate> {
        if self == Job::Copy {
            return Ok(Fate::Output(self.value(number)?));
        }
        Ok(match native::enrich(orders::event(number).as_bytes()) {
            Ok(Outcome::Value(value)) if self.has_schemas() => Fate::Output(avro::enriched(&value)?),
            Ok(Outcome::Value(value)) => Fate::Output(value),
            Ok(Outcome::Drop) => Fate::Dropped,
            Ok(other) => bail!("record {number} is answered with {other:?}"),
            Err(_) => Fate::DeadLetter,
        })
    }

    /// What a run on the first `records` records of the input must write.
    pub fn written(self, records: u64) -> Written {
        if self == Job::Copy {
            return Written { outputs: records, dead_letters: 0 };
        }
        let mut written = Written::default();
        for number in 0..records {
            if orders::is_broken(number) {
                written.dead_letters += 1;
            } else if STATUSES.contains(&orders::status(number)) {
                written.outputs += 1;
            }
        }
        written
    }
}

impl Written {
    /// To both topics.
    pub fn all(self) -> u64 {
        self.outputs + self.dead_letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_counted_as_it_is_decided() {
        for job in [Job::Copy, Job::OrderStatus] {
            let mut counted = Written::default();
            for number in 0..5000 {
                match job.fate(number).unwrap() {
                    Fate::Output(_) => counted.outputs += 1,
                    Fate::DeadLetter => counted.dead_letters += 1,
                    Fate::Dropped => {}
                }
            }
            assert_eq!(job.written(5000), counted);
        }
    }
}
