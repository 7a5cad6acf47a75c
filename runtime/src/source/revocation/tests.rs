use super::super::testing::{at, deliver, dispatch, intake, owned, words};
use super::*;
use crate::batch::Offset;
use crate::rt;

const DRAIN: Duration = Duration::from_secs(20);

struct Setting {
    revocations: Revocations,
    partitions: OwnedPartitions,
    intake: Intake,
    now: Instant,
    actions: Actions,
}

impl Setting {
    /// Partition 0 of two is being revoked, with 10 of its records in flight.
    fn revoking() -> Setting {
        let (mut partitions, now, mut actions) = (owned(2, 1), rt::now(), Actions::new());
        dispatch(&mut partitions, 0, 0, 10);
        let mut revocations = Revocations::new("p".into(), DRAIN);
        revocations.on_revoked(&[at(0)], now, &mut partitions, &mut actions);
        assert_eq!(words(&mut actions), ["pause 0"]);
        Setting { revocations, partitions, intake: intake(1).0, now, actions }
    }

    fn step(&mut self, after: Duration) -> Vec<String> {
        self.now += after;
        self.revocations.step(self.now, &mut self.partitions, &self.intake, None, &mut self.actions);
        words(&mut self.actions)
    }
}

#[test]
fn a_revoke_is_answered_when_everything_is_delivered_and_committed() {
    let mut setting = Setting::revoking();
    assert!(setting.step(Duration::from_secs(1)).is_empty(), "records are in flight");
    deliver(&mut setting.partitions, 0, 0, 10);
    assert_eq!(setting.step(Duration::ZERO), ["request commit"]);
    assert!(setting.step(Duration::ZERO).is_empty(), "the commit is not answered");
    setting.partitions.of_mut(&at(0)).unwrap().committed(Offset(10));
    assert_eq!(setting.step(Duration::ZERO), ["unassign 0", "read on after rebalance"]);
    assert!(setting.revocations.are_answered() && setting.partitions.of(&at(0)).is_none());
    assert!(setting.partitions.of(&at(1)).is_some(), "the other partition stays");
}

#[test]
fn a_revoke_that_is_not_drained_in_time_gives_the_partition_up_and_nothing_more_is_written() {
    let mut setting = Setting::revoking();
    let lease = setting.partitions.of(&at(0)).unwrap().lease().clone();
    assert_eq!(setting.step(DRAIN), ["request commit"]);
    assert!(lease.is_revoked());
    assert_eq!(setting.step(Duration::ZERO), ["unassign 0", "read on after rebalance"], "nothing was delivered");
}

#[test]
fn a_last_commit_that_fails_is_asked_for_again_and_not_for_ever() {
    let mut setting = Setting::revoking();
    deliver(&mut setting.partitions, 0, 0, 10);
    assert_eq!(setting.step(Duration::ZERO), ["request commit"]);
    assert_eq!(setting.step(ASK_AGAIN), ["request commit"]);
    assert_eq!(setting.step(COMMIT_WAIT), ["abort", "unassign 0", "read on after rebalance"]);
}

#[test]
fn a_lost_assignment_is_discarded_and_what_the_producer_has_queued_is_purged() {
    let (mut partitions, mut actions) = (owned(2, 1), Actions::new());
    dispatch(&mut partitions, 0, 0, 10);
    let lease = partitions.of(&at(0)).unwrap().lease().clone();
    let mut revocations = Revocations::new("p".into(), DRAIN);
    revocations.on_lost(&[at(0), at(1)], false, &mut partitions, &mut actions);
    assert_eq!(words(&mut actions), ["purge", "unassign 0,1", "read on after rebalance", "abort"]);
    assert!(lease.is_revoked() && partitions.is_empty());
}

#[test]
fn what_stays_of_a_lost_assignment_keeps_what_is_queued() {
    let (mut partitions, mut actions) = (owned(2, 1), Actions::new());
    let mut revocations = Revocations::new("p".into(), DRAIN);
    revocations.on_lost(&[at(0)], false, &mut partitions, &mut actions);
    assert!(!words(&mut actions).contains(&"purge".to_owned()));
}

#[test]
fn revokes_are_answered_in_their_order() {
    let mut setting = Setting::revoking();
    setting.revocations.on_revoked(&[at(1)], setting.now, &mut setting.partitions, &mut setting.actions);
    words(&mut setting.actions);
    assert!(setting.step(Duration::ZERO).is_empty(), "the first one is not drained");
    deliver(&mut setting.partitions, 0, 0, 10);
    setting.step(Duration::ZERO);
    setting.partitions.of_mut(&at(0)).unwrap().committed(Offset(10));
    assert_eq!(setting.step(Duration::ZERO), ["unassign 0", "read on after rebalance"]);
    assert_eq!(setting.step(Duration::ZERO), ["request commit"]);
    assert_eq!(setting.step(Duration::ZERO), ["unassign 1", "read on after rebalance"]);
}
