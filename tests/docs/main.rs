//! The documents do what they say: every command in them is run and must show what they show, every file in them is
//! used, every link leads somewhere.
//!
//! A fenced block says what it is in its first line. `console`: commands behind `$ `, each with its output, run by one
//! bash for the whole document, with the program, its plugins and Kafka's own tools at hand; `terminal` gives a command
//! a terminal, `unordered` lets its lines come in any order, `cluster` says that it needs Kafka. In output a line `...`
//! stands for any lines and `…` for any text. A language with a path (`yaml first.yaml`) is a file: one of the
//! repository must be the same there, any other is written for the commands behind it; `part` of one must be in it, at
//! any indentation. What is `not-run` is listed here, with why.

mod claims;
mod document;
mod kafka_tools;
mod session;
mod shown;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluicebox_tests::{Kafka, program, repository};

use crate::document::{Block, Document};
use crate::session::{Place, Session};

/// Commands that no test runs, by why.
///
/// They would build and test everything within a test; what the demo shows is shown and run in `pipelines/README.md`,
/// too.
const TOO_LARGE: [&str; 3] = ["cargo xtask demo", "cargo xtask test", "cargo xtask setup"];
/// They set up a reader's shell, or a broker, which here are set up by the session.
const SET_UP: [&str; 6] = [
    "tar -xzf sluicebox-0.1.0-x86_64-linux.tar.gz",
    "export PATH=$PWD/sluicebox-0.1.0-x86_64-linux/bin:$PATH",
    "docker run --detach --name kafka --publish 9092:9092 apache/kafka:4.1.1",
    "export KAFKA_BROKERS=localhost:9092",
    "export SLUICEBOX=$PWD PATH=$PWD/target/release:$PATH SLUICE_PLUGIN_PATH=$PWD/target/plugins",
    "export PATH=$PWD/target/release:$PATH SLUICE_PLUGIN_PATH=$PWD/target/plugins",
];
/// They change a system or a cluster that a test does not have; `cargo xtask package --check` tries the packages.
const ELSEWHERE: [&str; 8] = [
    "sudo apt-get install ./sluicebox_0.1.0_amd64.deb",
    "sudo cp orders.yaml /etc/sluicebox/pipelines/",
    "sudo systemctl enable --now sluicebox",
    "systemctl status sluicebox",
    "sudo systemctl reload sluicebox",
    "podman load --input sluicebox-0.1.0-x86_64.oci.tar",
    "helm install orders deploy/helm/sluicebox --set image.repository=REGISTRY/sluicebox \
     --set-file 'pipelines.orders\\.yaml=orders.yaml'",
    "helm template orders deploy/helm/sluicebox > manifests.yaml",
];
/// They need records, dead letters or a running daemon of the reader's own; the end-to-end tests run the like.
const OF_THE_READER: [&str; 7] = [
    "sluice dlq show orders.yaml 2/4711 --json --as-input | sluice dev orders.yaml --records-format record",
    "sluice sql orders.yaml \"SELECT status, count(*), sum(cents) AS cents FROM input GROUP BY status ORDER BY 2 DESC\"",
    "sluice sql orders.yaml \"SELECT __headers['sluice.error.reason'] AS reason, count(*) FROM dlq GROUP BY reason\" --from 2h",
    "sluice sql orders.yaml \"SELECT * FROM default WHERE total > 1000\" --from latest --follow",
    "sluice run --admin 127.0.0.1:9646 orders.yaml",
    "curl -s 127.0.0.1:9646/readyz",
    "curl -s 127.0.0.1:9646/api/v1/pipelines",
];

/// The document that needs Kafka.
const QUICK_START: &str = "docs/quick-start.md";

#[test]
fn the_readme_does_what_it_says() {
    Session::new(Place::Fresh).play(&read("README.md"));
}

#[test]
fn the_quick_start_reaches_a_replayed_dead_letter() {
    let kafka = Kafka::shared();
    let mut session = Session::new(Place::Fresh);
    kafka_tools::provide(session.programs());
    session.set("KAFKA_BROKERS", kafka.bootstrap());
    // An earlier run on the same brokers has left these.
    session.prepare("kafka-topics.sh --bootstrap-server $KAFKA_BROKERS --delete --if-exists --topic 'first[.].*'");
    session.prepare("kafka-consumer-groups.sh --bootstrap-server $KAFKA_BROKERS --delete --group first");
    session.play(&read(QUICK_START));
}

