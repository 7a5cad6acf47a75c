//! Plugins in every language: what the SDKs promise, held by one table for all of them; the same plugin in six
//! languages on the same records; a new user's way from nothing to a pipeline; and the commands for authors.

mod commands;
mod environment;
mod missing;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sluicebox_tests::{
    Finished, Folder, Order, STATUSES, enriched, order_events, plugin, repository, sluice, target, what_comes_of,
};

const LANGUAGES: [&str; 6] = ["rust", "js", "python", "go", "c", "assemblyscript"];

/// Of these the SDK catches an exception; in the others the plugin starts anew.
const CATCHING: [&str; 3] = ["js", "python", "go"];

fn run_table(table: &str, plugins: &str) {
    for language in LANGUAGES {
        let mut command = sluice();
        command.args(["plugin", "test", "--tests"]).arg(repository().join("plugins").join(table));
        command.arg("--plugin").arg(plugin(&format!("{plugins}-{language}")));
        let answer = Finished::of(&mut command);
        assert_eq!(answer.code, Some(0), "{language}: {}\n{}", answer.out, answer.err);
        assert!(answer.out.contains("failed: 0"), "{language}: {}", answer.out);
    }
}

#[test]
fn every_sdk_says_and_reads_all_that_the_interface_has() {
    run_table("testing/exercise.tests.yaml", "exercise");
}

#[test]
fn one_table_of_tests_holds_for_order_enrich_in_six_languages() {
    run_table("examples/order-enrich.tests.yaml", "order-enrich");
}

/// A pipeline with one stage, and what came of records on the embedded broker: of each topic, by key.
fn dev(plugin_name: &str, config: &Value, records: &[Value]) -> BTreeMap<String, BTreeMap<String, Value>> {
    let folder = Folder::new();
    let pipeline = json!({
        "name": "languages",
        "kafka": { "bootstrap.servers": "127.0.0.1:1" },
        "input": { "topics": ["in"] },
        "stages": [{ "name": "stage", "plugin": plugin(plugin_name), "config": config }],
        "outputs": { "default": { "topic": "out" } },
        "dlq": { "topic": "dlq" },
        "breaker": "off",
    });
    let lines: Vec<String> = records.iter().map(|record| format!("{record}\n")).collect();
    let file = folder.write("languages.yaml", pipeline.to_string());
    let records = folder.write("records.jsonl", lines.concat());
    let mut command = sluice();
    command.arg("dev").arg(file).arg("--records").arg(records).args(["--records-format", "record"]);
    let answer = Finished::of(&mut command);
    assert_eq!(answer.code, Some(0), "{plugin_name}: {}", answer.err);
    let mut topics: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for line in answer.out.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let (topic, key) = (record["topic"].as_str().unwrap().to_owned(), record["key"].as_str().unwrap().to_owned());
        assert!(topics.entry(topic).or_default().insert(key, record).is_none(), "{plugin_name}: twice: {line}");
    }
    topics
}

fn header<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    let headers = record["headers"].as_array()?;
    headers.iter().find(|header| header[0] == name)?[1].as_str()
}

