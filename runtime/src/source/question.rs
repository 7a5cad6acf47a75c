//! Questions to the brokers. Each is asked on a thread of its own and answered by an event, so that no broker that is
//! away holds up the loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::authorization::MissingRight;
use super::event::{Event, Events};
use super::limits::LimitReader;
use super::missing_inputs::missing_inputs;
use super::partitions::{OwnedPartitions, Start};
use super::start_position::{FirstStarts, InputTopics, TopicIds};
use super::topic_ids::{TopicNow, TopicsNow};
use crate::batch::Offset;
use crate::config::plan::{Plan, Start as FirstStart};
use crate::kafka::{
    CommittedOf, Described, ErrorKind, GroupQueries, KafkaError, Rights, TopicDescription, TopicPartition,
};
use crate::rt;
use crate::sink::Sink;

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
    /// Where partitions that are not fetched end.
    Ends(Vec<TopicPartition>),
    /// Which topics these are now.
    Topics(Vec<Arc<str>>),
    /// Which rights the brokers say are missing.
    Missing {
        /// The topics that are read.
        read: Vec<Arc<str>>,
    },
    /// Which topics of the input are not there, or may not be read.
    MissingInputs {
        /// The topics and patterns of which nothing was seen.
        unknown: Vec<String>,
    },
    /// What the topics that are written to refuse now, which the sink takes over.
    Limits {
        /// As what a broker has refused a record; none: it is asked from time to time.
        refused: Option<ErrorKind>,
        /// The size of a record that was refused and has nothing to fall back on: see [`Sink::set_limits`].
        alone: Option<usize>,
    },
}

impl Question {
    /// Which rights are missing, on topics by name, on those of partitions that are ours, on the group and on all that
    /// is written to.
    pub fn missing_rights(topics: &[String], partitions: &OwnedPartitions) -> Question {
        let named = topics.iter().filter(|topic| !topic.starts_with('^')).map(|topic| topic.as_str().into());
        let ours = partitions.iter().map(|partition| partition.at().topic.clone());
        Question::Missing { read: named.chain(ours).collect::<BTreeSet<_>>().into_iter().collect() }
    }
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
    /// The ends of partitions, as far as their leaders say them.
    Ends(Vec<(TopicPartition, Offset)>),
    /// What topics are now, as far as the brokers say it.
    Topics(TopicsNow),
    /// The rights that are missing; what the brokers do not say is not.
    Missing(Result<Vec<MissingRight>, KafkaError>),
    /// The topics of the input that are not there, in words; empty: none.
    MissingInputs(Result<String, KafkaError>),
    /// The sink has taken over what topics refuse: whether a record that was refused may fare better, or why it is not
    /// known.
    Limits(Result<bool, KafkaError>),
}

impl Answer {
    /// Returns an error that says that a right is missing, where there is one in it.
    pub fn refusal(&self) -> Option<&KafkaError> {
        let mut errors: Vec<&KafkaError> = Vec::new();
        match self {
            Answer::Starts { starts, .. } => errors.extend(starts.iter().filter_map(|(_, start)| start.as_ref().err())),
            Answer::Committed { committed: Ok(all), .. } => {
                errors.extend(all.iter().filter_map(|(_, committed)| committed.as_ref().err()));
            }
            Answer::Committed { committed: Err(error), .. } => errors.push(error),
            Answer::Watermarks { watermarks, .. } => errors.extend(watermarks.as_ref().err()),
            Answer::MissingInputs(missing) => errors.extend(missing.as_ref().err()),
            Answer::Ends(_) | Answer::Topics(_) | Answer::Missing(_) | Answer::Limits(_) => {}
        }
        errors.into_iter().find(|error| error.kind == ErrorKind::Authorization)
    }
}

/// Asks for one pipeline.
#[derive(Clone)]
pub struct Asker {
    pipeline: Arc<str>,
    queries: Arc<dyn GroupQueries>,
    sink: Arc<Sink>,
    limits: LimitReader,
    topics: Arc<[String]>,
    start: FirstStart,
    existing: Option<Arc<BTreeSet<Arc<str>>>>,
    is_embedded: bool,
    events: Events,
}

impl Asker {
    /// Asks by `queries` and by the producer of `sink`, reads what topics refuse by `limits`, and sends answers to
    /// `events`. `existing`: the topics that were there when the pipeline subscribed, where that is known.
    pub fn new(
        queries: Arc<dyn GroupQueries>,
        sink: Arc<Sink>,
        limits: LimitReader,
        plan: &Plan,
        existing: Option<BTreeSet<Arc<str>>>,
        events: Events,
    ) -> Asker {
        let (topics, start, is_embedded) = (plan.input.topics.as_slice().into(), plan.input.start, plan.embedded);
        let (pipeline, existing) = (plan.name.clone(), existing.map(Arc::new));
        Asker { pipeline, queries, sink, limits, topics, start, existing, is_embedded, events }
    }

