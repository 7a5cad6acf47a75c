//! `sluice check`: wrong files and wrong plugins are answered with the place, the cause and exit code 2.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sluicebox_tests::{Finished, Folder, plugin, repository, sluice};

/// A right file, which the tests then spoil.
const RIGHT: &str = "\
name: orders
kafka: { bootstrap.servers: localhost:9092 }
input: { topics: [orders] }
stages:
  - name: keep
    plugin: identity
outputs:
  default: { topic: orders.clean }
dlq: { topic: orders.dlq }
";

fn check(path: &Path) -> Finished {
    Finished::of(sluice().arg("check").arg(path))
}

/// Checks a file with `from` replaced by `to`. The answer must begin with the place, and hold every part.
fn assert_wrong(from: &str, to: &str, place: &str, parts: &[&str]) {
    let folder = Folder::new();
    let text = RIGHT.replacen(from, to, 1);
    assert_ne!(text, RIGHT, "{from}");
    let file = folder.write("orders.yaml", text);
    let answer = check(&file);
    assert_eq!(answer.code, Some(2), "{to}: {}", answer.err);
    let beginning = format!("{}:{place}", file.display());
    assert!(answer.err.starts_with(&beginning), "{beginning}\n{}", answer.err);
    assert!(!answer.err.contains("panicked"), "{}", answer.err);
    for part in parts {
        assert!(answer.err.contains(part), "{to}: {part} in\n{}", answer.err);
    }
}

#[test]
fn a_right_file_and_the_shipped_pipelines_are_right() {
    let folder = Folder::new();
    let answer = check(&folder.write("orders.yaml", RIGHT));
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "{}", answer.out);
    assert!(answer.out.contains("ok") && answer.out.contains("orders"), "{}", answer.out);

    let answer = check(&repository().join("pipelines"));
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert!(answer.out.contains("order-status") && answer.out.contains("flights"), "{}", answer.out);
}

#[test]
fn a_wrong_file_is_answered_with_line_column_cause_and_help() {
    assert_wrong("outputs:", "outptus:", "7:1:", &["outptus", "did you mean", "outputs", "^"]);
    assert_wrong("plugin: identity", "plugin: identiti", "6:13:", &["identiti", "identity"]);
    assert_wrong("kafka: {", "kafka: [", "2:8:", &["kafka"]);
    assert_wrong("name: keep", "name: [keep]", "5:11:", &["[keep]"]);
}

#[test]
fn what_a_query_most_likely_does_not_mean_is_said_once() {
    let folder = Folder::new();
    let query = "SELECT customer -> email AS email, ROWTIME AS at FROM input WHERE country = \"DE\"";
    let stages = format!("workers: 3\nstages:\n  - name: pick\n    plugin: sql\n    config: {{ query: '{query}' }}\n");
    let keep = "stages:\n  - name: keep\n    plugin: identity\n";
    let file = folder.write("orders.yaml", RIGHT.replace(keep, &stages));
    let records = folder.write("records.jsonl", "{\"country\": \"DE\"}\n");
    for answer in [check(&file), Finished::of(sluice().arg("dev").arg(&file).arg("--records").arg(&records))] {
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        for (column, words) in
            [(8, "write customer.email,"), (36, "timestamp is __timestamp;"), (77, "a text has single quotes, 'DE';")]
        {
            let place = format!("config.query: line 1, column {column}: ");
            let lines: Vec<&str> = answer.err.lines().filter(|line| line.contains(&place)).collect();
            assert_eq!(lines.len(), 1, "{place}: {}", answer.err);
            assert!(lines[0].contains("WARN") && lines[0].contains(words), "{}", lines[0]);
        }
    }
}

#[test]
fn contradictions_between_the_parts_of_a_file_are_found_with_their_places() {
    assert_wrong("name: orders", "name: orders\nname: again", "2:1", &["name"]);
    assert_wrong("dlq: { topic: orders.dlq }\n", "", "5:", &["dlq", "keep"]);
    assert_wrong("default:", "other:", "8:3:", &["default"]);
    assert_wrong("topic: orders.clean", "topic: orders", "8:", &["allow_loop"]);
    assert_wrong(
        "bootstrap.servers: localhost:9092",
        "bootstrap.servers: h, enable.auto.commit: true",
        "2:",
        &["enable.auto.commit"],
    );
    assert_wrong(
        "bootstrap.servers: localhost:9092",
        "bootstrap.servers: \"${NOT_SET_ANYWHERE}\"",
        "2:",
        &["NOT_SET_ANYWHERE"],
    );
    assert_wrong("plugin: identity", "plugin: identity\n    limits: { time: soon }", "7:", &["soon"]);
    assert_wrong(
        "    plugin: identity\n",
        "    plugin: identity\n  - name: keep\n    plugin: identity\n",
        "7:",
        &["keep"],
    );
}

