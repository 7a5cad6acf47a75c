//! Who takes part in the comparison with others.

use clap::ValueEnum;

use crate::contest::contender::{Contender, Stages};
use crate::contest::job::Job;
use crate::contest::peer::Peer;

/// Who is to take part.
#[derive(clap::Args)]
pub struct Choice {
    /// These alone
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Who>,
    /// All but these
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    without: Vec<Who>,
}

/// Who can take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// The program written by hand in Rust
    Native,
    /// Sluicebox, three of its plugins, at least once
    SluiceThreePlugins,
    /// Sluicebox, one plugin written in Rust, at least once
    SluiceOnePlugin,
    /// A loop in Python over librdkafka that takes records in batches
    ConfluentKafkaPython,
    /// The same, but one record at a time
    ConfluentKafkaPythonPoll,
    /// A loop in Python alone
    KafkaPython,
    /// A program in Java, at least once
    KafkaStreams,
    /// The same, exactly once
    KafkaStreamsExactlyOnce,
    /// A configuration with a mapping; only where redpanda-connect is on the PATH
    RedpandaConnect,
    /// A configuration with a program in VRL; only where vector is on the PATH
    Vector,
}

impl Choice {
    /// Those who are chosen, can do the job and are there, and a line for each that is chosen and not there.
    pub fn take(&self, job: Job) -> (Vec<Who>, Vec<String>) {
        let (mut chosen, mut missing) = (Vec::new(), Vec::new());
        for &who in Who::value_variants().iter().filter(|who| self.names(**who) && who.can(job)) {
            match who.missing() {
                Some(program) => missing.push(format!("{} is left out: no {program} on the PATH", who.name())),
                None => chosen.push(who),
            }
        }
        (chosen, missing)
    }

    fn names(&self, who: Who) -> bool {
        (self.only.is_empty() || self.only.contains(&who)) && !self.without.contains(&who)
    }
}

impl Who {
    /// Its name on a command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Who that is in a job; a copy has no work for plugins but to keep each record.
    pub fn contender(self, job: Job) -> Contender {
        let sluice = |stages, identities| Contender::Sluice {
            stages: if job == Job::Copy { Stages::Identity(identities) } else { stages },
            exactly_once: false,
        };
        match self {
            Who::Native => Contender::Native,
            Who::SluiceThreePlugins => sluice(Stages::Example, 3),
            Who::SluiceOnePlugin => sluice(Stages::OnePlugin, 1),
            Who::ConfluentKafkaPython => Contender::Peer(Peer::ConfluentKafkaPython { one_by_one: false }),
            Who::ConfluentKafkaPythonPoll => Contender::Peer(Peer::ConfluentKafkaPython { one_by_one: true }),
            Who::KafkaPython => Contender::Peer(Peer::KafkaPython),
            Who::KafkaStreams => Contender::Peer(Peer::KafkaStreams { exactly_once: false }),
            Who::KafkaStreamsExactlyOnce => Contender::Peer(Peer::KafkaStreams { exactly_once: true }),
            Who::RedpandaConnect => Contender::Peer(Peer::RedpandaConnect),
            Who::Vector => Contender::Peer(Peer::Vector),
        }
    }

    /// Whether there is a program of it for a job.
    fn can(self, job: Job) -> bool {
        match self {
            Who::SluiceThreePlugins | Who::SluiceOnePlugin | Who::ConfluentKafkaPython => true,
            Who::KafkaStreams | Who::KafkaStreamsExactlyOnce => true,
            Who::Native | Who::ConfluentKafkaPythonPoll | Who::KafkaPython | Who::RedpandaConnect | Who::Vector => {
                !job.has_schemas()
            }
        }
    }

    /// Whether it gets fewer records: they take it ten times as long as others.
    pub fn is_slow(self) -> bool {
        self == Who::KafkaPython
    }

    fn missing(self) -> Option<&'static str> {
        match self.contender(Job::Copy) {
            Contender::Peer(peer) => peer.missing(),
            Contender::Native | Contender::Sluice { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_named_takes_part_unless_left_out() {
        let choice = Choice { only: vec![Who::Native, Who::KafkaStreams], without: vec![Who::Native] };
        assert_eq!(choice.take(Job::OrderStatus), (vec![Who::KafkaStreams], vec![]));
        let all = Choice { only: vec![], without: vec![Who::RedpandaConnect, Who::Vector] };
        assert_eq!(all.take(Job::OrderStatus).0.len(), Who::value_variants().len() - 2);
        assert_eq!(all.take(Job::OrderStatusAvro).0.len(), 5);
    }
}
