//! A checker that never fails proves nothing: each rule is broken here, and has to be noticed.

use super::end::Ending;
use super::*;
use crate::cluster::log::Message;
use crate::network::Network;
use crate::scheduler::{Scheduler, Style};
use crate::script::Act;
use sluicebox::kafka::TopicLimits;

const GROUP: &str = "g";

struct Setting {
    world: World,
    input: TopicPartition,
    output: TopicPartition,
}

fn task(script: Script, exactly_once: bool) -> Task {
    Task {
        may_be_refused: false,
        then: vec![Then::Letter; script.stages],
        script,
        group: GROUP.into(),
        outputs: vec![Some("out".into())],
        dlq: Some("dlq".into()),
        retries: 1,
        exactly_once,
        starts_at_end: false,
        is_unsteady: false,
    }
}

fn setting(task: Task) -> Setting {
    let scheduler = Scheduler::new(1, Style::default());
    let mut cluster = Cluster::new(1);
    for topic in ["in", "out", "dlq"] {
        cluster.create_topic(topic, 1, TopicLimits::default());
    }
    let world = World::new(scheduler, 1, Network::default(), cluster, Checker::new(task));
    Setting { world, input: TopicPartition::new("in", 0), output: TopicPartition::new("out", 0) }
}

fn message(path: &str) -> Arc<Message> {
    Arc::new(Message { key: Some(b"k".to_vec()), value: Some(path.as_bytes().to_vec()), ..Message::default() })
}

fn letter(offset: i64, path: &str, class: &str) -> Arc<Message> {
    let fields =
        [("topic", "in"), ("partition", "0"), ("offset", &offset.to_string()), ("path", path), ("class", class)];
    let headers =
        fields.map(|(name, value)| (format!("sluice.error.{name}").into_bytes(), Some(value.as_bytes().to_vec())));
    Arc::new(Message { headers: headers.to_vec(), ..Message::default() })
}

impl Setting {
    fn read(&mut self, path: &str) -> i64 {
        self.world.cluster.log(&self.input).unwrap().append(message(path), None)
    }

    fn write(&mut self, path: &str) {
        self.world.cluster.log(&self.output).unwrap().append(message(path), None);
    }

    fn write_letter(&mut self, letter: Arc<Message>) {
        self.world.cluster.log(&TopicPartition::new("dlq", 0)).unwrap().append(letter, None);
    }

    fn commit(&mut self, offset: i64) {
        let input = self.input.clone();
        self.world.check_commit(GROUP, &input, offset);
    }

    fn end(&mut self, all_is_read: bool) {
        self.world.check_end(&Ending {
            inputs: vec!["in".into()],
            all_is_read,
            may_repeat: false,
            loses_offsets: false,
        });
    }

    fn finds(&self, what: &str) {
        let violations = self.world.checker.violations();
        assert!(violations.iter().any(|found| found.contains(what)), "{violations:?}");
    }

    fn finds_nothing(&self) {
        assert!(self.world.checker.violations().is_empty(), "{:?}", self.world.checker.violations());
    }
}

fn plain() -> Script {
    Script { stages: 1, ..Script::default() }
}

#[test]
fn a_commit_over_what_is_not_written_is_found() {
    let mut setting = setting(task(plain(), false));
    setting.read("0");
    setting.read("1");
    setting.write("0");
    setting.commit(1);
    setting.finds_nothing();
    setting.commit(2);
    setting.finds("of offset 1 (record 1) there is no");
}

#[test]
fn a_commit_behind_the_end_or_behind_another_is_found() {
    let mut one = setting(task(plain(), false));
    one.commit(1);
    one.finds("the log ends at 0");
    let mut one = setting(task(plain(), false));
    one.read("0");
    one.write("0");
    one.commit(1);
    one.commit(0);
    one.finds("goes back from 1 to 0");
}

#[test]
fn each_of_several_has_to_come() {
    let script = Script { stages: 1, emits: 1000, ..Script::default() };
    let number = (0..).find(|number: &u64| script.act(&number.to_string(), 0) == Act::Emit(2)).unwrap();
    let mut setting = setting(task(script, false));
    setting.read(&number.to_string());
    setting.write(&format!("{number}.1"));
    setting.commit(1);
    setting.finds(&format!("{number}.0"));
}

#[test]
fn a_dead_letter_has_to_have_its_class() {
    let script = Script { stages: 1, rejects: 1000, ..Script::default() };
    for (class, is_right) in [("reject", true), ("trap", false)] {
        let mut setting = setting(task(script.clone(), false));
        setting.read("0");
        setting.write_letter(letter(0, "", class));
        setting.commit(1);
        if is_right { setting.finds_nothing() } else { setting.finds("there is no Letter") }
    }
}

#[test]
fn what_an_aborted_transaction_has_written_does_not_count() {
    for commit in [true, false] {
        let mut setting = setting(task(plain(), true));
        setting.read("0");
        let log = setting.world.cluster.log(&setting.output).unwrap();
        log.append(message("0"), Some(7));
        log.end_transaction(7, commit);
        setting.commit(1);
        if commit { setting.finds_nothing() } else { setting.finds("there is no Output") }
    }
}

#[test]
fn what_comes_twice_is_found_where_nothing_explains_it() {
    for (exactly_once, excuse, is_found) in [(false, false, true), (false, true, false), (true, true, true)] {
        let mut setting = setting(task(plain(), exactly_once));
        setting.read("0");
        setting.write("0");
        setting.write("0");
        setting.commit(1);
        if excuse {
            setting.world.checker.excuse("a crash");
        }
        setting.end(false);
        if is_found { setting.finds("is there 2 times") } else { setting.finds_nothing() }
    }
}

#[test]
fn what_nothing_leads_to_is_found() {
    let mut setting = setting(task(plain(), false));
    setting.read("0");
    setting.write("0");
    setting.write("7");
    setting.commit(1);
    setting.end(true);
    setting.finds("no input leads to");
}

#[test]
fn a_partition_that_is_stuck_is_found() {
    for all_is_read in [true, false] {
        let mut setting = setting(task(plain(), false));
        setting.read("0");
        setting.end(all_is_read);
        if all_is_read { setting.finds("is stuck") } else { setting.finds_nothing() }
    }
}

#[test]
fn a_later_record_before_an_earlier_one_of_its_key_is_found() {
    let mut setting = setting(task(plain(), false));
    setting.read("0");
    setting.read("1");
    setting.write("1");
    setting.write("0");
    setting.commit(2);
    setting.end(true);
    setting.finds("comes behind one of the same key");
}
