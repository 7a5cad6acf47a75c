//! What a pipeline file promises, from text to plan.

mod formats;
mod fuzz;
mod golden;
mod properties;
mod schema;

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::plan::{Delivery, Hold, OnBreak, OnLostOffset, Oversize, Plan, Start, Target, Then};
use super::{Errors, PlanOptions, Warning, load, load_text};

/// The folder that files are named in; it has a `plugins/`.
const FOLDER: &str = "src/config/testdata";

/// The example of the contract, and all else that a file may say.
const FULL: &str = r#"
name: order-status
kafka:
  bootstrap.servers: ${KAFKA_BROKERS:-localhost:9092}
  message.max.bytes: 2000000
consumer: { session.timeout.ms: 10000 }
producer: { linger.ms: 10, compression.type: zstd }
input:
  topics: [order_status, "^orders\\.[a-z]+$"]
  group: order-status
  start: latest
  on_lost_offset: earliest
  allow_loop: false
delivery: at_least_once
instance: ${POD_NAME}
workers: ${N:-2}
batch: { max_records: 512, max_bytes: 256KiB, max_wait: "${WAIT:-7ms}" }
stages:
  - name: only-changes
    plugin: filter-json
    config: { field: status, one_of: [shipped, cancelled], limit: 3, share: 0.5, region: "${REGION}-1", n: "${N:-2}" }
    limits: { time: 2s, memory: 64MiB }
    grants: { clock: true, random: true, env: [REGION] }
    on_error: { retries: 5, backoff: 10ms, max_backoff: 1m, hold: key, then: drop }
  - name: by-file
    plugin: ./plugins/filter-json.wasm
    config:
      plain: ${N:-2}
      yes_is_text: yes
      escaped: $${N}
outputs:
  default: { topic: order_status.clean, create: { partitions: 4, replication: 3 } }
  audit: { topic: order_status.audit }
  rest: { drop: true }
dlq: { topic: order_status.dlq, oversize: drop_value, connect_headers: true, create: { partitions: 1, replication: 1 } }
breaker: { share: 0.25, window: 10s, min_records: 50, on_break: stop }
commit_interval: 500ms
drain: 10s
traces:
  endpoint: http://${COLLECTOR:-collector}:4318/v1/traces
  sample: 0.25
  propagate: true
  headers: { x-team: "${SECRET_VALUE}" }
  attributes: { deployment.environment.name: test }
  timeout: 2s
"#;

/// The least that a file must say.
const LEAST: &str = "
name: copy
kafka: { bootstrap.servers: localhost }
input: { topics: [a] }
outputs: { default: { topic: b } }
";

