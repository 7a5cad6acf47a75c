use super::super::testing::{at, deliver, dispatch, intake, owned, words};
use super::*;
use crate::batch::Offset;
use crate::kafka::ErrorKind;
use crate::rt;

const PATIENCE: Duration = Duration::from_secs(60);

struct Setting {
    authorization: Authorization,
    partitions: OwnedPartitions,
    intake: Intake,
    now: Instant,
    actions: Actions,
}

impl Setting {
    /// One partition, of which nothing was read yet.
    fn new(patience: Duration, topics: &[&str], has_transactions: bool) -> Setting {
        let options = AuthorizationOptions {
            pipeline: "p".into(),
            patience,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            has_transactions,
        };
        let authorization = Authorization::new(options);
        let (intake, _workers) = intake(1);
        Setting { authorization, partitions: owned(1, 1), intake, now: rt::now(), actions: Actions::new() }
    }

    fn refuse(&mut self, refused: Refused) -> Vec<String> {
        let error = KafkaError::new(ErrorKind::Authorization, "refused");
        self.authorization.on_refused(refused, &error, self.now, &mut self.actions);
        words(&mut self.actions)
    }

    fn answer(&mut self, missing: &[MissingRight]) -> Vec<String> {
        self.authorization.on_missing(Ok(missing.to_vec()), self.now, &mut self.actions);
        words(&mut self.actions)
    }

    fn step(&mut self, after: Duration) -> Vec<String> {
        self.now += after;
        let ask = |_: &OwnedPartitions| Question::Missing { read: vec!["in".into()] };
        let Setting { authorization, partitions, intake, now, actions } = self;
        authorization.step(*now, true, partitions, intake, ask, actions);
        words(actions)
    }
}

fn read(topic: &str) -> MissingRight {
    MissingRight::Read(topic.into())
}

#[test]
fn a_right_to_read_is_waited_for_and_reading_goes_on_by_itself() {
    let mut setting = Setting::new(PATIENCE, &["in"], false);
    assert!(setting.refuse(Refused::Input).is_empty());
    assert_eq!(setting.step(Duration::ZERO), ["ask"]);
    assert!(setting.answer(&[read("in")]).is_empty());
    assert!(setting.step(Duration::ZERO).is_empty());
    assert_eq!(setting.step(ASK_EVERY), ["ask"]);
    assert!(setting.answer(&[]).is_empty());
    assert!(setting.step(Duration::ZERO).is_empty());
    assert_eq!(setting.authorization.deadline(), None);
}

#[test]
fn a_wait_ends_with_the_reason_when_patience_is_used_up() {
    let mut setting = Setting::new(PATIENCE, &["in"], false);
    setting.refuse(Refused::Input);
    setting.step(Duration::ZERO);
    setting.answer(&[read("in"), MissingRight::Group]);
    let words = setting.step(PATIENCE);
    assert_eq!(words.len(), 1);
    assert!(words[0].starts_with("fail") && words[0].contains("Read on topic \"in\", Read on the consumer group"));
}

#[test]
fn brokers_that_do_not_answer_prolong_nothing() {
    let mut setting = Setting::new(PATIENCE, &["in"], false);
    setting.refuse(Refused::Input);
    assert_eq!(setting.step(Duration::ZERO), ["ask"]);
    setting.authorization.on_missing(Err(KafkaError::timed_out("x")), setting.now, &mut setting.actions);
    assert_eq!(setting.step(ASK_EVERY), ["ask"]);
    assert!(setting.step(PATIENCE)[0].starts_with("fail"));
}

#[test]
fn no_patience_is_an_end_at_once() {
    for refused in [Refused::Input, Refused::Output] {
        let mut setting = Setting::new(Duration::ZERO, &["in"], false);
        assert!(setting.refuse(refused)[0].starts_with("fail"));
    }
    // Of a pattern it has to be asked first whether the topic is one that is passed over.
    let mut setting = Setting::new(Duration::ZERO, &["^in"], false);
    assert!(setting.refuse(Refused::Input).is_empty());
    assert!(setting.answer(&[MissingRight::Group])[0].starts_with("fail"));
}

