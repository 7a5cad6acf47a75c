//! Wrong usage of the command line is answered with what to do, and what helps to use it is there. No Kafka is needed.

use std::fs;
use std::path::Path;

use sluicebox_tests::{Finished, Folder, sluice};

const PIPELINE: &str = "\
name: NAME
kafka: { bootstrap.servers: localhost:1, debug: cgrp }
input: { topics: [in] }
outputs: { default: { topic: out } }
dlq: { topic: dlq }
";

fn answer(arguments: &[&str], folder: &Path) -> Finished {
    Finished::of(sluice().current_dir(folder).args(arguments))
}

/// Arguments, the exit code, and parts of the answer on standard error.
const WRONG: &[(&[&str], i32, &[&str])] = &[
    (&["rnu", "a.yaml"], 2, &["unrecognized subcommand 'rnu'", "similar subcommand exists: 'run'"]),
    (&["plugin", "biuld"], 2, &["similar subcommand exists: 'build'"]),
    (&["explain", "a.yaml"], 2, &["<TOPIC/PARTITION/OFFSET>..."]),
    (&["run"], 2, &["<PATHS>..."]),
    (&["run", "nosuch.yaml"], 2, &["nosuch.yaml: cannot be read: No such file"]),
    (&["run", "empty"], 2, &["empty: there is no pipeline file (*.yaml, *.yml) in this directory"]),
    (&["run", "a.yaml", "--log-level", "loud"], 2, &["[possible values: off, error, warn, info, debug, trace]"]),
    (&["run", "a.yaml", "--ready-file", "nosuch/ready"], 2, &["error: --ready-file nosuch/ready: No such file"]),
    (&["check", "a.yaml", "--instance", "x"], 2, &["unexpected argument '--instance'"]),
    (&["check", "a.test.yaml"], 2, &["holds pipeline tests", "help: run it with `sluice test a.test.yaml`"]),
    (
        &["check", "group"],
        2,
        &["group/b.yaml:3:30: the consumer group \"g\" of this cluster is used in group/a.yaml:3:30, too"],
    ),
    (&["run", "group"], 2, &["group/b.yaml:3:30: the consumer group \"g\""]),
    (&["check", "loop"], 2, &["loop/a.yaml:4:30: outputs.default: \"x\" is read by loop/b.yaml", "loop/b.yaml:4:30: "]),
    (&["check", "--plugin-path", "/nosuch", "stage.yaml"], 2, &["/nosuch, which does not exist"]),
    (
        &["check", "config.yaml"],
        2,
        &["config.yaml:7:30: stage \"x\"", "config.equal: unknown key", "did you mean \"equals\"?"],
    ),
    (
        &["check", "--broker", "a.yaml"],
        1,
        &["a.yaml: no broker answers at localhost:1: ", "Connection refused", "check `bootstrap.servers`"],
    ),
    (&["check", "text.yaml"], 2, &["text.yaml:1:1: expected a mapping", "help: a pipeline begins with `name: NAME`"]),
    (&["check", "large-letters.yaml"], 2, &["help: did you mean \"filter-json\"?"]),
    (&["check", "format.yaml"], 2, &["format: \"json\" is not bytes", "help: JSON is what plugins read"]),
    (&["new", "--language", "rust", "x"], 2, &["tip: 'sluice plugin new' has an option of this name"]),
    (
        &["plugin", "list", "--plugin-path", "/nosuch"],
        0,
        &["warning: --plugin-path /nosuch: there is no such directory"],
    ),
    (
        &["run", "a.yaml", "--admin", "127.0.0.1:0", "--admin-token-file", "/nosuch"],
        2,
        &["error: --admin-token-file /nosuch: No such file"],
    ),
    (&["pause", "a", "--admin-token-file", "/nosuch"], 2, &["error: --admin-token-file /nosuch: No such file"]),
    (&["dev", "a.yaml", "in.txt"], 2, &["sample records are named with '--records in.txt'"]),
    (&["dev", "a.yaml", "--record", "in.txt"], 2, &["a similar argument exists: '--records'"]),
    (&["dev", "a.yaml", "--records", "nosuch.txt"], 2, &["error: --records nosuch.txt: No such file"]),
    (&["dev", "a.yaml", "--watch"], 2, &["error: --watch reads the records again for each run"]),
    (
        &["dev", "a.yaml", "--records", "elsewhere.jsonl", "--records-format", "json"],
        2,
        &["elsewhere.jsonl:1: topic \"other\" is not among `input.topics`"],
    ),
    (&["test", "none.test.yaml"], 2, &["none.test.yaml: there are no cases to run"]),
    (&["test", "a.test.yaml", "--filter", "nothing"], 2, &["--filter nothing: no case in a.test.yaml has this text"]),
    (&["dlq", "list", "a.yaml"], 1, &["error: no broker answers at localhost:1"]),
    (&["dlq", "list", "unknown-plugin.yaml"], 1, &["error: no broker answers at localhost:1"]),
    (
        &["sql", "a.yaml", "SELECT * FROM input"],
        1,
        &["error: no broker answers at localhost:1: check `bootstrap.servers`"],
    ),
    (&["explain", "a.yaml", "in/0/5"], 1, &["error: no broker answers at localhost:1: check `bootstrap.servers`"]),
    (&["dlq", "list", "a.yaml", "--plugin-path", "x"], 2, &["unexpected argument '--plugin-path'"]),
    (&["dlq", "show", "a.yaml", "4711"], 2, &["expected PARTITION/OFFSET, such as 2/4711"]),
    (&["completions", "tcsh"], 2, &["[possible values: bash, elvish, fish, powershell, zsh]"]),
];

