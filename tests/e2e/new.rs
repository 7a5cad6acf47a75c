//! `sluice new`: every example makes a pipeline that passes its checks and tests, and runs on its samples. No Kafka is
//! needed.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use sluicebox_tests::{Finished, Folder, plugin, program, sluice};

/// The examples, and how many results and dead letters come of their sample records.
const EXAMPLES: [(&str, usize); 5] = [("first", 3), ("order-status", 16), ("fan-out", 8), ("avro", 2), ("sql", 7)];

#[test]
fn every_example_makes_a_pipeline_that_works() {
    let help = Finished::of(sluice().args(["new", "--help"])).out;
    let listed = help.lines().filter(|line| line.trim_start().starts_with("- ")).count();
    assert_eq!(listed, EXAMPLES.len(), "{help}");
    let folder = Folder::new();
    for (example, results) in EXAMPLES {
        let name = format!("my-{example}");
        let made = Finished::of(sluice().current_dir(folder.path()).args(["new", &name, "--from", example]));
        assert_eq!(made.code, Some(0), "{example}: {}", made.err);
        // What it says to type works as it stands.
        let dev = made.out.lines().find_map(|line| line.trim().strip_prefix("sluice dev ")).unwrap();
        let run = |arguments: &[&str]| {
            let finished = Finished::of(sluice().current_dir(folder.path().join(&name)).args(arguments));
            assert_eq!(finished.code, Some(0), "{example}: {arguments:?}: {}{}", finished.out, finished.err);
            finished.out
        };
        assert!(run(&["check", "."]).contains(&format!("ok (pipeline {name},")));
        assert!(run(&["test", "."]).contains("failed: 0"));
        let words: Vec<&str> = ["dev"].into_iter().chain(dev.split(' ')).collect();
        assert_eq!(run(&words).lines().count(), results, "{example}");
        readme_is_true(&folder.path().join(&name));
    }
}

/// The commands of a README that need no cluster work in its directory, and the files that it names are there.
fn readme_is_true(folder: &Path) {
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let commands = readme.split("```sh\n").nth(1).and_then(|block| block.split("```").next()).unwrap();
    assert_eq!(commands.matches("sluice ").count(), 3, "{commands}");
    let path = format!("{}:{}", program().parent().unwrap().display(), env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.current_dir(folder).args(["-e", "-c", commands]).env("PATH", path);
    let plugins = plugin("filter-json");
    let finished = Finished::of(bash.env("SLUICE_PLUGIN_PATH", plugins.parent().unwrap()));
    assert_eq!(finished.code, Some(0), "{commands}{}{}", finished.out, finished.err);
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let files: Vec<&str> = rows.collect();
    assert!(files.len() >= 3 && files.iter().all(|file| folder.join(file).exists()), "{files:?}");
    assert_eq!(folder.join("schemas").exists(), files.contains(&"schemas/"));
}

#[test]
fn plugins_that_were_installed_with_the_program_are_found_beside_it() {
    let folder = Folder::new();
    let (bin, plugins) = (folder.path().join("bin"), folder.path().join("lib/sluicebox/plugins"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&plugins).unwrap();
    // By a process of its own: a program that this one still has open for writing, through a child of another test,
    // cannot be started.
    let copied = Command::new("cp").args([program(), bin.join("sluice")]).status();
    assert!(copied.unwrap().success());
    fs::copy(plugin("filter-json"), plugins.join("filter-json.wasm")).unwrap();
    let list = |program: &Path| {
        let mut command = Command::new(program);
        let command = command.args(["plugin", "list", "--json"]).current_dir(folder.path());
        Finished::of(command.env_remove("SLUICE_PLUGIN_PATH")).out
    };
    assert!(list(&bin.join("sluice")).contains("\"installed\""));
    assert!(!list(&program()).contains("\"installed\""));
}