#[test]
fn a_path_that_is_not_there_is_wrong_use() {
    let folder = Folder::new();
    let answer = check(&folder.path().join("missing.yaml"));
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("missing.yaml"), "{}", answer.err);
    assert_eq!(check(folder.path()).code, Some(2), "a folder without pipelines");
    assert_eq!(Finished::of(&mut sluice()).code, Some(2));
    assert_eq!(Finished::of(sluice().args(["run", "--no-such-flag"])).code, Some(2));
}

#[test]
fn two_pipelines_of_one_name_are_refused() {
    let folder = Folder::new();
    folder.write("a.yaml", RIGHT);
    folder.write("b.yaml", RIGHT);
    let answer = check(folder.path());
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("a.yaml") && answer.err.contains("b.yaml"), "{}", answer.err);
}

/// Checks a pipeline whose plugin is this file.
fn check_plugin(content: &[u8]) -> Finished {
    let folder = Folder::new();
    folder.write("odd.wasm", content);
    check(&folder.write("orders.yaml", RIGHT.replace("plugin: identity", "plugin: ./odd.wasm")))
}

fn assert_refused(content: &[u8], parts: &[&str]) {
    let answer = check_plugin(content);
    assert_eq!(answer.code, Some(2), "{}", answer.err);
    assert!(!answer.err.contains("panicked"), "{}", answer.err);
    for part in ["odd.wasm", "keep"].iter().chain(parts) {
        assert!(answer.err.contains(part), "{part} in\n{}", answer.err);
    }
}

#[test]
fn a_plugin_that_is_none_is_refused_by_what_it_is() {
    assert_refused(b"#!/bin/sh\n", &["not WebAssembly"]);
    assert_refused(b"", &["not WebAssembly"]);
    assert_refused(b"\0asm\x01\0\0\0", &["core module"]);
    // An empty component: right in itself, and no plugin.
    assert_refused(b"\0asm\x0d\0\x01\0", &["world"]);
    let mut cut = fs::read(plugin("identity")).unwrap();
    cut.truncate(cut.len() / 2);
    assert_refused(&cut, &[]);
}

/// A built plugin with a name in it replaced by one of the same length, wherever it stands.
fn renamed(name: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(plugin(name)).unwrap();
    let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "no {from} in {name}");
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to.as_bytes()));
    bytes
}

#[test]
fn a_plugin_that_imports_what_it_is_not_granted_is_refused_by_the_imports_name() {
    let component = renamed("misbehave", "sluicebox:plugin/log@0.1.0", "wasi:sockets/network@0.2.0");
    assert_refused(&component, &["not granted", "wasi:sockets/network@0.2.0"]);
}

#[test]
fn a_plugin_of_another_version_of_the_interface_is_refused_by_that_version() {
    let component = renamed("identity", "sluicebox:plugin/packed@0.1.0", "sluicebox:plugin/packed@0.2.0");
    assert_refused(&component, &["sluicebox:plugin/packed@0.2.0", "0.1"]);
}

#[test]
fn a_config_that_its_plugin_refuses_is_answered_in_the_plugins_words() {
    let folder = Folder::new();
    let wrong = RIGHT.replace("plugin: identity", "plugin: misbehave\n    config: { init: error }");
    let answer = check(&folder.write("orders.yaml", wrong));
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("keep") && answer.err.contains("it was to fail, so it fails"), "{}", answer.err);
}

#[test]
fn the_schema_is_json_and_knows_the_sections() {
    let answer = Finished::of(sluice().args(["check", "--schema"]));
    assert_eq!(answer.code, Some(0));
    let schema: Value = serde_json::from_str(&answer.out).unwrap();
    for section in ["name", "kafka", "input", "stages", "outputs", "dlq", "breaker"] {
        assert!(schema["properties"].get(section).is_some(), "{section}");
    }
}

/// A right file whose stage has this plugin and this configuration, the keys of which begin in column 7 of line 8.
fn configured(plugin: &str, config: &[&str]) -> String {
    let lines: String = config.iter().map(|line| format!("\n      {line}")).collect();
    RIGHT.replace("plugin: identity", &format!("plugin: {plugin}\n    config:{lines}"))
}

