//! Any text is answered with a plan or with clean findings.

use proptest::prelude::*;

use super::{FULL, planned};

/// A change to a text: how much of what is where is replaced by what.
fn mutation() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let piece = prop_oneof![
        "[a-z\\-?:,{}\\[\\]&*!|>'\"%@` \t\n#$0-9.~<=]{0,6}",
        "\\PC{0,4}",
        Just("${".to_owned()),
        Just("*l".to_owned()),
        Just("<<: *l\n".to_owned()),
    ];
    (any::<prop::sample::Index>(), 0..12_usize, piece)
}

fn mutated(text: &str, mutations: &[(prop::sample::Index, usize, String)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, length, piece) in mutations {
        let at = at.index(chars.len() + 1);
        let end = (at + length).min(chars.len());
        chars.splice(at..end, piece.chars());
    }
    chars.into_iter().collect()
}

/// Whatever the text: a plan, or findings that begin with the file.
fn is_answered(text: &str) {
    if let Err(errors) = planned(text) {
        for finding in errors.findings() {
            assert!(finding.to_string().starts_with("src/config/testdata/p.yaml:"), "{finding}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC*|[a-z:\\- \n{}\\[\\]&*|>'\"$]{0,80}") {
        is_answered(&text);
    }

    #[test]
    fn any_change_to_a_file_is_answered(mutations in prop::collection::vec(mutation(), 1..4)) {
        is_answered(&mutated(FULL, &mutations));
    }

    #[test]
    fn no_change_to_a_file_shows_a_secret(mutations in prop::collection::vec(mutation(), 1..3)) {
        let secret = "\nname: x\nkafka:\n  bootstrap.servers: ${SECRET_VALUE}\n  client.id: x\n  ssl.key.pem: \"";
        let text = format!("{}hunter2\"\ninput: {{}}\n", mutated(secret, &mutations[..1]));
        if text.contains("ssl.key.pem: \"hunter2") && let Err(errors) = planned(&text) {
            prop_assert!(!errors.to_string().contains("hunter2"), "{errors}");
        }
    }
}
