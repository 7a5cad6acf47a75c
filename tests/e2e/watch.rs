//! `sluice dev --watch`: a change of the pipeline, the records or a plugin is a new run. No Kafka is needed.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use sluicebox_tests::{Finished, Folder, LIMIT, plugin, repository, sluice, wait_for};

const PIPELINE: &str = "\
name: echo
kafka: { bootstrap.servers: nowhere:1 }
input: { topics: [in] }
stages:
  - { name: one, plugin: ./plugin.wasm }
outputs: { default: { topic: out } }
dlq: { topic: dlq }
";

/// The program with all that it has said. Killed when dropped.
struct Watching {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Watching {
    fn start(mut command: Command) -> Watching {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for pipe in pipes {
            let said = said.clone();
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    said.lock().unwrap().push(line);
                }
            });
        }
        Watching { child, said }
    }

    /// Waits for a line with this text.
    fn wait_for(&self, text: &str) {
        wait_for(&format!("a line with {text}"), LIMIT, || {
            let said = self.said.lock().unwrap();
            if said.iter().any(|line| line.contains(text)) { Ok(()) } else { Err(said.join("\n")) }
        });
    }

    fn interrupt(mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: plain integers; the process is our child and not reaped yet, so the id is its own.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
        let child = &mut self.child;
        wait_for("the program's end", LIMIT, || child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())).code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Errors are ignored: the usual one is that it has ended. The wait reaps it either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As editors do it: written beside, and renamed into place.
fn replace(folder: &Folder, name: &str, content: impl AsRef<[u8]>) {
    let new = folder.write("new", content);
    fs::rename(new, folder.path().join(name)).unwrap();
}

fn component(name: &str) -> Vec<u8> {
    fs::read(plugin(name)).unwrap()
}

fn watching(folder: &Folder, records: &Path) -> Watching {
    let mut command = sluice();
    command.arg("dev").arg(folder.path().join("echo.yaml")).arg("--records").arg(records).arg("--watch");
    Watching::start(command)
}

#[test]
fn a_change_of_records_pipeline_or_plugin_is_a_new_run_and_an_interrupt_ends_it_well() {
    let folder = Folder::new();
    folder.write("plugin.wasm", component("identity"));
    folder.write("echo.yaml", PIPELINE);
    let records = folder.write("records.txt", "first\n");
    let watching = watching(&folder, &records);
    watching.wait_for("\"value\":\"first\"");
    watching.wait_for("waiting for a change");

    replace(&folder, "records.txt", "!reject:second\n");
    watching.wait_for("something has changed");
    watching.wait_for("\"value\":\"!reject:second\"");

    replace(&folder, "plugin.wasm", component("misbehave"));
    watching.wait_for("\"topic\":\"dlq\"");

    folder.write("echo.yaml", PIPELINE.replace("topic: dlq", "topic: letters"));
    watching.wait_for("\"topic\":\"letters\"");
    assert_eq!(watching.interrupt(), Some(0));
}

#[test]
fn a_broken_file_is_reported_and_waited_on() {
    let folder = Folder::new();
    folder.write("echo.yaml", PIPELINE.replace("outputs:", "outptus:"));
    let records = folder.write("records.txt", "first\n");
    let watching = watching(&folder, &records);
    watching.wait_for("did you mean \"outputs\"?");

    replace(&folder, "echo.yaml", PIPELINE);
    watching.wait_for("\"./plugin.wasm\" is no file");

    replace(&folder, "plugin.wasm", component("identity"));
    watching.wait_for("\"value\":\"first\"");
    assert_eq!(watching.interrupt(), Some(0));
}

#[test]
fn records_from_standard_input_cannot_be_watched() {
    let folder = Folder::new();
    let answer = Finished::of(sluice().arg("dev").arg(folder.write("echo.yaml", PIPELINE)).arg("--watch"));
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("--records"), "{}", answer.err);
}

#[test]
fn a_change_of_a_plugins_source_is_a_new_build_and_a_broken_one_is_waited_on() {
    let folder = Folder::new();
    let source = fs::read_to_string(repository().join("plugins/examples/by-hand/plugin.wat")).unwrap();
    folder.write("plugin.wat", &source);
    let mut command = sluice();
    command.args(["plugin", "build", "--watch"]).arg(folder.path());
    let watching = Watching::start(command);
    watching.wait_for("waiting for a change");
    let built = fs::read_dir(folder.path().join("build")).unwrap().map(|entry| entry.unwrap().path());
    let built = built.into_iter().find(|path| path.extension().is_some_and(|is| is == "wasm")).unwrap();
    let first = fs::read(&built).unwrap();
    replace(&folder, "plugin.wat", "(module");
    watching.wait_for("error:");
    assert_eq!(fs::read(&built).unwrap(), first, "what was built stays");
    replace(&folder, "plugin.wat", source.replace("the value is empty", "the value is EMPTY"));
    wait_for("the new build", LIMIT, || {
        if fs::read(&built).unwrap() == first { Err("it is the old one".to_owned()) } else { Ok(()) }
    });
}
