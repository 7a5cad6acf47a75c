//! `sluice test` and `sluice plugin test`: cases pass, fail with what differs, and are updated. No Kafka is needed.

mod plugin;

use std::fs;
use std::path::{Path, PathBuf};

use sluicebox_tests::{Finished, Folder, repository, sluice};

/// A pipeline of one stage that does what its records say.
const PIPELINE: &str = "\
name: p
kafka: { bootstrap.servers: nowhere:1 }
input: { topics: [in] }
stages:
  - name: obey
    plugin: misbehave
    on_error: { then: dlq }
outputs:
  default: { topic: out }
  audit: { topic: audit }
  trash: { drop: true }
dlq: { topic: dlq }
";

/// A pipeline and its tests, run in a folder of their own.
struct Tests {
    folder: Folder,
    file: PathBuf,
}

impl Tests {
    fn new(tests: &str) -> Tests {
        Tests::of(PIPELINE, tests)
    }

    fn of(pipeline: &str, tests: &str) -> Tests {
        let folder = Folder::new();
        folder.write("p.yaml", pipeline);
        let file = folder.write("p.test.yaml", tests);
        Tests { folder, file }
    }

    fn run(&self, more: &[&str]) -> Finished {
        Finished::of(sluice().arg("test").arg(&self.file).args(more))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }
}

