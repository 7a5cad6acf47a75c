//! Looking at records through a running daemon: explanations, dead letters, replays and taps of the admin API, and the
//! commands `tap` and `top`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use sluicebox_tests::{Feeder, Finished, LIMIT, Record, Sluice, sluice, wait_for};

use crate::dlq::Desk;
use crate::{EPOCH, records, stop};

/// A daemon with an admin address that is open to this machine.
pub struct Daemon {
    pub running: Sluice,
    address: String,
}

impl Daemon {
    fn start(desk: &Desk) -> Daemon {
        Daemon::run(&desk.pipeline.write(&desk.folder))
    }

    /// Runs a pipeline.
    pub fn run(file: &Path) -> Daemon {
        let mut running = Sluice::run_with(&[file], |command| {
            command.args(["--admin", "127.0.0.1:0", "--admin-unprotected"]);
        });
        let listens = running.wait_for_line("the admin address", |line| {
            line.field("target") == "admin" && line.message() == "listening"
        });
        running.wait_until_ready();
        Daemon { running, address: listens.field("address") }
    }

    /// Where its admin endpoint listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks, and returns status and answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    fn command(&self, arguments: &[&str]) -> Finished {
        Finished::of(sluice().args(arguments).args(["--admin", &self.address]))
    }
}

#[test]
fn a_record_is_explained_by_the_daemon_as_it_is_by_the_command() {
    let mut desk = Desk::new("inspect-explain", 1);
    desk.pipeline.set("show", json!({ "mask": ["value.email"] }));
    let good = json!({ "email": "ann@example.com", "n": 1 }).to_string();
    desk.process(&["!reject:ann@example.com", &good]);
    let mut daemon = Daemon::start(&desk);
    let (pipeline, input) = (&desk.pipeline.name, &desk.pipeline.input);
    let explain = |body: Value| daemon.ask("POST", &format!("pipelines/{pipeline}/explain"), &body);

    let (status, explained) = explain(json!({ "topic": input, "partition": 0, "offset": 1 }));
    assert_eq!((status, &explained["result"]), (200, &json!("delivered")), "{explained}");
    assert!(!explained.to_string().contains("ann@"), "{explained}");
    let (status, explained) = explain(json!({ "dead_letter": { "partition": 0, "offset": 0 } }));
    assert_eq!(
        (status, &explained["result"], &explained["before"]["class"]),
        (200, &json!("dead_lettered"), &json!("reject"))
    );
    assert!(!explained.to_string().contains("ann@"), "{explained}");
    let (status, explained) = explain(json!({ "record": { "key": null, "value": "!drop" } }));
    assert_eq!((status, &explained["result"]), (200, &json!("dropped")));

    for (body, status, part) in [
        (json!({ "topic": "elsewhere", "partition": 0, "offset": 0 }), 404, "is no input of pipeline"),
        (json!({ "record": { "value": "x", "offset": -1 } }), 422, "numbers from 0 on"),
        (json!({ "topic": null, "record": { "value": "x" } }), 422, "invalid type: null"),
        (json!({ "topic": input, "partition": 0, "offset": 99 }), 404, "it is not there yet"),
        (json!({ "topic": input, "partition": 0 }), 422, "give one of"),
        (json!({ "topic": input, "partition": -1, "offset": 0 }), 422, "numbers from 0 on"),
        (json!({ "what": 1 }), 422, "unknown field"),
    ] {
        let (answered, problem) = explain(body);
        assert_eq!(answered, status, "{problem}");
        assert!(problem["detail"].as_str().unwrap_or_default().contains(part), "{part} in {problem}");
    }

    let groups = daemon.get(&format!("pipelines/{pipeline}/dead-letters"));
    assert_eq!((&groups["groups"][0]["count"], &groups["complete"]), (&json!(1), &json!(true)), "{groups}");
    let letter = daemon.get(&format!("pipelines/{pipeline}/dead-letters/0/0"));
    assert_eq!(
        (&letter["error"]["class"], &letter["error"]["replayed"]),
        (&json!("reject"), &json!(false)),
        "{letter}"
    );
    assert_eq!(letter["record"]["headers"], json!([]), "what sluice added is not part of the record");
    assert!(!groups.to_string().contains("ann@") && !letter.to_string().contains("ann@"), "{groups} {letter}");
    assert_eq!(daemon.ask("GET", &format!("pipelines/{pipeline}/dead-letters/0/9"), &Value::Null).0, 404);
    assert!(!daemon.running.lines().iter().any(|line| line.text.contains("ann@")), "nor is it in the log");
    stop(&mut daemon.running);
}

