//! What Prometheus' own tools say of the metrics of a daemon, and of the rules and the dashboard that come with it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Sluice, admin_script, promtool, repository};

use crate::metrics::{address, ask_with};
use crate::{records, stop};

/// Runs a command with this input, and returns what it has written to standard output.
fn run(command: &mut Command, input: &str) -> String {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = piped.get_program().to_string_lossy().into_owned();
    let missing = |error| {
        panic!(
            "{program} does not start ({error}): `cargo xtask setup` provides it; or set SLUICE_PROMTOOL to promtool"
        )
    };
    let mut child = piped.spawn().unwrap_or_else(missing);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (out, err) = (text(stdout), text(stderr));
    assert!(status.success(), "{program}: {status}\n{out}\n{err}");
    out
}

#[test]
fn prometheus_reads_the_metrics_of_a_pipeline_in_both_formats() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let mut pipeline = Pipeline::with_topics(&kafka, "monitoring", 2);
    pipeline.stage("misbehave", json!(null)).set("breaker", json!("off"));
    Feeder::new(&kafka, &[])
        .feed(&pipeline.input, &records(0, 50, |n| if n % 5 == 0 { "!reject:no" } else { "x" }.to_owned()));
    let mut sluice = Sluice::run_with(&[&pipeline.write(&folder)], |command| {
        command.args(["--admin", "127.0.0.1:0"]);
    });
    let address = address(&mut sluice);
    sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);

    let (status, text) = ask_with(&address, "GET", "/metrics", "");
    assert_eq!(status, 200, "{text}");
    let complaints = run(promtool().args(["check", "metrics"]), &text);
    assert_eq!(complaints, "", "promtool check metrics");
    let accept = "Accept: application/openmetrics-text; version=1.0.0\r\n";
    let (status, text) = ask_with(&address, "GET", "/metrics", accept);
    assert_eq!(status, 200, "{text}");
    let read: BTreeSet<String> = run(&mut admin_script("open_metrics.py"), &text).lines().map(str::to_owned).collect();
    let names = ["sluice_input_records", "sluice_stage_call_seconds", "sluice_lag_records", "process_cpu_seconds"];
    assert!(names.iter().all(|name| read.contains(*name)), "{read:?}");
    stop(&mut sluice);
}

#[test]
fn the_alert_rules_are_rules_and_say_what_they_should() {
    let file = |name: &str| repository().join(name);
    run(promtool().args(["check", "rules"]).arg(file("deploy/monitoring/alerts.yaml")), "");
    let tests = file("tests/monitoring/alerts.test.yaml");
    run(promtool().args(["test", "rules"]).arg(&tests), "");
    let (rules, tests) =
        (std::fs::read_to_string(file("deploy/monitoring/alerts.yaml")), std::fs::read_to_string(tests));
    let (rules, tests) = (rules.unwrap(), tests.unwrap());
    for rule in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {rule}\n")), "{rule} has no test");
    }
}