#[test]
fn a_configuration_is_validated_by_the_schema_that_its_plugin_carries() {
    let folder = Folder::new();
    let text = configured(
        "filter-json",
        &["field: order.status", "one_off: [shipped]", "invert: \"yes\"", "tombstones: kepe"],
    );
    let file = folder.write("orders.yaml", text);
    for command in ["check", "run", "dev"] {
        let answer = Finished::of(sluice().arg(command).arg(&file));
        assert_eq!(answer.code, Some(2), "{command}: {}", answer.err);
        for part in [
            "orders.yaml:9:7: stage \"keep\": config.one_off: unknown key, expected equals, exists, field, invert",
            "          one_off: [shipped]\n          ^\nhelp: did you mean \"one_of\"?",
            "orders.yaml:10:7: stage \"keep\": config.invert: expected true or false, found a string",
            "orders.yaml:11:7: stage \"keep\": config.tombstones: expected \"keep\", \"drop\" or \"reject\"",
            "help: did you mean \"keep\"?",
        ] {
            assert!(answer.err.contains(part), "{command}: {part} in\n{}", answer.err);
        }
        // The condition is misspelt, and so not missing as well.
        assert!(!answer.err.contains("give equals"), "{}", answer.err);
    }
}

#[test]
fn what_a_plugins_init_says_points_at_the_key_that_it_names() {
    let folder = Folder::new();
    // Only the start knows the outputs.
    let text = configured("route", &["field: country", "routes:", "  de: default", "  fr: france"]);
    let answer = check(&folder.write("route.yaml", text));
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("route.yaml:11:9: stage \"keep\""), "{}", answer.err);
    assert!(answer.err.contains("config.routes.fr: ") && answer.err.contains("fr: france\n"), "{}", answer.err);

    // The same plugin without a schema.
    let section = "sluicebox:config-schema";
    folder.write("plain.wasm", renamed("filter-json", section, "sluicebox:config-sch-me"));
    let text = configured("./plain.wasm", &["field: status", "one_off: [shipped]"]);
    let answer = check(&folder.write("plain.yaml", text));
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("plain.yaml:9:7: stage \"keep\""), "{}", answer.err);
    assert!(answer.err.contains("help: did you mean \"one_of\"?"), "{}", answer.err);
}

#[test]
fn what_is_wrong_in_a_query_or_program_is_pointed_at_in_the_file() {
    let folder = Folder::new();
    let check = |plugin: &str, config: &[&str]| {
        let answer = check(&folder.write("orders.yaml", configured(plugin, config)));
        assert_eq!(answer.code, Some(2), "{}", answer.err);
        assert!(!answer.err.contains(".wasm"), "the stage is named, so its plugin's file need not be: {}", answer.err);
        answer.err
    };
    let said = check("sql", &["query: |", "  SELECT a,", "    uper(b) AS b FROM input"]);
    let want = "orders.yaml:10:11: stage \"keep\": config.query: no function uper\n              \
                uper(b) AS b FROM input\n              ^\nhelp: did you mean `upper`?";
    assert!(said.contains(want), "{said}");
    let said = check("jq", &["program: |", "  .a as $x", "  | [.items[].n] | sum"]);
    let want = "orders.yaml:10:26: stage \"keep\": config.program: undefined filter `sum/0`\n            \
                | [.items[].n] | sum\n                             ^\nhelp: did you mean `add`?";
    assert!(said.contains(want), "{said}");
    let said = check("jq", &["program: '.a | summ'"]);
    assert!(said.contains("orders.yaml:8:22: stage \"keep\": config.program: undefined filter `summ/0`"), "{said}");
    // What stands otherwise in the file is quoted from the program.
    let said = check("jq", &["program: >", "  .a", "  | summ"]);
    assert!(said.contains("orders.yaml:8:7: stage \"keep\": config.program: line 1, column 6: undefined"), "{said}");
}

