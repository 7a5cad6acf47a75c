//! A scenario: all that a history is made of but its seed's smaller choices. It is written out in full, so that parts
//! of it can be left out to find the shortest one that still fails.

use std::sync::Arc;

use crate::check::{Task, Then};
use crate::cluster::group::Protocol;
use crate::fault::Timed;
use crate::history::Surroundings;
use crate::network::Network;
use crate::scheduler::{Nanos, Style};
use crate::script::Script;

/// The consumer group.
pub const GROUP: &str = "group";
/// The dead-letter topic.
pub const DLQ: &str = "dlq";

/// What to do where the committed offset is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLost {
    /// The pipeline stops.
    Stop,
    /// It goes on from the oldest record.
    Earliest,
    /// It goes on from what comes next.
    Latest,
}

/// How the pipeline is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Under `exactly_once`, else `at_least_once`.
    pub exactly_once: bool,
    /// How partitions change hands.
    pub protocol: Protocol,
    /// Workers of each instance.
    pub workers: usize,
    /// Partitions of each input topic.
    pub topics: Vec<usize>,
    /// Whether the input is named by a pattern.
    pub by_pattern: bool,
    /// `start: latest`.
    pub starts_at_end: bool,
    /// `on_lost_offset`.
    pub on_lost: OnLost,
    /// `batch.max_records`.
    pub batch_records: usize,
    /// `batch.max_wait`, in milliseconds.
    pub batch_wait: u64,
    /// `hold: key`.
    pub holds_key: bool,
    /// `on_error.retries`.
    pub retries: u32,
    /// `on_error.backoff`, in milliseconds.
    pub backoff: u64,
    /// `on_error.then` of each stage.
    pub then: Vec<Then>,
    /// Whether there is a dead-letter topic.
    pub has_dlq: bool,
    /// `breaker`: the share in percent, and `min_records`; none: off.
    pub breaker: Option<(u32, u64)>,
    /// `commit_interval`, in milliseconds.
    pub commit_interval: u64,
    /// `drain`, in milliseconds.
    pub drain: u64,
    /// `session.timeout.ms`.
    pub session: u64,
    /// `max.poll.interval.ms`.
    pub poll_interval: u64,
    /// `transaction.timeout.ms`.
    pub transaction_timeout: u64,
    /// Records that are fetched ahead of a partition.
    pub fetched_ahead: usize,
    /// Records that the producer's queue takes.
    pub producer_queue: usize,
    /// `linger.ms`.
    pub linger: u64,
    /// Instances have names.
    pub named: bool,
    /// Partitions of each output topic.
    pub output_partitions: usize,
    /// Outputs beside `default`.
    pub more_outputs: usize,
    /// The `default` output goes nowhere.
    pub drops_default: bool,
    /// `max.message.bytes` of the outputs.
    pub output_limit: usize,
    /// What plugins do.
    pub script: Script,
}

/// A record that is fed into an input topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// When.
    pub at: Nanos,
    /// Its number, by which the script knows it.
    pub number: u64,
    /// The topic's number.
    pub topic: usize,
    /// The partition.
    pub partition: usize,
    /// The key; none is null.
    pub key: Option<u8>,
    /// How many offsets compaction leaves out before it.
    pub hole: u8,
    /// Whether it is in a transaction of its own, and whether that is committed.
    pub transaction: Option<bool>,
}

/// All that happens in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Which kind it is.
    pub name: &'static str,
    /// What the smaller choices follow from.
    pub seed: u64,
    /// The configuration.
    pub setup: Setup,
    /// How threads take turns.
    pub style: Style,
    /// How long messages take.
    pub network: Network,
    /// How many brokers there are.
    pub brokers: usize,
    /// When each instance starts first.
    pub instances: Vec<Nanos>,
    /// What is fed.
    pub records: Vec<Fed>,
    /// What goes wrong.
    pub faults: Vec<Timed>,
    /// From when on everything is well again.
    pub quiet_at: Nanos,
}

/// The name of an input topic.
pub fn input(topic: usize) -> Arc<str> {
    format!("in-{topic}").into()
}

/// The name of an output topic.
pub fn output(number: usize) -> Arc<str> {
    format!("out-{number}").into()
}

impl Setup {
    /// The topics that the outputs go to, `default` first.
    pub fn outputs(&self) -> Vec<Option<Arc<str>>> {
        let default = (!self.drops_default).then(|| output(0));
        std::iter::once(default).chain((1..=self.more_outputs).map(|number| Some(output(number)))).collect()
    }
}

impl Scenario {
    /// What the pipeline is to do, for the checker.
    pub fn task(&self) -> Task {
        let Setup { script, then, retries, exactly_once, starts_at_end, has_dlq, .. } = self.setup.clone();
        let is_refusal = self.faults.iter().any(|timed| timed.fault.is_refusal());
        Task {
            may_be_refused: script.oversize > 0 || is_refusal,
            script,
            group: GROUP.into(),
            outputs: self.setup.outputs(),
            dlq: has_dlq.then(|| DLQ.into()),
            then,
            retries,
            exactly_once,
            starts_at_end,
            is_unsteady: self.faults.iter().any(|timed| timed.fault.is_of_plugins()),
        }
    }

    /// What it runs in.
    pub fn surroundings(&self) -> Surroundings {
        let (task, style, network, brokers) = (self.task(), self.style, self.network, self.brokers);
        Surroundings { task, style, network, brokers, most_steps: 300_000 }
    }

    /// Whether the instances are told to stop only when nothing is under way any more, and have to end well then. In
    /// one of four histories they are told so as soon as everything is read, whatever they are in the middle of.
    pub fn ends_at_rest(&self) -> bool {
        !self.seed.is_multiple_of(4)
    }

    /// The topics that are read.
    pub fn inputs(&self) -> Vec<Arc<str>> {
        (0..self.setup.topics.len()).map(input).collect()
    }

    /// A few lines that say what it is.
    pub fn describe(&self) -> String {
        let mut text = format!("scenario {} --seed {}\n  {:?}\n", self.name, self.seed, self.setup);
        let ms = |nanos: Nanos| nanos as f64 / 1e6;
        for (number, at) in self.instances.iter().enumerate() {
            text += &format!("  {:10.1} ms: instance {number} starts\n", ms(*at));
        }
        for timed in &self.faults {
            text += &format!("  {:10.1} ms: {:?}\n", ms(timed.at), timed.fault);
        }
        text += &format!("  {:10.1} ms: all is well; {} records\n", ms(self.quiet_at), self.records.len());
        if self.records.len() <= 12 {
            for fed in &self.records {
                text += &format!("  {:10.1} ms: {fed:?}\n", ms(fed.at));
            }
        }
        text
    }
}
