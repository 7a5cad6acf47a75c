//! Questions to the brokers. Each is asked on a thread of its own and answered by an event, so that no broker that is
//! away holds up the loop.

use std::sync::Arc;
use std::time::Duration;

use super::event::{Event, Events};
use super::limits::LimitReader;
use super::partitions::Start;
use super::start_position;
use crate::batch::Offset;
use crate::config::plan::Start as FirstStart;
use crate::kafka::{CommittedOf, ErrorKind, GroupQueries, KafkaError, TopicPartition};
use crate::rt;

/// How long one question to a broker may take before it is asked again.
pub const ASK: Duration = Duration::from_secs(2);
/// How long to wait before a question that failed is asked again.
pub const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How many threads ask one thing of several leaders, so that one that is away does not keep the others' answers.
const ASKERS: usize = 8;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Where to begin with partitions.
    Starts {
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Comes back with the answer.
        ticket: u64,
    },
    /// What the group has committed of partitions that go back to it.
    Committed {
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Comes back with the answer.
        ticket: u64,
    },
    /// What the log of a partition holds.
    Watermarks {
        /// The partition.
        at: TopicPartition,
        /// Its generation. Comes back with the answer.
        generation: u64,
    },
    /// What the topics that are written to refuse now, which the sink takes over.
    Limits {
        /// As what a broker has refused a record; none: it is asked from time to time.
        refused: Option<ErrorKind>,
    },
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// Where to begin with some of the partitions that were asked for, or why that is not known. Others follow.
    Starts {
        /// For each partition.
        starts: Vec<(TopicPartition, Result<Start, KafkaError>)>,
        /// As it was asked with.
        ticket: u64,
    },
    /// What the group has committed.
    Committed {
        /// For each partition.
        committed: Result<Vec<(TopicPartition, CommittedOf)>, KafkaError>,
        /// As it was asked with.
        ticket: u64,
    },
    /// The first offset that the log holds, and the one that comes next.
    Watermarks {
        /// The partition.
        at: TopicPartition,
        /// As it was asked with.
        generation: u64,
        /// The two offsets.
        watermarks: Result<(Offset, Offset), KafkaError>,
    },
    /// The sink has taken over what topics refuse: whether a record that was refused may fare better, or why it is not
    /// known.
    Limits(Result<bool, KafkaError>),
}

/// Asks for one pipeline.
#[derive(Clone)]
pub struct Asker {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// Answers questions about the group and its partitions.
    pub queries: Arc<dyn GroupQueries>,
    /// Where the group begins with what it has no offset of.
    pub start: FirstStart,
    /// Reads and takes over what the topics that are written to refuse.
    pub limits: LimitReader,
    /// Takes the answers.
    pub events: Events,
}

impl Asker {
    /// Asks. One answer comes in any case; to [`Question::Starts`] one or more that together name every partition.
    pub fn ask(&self, question: Question) {
        let name = format!("{}/ask", self.pipeline);
        let (asker, asked) = (self.clone(), question.clone());
        if let Err(error) = rt::spawn(&name, move || asker.answer(asked)) {
            // As if nobody had answered in time: it is asked again.
            self.fail(question, &KafkaError::timed_out(&format!("no thread for a question: {error}")));
        }
    }

    fn answer(&self, question: Question) {
        match question {
            Question::Starts { partitions, ticket } => self.answer_starts(&partitions, ticket),
            Question::Committed { partitions, ticket } => {
                let committed = self.queries.committed(&partitions, ASK);
                self.send(Answer::Committed { committed, ticket });
            }
            Question::Watermarks { at, generation } => {
                let watermarks = self.queries.watermarks(&at, ASK);
                self.send(Answer::Watermarks { at, generation, watermarks });
            }
            Question::Limits { refused } => {
                let taken = self.limits.take_over(refused);
                self.send(Answer::Limits(taken.map_err(|error| KafkaError::timed_out(&format!("{error:#}")))));
            }
        }
    }

    fn answer_starts(&self, partitions: &[TopicPartition], ticket: u64) {
        let committed = match self.queries.committed(partitions, ASK) {
            Ok(committed) => committed,
            Err(error) => return self.fail(Question::Starts { partitions: partitions.to_vec(), ticket }, &error),
        };
        let (starts, first) = start_position::of_committed(committed, self.start);
        self.send(Answer::Starts { starts, ticket });
        let share = first.len().div_ceil(ASKERS).max(1);
        for share in first.chunks(share) {
            let (asker, partitions) = (self.clone(), share.to_vec());
            let ask = move || {
                let mut topics = start_position::Topics::default();
                for at in partitions {
                    let start = topics.first_start(&*asker.queries, &at);
                    asker.send(Answer::Starts { starts: vec![(at, start)], ticket });
                }
            };
            if let Err(error) = rt::spawn(&format!("{}/ask", self.pipeline), ask) {
                let error = KafkaError::timed_out(&format!("no thread for a question: {error}"));
                self.fail(Question::Starts { partitions: share.to_vec(), ticket }, &error);
            }
        }
    }

    fn fail(&self, question: Question, error: &KafkaError) {
        self.send(match question {
            Question::Starts { partitions, ticket } => {
                let starts = partitions.into_iter().map(|at| (at, Err(error.clone()))).collect();
                Answer::Starts { starts, ticket }
            }
            Question::Committed { ticket, .. } => Answer::Committed { committed: Err(error.clone()), ticket },
            Question::Watermarks { at, generation } => {
                Answer::Watermarks { at, generation, watermarks: Err(error.clone()) }
            }
            Question::Limits { .. } => Answer::Limits(Err(error.clone())),
        });
    }

    fn send(&self, answer: Answer) {
        self.events.send_and_wake(Event::Answer(answer));
    }
}