#[test]
fn dead_letters_are_replayed_beside_the_pipeline_one_replay_at_a_time() {
    let mut desk = Desk::new("inspect-replay", 1);
    desk.pipeline.set("breaker", json!("off"));
    desk.process_records(&records(0, 40, |n| format!("!reject:no-{n}")));
    desk.pipeline.stage("identity", json!({}));
    let mut daemon = Daemon::start(&desk);
    let path = format!("pipelines/{}/replays", desk.pipeline.name);
    let group = daemon.get(&format!("pipelines/{}/dead-letters", desk.pipeline.name))["groups"][0].clone();
    assert_eq!((&group["reason"], &group["count"]), (&json!("no-N"), &json!(40)));

    let slow = json!({ "reason": group["reason"], "rate": 10 });
    let (status, replay) = daemon.ask("POST", &path, &slow);
    assert_eq!(status, 202, "{replay}");
    let (status, problem) = daemon.ask("POST", &path, &slow);
    assert_eq!(status, 409, "{problem}");
    let one = format!("{path}/{}", replay["id"].as_str().unwrap());
    wait_for("the replay to have replayed some", LIMIT, || match daemon.get(&one)["replayed"].as_u64() {
        Some(0) | None => Err("none".to_owned()),
        Some(_) => Ok(()),
    });
    assert_eq!(daemon.ask("DELETE", &one, &Value::Null).0, 200);
    let ended = |one: &str| {
        wait_for("the replay's end", LIMIT, || {
            let replay = daemon.get(one);
            if replay["ended_at"].is_null() { Err(replay.to_string()) } else { Ok(replay) }
        })
    };
    let stopped = ended(&one);
    assert_eq!(stopped["state"], "stopped", "{stopped}");
    let done = stopped["replayed"].as_u64().unwrap();
    assert_eq!(desk.output().len() as u64, done, "what is counted is committed");

    let (_, rest) = daemon.ask("POST", &path, &json!({}));
    let rest = ended(&format!("{path}/{}", rest["id"].as_str().unwrap()));
    assert_eq!(
        (&rest["state"], &rest["already"], &rest["replayed"]),
        (&json!("done"), &json!(done), &json!(40 - done))
    );
    assert_eq!(desk.output().len(), 40);
    assert_eq!(daemon.get(&path)["replays"].as_array().map(Vec::len), Some(2));
    for wrong in
        [json!({ "class": "none" }), json!({ "offset": 1 }), json!({ "since": "yesterday" }), json!({ "rate": 0 })]
    {
        assert_eq!(daemon.ask("POST", &path, &wrong).0, 422, "{wrong}");
    }
    stop(&mut daemon.running);
}

#[test]
fn a_replay_is_refused_while_a_command_replays_elsewhere() {
    let mut desk = Desk::new("inspect-elsewhere", 1);
    desk.pipeline.set("breaker", json!("off"));
    desk.process_records(&records(0, 400, |n| format!("!reject:no-{n}")));
    desk.pipeline.stage("identity", json!({}));
    let mut daemon = Daemon::start(&desk);
    let path = format!("pipelines/{}/replays", desk.pipeline.name);
    let mut command = sluice();
    command.args(["dlq", "replay"]).arg(desk.pipeline.write(&desk.folder)).args(["--rate", "10"]);
    let mut command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the command to replay some", LIMIT, || {
        if desk.output().is_empty() { Err("it has not".to_owned()) } else { Ok(()) }
    });
    let (status, problem) = daemon.ask("POST", &path, &json!({}));
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("in another process")), "{problem}");
    assert!(command.try_wait().unwrap().is_none(), "the command goes on");
    let (status, dry) = daemon.ask("POST", &path, &json!({ "dry_run": true, "limit": 1 }));
    assert_eq!(status, 202, "what writes nothing ends no replay: {dry}");
    let dry = format!("{path}/{}", dry["id"].as_str().unwrap());
    wait_for("the dry run's end", LIMIT, || {
        let replay = daemon.get(&dry);
        if replay["ended_at"].is_null() { Err(replay.to_string()) } else { Ok(()) }
    });
    // It cannot say that it has ended; the group misses it after a while.
    command.kill().unwrap();
    command.wait().unwrap();
    let (_, rest) = wait_for("a replay to be allowed again", LIMIT, || match daemon.ask("POST", &path, &json!({})) {
        (202, replay) => Ok((202, replay)),
        (status, problem) => Err(format!("{status} {problem}")),
    });
    let one = format!("{path}/{}", rest["id"].as_str().unwrap());
    let rest = wait_for("the replay's end", LIMIT, || {
        let replay = daemon.get(&one);
        if replay["ended_at"].is_null() { Err(replay.to_string()) } else { Ok(replay) }
    });
    assert_eq!((&rest["state"], desk.output().len()), (&json!("done"), 400), "{rest}");
    stop(&mut daemon.running);
}