/// Key and value as `--records-format record` has them.
fn record(key: usize, value: Option<&[u8]>) -> Value {
    let key = format!("k{key}");
    match value.map(std::str::from_utf8) {
        None => json!({ "key": key, "value": null }),
        Some(Ok(text)) => json!({ "key": key, "value": text }),
        Some(Err(_)) => json!({ "key": key, "value_base64": base64(value.unwrap()) }),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn order_enrich_agrees_on_ten_thousand_records_in_six_languages() {
    let events = order_events(10_000, 1);
    let records: Vec<Value> = (0..).zip(&events).map(|(key, value)| record(key, value.as_deref())).collect();
    for language in LANGUAGES {
        let topics = dev(&format!("order-enrich-{language}"), &json!({ "statuses": STATUSES }), &records);
        let (out, dlq) = (&topics["out"], &topics["dlq"]);
        let mut seen = 0;
        for (number, event) in events.iter().enumerate() {
            let key = format!("k{number}");
            let came = out.get(&key).map(|record| record["value"].as_str());
            let refused = dlq.get(&key).and_then(|record| header(record, "sluice.error.reason"));
            seen += usize::from(came.is_some()) + usize::from(refused.is_some());
            let shown = || format!("{language}: {:?}", event.as_deref().map(String::from_utf8_lossy));
            match what_comes_of(event.as_deref(), &STATUSES) {
                Order::Kept => assert_eq!((came, refused), (Some(None), None), "{}", shown()),
                Order::Dropped => assert_eq!((came, refused), (None, None), "{}", shown()),
                Order::Rejected(reason) => assert_eq!((came, refused), (None, Some(reason)), "{}", shown()),
                Order::Emitted(value) => {
                    let text = came.flatten().unwrap_or_else(|| panic!("{} {refused:?}", shown()));
                    assert_eq!(enriched(text.as_bytes()), Ok(value), "{}", shown());
                }
            }
        }
        assert_eq!(seen, out.len() + dlq.len(), "{language}: something else came");
        assert!(dlq.len() > 100 && out.len() > 5_000, "{language}: {} and {}", dlq.len(), out.len());
    }
}

#[test]
fn an_exception_costs_its_own_record_and_tells_why() {
    let records: Vec<Value> = (0..1_000)
        .map(|number| record(number, Some(if number == 500 { b"throw out of cheese" } else { b"keep" })))
        .collect();
    for language in LANGUAGES {
        let topics = dev(&format!("exercise-{language}"), &json!({}), &records);
        assert_eq!(topics["out"].len(), 999, "{language}");
        let [(key, letter)] = topics["dlq"].iter().collect::<Vec<_>>()[..] else { panic!("{language}: {topics:?}") };
        assert_eq!(key, "k500", "{language}");
        let reason = header(letter, "sluice.error.reason").unwrap();
        assert!(reason.contains("out of cheese"), "{language}: {reason}");
        let class = if CATCHING.contains(&language) { "reject" } else { "trap" };
        assert_eq!(header(letter, "sluice.error.class"), Some(class), "{language}: {reason}");
    }
}

/// A folder like a new user's, where tools from registries are those that the set-up has installed: Node.js and the
/// build look for them in the folders above.
fn users_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("new-user-").tempdir_in(target()).unwrap();
    for shared in ["node_modules", ".venv"] {
        symlink(repository().join("plugins").join(shared), folder.path().join(shared)).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

fn run_in(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = sluice();
    command.current_dir(folder).args(arguments);
    Finished::of(&mut command)
}

fn new_user(language: &str, kind: &str) {
    let (_folder, path) = users_folder();
    let made = run_in(&path, &["plugin", "new", "my-plugin", "--language", language, "--kind", kind]);
    assert_eq!(made.code, Some(0), "{language}: {}", made.err);
    let project = path.join("my-plugin");
    for step in readme_commands(&project) {
        let arguments: Vec<&str> = step.split_whitespace().skip(1).collect();
        let answer = run_in(&project, &arguments);
        assert_eq!(answer.code, Some(0), "{language} {kind}: {step}\n{}\n{}", answer.out, answer.err);
    }
    assert!(project.join("build/my-plugin.wasm").is_file());
    if ["js", "python"].contains(&language) {
        let answer = run_in(&project, &["plugin", "inspect", "build/my-plugin.wasm", "--json"]);
        let plugin: Value = serde_json::from_str(&answer.out).unwrap();
        let key = if kind == "filter" { "contains" } else { "prefix" };
        assert_eq!(plugin["config_schema"]["properties"][key]["type"], "string", "{language}: {plugin}");
    }
    let again = run_in(&path, &["plugin", "new", "my-plugin", "--language", language]);
    assert_eq!(again.code, Some(2), "nothing is overwritten: {}", again.out);
}

/// The commands of a project's README, without their comments.
fn readme_commands(project: &Path) -> Vec<String> {
    let text = fs::read_to_string(project.join("README.md")).unwrap();
    let (_, block) = text.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let commands: Vec<_> = block.lines().map(|line| line.split('#').next().unwrap().trim().to_owned()).collect();
    assert_eq!(commands.len(), 3, "{block}");
    commands
}

#[test]
fn a_new_user_comes_to_a_tested_plugin_in_a_pipeline_in_rust_go_and_c() {
    for (language, kind) in [("rust", "filter"), ("rust", "transform"), ("rust", "route")] {
        new_user(language, kind);
    }
    for kind in ["filter", "transform", "route"] {
        new_user("go", kind);
        new_user("c", kind);
    }
}

#[test]
fn a_new_user_comes_to_a_tested_plugin_in_a_pipeline_in_javascript_and_typescript() {
    new_user("js", "filter");
    new_user("ts", "transform");
    new_user("ts", "route");
}

#[test]
fn a_new_user_comes_to_a_tested_plugin_in_a_pipeline_in_python() {
    new_user("python", "transform");
}

#[test]
fn a_new_user_comes_to_a_tested_plugin_in_a_pipeline_in_assemblyscript() {
    for kind in ["filter", "transform", "route"] {
        new_user("assemblyscript", kind);
    }
}

#[test]
fn a_plugin_by_hand_builds_from_text_and_works() {
    let records = [record(0, Some(b"shout!")), record(1, Some(b"")), record(2, Some(b"quiet")), record(3, None)];
    let topics = dev("by-hand", &Value::Null, &records);
    let values: Vec<&Value> = topics["out"].values().map(|record| &record["value"]).collect();
    assert_eq!(values, [&json!("SHOUT!"), &Value::Null], "{topics:?}");
    let reasons: Vec<_> = topics["dlq"].values().map(|letter| header(letter, "sluice.error.reason")).collect();
    assert_eq!(reasons, [Some("the value is empty")]);
}

#[test]
fn what_a_plugin_is_can_be_read() {
    let inspect = |language: &str| {
        let mut command = sluice();
        command.args(["plugin", "inspect", "--json"]).arg(plugin(&format!("exercise-{language}")));
        let answer = Finished::of(&mut command);
        assert_eq!(answer.code, Some(0), "{language}: {}", answer.err);
        serde_json::from_str::<Value>(&answer.out).unwrap()
    };
    for (language, shown) in LANGUAGES.into_iter().zip(["Rust", "JavaScript", "Python", "Go", "C", "AssemblyScript"]) {
        let plugin = inspect(language);
        assert_eq!(plugin["interface"], "sluicebox:plugin@0.1.0", "{plugin}");
        assert_eq!(plugin["form"], "packed", "{plugin}");
        assert_eq!(plugin["grants"], json!([]), "{plugin}");
        let name = plugin["language"].as_str().unwrap();
        assert!(name.split(' ').next() == Some(shown), "{plugin}");
        assert!(plugin["memory"].as_u64().unwrap() > 0 && plugin["size"].as_u64().unwrap() > 0, "{plugin}");
        assert!(plugin["digest"].as_str().unwrap().starts_with("sha256:"), "{plugin}");
    }
}

#[test]
fn a_granted_clock_is_an_import_and_has_to_be_granted() {
    let (_folder, path) = users_folder();
    assert_eq!(run_in(&path, &["plugin", "new", "clock", "--language", "go"]).code, Some(0));
    let project = path.join("clock");
    let built = run_in(&project, &["plugin", "build", "--grant", "clock"]);
    assert_eq!(built.code, Some(0), "{}", built.err);
    assert!(built.out.contains("to be granted: grants: { clock: true }"), "{}", built.out);
    let refused = run_in(&project, &["check", "pipeline.yaml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("grants: { clock: true }"), "{}", refused.err);
}

#[test]
fn a_build_that_fails_says_what_the_languages_own_tool_says() {
    let (_folder, path) = users_folder();
    assert_eq!(run_in(&path, &["plugin", "new", "broken", "--language", "go"]).code, Some(0));
    let source = path.join("broken/plugin.go");
    fs::write(&source, fs::read_to_string(&source).unwrap() + "\nfunc oops() { undefinedName() }\n").unwrap();
    let built = run_in(&path.join("broken"), &["plugin", "build"]);
    assert_eq!(built.code, Some(1));
    assert!(built.err.contains("./plugin.go:33:15: undefined: undefinedName"), "{}", built.err);
    assert!(built.err.contains("error: go failed (exit status: 1)"), "{}", built.err);
}

#[test]
fn a_missing_tool_is_named_with_how_to_get_it() {
    let (_folder, path) = users_folder();
    assert_eq!(run_in(&path, &["plugin", "new", "lonely", "--language", "go"]).code, Some(0));
    let mut command: Command = sluice();
    command.current_dir(path.join("lonely")).args(["plugin", "build"]).env("PATH", path.join("nothing"));
    let built = Finished::of(&mut command);
    assert_eq!(built.code, Some(1));
    assert!(built.err.contains("go is not installed: install Go"), "{}", built.err);
}
