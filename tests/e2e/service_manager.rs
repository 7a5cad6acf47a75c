//! The program below systemd, which here is a socket of the test's own.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use serde_json::json;
use sluicebox_tests::{Folder, Kafka, LIMIT, Pipeline, Sluice};

use crate::{STOP, stop};

/// What systemd listens at.
struct Notifications(UnixDatagram);

impl Notifications {
    /// Listens in a folder, and sets the program's environment.
    fn listen(folder: &Folder) -> (Notifications, impl FnOnce(&mut Command) + use<>) {
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let environment = move |command: &mut Command| {
            command.env("NOTIFY_SOCKET", path).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
        };
        (Notifications(socket), environment)
    }

    /// Waits for a message that begins so, and returns it.
    fn wait_for(&self, start: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.0.recv(&mut buffer).unwrap_or_else(|error| panic!("no message {start}: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.starts_with(start) {
                return message;
            }
        }
    }
}

/// A pipeline that no broker answers.
fn without_brokers() -> serde_json::Value {
    json!({
        "name": "alone",
        "kafka": { "bootstrap.servers": "127.0.0.1:1" },
        "input": { "topics": ["in"] },
        "outputs": { "default": { "topic": "out" } },
    })
}

#[test]
fn it_is_ready_reloads_is_alive_and_stops_while_no_broker_answers() {
    let folder = Folder::new();
    let (notifications, environment) = Notifications::listen(&folder);
    let file = folder.path().join("alone.yaml");
    std::fs::write(&file, without_brokers().to_string()).unwrap();
    let mut sluice = Sluice::run_with(&[&file], environment);
    notifications.wait_for("READY=1");
    assert!(notifications.wait_for("STATUS=").contains("1 starting"));
    notifications.wait_for("WATCHDOG=1");
    sluice.signal(libc::SIGHUP);
    let reloading = notifications.wait_for("RELOADING=1\nMONOTONIC_USEC=");
    let since = reloading.rsplit('=').next().and_then(|text| text.parse::<u64>().ok());
    assert!(since.is_some_and(|us| us > 0), "{reloading}");
    notifications.wait_for("READY=1");
    notifications.wait_for("WATCHDOG=1");
    sluice.signal(libc::SIGTERM);
    notifications.wait_for("STOPPING=1");
    assert_eq!(sluice.wait_for_end(STOP), 0);
}

#[test]
fn the_assignment_is_in_the_status_text() {
    let (kafka, folder) = (Kafka::shared(), Folder::new());
    let (notifications, environment) = Notifications::listen(&folder);
    let pipeline = Pipeline::with_topics(&kafka, "notify", 2);
    let mut sluice = Sluice::run_with(&[&pipeline.write(&folder)], environment);
    let expected = "STATUS=Pipelines: 1 running; partitions assigned: 2";
    notifications.wait_for(expected);
    stop(&mut sluice);
}