#[test]
fn a_text_in_the_place_of_a_map_and_a_key_without_a_space_are_answered_with_what_to_write() {
    let folder = Folder::new();
    let said = |plugin: &str, config: &[&str]| {
        let file = folder.write("orders.yaml", configured(plugin, config));
        Finished::of(sluice().env("FIELD", "hunter2").arg("check").arg(file)).err
    };
    let key = said("set", &["key: customer.id"]);
    assert!(key.contains("config.key: expected a map, found a string"), "{key}");
    assert!(key.contains("help: write key: { field: customer.id }"), "{key}");
    let key = said("set", &["key: ${FIELD}"]);
    assert!(key.contains("help: write key: { field: ... }") && !key.contains("hunter2"), "{key}");
    let run_together = said("filter-json", &["{ field: status, equals:paid }"]);
    assert!(run_together.contains("config.equals: a space is missing behind the colon"), "{run_together}");
    assert!(run_together.contains("help: write equals: VALUE"), "{run_together}");
    assert_eq!(run_together.matches("stage \"keep\"").count(), 1, "one error: {run_together}");
    assert_wrong("{ topic: orders.clean }", "{ topic:orders.clean }", "8:14:", &["colon of \"topic\"", "topic: VALUE"]);
    assert_wrong("name: orders\n", "name:orders\n", "1:1:", &["a space is missing behind the colon"]);
    assert_wrong("topics: [orders]", "topics: [orders.*]", "3:19:", &["a pattern begins with \"^\"", "\"^orders.*\""]);
}

#[test]
fn a_value_of_the_environment_is_not_shown_by_what_the_schema_says() {
    let folder = Folder::new();
    let file = folder.write("orders.yaml", configured("mask-json", &["fields: [a]", "style: ${STYLE}"]));
    let answer = Finished::of(sluice().env("STYLE", "hunter2").arg("check").arg(file));
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("config.style: expected") && !answer.err.contains("hunter2"), "{}", answer.err);
}

#[test]
fn a_plugin_with_a_schema_that_is_none_is_refused() {
    let folder = Folder::new();
    for (from, to, said) in [
        ("draft/2020-12/schema", "draft/2019-09/schema", "write it for https://json-schema.org/draft/2020-12/schema"),
        ("\"type\": \"object\"", "\"type\": \"obiekt\"", "the schema of its configuration is unusable"),
    ] {
        folder.write("odd.wasm", renamed("filter-json", from, to));
        let answer = check(&folder.write("odd.yaml", configured("./odd.wasm", &["field: status", "exists: true"])));
        assert_eq!(answer.code, Some(2), "{to}");
        assert!(answer.err.contains("odd.yaml:6:13: stage \"keep\": "), "{}", answer.err);
        assert!(answer.err.contains(said) && answer.err.contains("odd.wasm"), "{}", answer.err);
    }
}

#[test]
fn every_shipped_plugin_carries_the_schema_of_its_configuration() {
    for name in ["filter-json", "identity", "jq", "mask-json", "route", "set", "sql"] {
        let answer = Finished::of(sluice().args(["plugin", "inspect", "--json"]).arg(plugin(name)));
        let inspection: Value = serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{name}: {error}"));
        let schema = &inspection["config_schema"];
        assert_eq!(schema["title"], name);
        let keys = schema["properties"].as_object().unwrap_or_else(|| panic!("{name}: {}", answer.out));
        let readme = fs::read_to_string(repository().join("plugins").join(name).join("README.md")).unwrap();
        for (key, property) in keys {
            assert!(readme.contains(key.as_str()), "the README of {name} does not tell of {key}");
            assert!(property["description"].is_string(), "{name}: {key}");
        }
    }
}

#[test]
fn the_schema_for_editors_has_the_configurations_of_the_plugins_that_files_name() {
    let folder = Folder::new();
    folder.write("a.yaml", configured("filter-json", &["field: ${FIELD}", "not_there: 1"]));
    folder.write("b.yaml", configured("route", &["header: country", "routes: {}"]).replace("name: orders", "name: b"));
    let answer = Finished::of(sluice().args(["check", "--schema"]).arg(folder.path()));
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let schema: Value = serde_json::from_str(&answer.out).unwrap();
    let rules = schema["$defs"]["Stage"]["allOf"].as_array().unwrap();
    let names: Vec<&Value> = rules.iter().map(|rule| &rule["if"]["properties"]["plugin"]["const"]).collect();
    assert_eq!(names, ["filter-json", "route"]);
    let filter = rules[0]["then"]["properties"]["config"]["$ref"].as_str().unwrap().trim_start_matches('#');
    assert!(schema.pointer(filter).unwrap()["properties"]["one_of"].is_object(), "{}", answer.out);

    let answer = Finished::of(sluice().args(["check", "--schema"]).arg(folder.path().join("c.yaml")));
    assert_eq!(answer.code, Some(2), "{}", answer.err);
}