#[test]
fn a_stage_is_tapped_and_the_line_does_not_wait_for_a_reader_that_does_not_read() {
    let mut desk = Desk::new("inspect-tap", 1);
    desk.pipeline.set("show", json!({ "mask": ["headers.token"] }));
    let mut daemon = Daemon::start(&desk);
    let (pipeline, input) = (desk.pipeline.name.clone(), desk.pipeline.input.clone());
    // Asks for more than it ever reads.
    let mut idle = TcpStream::connect(&daemon.address).unwrap();
    let path = format!("/api/v1/pipelines/{pipeline}/stages/stage/tap?limit=10000&seconds=600");
    write!(idle, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", daemon.address).unwrap();
    let mut first = [0; 8];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1");

    let address = daemon.address.clone();
    let tap = std::thread::spawn(move || {
        let arguments = ["tap", &pipeline, "stage", "--limit", "5", "--json", "--admin", &address];
        Finished::of(sluice().args(arguments))
    });
    let feeder = Feeder::new(&desk.kafka, &[]);
    let mut fed = 0;
    while !tap.is_finished() {
        let batch: Vec<Record> =
            (fed..fed + 50).map(|n| Record::new("k", "!emit:2", EPOCH + n).with_header("token", "s3cret")).collect();
        feeder.feed(&input, &batch);
        fed += 50;
    }
    let tapped = tap.join().unwrap();
    assert_eq!(tapped.code, Some(0), "{}", tapped.err);
    assert_eq!(tapped.out.lines().count(), 5, "{}", tapped.out);
    for line in tapped.out.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&record["verdict"], record["after"].as_array().map(Vec::len)), (&json!("emit"), Some(2)));
        assert_eq!(
            (&record["before"]["topic"], &record["before"]["headers"]),
            (&json!(input), &json!([["token", "***"]]))
        );
    }
    // The one that does not read has not held anything up.
    let group = sluicebox_tests::Group::new(&desk.kafka, &desk.pipeline.name);
    daemon.running.wait_until_caught_up(&group, &input);
    drop(idle);

    let top = daemon.command(&["top", "--once"]);
    assert_eq!(top.code, Some(0), "{}", top.err);
    let name = &desk.pipeline.name;
    assert!(top.out.starts_with("PIPELINE") && top.out.contains(name) && top.out.contains("1 stage"), "{}", top.out);
    let wrong = daemon.command(&["tap", name, "none"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("has no stage \"none\""), "{}", wrong.err);
    stop(&mut daemon.running);
}

#[test]
fn without_a_daemon_the_commands_say_where_they_looked() {
    for arguments in [&["top", "--once"][..], &["tap", "p", "s"]] {
        let answer = Finished::of(sluice().args(arguments).args(["--admin", "unix:/nowhere/sluice.sock"]));
        assert_eq!(answer.code, Some(1));
        assert!(answer.err.contains("unix:/nowhere/sluice.sock: no daemon answers there"), "{}", answer.err);
    }
    let answer = Finished::of(sluice().args(["top"]).env("SLUICE_ADMIN", "here"));
    assert_eq!(answer.code, Some(2), "{}", answer.err);
}
