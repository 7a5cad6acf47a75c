//! `sluice plugin test`: a table of cases for one plugin, without a pipeline.

use std::fs;

use sluicebox_tests::{Finished, Folder, plugin, sluice};

/// Runs the tests of a plugin.
fn plugin_tests(tests: &str, more: &[&str]) -> (Finished, Folder) {
    let folder = Folder::new();
    folder.write("tests.yaml", tests);
    (Finished::of(sluice().args(["plugin", "test"]).arg(folder.path()).args(more)), folder)
}

#[test]
fn one_table_serves_a_plugin_with_a_config_for_each_case() {
    let table = r#"stage: only
config: { field: status, equals: paid }
cases:
  - name: keeps what is paid
    records: [{ value: { status: paid } }, { value: { status: open } }]
    expect: { outputs: { default: [{ value: { status: paid } }] }, dropped: 1 }
  - name: another config
    config: { field: status, equals: open }
    records: [{ value: { status: open } }]
    expect: { outputs: { default: [{}] } }
  - name: a wrong config
    config: { field: status, equals: open, feild: x }
    expect: { error: feild }
  - name: no config at all
    config: null
    expect: { error: 'stage "only"' }
"#;
    let component = plugin("filter-json");
    let (answer, _folder) = plugin_tests(table, &["--plugin", component.to_str().unwrap()]);
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
    assert!(answer.out.contains("passed: 4, failed: 0 ("), "{}", answer.out);
}

#[test]
fn outputs_grants_and_limits_of_a_case_reach_the_plugin() {
    let table = r#"limits: { time: 100ms }
outputs: [default, audit]
cases:
  - name: the outputs of all
    records: ["!output:audit"]
    expect: { outputs: { audit: [{}] } }
  - name: those of a case
    outputs: [default]
    records: ["!output:audit"]
    expect: { dead_letters: [{ class: output }] }
  - name: the time of all
    records: ["!loop"]
    expect: { dead_letters: [{ class: time }] }
  - name: the memory of a case
    limits: { memory: 4MiB }
    grants: { clock: true }
    records: ["!memory:8"]
    expect: { dead_letters: [{ class: memory }] }
  - name: where records come from
    records: [a, "!echo:source"]
    expect: { outputs: { default: [a, test/0/1] } }
"#;
    let component = plugin("misbehave");
    let (answer, _folder) = plugin_tests(table, &["--plugin", component.to_str().unwrap()]);
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
}

#[test]
fn the_plugin_is_the_one_that_was_built() {
    let table = "cases:\n  - name: a\n    records: [a]\n    expect: { outputs: { default: [a] } }\n";
    let (answer, folder) = plugin_tests(table, &[]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("sluice plugin build") && answer.err.contains("build"), "{}", answer.err);
    let build = folder.path().join("build");
    fs::create_dir(&build).unwrap();
    fs::copy(plugin("identity"), build.join("one.wasm")).unwrap();
    let run = || Finished::of(sluice().args(["plugin", "test"]).current_dir(folder.path()));
    let answer = run();
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
    fs::copy(plugin("identity"), build.join("two.wasm")).unwrap();
    let answer = run();
    assert!(answer.code == Some(2) && answer.err.contains("one.wasm, two.wasm"), "{}", answer.err);
    folder.write("build/two.wasm", "no component");
    let wrong =
        Finished::of(sluice().args(["plugin", "test", "--plugin", "build/two.wasm"]).current_dir(folder.path()));
    assert!(wrong.code == Some(2) && wrong.err.contains("two.wasm"), "{}", wrong.err);
    let table = table.replace("records: [a]", "outputs: [audit]\n    records: [a]");
    folder.write("tests.yaml", table);
    let wrong =
        Finished::of(sluice().args(["plugin", "test", "--plugin", "build/one.wasm"]).current_dir(folder.path()));
    assert!(wrong.code == Some(2) && wrong.err.contains("tests.yaml:3:14:"), "{}", wrong.err);
}
