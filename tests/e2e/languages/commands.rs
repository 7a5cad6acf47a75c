//! `sluice plugin build`, `list` and `inspect`, as a plugin's author meets them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sluicebox_tests::{Finished, Folder, plugin, repository, sluice};

use super::{run_in, users_folder};

/// A folder with the plugin that is written in WebAssembly's text format: it builds in no time.
fn by_hand() -> Folder {
    let folder = Folder::new();
    folder.write("plugin.wat", fs::read(repository().join("plugins/examples/by-hand/plugin.wat")).unwrap());
    folder
}

fn built(folder: &Path) -> Finished {
    let built = run_in(folder, &["plugin", "build", "--output", "plugins/mine.wasm"]);
    assert_eq!(built.code, Some(0), "{}", built.err);
    built
}

#[test]
fn a_build_tells_of_its_steps_on_standard_error_and_of_its_result_on_standard_output() {
    let folder = by_hand();
    let built = built(folder.path());
    let steps: Vec<&str> = built.err.lines().collect();
    let [begin, end] = steps[..] else { panic!("{}", built.err) };
    assert!(begin.starts_with("compiling to machine code: plugins/mine.wasm (") && begin.ends_with(" KiB)"), "{begin}");
    assert!(end.starts_with("compiling to machine code: done in ") && end.ends_with(" s"), "{end}");
    assert!(built.out.starts_with("plugins/mine.wasm\n  size     "), "{}", built.out);
    assert!(built.out.contains(" KiB\n  digest   sha256:"), "{}", built.out);
}

#[test]
fn wrong_use_ends_with_code_2_and_says_what_to_do() {
    let folder = Folder::new();
    folder.write("first.yaml", "name: first\n");
    for inner in ["two", "crate", "crate/src"] {
        fs::create_dir(folder.path().join(inner)).unwrap();
    }
    folder.write("two/go.mod", "module two\n");
    folder.write("two/plugin.c", "");
    folder.write("crate/Cargo.toml", "[package]\nname = \"x\"\nedition = \"2024\"\n[workspace]\n");
    folder.write("crate/src/lib.rs", "");
    for (arguments, message) in [
        (&["plugin", "build", "nowhere"][..], "nowhere: No such file or directory"),
        (&["plugin", "build"], "this is not a plugin project"),
        (&["plugin", "build", "two"], "help: choose one with --language"),
        (&["plugin", "build", "crate"], "this crate is not a plugin"),
        (
            &["plugin", "build", "two", "--language", "python", "--grant", "clock"],
            "--grant is not available for Python",
        ),
        (&["plugin", "inspect", "nosuch"], "help: `sluice plugin list` shows"),
        (&["plugin", "inspect", "first.yaml"], "not WebAssembly"),
        (&["plugin", "new", "Foo", "--language", "go"], "use lower-case letters"),
        (&["plugin", "new", "two", "--language", "go"], "exists already"),
    ] {
        let answer = run_in(folder.path(), arguments);
        assert_eq!(answer.code, Some(2), "{arguments:?}: {}", answer.err);
        assert!(answer.err.starts_with("error: ") && answer.err.contains(message), "{arguments:?}: {}", answer.err);
    }
}

#[test]
fn plugins_are_listed_where_a_pipeline_finds_them() {
    let folder = by_hand();
    built(folder.path());
    fs::create_dir(folder.path().join("given")).unwrap();
    folder.write("given/identity.wasm", fs::read(plugin("identity")).unwrap());
    let list = |more: &[&str]| {
        let mut command = sluice();
        command.current_dir(folder.path()).args(["plugin", "list"]).args(more);
        Finished::of(command.env("SLUICE_PLUGIN_PATH", "given"))
    };
    let table = list(&[]);
    assert_eq!(table.code, Some(0), "{}", table.err);
    let lines: Vec<Vec<&str>> = table.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "VERSION", "SIZE", "FOUND", "BY", "FILE"]);
    assert_eq!((lines[1][0], lines[1].last().unwrap()), ("identity", &"given/identity.wasm"));
    assert_eq!((lines[2][0], lines[2][1], lines[2].last().unwrap()), ("mine", "-", &"plugins/mine.wasm"));
    let json: Value = serde_json::from_str(&list(&["--json", "--plugin-path", "plugins"]).out).unwrap();
    assert_eq!(json[0]["found_by"], "SLUICE_PLUGIN_PATH");
    assert_eq!(json[0]["version"], "0.1.0", "a plugin in Rust has the version of its crate: {json}");
    assert_eq!((&json[1]["name"], &json[1]["found_by"]), (&json!("mine"), &json!("--plugin-path")));
}

#[test]
fn a_schema_beside_the_project_is_part_of_the_component_and_can_be_read() {
    let folder = by_hand();
    let schema = json!({ "type": "object", "properties": { "limit": { "type": "integer" } } });
    folder.write("config.schema.json", schema.to_string());
    built(folder.path());
    let json = run_in(folder.path(), &["plugin", "inspect", "mine", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap()["config_schema"], schema, "{}", json.err);
    let text = run_in(folder.path(), &["plugin", "inspect", "plugins/mine.wasm"]);
    assert!(text.out.contains("\"limit\": {"), "{}", text.out);
    for (wrong, message) in [
        ("[]".to_owned(), "is not a JSON object"),
        ("{".to_owned(), "is not JSON"),
        (
            json!({ "$schema": "http://json-schema.org/draft-07/schema#" }).to_string(),
            "write it for https://json-schema.org",
        ),
        (json!({ "description": "x".repeat(256 << 10) }).to_string(), "more than 262144"),
    ] {
        folder.write("config.schema.json", wrong);
        let refused = run_in(folder.path(), &["plugin", "build"]);
        assert_eq!(refused.code, Some(1), "{}", refused.err);
        assert!(refused.err.contains("config.schema.json: ") && refused.err.contains(message), "{}", refused.err);
    }
}

#[test]
fn an_example_in_rust_prints_the_schema() {
    let (_folder, path) = users_folder();
    let made = run_in(&path, &["plugin", "new", "typed", "--language", "rust"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let project = path.join("typed");
    fs::create_dir(project.join("examples")).unwrap();
    let example = "fn main() {\n    println!(\"{}\", serde_json::json!({ \"title\": \"made by code\" }));\n}\n";
    fs::write(project.join("examples/config_schema.rs"), example).unwrap();
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    fs::write(project.join("Cargo.toml"), manifest + "\n[dev-dependencies]\nserde_json = \"1\"\n").unwrap();
    let built = run_in(&project, &["plugin", "build"]);
    assert_eq!(built.code, Some(0), "{}", built.err);
    let json = run_in(&project, &["plugin", "inspect", "build/typed.wasm", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&json.out).unwrap()["config_schema"]["title"],
        "made by code",
        "{}",
        json.err
    );
}

#[test]
fn a_plugin_without_a_schema_has_none() {
    let folder = by_hand();
    built(folder.path());
    let json = run_in(folder.path(), &["plugin", "inspect", "mine", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap()["config_schema"], Value::Null);
}
