use super::super::testing::{at, deliver, dispatch, owned, words};
use super::*;
use crate::rt;

const INTERVAL: Duration = Duration::from_millis(100);

struct Setting {
    transactions: Transactions,
    partitions: OwnedPartitions,
    now: Instant,
    actions: Actions,
}

impl Setting {
    /// A transaction is open, and 10 records of partition 0 are delivered in it.
    fn open() -> Setting {
        let (now, mut actions) = (rt::now(), Actions::new());
        let options = TransactionOptions {
            pipeline: "p".into(),
            instance: Some("a".to_owned()),
            interval: INTERVAL,
            timeout: Duration::from_secs(60),
        };
        let transactions = Transactions::new(options, now, &mut actions);
        assert_eq!(words(&mut actions), ["call"]);
        let mut setting = Setting { transactions, partitions: owned(2, 1), now, actions };
        setting.outcome(TransactionOutcome::Begun { cause: None, renewed: None });
        assert_eq!(words(&mut setting.actions), ["open gate"]);
        dispatch(&mut setting.partitions, 0, 0, 10);
        deliver(&mut setting.partitions, 0, 0, 10);
        setting
    }

    fn outcome(&mut self, outcome: TransactionOutcome) {
        self.transactions.on_outcome(outcome, self.now, &mut self.partitions, &mut self.actions);
    }

    fn step(&mut self, after: Duration) -> Vec<String> {
        self.now += after;
        self.transactions.step(self.now, true, false, &mut self.partitions, &mut self.actions);
        words(&mut self.actions)
    }

    /// What is delivered of partition 0 is committed, which takes so long.
    fn commit(&mut self, taken: Duration) {
        assert_eq!(self.step(INTERVAL), ["close gate"]);
        self.now += taken;
        assert_eq!(self.writers_leave(), ["call"]);
        self.outcome(TransactionOutcome::Flushed);
        self.outcome(TransactionOutcome::Committed(vec![(at(0), Offset(10))]));
        assert_eq!(words(&mut self.actions), ["commit transaction 0@10", "open gate"]);
    }

    fn writers_leave(&mut self) -> Vec<String> {
        self.transactions.on_writers_left(&mut self.actions);
        words(&mut self.actions)
    }
}

#[test]
fn a_transaction_is_closed_flushed_and_committed_with_what_is_delivered() {
    let mut setting = Setting::open();
    assert!(setting.step(INTERVAL / 20).is_empty(), "it is not due");
    assert_eq!(setting.step(INTERVAL), ["close gate"]);
    assert_eq!(setting.writers_leave(), ["call"]);
    setting.outcome(TransactionOutcome::Flushed);
    assert_eq!(words(&mut setting.actions), ["commit transaction 0@10"]);
    assert!(setting.transactions.is_committing());
    setting.outcome(TransactionOutcome::Committed(vec![(at(0), Offset(10))]));
    assert_eq!(words(&mut setting.actions), ["open gate"]);
    assert!(setting.partitions.of(&at(0)).unwrap().is_committed());
}

#[test]
fn a_gap_is_never_committed() {
    let mut setting = Setting::open();
    dispatch(&mut setting.partitions, 1, 0, 5);
    dispatch(&mut setting.partitions, 1, 5, 9);
    deliver(&mut setting.partitions, 1, 5, 9);
    assert_eq!(setting.step(INTERVAL), ["close gate"]);
    setting.writers_leave();
    setting.outcome(TransactionOutcome::Flushed);
    assert_eq!(words(&mut setting.actions), ["abort", "call"]);
}

#[test]
fn a_transaction_with_nothing_in_it_stays_open() {
    let mut setting = Setting::open();
    setting.partitions = owned(1, 1);
    assert!(setting.step(10 * INTERVAL).is_empty());
    assert!(setting.transactions.is_at_rest());
}

#[test]
fn a_transaction_ends_when_the_pipeline_is_idle_before_all_of_it_is_acknowledged() {
    let mut setting = Setting::open();
    setting.commit(8 * INTERVAL / 100);
    dispatch(&mut setting.partitions, 1, 0, 5);
    assert!(setting.step(INTERVAL / 2).is_empty());
    assert_eq!(setting.transactions.deadline(true, &setting.partitions), None);
    setting.transactions.set_idle(true);
    assert!(setting.transactions.deadline(true, &setting.partitions).is_some_and(|deadline| deadline <= setting.now));
    assert_eq!(setting.step(Duration::ZERO), ["close gate"]);
    assert_eq!(setting.writers_leave(), ["call"]);
    deliver(&mut setting.partitions, 1, 0, 5);
    setting.outcome(TransactionOutcome::Flushed);
    assert_eq!(words(&mut setting.actions), ["commit transaction 1@5"]);
}