/// The lines of the output without its file names and the time.
fn said(answer: &Finished) -> String {
    let lines = answer.out.lines().filter(|line| !line.ends_with(".yaml"));
    let lines = lines.map(|line| line.split(" (0.").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn passes(tests: &str) {
    let answer = Tests::new(tests).run(&[]);
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
}

fn fails(tests: &str, parts: &[&str]) {
    let answer = Tests::new(tests).run(&[]);
    assert_eq!(answer.code, Some(1), "{}{}", answer.out, answer.err);
    for part in parts {
        assert!(answer.out.contains(part), "{part} in\n{}", answer.out);
    }
}

#[test]
fn the_tests_of_the_shipped_pipelines_pass() {
    let answer = Finished::of(sluice().arg("test").arg(repository().join("pipelines")));
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
    assert!(answer.out.contains("order-status.test.yaml\n") && answer.out.contains("flights.test.yaml\n"));
    assert!(answer.out.contains(", failed: 0 ("), "{}", answer.out);
}

#[test]
fn every_way_out_of_the_chain_can_be_expected() {
    passes(
        r#"cases:
  - name: outputs
    records: [kept, "!output:audit", "!emit:2", "!drop", "!output:trash", "!null"]
    expect:
      outputs:
        default: [kept, "0", "1", { value: null }]
        audit: ["!output:audit"]
      dropped: 2
  - name: dead letters
    records: ["!reject:not this", ok, "!trap", "!retry", "!batch-retry:2", "!output:nowhere"]
    expect:
      outputs: { default: [ok, "!batch-retry:2"] }
      dead_letters:
        - { class: reject, reason: not, stage: obey, value: "!reject:not this" }
        - { class: trap, reason_contains: unreachable }
        - { class: retries, reason: not yet }
        - { class: output, key: null, headers: [] }
  - name: fields
    records:
      - { key: k, value: "!echo:headers", headers: [[a, b], [c, null]], timestamp: 5 }
      - { key_base64: /w==, value_base64: //8=, headers: [[a, { base64: /w== }]] }
      - { key: k, value: "!echo:source" }
    expect:
      outputs:
        default:
          - { key: k, headers: [[a, b], [c, null]], timestamp: 5 }
          - { key_base64: /w==, value_base64: //8=, headers: [[a, { base64: /w== }]], timestamp: null }
          - {}
  - name: counters are those of the case
    records: ["!count:seen", "!count:seen", "!count:other"]
    expect:
      outputs: { default: [{}, {}, {}] }
      metrics: { seen: 2, other: 1, never: 0 }
  - name: the next case begins anew
    records: ["!count:seen"]
    expect: { outputs: { default: [{}] }, metrics: { seen: 1 } }
"#,
    );
}

#[test]
fn a_case_that_fails_shows_what_differs_and_the_others_go_on() {
    let tests = Tests::new(
        r#"cases:
  - name: json
    records: [{ value: { id: 1, status: paid, list: [1, 2] } }]
    expect: { outputs: { default: [{ value: { status: open, id: 1.0, list: [1, 2] } }] } }
  - name: passes
    records: [a]
    expect: { outputs: { default: [a] } }
  - name: letters
    records: ["!reject:no"]
    expect:
      dead_letters: [{ class: trap, reason: no, stage: obey }]
      dropped: 1
      metrics: { seen: 1 }
  - name: nothing said
    records: [a]
"#,
    );
    let answer = tests.run(&[]);
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    let want = r#"  FAILED   json (line 2)
    outputs.default:
        {
      -   "status": "open",
      +   "status": "paid",
          "id": 1.0,
          "list": [
            1,
            2
          ]
  ok       passes
  FAILED   letters (line 8)
    dead_letters:
      - class: trap
      + class: reject
        reason: no
        stage: obey
    dropped:
      - 1
      + 0
    metrics.seen:
      - 1
      + 0
  FAILED   nothing said (line 14)
    it has no `expect`: --update writes what came
    outputs.default:
      + a
passed: 1, failed: 3"#;
    assert_eq!(said(&answer), want);
}

#[test]
fn whatever_comes_has_to_be_expected_and_in_order() {
    let one = |expect: &str| format!("cases:\n  - name: a\n    records: [a, b]\n    expect: {expect}\n");
    passes(&one("{ outputs: { default: [a, b] } }"));
    fails(&one("{}"), &["outputs.default:", "+ a", "+ b"]);
    fails(&one("{ outputs: { default: [b, a] } }"), &["outputs.default:", "- a", "+ a"]);
    fails(&one("{ outputs: { default: [a] } }"), &["+ b"]);
    fails(&one("{ outputs: { default: [a, b, c] } }"), &["- c"]);
    fails(&one("{ outputs: { default: [a, b], audit: [a] } }"), &["outputs.audit:", "- a"]);
    fails("cases:\n  - name: a\n    records: ['!reject:no']\n    expect: {}\n", &["dead_letters:", "+ reason: no"]);
}

#[test]
fn text_is_compared_exactly_and_a_mapping_as_json() {
    let one = |record: &str| {
        format!(
            "cases:\n  - name: a\n    records: ['{{\"b\": 1,\"a\":[]}}']\n    expect: {{ outputs: {{ default: [{record}] }} }}\n"
        )
    };
    passes(&one("'{\"b\": 1,\"a\":[]}'"));
    passes(&one("{ value: { a: [], b: 1 } }"));
    fails(&one("'{\"b\":1,\"a\":[]}'"), &["- {\"b\":1,\"a\":[]}", "+ {\"b\": 1,\"a\":[]}"]);
    fails(&one("{ value: { a: [], b: '1' } }"), &["-   \"b\": \"1\"", "+   \"b\": 1"]);
}

#[test]
fn what_would_stop_the_pipeline_can_be_expected_with_what_came_before() {
    let stops = PIPELINE.replace("then: dlq", "then: stop");
    let case =
        |records: &str, expect: &str| format!("cases:\n  - name: a\n    records: {records}\n    expect: {expect}\n");
    let code = |pipeline: &str, tests: &str| {
        let answer = Tests::of(pipeline, tests).run(&[]);
        (answer.code, answer.out + &answer.err)
    };
    let before = "{ error: 'reject: no', outputs: { default: [a] } }";
    assert_eq!(code(&stops, &case("[a, '!reject:no', b]", before)).0, Some(0));
    assert_eq!(code(PIPELINE, &case("[a, '!fatal']", "{ error: it was told to be fatal }")).0, Some(0));
    let (not_there, said) = code(PIPELINE, &case("[]", "{ error: anything }"));
    assert_eq!(not_there, Some(1));
    assert!(said.contains("error:\n      - anything"), "{said}");
    let (unexpected, said) = code(PIPELINE, &case("['!fatal']", "{}"));
    assert_eq!(unexpected, Some(1));
    assert!(said.contains("+ stage \"obey\" failed for good"), "{said}");
    let drops = PIPELINE.replace("then: dlq", "then: drop");
    assert_eq!(code(&drops, &case("['!reject:no', '!trap']", "{ dropped: 2 }")).0, Some(0));
}

#[test]
fn a_wrong_file_is_answered_with_the_place_and_exit_code_2() {
    let right = "cases:\n  - name: a\n    records: [a]\n    expect: { outputs: { default: [a] } }\n";
    passes(right);
    for (from, to, place, parts) in [
        ("records:", "recrods:", "3:5:", &["unknown key \"recrods\"", "did you mean \"records\""][..]),
        ("[a]\n    expect", "[{ vlaue: a }]\n    expect", "3:", &["vlaue", "did you mean \"value\"", "^"]),
        ("default:", "defualt:", "4:", &["there is no output \"defualt\"", "did you mean \"default\""]),
        ("default:", "trash:", "4:", &["dropped"]),
        ("records: [a]", "records: [5]", "3:15:", &["a number", "quote it"]),
        ("records: [a]", "records: [{ value: 5 }]", "3:15:", &["\"value\" is text, or null"]),
        ("name: a", "name: a\n    name: b", "3:", &["name"]),
        ("cases:", "csaes:", "1:1:", &["csaes"]),
        ("{ outputs: { default: [a] } }", "{ dead_letters: [{ class: rejct }] }", "4:", &["did you mean \"reject\""]),
        ("{ outputs: { default: [a] } }", "{ dropped: some }", "4:24:", &["a whole number"]),
        ("  - name: a\n", "  - name: a\n    expect: {}\n  - name: a\n", "4:11:", &["is in line 2 already"]),
    ] {
        let text = right.replacen(from, to, 1);
        assert_ne!(text, right);
        let tests = Tests::new(&text);
        let answer = tests.run(&[]);
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""), "{to}: {}", answer.err);
        let beginning = format!("{}:{place}", tests.file.display());
        assert!(answer.err.starts_with(&beginning), "{beginning}\n{}", answer.err);
        for part in parts {
            assert!(answer.err.contains(part), "{part} in\n{}", answer.err);
        }
    }
    let wrong_pipeline = Tests::of(&PIPELINE.replace("plugin: misbehave", "plugin: misbehaves"), right).run(&[]);
    assert_eq!(wrong_pipeline.code, Some(2));
    assert!(wrong_pipeline.err.contains("p.yaml:6:13:"), "{}", wrong_pipeline.err);
}

#[test]
fn tests_are_found_by_themselves_by_their_pipeline_and_in_a_folder() {
    let tests = Tests::new("cases:\n  - name: a\n    expect: {}\n");
    let folder = tests.folder.path();
    let code = |path: &Path| {
        let answer = Finished::of(sluice().arg("test").arg(path));
        (answer.code, answer.out + &answer.err)
    };
    for path in [tests.file.clone(), folder.join("p.yaml"), folder.to_owned()] {
        assert_eq!(code(&path).0, Some(0), "{}", path.display());
    }
    tests.folder.write("bare.yaml", PIPELINE);
    let (bare, said) = code(&folder.join("bare.yaml"));
    assert!(bare == Some(2) && said.contains("bare.test.yaml"), "{said}");
    tests.folder.write("lost.test.yaml", "cases: []\n");
    let (lost, said) = code(folder);
    assert!(lost == Some(2) && said.contains("there is no pipeline") && said.contains("lost.yaml"), "{said}");
    assert_eq!(code(&folder.join("gone.test.yaml")).0, Some(2));
    assert_eq!(code(Folder::new().path()).0, Some(2));
}

#[test]
fn update_writes_what_came_and_leaves_the_rest_as_it_is() {
    let tests = Tests::new(
        r#"# What this is about.
cases:
  # It is right already.
  - name: right
    records: [a]
    expect: { outputs: { default: [a] } }   # stays

  - name: wrong
    expect:
      outputs:
        default:
          - { value: x, headers: [] }
      dropped: 7
    records: # behind the block
      - { key: k, value: { n: 1 } }

  - name: new
    records: ["!reject:no", "it's", "!drop"]

  - name: keyed
    records: [{ key: k, value: a }, b]
"#,
    );
    let answer = tests.run(&["--update"]);
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
    assert_eq!(
        said(&answer),
        "  ok       right\n  updated  wrong\n  updated  new\n  updated  keyed\npassed: 1, failed: 0, updated: 3"
    );
    let want = r#"# What this is about.
cases:
  # It is right already.
  - name: right
    records: [a]
    expect: { outputs: { default: [a] } }   # stays

  - name: wrong
    expect:
      outputs:
        default:
          - value: '{"n":1}'
            headers: []
      dropped: 0
    records: # behind the block
      - { key: k, value: { n: 1 } }

  - name: new
    records: ["!reject:no", "it's", "!drop"]
    expect:
      outputs:
        default:
          - 'it''s'
      dead_letters:
        - class: reject
          reason: 'no'
      dropped: 1

  - name: keyed
    records: [{ key: k, value: a }, b]
    expect:
      outputs:
        default:
          - key: 'k'
            value: 'a'
          - key: null
            value: 'b'
"#;
    assert_eq!(tests.text(), want);
    assert_eq!(tests.run(&[]).code, Some(0));
    assert_eq!(tests.run(&["--update"]).code, Some(0));
    assert_eq!(tests.text(), want, "there is nothing more to write");
}

#[test]
fn a_case_in_braces_is_not_updated_and_the_file_stays_as_it_is() {
    let text = "cases:\n  - { name: a, records: [a] }\n";
    let tests = Tests::new(text);
    let answer = tests.run(&["--update"]);
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.err.contains("p.test.yaml:2:5:") && answer.err.contains("each of its keys on a line"),
        "{}",
        answer.err
    );
    assert_eq!(tests.text(), text);
}

#[test]
fn only_the_cases_that_the_filter_names_are_run_and_junit_tells_of_them() {
    let tests = Tests::new(
        "cases:\n  - name: good <1>\n    records: [a]\n    expect: { outputs: { default: [a] } }\n\
         \x20 - name: bad 2\n    records: [a]\n    expect: {}\n  - name: other\n    records: [a]\n    expect: {}\n",
    );
    let xml = tests.folder.path().join("junit.xml");
    let answer = tests.run(&["--filter", "good", "--junit", xml.to_str().unwrap()]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let written = fs::read_to_string(&xml).unwrap();
    assert!(written.contains("tests=\"1\" failures=\"0\"") && written.contains("name=\"good &lt;1&gt;\""), "{written}");
    let answer = tests.run(&["--filter", "d", "--junit", xml.to_str().unwrap()]);
    assert_eq!(answer.code, Some(1));
    let written = fs::read_to_string(&xml).unwrap();
    assert!(written.contains("tests=\"2\" failures=\"1\"") && !written.contains("other"), "{written}");
    assert!(
        written.contains("<failure message=\"not as expected: outputs.default\">outputs.default:\n  + a\n"),
        "{written}"
    );
    let answer = tests.run(&["--filter", "nothing has this"]);
    assert!(answer.code == Some(2) && answer.err.contains("nothing has this"), "{}", answer.err);
}