fn env(name: &str) -> Option<String> {
    match name {
        "POD_NAME" => Some("pod-1".to_owned()),
        "REGION" => Some("eu".to_owned()),
        "SECRET_VALUE" => Some("hunter2".to_owned()),
        "SECRET_LINE" => Some("hunter2\n".to_owned()),
        "PATTERN" => Some("^hunter2\\d".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn planned(text: &str) -> Result<(Plan, Vec<Warning>), Errors> {
    planned_with(text, &PlanOptions::default())
}

fn planned_with(text: &str, options: &PlanOptions) -> Result<(Plan, Vec<Warning>), Errors> {
    load_text(&Path::new(FOLDER).join("p.yaml"), text, &env, options)
}

fn good(text: &str) -> Plan {
    planned(text).unwrap_or_else(|errors| panic!("{errors}")).0
}

fn bad(text: &str) -> String {
    planned(text).unwrap_err().to_string()
}

#[test]
fn everything_that_a_file_says_is_in_the_plan() {
    let (plan, warnings) = planned(FULL).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(warnings, []);
    assert_eq!(&*plan.name, "order-status");
    assert_eq!((plan.as_written.0.name.line, plan.as_written.0.name.column), (2, 7));
    assert_eq!(plan.input.topics, ["order_status", "^orders\\.[a-z]+$"]);
    assert_eq!(plan.input.start, Start::Latest);
    assert_eq!(plan.input.on_lost_offset, OnLostOffset::Earliest);
    assert_eq!(plan.delivery, Delivery::AtLeastOnce);
    assert_eq!(plan.instance.as_deref(), Some("pod-1"));
    assert_eq!(plan.workers.get(), 2);
    assert_eq!((plan.batch.max_records, plan.batch.max_bytes), (512, 256 << 10));
    assert_eq!(plan.batch.max_wait, Duration::from_millis(7));
    let [first, second] = &plan.stages[..] else { panic!("two stages") };
    let config = r#"{"field":"status","one_of":["shipped","cancelled"],"limit":3,"share":0.5,"region":"eu-1","n":"2"}"#;
    assert_eq!(first.config, config);
    assert_eq!(first.path, Path::new(FOLDER).join("plugins/filter-json.wasm"));
    assert_eq!((first.limits.time, first.limits.memory), (Duration::from_secs(2), 64 << 20));
    assert!(first.grants.clock && first.grants.random && first.grants.env == ["REGION"]);
    assert_eq!((first.on_error.retries, first.on_error.then), (5, Then::Drop));
    assert_eq!((first.on_error.hold, second.on_error.hold), (Hold::Key, Hold::Partition));
    assert_eq!(first.on_error.max_backoff, Duration::from_secs(60));
    assert_eq!(second.config, r#"{"plain":2,"yes_is_text":"yes","escaped":"${N}"}"#);
    assert_eq!(second.plugin, "./plugins/filter-json.wasm");
    let traces = plan.traces.as_ref().unwrap();
    assert_eq!((&*traces.endpoint, traces.sample), ("http://collector:4318/v1/traces", 0.25));
    assert_eq!((traces.propagate, traces.timeout), (true, Duration::from_secs(2)));
    assert_eq!(traces.headers, [("x-team".to_owned(), "hunter2".to_owned())]);
    assert_eq!(traces.attributes, [("deployment.environment.name".to_owned(), "test".to_owned())]);
    let names: Vec<&str> = plan.outputs.iter().map(|output| &*output.name).collect();
    assert_eq!(names, ["default", "audit", "rest"]);
    let Target::Topic(topic) = &plan.outputs[0].target else { panic!("a topic") };
    assert_eq!((topic.create.unwrap().partitions, topic.create.unwrap().replication), (4, 3));
    assert!(matches!(plan.outputs[2].target, Target::Drop));
    let dlq = plan.dlq.unwrap();
    assert!(dlq.oversize == Oversize::DropValue && dlq.connect_headers && dlq.topic.create.is_some());
    let breaker = plan.breaker.unwrap();
    assert_eq!((breaker.share, breaker.min_records, breaker.on_break), (0.25, 50, OnBreak::Stop));
    assert_eq!((plan.commit_interval, plan.drain), (Duration::from_millis(500), Duration::from_secs(10)));
}

#[test]
fn a_file_may_leave_out_all_that_has_a_default() {
    let plan = good(LEAST);
    assert_eq!((&*plan.input.group, plan.input.start), ("copy", Start::Earliest));
    assert_eq!((plan.delivery, plan.input.on_lost_offset), (Delivery::AtLeastOnce, OnLostOffset::Stop));
    assert_eq!((plan.batch.max_records, plan.batch.max_bytes), (1024, 1 << 20));
    assert_eq!(plan.batch.max_wait, Duration::from_millis(5));
    assert_eq!((plan.commit_interval, plan.drain), (Duration::from_secs(1), Duration::from_secs(20)));
    let breaker = plan.breaker.unwrap();
    assert_eq!((breaker.share, breaker.min_records, breaker.on_break), (0.5, 100, OnBreak::Pause));
    assert!(plan.instance.is_none() && plan.dlq.is_none() && plan.stages.is_empty());
    let plan = good(&format!("{LEAST}dlq: {{ topic: d }}\nstages: [{{ name: a, plugin: filter-json }}]\n"));
    let stage = &plan.stages[0];
    assert_eq!((stage.limits.time, stage.limits.memory), (Duration::from_secs(1), 256 << 20));
    assert_eq!((stage.config.as_str(), stage.on_error.retries, stage.on_error.then), ("null", 3, Then::Dlq));
    assert_eq!(
        (stage.on_error.backoff, stage.on_error.max_backoff),
        (Duration::from_millis(100), Duration::from_secs(10))
    );
}

#[test]
fn a_plan_shows_no_secret() {
    let plan = good(&LEAST.replace("localhost", "x, sasl.password: hunter2"));
    assert_eq!(plan.consumer["sasl.password"], "hunter2");
    assert!(!format!("{plan:?}").contains("hunter2"));
}

#[test]
fn plans_are_equal_where_they_mean_the_same() {
    let plan = good(FULL);
    assert_eq!(plan, good(&format!("# a comment\n\n{}", FULL.replace("topics: [", "topics:   ["))));
    assert_eq!(plan, good(&FULL.replace("${N:-2}", "2")));
    for (from, to) in [
        ("workers: ${N:-2}", "workers: 3"),
        ("field: status", "field: state"),
        ("linger.ms: 10", "linger.ms: 11"),
        ("drain: 10s", "drain: 11s"),
        ("drain: 10s", "drain: 10s\nkafka_patience: 0s"),
        ("drain: 10s", "drain: 10s\nshow: { mask: [key] }"),
    ] {
        assert!(plan != good(&FULL.replacen(from, to, 1)), "{to}");
    }
}

#[test]
fn the_content_of_files_that_are_named_is_part_of_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    let text = LEAST.replace("localhost", "localhost, ssl.ca.location: ca.pem, sasl.username: \"${file:user}\"");
    let plan = || load_text(&file, &text, &env, &PlanOptions::default()).unwrap().0;
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("ca.pem", "1");
    write("user", "hunter2\n");
    let first = plan();
    assert_eq!(first.consumer["sasl.username"], "hunter2");
    assert!(!format!("{first:?}").contains("hunter2"), "{first:?}");
    assert_eq!(first, plan());
    write("ca.pem", "2");
    let second = plan();
    assert!(first != second);
    write("user", "other");
    assert!(second != plan());
    fs::remove_file(folder.path().join("user")).unwrap();
    let missing = load_text(&file, &text, &env, &PlanOptions::default()).unwrap_err().to_string();
    assert!(missing.contains("/user cannot be read: No such file"), "{missing}");
}

#[test]
fn what_is_printed_means_the_same() {
    for text in [FULL, LEAST, &format!("{LEAST}breaker: off\ndelivery: exactly_once\ninstance: ${{POD_NAME}}\n")] {
        let plan = good(text);
        let printed = super::print(&plan);
        assert_eq!(planned(&printed).map(|(plan, _)| plan).map_err(|errors| errors.to_string()), Ok(plan), "{printed}");
    }
}

#[test]
fn what_is_printed_shows_no_secret_and_nothing_of_the_environment() {
    let kafka = "x, sasl.password: pass-word, ssl.key.password: \"${SECRET_VALUE}\", client.id: \"${SECRET_VALUE}-1\"";
    let text = format!(
        "{}dlq: {{ topic: d }}\nstages: [{{ name: a, plugin: filter-json, config: {{ api_token: pass-word, n: \"${{SECRET_VALUE}}\" }} }}]\n",
        LEAST.replace("localhost", kafka)
    );
    let printed = super::print(&good(&text));
    assert!(!printed.contains("hunter2") && !printed.contains("pass-word"), "{printed}");
    for part in [
        "sasl.password: \"***\"",
        "ssl.key.password: ${SECRET_VALUE}",
        "client.id: ${SECRET_VALUE}-1",
        "api_token: \"***\"",
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
}

#[test]
fn plugins_may_be_left_out() {
    let text = format!("{LEAST}dlq: {{ topic: d }}\nstages: [{{ name: a, plugin: not-here }}]\n");
    assert!(planned(&text).is_err());
    let options = PlanOptions { without_plugins: true, ..PlanOptions::default() };
    assert_eq!(planned_with(&text, &options).unwrap().0.stages[0].plugin, "not-here");
}

#[test]
fn patience_with_kafka_is_a_minute_unless_the_file_says_otherwise() {
    assert_eq!(good(LEAST).kafka_patience, Duration::from_secs(60));
    assert_eq!(good(&format!("{LEAST}kafka_patience: 0s\n")).kafka_patience, Duration::ZERO);
}

#[test]
fn a_dlq_that_is_an_outputs_topic_is_a_warning() {
    let (_, warnings) = planned(&format!("{LEAST}dlq: {{ topic: b }}\n")).unwrap();
    assert!(warnings[0].to_string().contains("\"b\" is the topic of outputs.default, too"), "{}", warnings[0]);
}

#[test]
fn paths_are_relative_to_the_file() {
    let text = LEAST.replace("localhost", "x, ssl.ca.location: plugins");
    assert_eq!(good(&text).consumer["ssl.ca.location"], format!("{FOLDER}/plugins"));
    let missing = bad(&text.replace("plugins", "none.pem").replace("x,", "x, security.protocol: ssl,"));
    assert!(missing.contains(":3:73: kafka.ssl.ca.location: \"none.pem\" is no file"), "{missing}");
}

#[test]
fn exactly_once_is_refused_on_the_embedded_broker() {
    let text = format!("{LEAST}delivery: exactly_once\n");
    let options = PlanOptions { embedded: true, ..PlanOptions::default() };
    let errors = planned_with(&text, &options).unwrap_err().to_string();
    assert!(errors.contains("p.yaml:6:11: delivery: the embedded broker has no transactions"), "{errors}");
    assert!(planned_with(LEAST, &options).is_ok());
}

#[test]
fn an_instance_comes_from_the_command_line_before_the_file_and_empty_is_none() {
    assert_eq!(good(&format!("{LEAST}instance: ${{GONE:-}}\n")).instance, None);
    assert_eq!(good(&format!("{LEAST}instance: ${{EMPTY}}\n")).instance, None);
    let options = PlanOptions { instance: Some("given".to_owned()), ..PlanOptions::default() };
    let (plan, _) = planned_with(&format!("{LEAST}instance: written\n"), &options).unwrap();
    assert_eq!(plan.consumer["group.instance.id"], "given");
    let options = PlanOptions { instance: Some("not legal".to_owned()), ..PlanOptions::default() };
    assert!(planned_with(LEAST, &options).unwrap_err().to_string().contains("\"not legal\" may hold only"));
}

#[test]
fn a_dlq_may_be_missing_where_no_stage_can_send_to_it() {
    for then in ["drop", "stop"] {
        let stage = format!("stages: [{{ name: a, plugin: filter-json, on_error: {{ then: {then} }} }}]\n");
        assert!(good(&format!("{LEAST}{stage}")).dlq.is_none());
    }
}

#[test]
fn a_loop_is_allowed_where_it_is_meant() {
    let text = LEAST.replace("topics: [a]", "topics: [b]");
    assert!(bad(&text).contains("is written, and read by input.topics"));
    good(&text.replace("[b]", "[b], allow_loop: true"));
}

#[test]
fn breaker_off_is_none() {
    assert!(good(&format!("{LEAST}breaker: off\n")).breaker.is_none());
    assert!(good(&format!("{LEAST}breaker: ${{BREAKER:-off}}\n")).breaker.is_none());
}

#[test]
fn anchors_and_merges_are_expanded_in_place() {
    let text = format!(
        "{LEAST}dlq: {{ topic: d }}\nstages:\n  - {{ name: a, plugin: filter-json, limits: &l {{ time: 3s }} }}\n  \
         - {{ name: b, plugin: filter-json, limits: *l }}\n  - {{ name: c, plugin: filter-json, limits: {{ <<: *l, memory: 1MiB }} }}\n"
    );
    let plan = good(&text);
    assert!(plan.stages.iter().all(|stage| stage.limits.time == Duration::from_secs(3)));
    assert_eq!(plan.stages[2].limits.memory, 1 << 20);
}

#[test]
fn a_grant_of_a_variable_that_is_not_set_is_a_warning() {
    let text = format!(
        "{LEAST}dlq: {{ topic: d }}\nstages: [{{ name: a, plugin: filter-json, grants: {{ env: [GONE] }} }}]\n"
    );
    let (plan, warnings) = planned(&text).unwrap();
    assert_eq!(plan.stages[0].grants.env, ["GONE"]);
    assert!(warnings[0].to_string().contains("p.yaml:7:58: grants.env: \"GONE\" is not set"), "{}", warnings[0]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    good(&format!("\u{feff}{}", LEAST.trim_start().replace('\n', "\r\n")));
    assert!(bad("\u{feff}nam: x\r\n").starts_with("src/config/testdata/p.yaml:1:1: "));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let load = |file: &Path| load(file, &env, &PlanOptions::default()).unwrap_err().to_string();
    assert!(load(Path::new("none.yaml")).starts_with("none.yaml: cannot be read: "));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), b"name: x\nkafka: \xff").unwrap();
    assert!(load(file.path()).ends_with("line 2 is not UTF-8"));
}

#[test]
fn an_alias_bomb_is_refused_before_it_grows() {
    let level = |n: usize| format!("  a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
    let bomb: String = (1..30).map(level).collect();
    let stage = "stages:\n- name: a\n  plugin: filter-json\n  config:\n  ";
    let errors = bad(&format!("{LEAST}{stage}  a0: &a0 x\n{}", bomb.replace("  a", "    a")));
    assert!(errors.contains("too many anchors and aliases"), "{errors}");
}
