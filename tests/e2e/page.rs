//! The page of a daemon and that of `sluice dev`, in a browser: read, driven, and held to what a page must not do.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use sluicebox_tests::{Feeder, Folder, Group, Kafka, Record, Sluice, browser_script, repository, sluice};

use crate::order_status::{order, pipeline};
use crate::{EPOCH, stop};

const ORDERS: usize = 2_000;
const TOKEN: &str = "a-token-of-this-test";
const MARKUP: &str = r#"<img src=x onerror="window.isHacked = true">"#;

/// A child that is killed when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> (Running, BufReader<ChildStdout>) {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (Running(child), out)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_page_shows_a_pipeline_and_acts_on_it() {
    let kafka = Kafka::shared();
    let (folder, name) = (Folder::new(), sluicebox_tests::unique("page"));
    for topic in ["", ".clean", ".dlq"] {
        kafka.create_topic(&format!("{name}{topic}"), 1, &[]);
    }
    let dlq = format!("{name}.dlq");
    let file = pipeline(&kafka, &folder, &name);
    let feeder = Feeder::new(&kafka, &[]);
    let markup = Record::new("markup", MARKUP, EPOCH + ORDERS as i64);
    feeder.feed(&name, (0..ORDERS).map(order).chain([markup]).collect::<Vec<_>>().iter());
    let token = folder.write("token", TOKEN);
    let mut daemon = Sluice::run_with(&[&file], |command| {
        command.args(["--admin", "127.0.0.1:0", "--admin-token-file"]).arg(token);
    });
    daemon.wait_until_caught_up(&Group::new(&kafka, &name), &name);
    let listening = daemon
        .wait_for_line("the page's address", |line| line.field("target") == "admin" && line.message() == "listening");
    let address = format!("http://{}", listening.field("address"));
    let (mut browser, out) = Running::start(
        browser_script("daemon.mjs").args([address.as_str(), TOKEN, &name]).arg(kafka.size(&dlq).to_string()),
    );
    for line in out.lines() {
        if line.unwrap() == "TAPPING" {
            feeder.feed(&name, &(ORDERS + 1..ORDERS + 100).map(order).collect::<Vec<_>>());
        }
    }
    let ended = browser.0.wait().unwrap();
    assert!(ended.success(), "{ended}: what was wrong stands above");
    stop(&mut daemon);
}

#[test]
fn the_page_of_dev_tries_a_record_with_the_pipeline_jq_and_sql() {
    let file = repository().join("pipelines/order-status.yaml");
    let (_dev, mut out) = Running::start(sluice().arg("dev").arg(file).arg("--page"));
    let mut address = String::new();
    out.read_line(&mut address).unwrap();
    let ended = browser_script("dev.mjs").arg(address.trim()).status().unwrap();
    assert!(ended.success(), "{ended}: what was wrong stands above");
}