#[test]
fn what_waits_for_a_retry_ends_no_transaction_and_one_that_held_nothing_is_not_ended_again() {
    let mut setting = Setting::open();
    setting.commit(Duration::ZERO);
    setting.transactions.set_idle(true);
    dispatch(&mut setting.partitions, 1, 0, 5);
    setting.partitions.of_mut(&at(1)).unwrap().set_retrying(Some(5));
    assert!(setting.step(10 * INTERVAL).is_empty());
    // It retries, and is not done: that is not known before the flush.
    setting.partitions.of_mut(&at(1)).unwrap().set_retrying(None);
    assert_eq!(setting.step(Duration::ZERO), ["close gate"]);
    setting.writers_leave();
    setting.outcome(TransactionOutcome::Flushed);
    assert_eq!(words(&mut setting.actions), ["open gate"]);
    assert!(setting.step(10 * INTERVAL).is_empty());
    deliver(&mut setting.partitions, 1, 0, 5);
    assert_eq!(setting.step(Duration::ZERO), ["close gate"]);
}

#[test]
fn an_abort_makes_void_what_is_in_flight_and_partitions_go_back_before_the_gate_opens() {
    let mut setting = Setting::open();
    assert!(setting.transactions.abort("a test", setting.now, &mut setting.actions));
    assert_eq!(words(&mut setting.actions), ["invalidate", "close gate"]);
    setting.partitions.invalidate(0);
    assert_eq!(setting.writers_leave(), ["call"]);
    setting.outcome(TransactionOutcome::Begun { cause: None, renewed: None });
    assert!(words(&mut setting.actions).is_empty(), "the gate stays closed");
    assert!(setting.transactions.is_rewinding());
    assert_eq!(setting.step(Duration::ZERO), ["ask"]);
    assert!(setting.step(Duration::ZERO).is_empty(), "it is asked once");
    let committed = Ok(vec![(at(0), Ok(None))]);
    setting.transactions.on_rewind_answer(committed, 2, setting.now);
    assert_eq!(setting.step(Duration::ZERO), ["restart 0@0", "open gate"]);
}

#[test]
fn a_question_after_an_abort_that_is_not_answered_is_asked_again() {
    let mut setting = Setting::open();
    setting.transactions.abort("a test", setting.now, &mut setting.actions);
    setting.partitions.invalidate(0);
    setting.writers_leave();
    setting.outcome(TransactionOutcome::Begun { cause: None, renewed: None });
    words(&mut setting.actions);
    assert_eq!(setting.step(Duration::ZERO), ["ask"]);
    let away = Err(KafkaError::new(ErrorKind::Unavailable, "away"));
    setting.transactions.on_rewind_answer(away, 2, setting.now);
    assert!(setting.step(Duration::ZERO).is_empty());
    assert_eq!(setting.step(Duration::from_secs(1)), ["ask"]);
}

#[test]
fn aborts_upon_aborts_wait_but_where_a_record_is_known_now_that_brokers_refuse() {
    let mut setting = Setting::open();
    // One abort after another: whether it is for such a record, and whether something is waited for. Often one abort
    // more follows.
    let aborts = [(true, false), (true, false), (false, false), (false, true), (true, false), (false, false)];
    for (is_known_now, waits) in aborts {
        if is_known_now {
            setting.transactions.on_record_refused();
        }
        setting.transactions.abort("a test", setting.now, &mut setting.actions);
        setting.partitions.invalidate(0);
        setting.writers_leave();
        setting.outcome(TransactionOutcome::Begun { cause: None, renewed: None });
        words(&mut setting.actions);
        assert_eq!(setting.step(Duration::ZERO).is_empty(), waits);
        setting.transactions.phase = Phase::Open;
    }
}

#[test]
fn what_made_it_void_while_it_was_committed_leaves_the_commit_standing() {
    let mut setting = Setting::open();
    setting.step(INTERVAL);
    setting.writers_leave();
    setting.outcome(TransactionOutcome::Flushed);
    setting.transactions.abort("late", setting.now, &mut setting.actions);
    words(&mut setting.actions);
    setting.partitions.invalidate(0);
    setting.outcome(TransactionOutcome::Committed(vec![(at(0), Offset(10))]));
    assert!(words(&mut setting.actions).is_empty(), "partitions go back first");
    assert_eq!(setting.step(Duration::ZERO), ["ask"]);
}

#[test]
fn a_producer_that_is_fenced_twice_has_a_rival() {
    let mut setting = Setting::open();
    let fenced = || TransactionOutcome::Begun {
        cause: None,
        renewed: Some(KafkaError::new(ErrorKind::FencedProducer, "fenced")),
    };
    setting.outcome(fenced());
    assert!(!words(&mut setting.actions).iter().any(|word| word.starts_with("fail")));
    setting.outcome(fenced());
    assert!(words(&mut setting.actions).iter().any(|word| word.starts_with("fail")));
}

#[test]
fn the_gate_stays_closed_after_the_last_commit() {
    let mut setting = Setting::open();
    setting.transactions.request_close();
    setting.transactions.set_last();
    assert_eq!(setting.step(Duration::ZERO), ["close gate"]);
    setting.writers_leave();
    setting.outcome(TransactionOutcome::Flushed);
    words(&mut setting.actions);
    setting.outcome(TransactionOutcome::Committed(vec![(at(0), Offset(10))]));
    assert!(words(&mut setting.actions).is_empty());
    assert!(setting.transactions.is_at_rest());
}