#[test]
fn the_example_pipelines_do_what_their_readme_says() {
    Session::new(Place::Repository).play(&read("pipelines/README.md"));
}

#[test]
fn the_other_documents_do_what_they_say() {
    for path in documents().iter().filter(|path| path.starts_with("docs") && !path.ends_with(QUICK_START)) {
        Session::new(Place::Fresh).play(&read(path));
    }
}

#[test]
fn nothing_is_left_out_but_what_is_listed() {
    let documents: Vec<Document> = documents().iter().map(read).collect();
    let blocks = documents.iter().flat_map(|document| &document.blocks);
    let left_out: BTreeSet<&str> = blocks
        .filter_map(|block| match block {
            Block::Console(console) if console.not_run => Some(&console.commands),
            Block::Console(_) | Block::File(_) | Block::Part(_) | Block::Shown => None,
        })
        .flatten()
        .map(|command| command.text.as_str())
        .collect();
    let listed = [&TOO_LARGE[..], &SET_UP, &ELSEWHERE, &OF_THE_READER].concat();
    assert_eq!(left_out, BTreeSet::from_iter(listed));
}

#[test]
fn every_key_of_a_pipeline_file_is_documented() {
    let output = Command::new(program()).args(["check", "--schema"]).output().expect("sluice runs");
    let schema = String::from_utf8(output.stdout).expect("the schema is text");
    let keys = keys(&schema);
    assert!(keys.len() > 40, "hardly any keys in the schema: {keys:?}");
    let text = read("docs/pipeline-file.md").text;
    let missing: Vec<_> = keys.iter().filter(|key| !names(&text, key)).collect();
    assert!(missing.is_empty(), "docs/pipeline-file.md does not tell of {missing:?}");
}

/// The names under each `properties` of a JSON Schema, printed with an indentation.
fn keys(schema: &str) -> BTreeSet<&str> {
    let (mut keys, mut within) = (BTreeSet::new(), Vec::new());
    for line in schema.lines() {
        let text = line.trim_start();
        let indentation = line.len() - text.len();
        within.retain(|outer| *outer < indentation);
        let name = text.strip_prefix('"').and_then(|text| text.split_once("\": ")).map(|(name, _)| name);
        match name {
            Some("properties") => within.push(indentation),
            Some(name) if within.last().is_some_and(|outer| outer + 2 == indentation) => {
                keys.insert(name);
            }
            _ => {}
        }
    }
    keys
}

/// Whether a text has a key in backquotes: alone, as the last of a path, or with its value.
fn names(text: &str, key: &str) -> bool {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.flat_map(|quoted| quoted.split([' ', '.', ',', ':', '{', '}'])).any(|word| word == key)
}

#[test]
fn every_link_leads_to_a_file() {
    for path in documents() {
        let folder = path.parent().expect("a document lies in a folder").to_owned();
        for link in read(&path).links() {
            let target = repository().join(&folder).join(&link);
            assert!(target.exists(), "{}: the link {link} leads nowhere", path.display());
        }
    }
}

#[test]
fn every_link_to_a_section_leads_to_a_heading() {
    let mut found = 0;
    for path in documents() {
        let folder = path.parent().expect("a document lies in a folder").to_owned();
        let document = read(&path);
        for (link, section) in document.sections() {
            let target = if link.is_empty() { path.clone() } else { folder.join(&link) };
            let text = std::fs::read_to_string(repository().join(&target)).expect("a page that is linked");
            let is_there = document::headings(&text).any(|heading| document::anchor(heading) == section);
            assert!(is_there, "{}: {link} has no section #{section}", path.display());
            found += 1;
        }
    }
    assert!(found > 20, "links to sections: {found}");
}

/// The documents that are tested, by their paths in the repository.
fn documents() -> Vec<PathBuf> {
    let folder = repository().join("docs").read_dir().expect("the folder docs");
    let mut documents: Vec<PathBuf> = folder
        .map(|entry| Path::new("docs").join(entry.expect("an entry of docs").file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    let others = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "pipelines/README.md"];
    documents.extend(others.map(PathBuf::from));
    documents.sort();
    documents
}

fn read(path: impl AsRef<Path>) -> Document {
    Document::read(&repository(), path.as_ref())
}
