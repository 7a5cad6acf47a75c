//! Commits of offsets, which events answer.

use std::sync::Arc;

use sluicebox::kafka::{Committed, ConsumerEvent, KafkaError, TopicPartition};

use crate::client::ClientId;
use crate::cluster::codes;
use crate::cluster::group::{MemberId, Who};
use crate::network::SECOND;
use crate::scheduler::Nanos;
use crate::world::World;

/// How long a commit is tried while the coordinator is away.
pub(super) const COMMIT_PATIENCE: Nanos = 60 * SECOND;

impl World {
    /// Commits as whoever the consumer is when the coordinator is asked, which may be in a later generation than it was
    /// called in.
    pub(super) fn commit(
        &mut self,
        id: ClientId,
        asker: Option<MemberId>,
        offsets: Vec<(TopicPartition, Committed)>,
        until: Nanos,
    ) {
        let Some(state) = self.consumer(id) else { return };
        let (name, who) = (state.group.clone(), state.membership.who());
        let Some(who) = who else {
            return self.on_commit_answered(id, offsets, Err(codes::UNKNOWN_MEMBER));
        };
        let coordinator = self.cluster.group(&name).coordinator;
        // librdkafka sends what it held back as the member that it is by then. Nobody can call such a commit back: the
        // committed offset may go back, which repeats records and loses none.
        let is_anothers = asker != Some(who.member);
        let asked = offsets.clone();
        let serve = move |world: &mut World| {
            if is_anothers {
                world.excuse_commit(&name, &asked);
            }
            world.serve_commit(&name, coordinator, &who, &asked)
        };
        self.request(coordinator, serve, move |world, answer| match answer {
            Ok(Some(answer)) => world.on_commit_answered(id, offsets, answer),
            Ok(None) | Err(_) if world.now() < until => {
                let backoff = world.backoff();
                world.count("commit tried again");
                world.after(backoff, move |world| world.commit(id, asker, offsets, until));
            }
            Ok(None) | Err(_) => world.on_commit_answered(id, offsets, Err(codes::TIMED_OUT)),
        });
    }

    /// What the coordinator answers; none where another is it.
    fn serve_commit(
        &mut self,
        name: &Arc<str>,
        broker: usize,
        who: &Who,
        offsets: &[(TopicPartition, Committed)],
    ) -> Option<Result<(), codes::Code>> {
        if self.cluster.denied.group {
            return Some(Err(codes::GROUP_AUTHORIZATION));
        }
        let group = self.cluster.group(name);
        if group.coordinator != broker {
            return None;
        }
        let result = group.commit(who, offsets);
        if result.is_ok() {
            self.count("commit");
            for (at, committed) in offsets {
                self.trace(format_args!("group {name}: {:?} commits {at} at {}", who.member, committed.offset));
                self.check_commit(name, at, committed.offset.0);
            }
        }
        Some(result)
    }

    fn on_commit_answered(
        &mut self,
        id: ClientId,
        offsets: Vec<(TopicPartition, Committed)>,
        answer: Result<(), codes::Code>,
    ) {
        let Some(state) = self.consumer(id) else { return };
        let answer = answer.map_err(KafkaError::from);
        let results = offsets.into_iter().map(|(at, committed)| (at, committed.offset, answer.clone()));
        state.push(ConsumerEvent::Committed(results.collect()));
        if let Err(error) = answer {
            self.count("commit refused");
            self.on_member_error(id, &error);
        }
    }
}
