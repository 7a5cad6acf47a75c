//! Files that are wrong, each with what is said of it beside it.

use std::fs;
use std::path::PathBuf;

use super::{FOLDER, env};
use crate::config::{PlanOptions, load};

/// `UPDATE_GOLDEN=1` writes what is said now instead of comparing.
#[test]
fn every_wrong_file_is_answered_with_place_cause_and_help() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let entries = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    assert!(files.len() >= 25);
    let mut differing = Vec::new();
    for file in files {
        let errors = load(&file, &env, &PlanOptions::default()).expect_err(&file.display().to_string());
        let said = format!("{errors}\n");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(errors.findings().iter().all(|finding| finding.position().is_some()), "{said}");
        let beside = file.with_extension("txt");
        if update {
            fs::write(&beside, said).unwrap();
        } else if fs::read_to_string(&beside).unwrap_or_default() != said {
            differing.push(said);
        }
    }
    assert!(differing.is_empty(), "differs from its .txt:\n\n{}", differing.join("\n"));
}
