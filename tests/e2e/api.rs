//! The admin endpoint held against its own document by Schemathesis: requests that it allows, and many that it does
//! not.

use std::process::{Command, Stdio};

use serde_json::json;
use sluicebox_tests::{Feeder, Folder, Group, Kafka, Pipeline, Sluice, schemathesis};

use crate::metrics::address;
use crate::{records, stop};

const TOKEN: &str = "a-token-of-this-test";

/// A daemon that has delivered records and dead letters, and a token for all of its endpoint.
struct Subject {
    sluice: Sluice,
    address: String,
    pipeline: Pipeline,
    folder: Folder,
}

impl Subject {
    fn start() -> Subject {
        let (kafka, folder) = (Kafka::shared(), Folder::new());
        let mut pipeline = Pipeline::with_topics(&kafka, "api", 2);
        pipeline.stage("misbehave", json!(null)).set("breaker", json!("off"));
        let fed = records(0, 60, |n| if n % 3 == 0 { format!("!reject:no-{n}") } else { format!("value {n}") });
        Feeder::new(&kafka, &[]).feed(&pipeline.input, &fed);
        let (file, token) = (pipeline.write(&folder), folder.write("token", TOKEN));
        let mut sluice = Sluice::run_with(&[&file], |command| {
            command.args(["--admin", "127.0.0.1:0", "--admin-token-file"]).arg(token);
        });
        let address = address(&mut sluice);
        sluice.wait_until_caught_up(&Group::new(&kafka, &pipeline.name), &pipeline.input);
        Subject { sluice, address, pipeline, folder }
    }

    /// Schemathesis with this configuration, on everything but the streams, which do not end.
    fn schemathesis(&self, name: &str, configuration: &str) -> Command {
        let configuration = self.folder.write(name, configuration);
        let mut command = schemathesis();
        command.arg("--config-file").arg(configuration).arg("run");
        command.arg(format!("http://{}/api/v1/openapi.json", self.address));
        command.arg("--header").arg(format!("Authorization: Bearer {TOKEN}"));
        command.args(["--checks", "all", "--exclude-path-regex", "/(events|tap)$", "--seed", "1", "--no-color"]);
        // It would keep what it finds where it runs.
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }
}

fn finds_nothing(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("Schemathesis does not start: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "it has found something ({}):\n{said}\n{complaints}", output.status);
    // The document has operations, and they were tested.
    let tested = said.lines().find_map(|line| line.trim().strip_prefix("Tested:")).map(str::trim);
    assert!(tested.is_some_and(|count| count.parse().is_ok_and(|count: u32| count > 15)), "{said}");
}

#[test]
fn schemathesis_finds_nothing() {
    let mut subject = Subject::start();
    let Pipeline { name, input, .. } = &subject.pipeline;
    // With what there is, so that more than the look-up of names is tried ...
    let real = format!(
        "[parameters]\n\"path.pipeline\" = \"{name}\"\n\"path.stage\" = \"stage\"\n\"path.topic\" = \"{input}\"\n\
         \"path.partition\" = 0\n\"path.offset\" = 1\n"
    );
    finds_nothing(subject.schemathesis("real.toml", &real).args(["--max-examples", "15"]));
    // ... and with any names.
    finds_nothing(subject.schemathesis("any.toml", "").args(["--max-examples", "20", "--phases", "fuzzing"]));
    stop(&mut subject.sluice);
}