#[test]
fn a_topic_of_a_pattern_that_may_not_be_read_is_passed_over() {
    let mut setting = Setting::new(PATIENCE, &["^in", "by.name"], false);
    setting.refuse(Refused::Input);
    setting.step(Duration::ZERO);
    setting.answer(&[read("in.secret")]);
    assert!(setting.step(Duration::ZERO).is_empty());
    assert!(setting.authorization.wait.is_none() && setting.authorization.passed_over.contains_key("in.secret"));
    setting.now += SAME_WAIT;
    setting.refuse(Refused::Input);
    setting.step(Duration::ZERO);
    setting.answer(&[read("by.name")]);
    assert!(setting.step(PATIENCE)[0].starts_with("fail"));
}

#[test]
fn a_right_to_write_pauses_intake_and_takes_partitions_back_to_what_is_delivered() {
    let mut setting = Setting::new(PATIENCE, &["in"], false);
    dispatch(&mut setting.partitions, 0, 0, 10);
    dispatch(&mut setting.partitions, 0, 10, 20);
    deliver(&mut setting.partitions, 0, 0, 10);
    assert_eq!(setting.refuse(Refused::Output), ["clear intake", "purge"]);
    assert!(setting.refuse(Refused::Output).is_empty(), "the others that fail are no news");
    assert!(setting.authorization.is_writing_refused());
    assert_eq!(setting.step(Duration::ZERO), ["pause 0", "ask"], "something is on its way");
    assert!(setting.answer(&[]).is_empty());
    assert!(setting.step(Duration::ZERO).is_empty(), "it is still on its way");
    assert_eq!(setting.authorization.deadline(), None, "only that is waited for");
    setting.partitions.of_mut(&at(0)).unwrap().abandoned(Offset(10));
    assert_eq!(setting.step(Duration::ZERO), ["restart 0@10", "read on 0"]);
    assert!(!setting.authorization.is_writing_refused());
}

#[test]
fn under_exactly_once_the_abort_takes_partitions_back() {
    let mut setting = Setting::new(PATIENCE, &["in"], true);
    dispatch(&mut setting.partitions, 0, 0, 10);
    assert!(setting.refuse(Refused::Output).is_empty(), "what came since an abort began does not go back");
    assert_eq!(setting.step(Duration::ZERO), ["pause 0", "ask"]);
    setting.answer(&[]);
    assert_eq!(setting.step(Duration::ZERO), ["read on 0"]);
}

#[test]
fn a_right_that_brokers_do_not_miss_and_refuse_all_the_same_ends_the_pipeline_too() {
    let mut setting = Setting::new(PATIENCE, &["in"], true);
    let begun = setting.now;
    while setting.now - begun < PATIENCE {
        setting.refuse(Refused::Output);
        setting.step(ASK_EVERY);
        setting.answer(&[]);
        setting.step(ASK_EVERY);
    }
    assert!(setting.refuse(Refused::Output)[0].starts_with("fail"));
}

#[test]
fn nothing_behind_what_is_thrown_away_is_written_before_its_partition_has_gone_back() {
    let mut setting = Setting::new(PATIENCE, &["in"], false);
    dispatch(&mut setting.partitions, 0, 0, 5);
    setting.refuse(Refused::Output);
    setting.partitions.cut_undelivered();
    let lease = setting.partitions.of(&at(0)).unwrap().lease().clone();
    assert!(!lease.covers(Offset(0)) && !lease.covers(Offset(5)));
    setting.step(Duration::ZERO);

    // It was written, and not thrown away: the partition goes back all the same, for its lease takes nothing more.
    deliver(&mut setting.partitions, 0, 0, 5);
    assert_eq!(setting.step(Duration::ZERO), ["restart 0@5"]);
}

#[test]
fn what_is_delivered_is_not_cut_off() {
    let mut setting = Setting::new(PATIENCE, &["in"], false);
    dispatch(&mut setting.partitions, 0, 0, 5);
    deliver(&mut setting.partitions, 0, 0, 5);
    setting.partitions.cut_undelivered();
    assert!(setting.partitions.of(&at(0)).unwrap().lease().is_full());
}
