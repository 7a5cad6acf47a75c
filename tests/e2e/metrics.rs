//! `/metrics` of a daemon at work: what was read adds up in every scrape, and no counter falls.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, LIMIT, Pipeline, Sluice};

use crate::{records, stop};

/// Records of each of the three loads.
const COUNT: usize = 20_000;

/// Records that come while it is paused.
const PAUSED: f64 = 100.0;

/// The samples of one scrape: names with labels, and values.
pub type Samples = BTreeMap<String, f64>;

/// Where the admin endpoint of a daemon listens.
pub fn address(sluice: &mut Sluice) -> String {
    let line = sluice
        .wait_for_line("the admin endpoint", |line| line.field("target") == "admin" && line.message() == "listening");
    line.field("address")
}

/// Asks for something, and returns the answer's status and body.
fn ask(address: &str, method: &str, path: &str) -> (u16, String) {
    ask_with(address, method, path, "")
}

/// The same with more headers, each with its line break.
pub fn ask_with(address: &str, method: &str, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

pub fn scrape(address: &str) -> Samples {
    let (status, text) = ask(address, "GET", "/metrics");
    assert_eq!(status, 200, "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#') && line.contains(' '));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// The sum of all series of a metric.
pub fn sum(samples: &Samples, name: &str) -> f64 {
    let is_its = |sample: &str| sample.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
    samples.iter().filter(|(sample, _)| is_its(sample)).map(|(_, value)| value).sum()
}

/// Looks at scrapes of one daemon, one after the other.
pub struct Watch {
    address: String,
    before: Samples,
    /// How many scrapes it has looked at.
    pub scrapes: usize,
}

impl Watch {
    pub fn new(address: String) -> Watch {
        Watch { address, before: Samples::new(), scrapes: 0 }
    }

    /// Scrapes, and holds it against the scrape before.
    pub fn look(&mut self) -> &Samples {
        let now = scrape(&self.address);
        let lags = now.keys().filter(|name| name.starts_with("sluice_lag_records{")).count();
        let assigned = sum(&now, "sluice_assigned_partitions");
        assert!(lags as f64 <= assigned, "{lags} partitions have a lag, and {assigned} are assigned");
        let read = sum(&now, "sluice_input_records_total");
        let outcomes = sum(&now, "sluice_inputs_total");
        let on_way = sum(&now, "sluice_in_flight_records") + sum(&now, "sluice_waiting_for_retry_records");
        assert_eq!(
            read,
            outcomes + on_way,
            "scrape {}: {outcomes} have an outcome, {on_way} are on their way",
            self.scrapes
        );
        for (name, before) in &self.before {
            let metric = name.split('{').next().unwrap_or_default();
            if ["_total", "_bucket", "_sum", "_count"].iter().any(|suffix| metric.ends_with(suffix)) {
                let now = now.get(name).unwrap_or_else(|| panic!("{name} is gone"));
                assert!(now >= before, "{name} fell from {before} to {now}");
            }
        }
        (self.before, self.scrapes) = (now, self.scrapes + 1);
        &self.before
    }
}

/// Pauses the pipeline, has [`PAUSED`] records fed, and resumes it.
fn reads_nothing_while_paused(sluice: &mut Sluice, watch: &mut Watch, pipeline: &Pipeline, feed: impl FnOnce()) {
    let pipeline_view = format!("/api/v1/pipelines/{}", pipeline.name);
    assert_eq!(ask(&watch.address, "POST", &format!("{pipeline_view}/pause")).0, 200);
    assert!(ask(&watch.address, "GET", &pipeline_view).1.contains("\"state\":\"paused\""));
    assert_eq!(ask(&watch.address, "GET", "/readyz").0, 200, "paused is ready");
    let read = sum(watch.look(), "sluice_input_records_total");
    feed();
    for _ in 0..50 {
        assert_eq!(sum(watch.look(), "sluice_input_records_total"), read, "nothing is read while it is paused");
    }
    sluice.wait_for("the lag of a pipeline that fetches nothing", LIMIT, || {
        match sum(watch.look(), "sluice_pipeline_lag_records") {
            PAUSED => Ok(()),
            lag => Err(format!("it is {lag}")),
        }
    });
    assert_eq!(sum(watch.look(), "sluice_lag_records"), PAUSED);
    let is_of_time = |sample: &String| sample.starts_with("sluice_pipeline_max_lag_seconds");
    assert!(!watch.look().keys().any(is_of_time), "nobody knows how old the records are that are not read");
    sluice.wait_for_line("a status line", |line| line.is_status_of(&pipeline.name) && line.field("state") == "paused");
    assert_eq!(ask(&watch.address, "POST", &format!("{pipeline_view}/resume")).0, 200);
}

fn balance_holds(delivery: &str) {
    let kafka = Kafka::shared();
    let mut pipeline = Pipeline::with_topics(&kafka, &format!("metrics-{delivery}"), 4);
    pipeline.set("delivery", json!(delivery)).set("commit_interval", json!("100ms"));
    pipeline.stage("misbehave", json!(null));
    pipeline.set_stage("on_error", json!({ "retries": 2, "backoff": "5ms" }));
    let feeder = Feeder::new(&kafka, &[]);
    let load = |from| {
        records(from, COUNT, |n| match n % 100 {
            3 => "!retry:1".to_owned(),
            4 => "!reject:because".to_owned(),
            5 => "!drop".to_owned(),
            6 => "!emit:3".to_owned(),
            _ => format!("value {n}"),
        })
    };
    let folder = Folder::new();
    let file = pipeline.write(&folder);
    let mut sluice = Sluice::run_with(&[&file], |command| {
        command.args(["--admin", "127.0.0.1:0", "--admin-unprotected"]);
    });
    let mut watch = Watch::new(address(&mut sluice));
    let group = Group::new(&kafka, &pipeline.name);
    feeder.feed(&pipeline.input, &load(0));
    sluice.wait_for("the first load", LIMIT, || {
        watch.look();
        group.caught_up(&pipeline.input)
    });
    // Another member takes partitions in the middle of the second load, and gives them back in the middle of the third.
    feeder.feed(&pipeline.input, &load(COUNT));
    let mut other = Sluice::run(&[&file]);
    sluice.wait_for("a rebalance", LIMIT, || {
        let all = sum(watch.look(), "sluice_assigned_partitions");
        if all < 4.0 { Ok(()) } else { Err(format!("{all} partitions are assigned")) }
    });
    let lags = watch.before.keys().filter(|name| name.starts_with("sluice_lag_records{")).count();
    assert!(lags < 4, "series of revoked partitions are gone: {lags}");
    feeder.feed(&pipeline.input, &load(2 * COUNT));
    stop(&mut other);
    sluice.wait_for("all loads", LIMIT, || {
        watch.look();
        group.caught_up(&pipeline.input)
    });
    let more = &load(3 * COUNT)[..PAUSED as usize];
    reads_nothing_while_paused(&mut sluice, &mut watch, &pipeline, || feeder.feed(&pipeline.input, more));
    sluice.wait_for("what came meanwhile", LIMIT, || {
        watch.look();
        group.caught_up(&pipeline.input)
    });
    let last = watch.look();
    assert!(sum(last, "sluice_dead_letters_total") > 0.0 && sum(last, "sluice_stage_retries_total") > 0.0);
    assert!(sum(last, "sluice_rebalances_total") > 1.0);
    assert!(watch.scrapes > 5, "{} scrapes", watch.scrapes);
    stop(&mut sluice);
}

#[test]
fn what_was_read_adds_up_in_every_scrape() {
    balance_holds("at_least_once");
}

#[test]
fn what_was_read_adds_up_with_transactions() {
    balance_holds("exactly_once");
}