    fn input(&self) -> InputTopics {
        InputTopics::new(&self.topics, self.start, self.existing.clone())
    }

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
            Question::Ends(partitions) => self.send(Answer::Ends(self.ends(partitions))),
            Question::Topics(topics) => {
                let now = self.topics_now(&topics);
                self.send(Answer::Topics(now));
            }
            Question::Missing { read } => self.send(Answer::Missing(self.missing(&read))),
            // The embedded broker never answers this.
            Question::MissingInputs { .. } if self.is_embedded => self.send(Answer::MissingInputs(Ok(String::new()))),
            Question::MissingInputs { unknown } => {
                let missing = missing_inputs(&*self.queries, &self.topics, &unknown);
                self.send(Answer::MissingInputs(missing));
            }
            Question::Limits { refused, alone } => {
                let taken = self.limits.take_over(refused, alone);
                self.send(Answer::Limits(taken.map_err(|error| KafkaError::timed_out(&format!("{error:#}")))));
            }
        }
    }

    /// The ends of partitions, one after the other; of those for which there was no time nothing. It is asked again.
    fn ends(&self, partitions: Vec<TopicPartition>) -> Vec<(TopicPartition, Offset)> {
        let deadline = rt::now() + ASK;
        let in_time = partitions.into_iter().take_while(|_| rt::now() < deadline);
        let end = |at| self.queries.watermarks(&at, ASK).ok().map(|(_, end)| (at, end));
        in_time.filter_map(end).collect()
    }

    /// What topics are now; nothing of those of which the brokers say nothing. It is asked again from time to time.
    fn topics_now(&self, topics: &[Arc<str>]) -> TopicsNow {
        if self.is_embedded {
            // The embedded broker never answers this.
            return TopicsNow::new();
        }
        let described = self.queries.describe(topics, ASK).unwrap_or_default();
        let now = |description: Result<TopicDescription, KafkaError>| match description {
            Ok(TopicDescription { id, partitions, .. }) => Some(TopicNow::Exists { id, partitions }),
            Err(error) if error.kind == ErrorKind::UnknownTopic => Some(TopicNow::Gone),
            Err(_) => None,
        };
        described.into_iter().filter_map(|(topic, description)| Some((topic, now(description)?))).collect()
    }

    fn missing(&self, read: &[Arc<str>]) -> Result<Vec<MissingRight>, KafkaError> {
        let written: Vec<Arc<str>> = self.sink.topic_names().iter().map(|name| name.as_str().into()).collect();
        let mut missing = Vec::new();
        missing.extend(lacking(self.queries.describe(read, ASK)?, |rights| rights.read).map(MissingRight::Read));
        let described = self.sink.producer(|producer| producer.describe(&written, ASK))?;
        missing.extend(lacking(described, |rights| rights.write).map(MissingRight::Write));
        match self.queries.may_join(ASK) {
            Err(error) if error.kind == ErrorKind::Authorization => missing.push(MissingRight::Group),
            Ok(Some(false)) => missing.push(MissingRight::Group),
            Ok(Some(true) | None) => {}
            Err(error) => return Err(error),
        }
        Ok(missing)
    }

    fn answer_starts(&self, partitions: &[TopicPartition], ticket: u64) {
        let topics: BTreeSet<_> = partitions.iter().map(|at| at.topic.clone()).collect();
        let topics: Vec<_> = topics.into_iter().collect();
        let ids: TopicIds =
            self.topics_now(&topics).into_iter().filter_map(|(at, now)| Some((at, now.into_id()?))).collect();
        let committed = match self.queries.committed(partitions, ASK) {
            Ok(committed) => committed,
            Err(error) => return self.fail(Question::Starts { partitions: partitions.to_vec(), ticket }, &error),
        };
        let (starts, first) = self.input().of_committed(committed, &ids);
        self.send(Answer::Starts { starts, ticket });
        let share = first.len().div_ceil(ASKERS).max(1);
        for share in first.chunks(share) {
            let (asker, partitions, ids) = (self.clone(), share.to_vec(), ids.clone());
            let ask = move || {
                let input = asker.input();
                let mut first = FirstStarts::new(&*asker.queries, &input, &ids);
                for at in partitions {
                    let start = first.of(&at);
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
            Question::Ends(_) => Answer::Ends(Vec::new()),
            Question::Topics(_) => Answer::Topics(TopicsNow::new()),
            Question::Missing { .. } => Answer::Missing(Err(error.clone())),
            Question::MissingInputs { .. } => Answer::MissingInputs(Err(error.clone())),
            Question::Limits { .. } => Answer::Limits(Err(error.clone())),
        });
    }

    fn send(&self, answer: Answer) {
        self.events.send_and_wake(Event::Answer(answer));
    }
}

/// The topics with which the client may not do something.
fn lacking(described: Described, is_allowed: impl Fn(Rights) -> bool) -> impl Iterator<Item = Arc<str>> {
    described.into_iter().filter_map(move |(topic, description)| {
        let is_missing = match description {
            Ok(description) => description.rights.is_some_and(|rights| !is_allowed(rights)),
            Err(error) => error.kind == ErrorKind::Authorization,
        };
        is_missing.then_some(topic)
    })
}