fn folder() -> Folder {
    let folder = Folder::new();
    let named = |name: &str| PIPELINE.replace("NAME", name);
    let staged =
        |plugin: &str| named("s").replace("outputs", &format!("stages: [{{ name: x, plugin: {plugin} }}]\noutputs"));
    folder.write("a.yaml", named("a"));
    let case = "cases:\n  - { name: one, records: [{ value: a }], expect: { outputs: { default: [{ value: a }] } } }\n";
    folder.write("a.test.yaml", case);
    folder.write("none.yaml", named("none"));
    folder.write("none.test.yaml", "cases: []\n");
    folder.write("stage.yaml", staged("not-here"));
    folder.write("unknown-plugin.yaml", staged("not-here"));
    folder.write("large-letters.yaml", staged("Filter-JSON"));
    folder.write("format.yaml", named("f").replace("[in]", "[in], value: { format: json }"));
    folder.write("text.yaml", "hello\n");
    let block = "stages:\n  - name: x\n    plugin: filter-json\n    config: { field: status, equal: paid }";
    folder.write("config.yaml", named("s").replace("outputs", &format!("{block}\noutputs")));
    folder.write("elsewhere.jsonl", "{\"topic\": \"other\", \"value\": \"1\"}\n");
    for name in ["empty", "group", "loop"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for (name, topic) in [("a", "x"), ("b", "y")] {
        let text = named(name).replace("[in]", &format!("[{topic}], group: g"));
        folder.write(&format!("group/{name}.yaml"), text);
    }
    folder.write("loop/a.yaml", named("a").replace("[in]", "[y]").replace("topic: out", "topic: x"));
    folder.write("loop/b.yaml", named("b").replace("[in]", "[x]").replace("topic: out", "topic: y"));
    folder
}

#[test]
fn wrong_usage_is_answered_with_what_to_do() {
    let folder = folder();
    let mut wrong = Vec::new();
    for (arguments, code, parts) in WRONG {
        let answer = answer(arguments, folder.path());
        let missing: Vec<_> = parts.iter().filter(|part| !answer.err.contains(**part)).collect();
        if answer.code != Some(*code) || !missing.is_empty() || answer.err.contains("panicked") {
            wrong.push(format!("{arguments:?} (exit code {:?}, without {missing:?}):\n{}", answer.code, answer.err));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn tests_are_passed_over_where_a_shell_names_them_too() {
    let folder = folder();
    let answer = answer(&["validate", "a.yaml", "a.test.yaml"], folder.path());
    assert_eq!((answer.code, &*answer.out), (Some(0), "a.yaml: ok (pipeline a, stages: 0)\n"), "{}", answer.err);
}

#[test]
fn a_printed_pipeline_says_all_and_is_a_pipeline() {
    let folder = Folder::new();
    let text = PIPELINE.replace("NAME", "a").replace("localhost:1", "\"${BROKERS}\", sasl.password: hunter2");
    let print = |file: &Path| Finished::of(sluice().env("BROKERS", "example:1").args(["check", "--print"]).arg(file));
    let answer = print(&folder.write("a.yaml", text));
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    for part in [
        "bootstrap.servers: ${BROKERS}",
        "sasl.password: \"***\"",
        "drain: 20s",
        "kafka_patience: 1m",
        "partitioner: murmur2_random",
    ] {
        assert!(answer.out.contains(part), "{part} in {}", answer.out);
    }
    assert!(!answer.out.contains("hunter2") && !answer.out.contains("example"), "{}", answer.out);
    let again = print(&folder.write("b.yaml", &answer.out));
    let body = |out: &str| out.lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((again.code, body(&again.out)), (Some(0), body(&answer.out)), "{}", again.err);
}

#[test]
fn a_secret_in_a_file_is_read_and_not_shown() {
    let folder = Folder::new();
    folder.write("password", "hunter2\n");
    let text = PIPELINE.replace("NAME", "a").replace("localhost:1", "x, sasl.password: \"${file:password}\"");
    let answer = Finished::of(sluice().args(["check", "--print"]).arg(folder.write("a.yaml", text)));
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert!(
        answer.out.contains("sasl.password: ${file:password}") && !answer.out.contains("hunter2"),
        "{}",
        answer.out
    );
}

#[test]
fn colors_follow_the_option_the_variable_and_the_output() {
    let folder = folder();
    for (arguments, variable, colored) in [
        (&["test", "a.test.yaml"][..], "", false),
        (&["test", "a.test.yaml", "--color", "always"], "", true),
        (&["--color", "always", "test", "a.test.yaml"], "1", true),
        (&["--color", "never", "test", "a.test.yaml"], "", false),
    ] {
        let answer = Finished::of(sluice().current_dir(folder.path()).env("NO_COLOR", variable).args(arguments));
        assert_eq!((answer.code, answer.out.contains('\u{1b}')), (Some(0), colored), "{arguments:?}: {}", answer.out);
    }
}

#[test]
fn the_log_follows_its_options_before_the_variable() {
    let folder = folder();
    let records = folder.write("records.txt", "a\n");
    let log = |options: &[&str], variable: &str| {
        let mut command = sluice();
        command.current_dir(folder.path()).env("RUST_LOG", variable).args(["dev", "a.yaml", "--records"]).arg(&records);
        Finished::of(command.args(options)).err
    };
    let (info, debug) = ("INFO pipeline: started", "DEBUG");
    let has = |options: &[&str], variable: &str| {
        let log = log(options, variable);
        (log.contains(info), log.contains(debug))
    };
    assert_eq!(has(&[], ""), (true, false));
    assert_eq!(has(&[], "warn"), (false, false));
    assert_eq!(has(&["-v"], "warn"), (true, true));
    assert_eq!(has(&["-q"], ""), (false, false));
    assert_eq!(has(&["--log-level", "info"], "warn"), (true, false));
    let wrong = log(&[], "=x=y");
    assert!(wrong.contains("WARN log: RUST_LOG is not a filter") && wrong.contains(info), "{wrong}");
}

#[test]
fn the_version_tells_what_the_program_is_made_of() {
    let answer = Finished::of(sluice().arg("--version"));
    for part in [
        "sluice 0.",
        "\ntarget: ",
        "\nlibrdkafka: 2.",
        "\nwasmtime: 4",
        "\nplugin interface: sluicebox:plugin@0.1.0",
        "\nSASL mechanisms: PLAIN, ",
    ] {
        assert!(answer.out.contains(part), "{part} in {}", answer.out);
    }
    let short = Finished::of(sluice().arg("-V")).out;
    assert_eq!(short.lines().count(), 1, "{short}");
}

#[test]
fn shells_and_man_get_what_they_read() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let answer = Finished::of(sluice().args(["completions", shell]));
        assert!(answer.code == Some(0) && answer.out.contains("on-failure"), "{shell}: {}", answer.err);
    }
    let folder = Folder::new();
    assert_eq!(Finished::of(sluice().arg("man").arg(folder.path())).code, Some(0));
    for page in ["sluice.1", "sluice-run.1", "sluice-dlq-replay.1"] {
        assert!(fs::read_to_string(folder.path().join(page)).unwrap().contains(".TH"), "{page}");
    }
}

#[test]
fn limits_that_are_too_low_are_an_error_at_once() {
    let folder = folder();
    let shell = |limit: &str, rest: &str| {
        let program = sluicebox_tests::program();
        let script = format!("ulimit {limit} && exec {} {rest}", program.display());
        Finished::of(std::process::Command::new("sh").current_dir(folder.path()).args(["-c", &script]))
    };
    let answer = shell("-n 40", "check a.yaml");
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    assert!(
        answer.err.starts_with("error: the process may have 40 files open at once, which is too few"),
        "{}",
        answer.err
    );
    let answer = shell("-v 300000", "dev a.yaml --records elsewhere.jsonl");
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    assert!(answer.err.starts_with("error: the process may have 292 MiB of address space"), "{}", answer.err);
    // A file that may not grow is one that cannot be written, and no signal that ends the process.
    let answer = shell("-f 0", "check a.yaml > out");
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    assert!(answer.err.starts_with("error: standard output cannot be written: File too large"), "{}", answer.err);
    // A soft limit is raised.
    let answer = shell("-S -n 40", "dev a.yaml --records elsewhere.jsonl");
    assert_eq!(answer.code, Some(0), "{}", answer.err);
}

#[test]
fn with_few_addresses_plugins_run_with_checked_bounds_and_one_line_says_so() {
    let (pipelines, program) = (sluicebox_tests::repository().join("pipelines"), sluicebox_tests::program());
    let records = pipelines.join("samples/order-status.jsonl");
    let dev = |before: &str| {
        let (pipeline, records) = (pipelines.join("order-status.yaml"), records.display());
        let arguments = format!("dev {} --records {records} --records-format record", pipeline.display());
        let script = format!("{before} exec {} {arguments}", program.display());
        let mut command = std::process::Command::new("sh");
        let plugins = sluicebox_tests::plugin("jq").parent().unwrap().to_owned();
        let answer = Finished::of(command.env("SLUICE_PLUGIN_PATH", plugins).args(["-c", &script]));
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        // A dead letter says when it failed.
        let until_time = |line: &str| line.split("sluice.error.failed_at").next().unwrap_or_default().to_owned();
        let mut lines: Vec<String> = answer.out.lines().map(until_time).collect();
        lines.sort();
        (lines, answer.err.matches("plugins run slower").count())
    };
    // Three stages of 4 GiB each, for each worker, are more.
    let (few, many) = (dev("ulimit -v 8000000 &&"), dev(""));
    assert!(!many.0.is_empty());
    assert_eq!(few.0, many.0, "the same comes out");
    assert_eq!((few.1, many.1), (1, 0));
}
