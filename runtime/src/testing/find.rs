//! From the paths of a command line to files of tests, each with its pipeline.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{Diagnostic, Errors};

/// What a pipeline's tests have between its name and the ending: `NAME.test.yaml`.
const MARK: &str = "test";
/// How YAML files end.
const ENDINGS: [&str; 2] = ["yaml", "yml"];

/// A file of tests, and what they are of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestFile {
    /// The tests.
    pub tests: PathBuf,
    /// The pipeline.
    pub pipeline: PathBuf,
}

/// The files of tests that paths name: as they are, those of pipeline files, and all in folders, without folders in
/// them.
///
/// # Errors
/// A path that is not there; tests without a pipeline, a pipeline without tests, a folder without any.
pub fn find(paths: &[PathBuf]) -> Result<Vec<TestFile>, Errors> {
    let (mut found, mut findings, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        let files = if path.is_dir() { in_folder(path) } else { Ok(vec![path.clone()]) };
        let files = files.and_then(|files| files.iter().map(|file| of_file(file)).collect::<Result<Vec<_>, _>>());
        match files {
            Ok(files) => found.extend(files.into_iter().filter(|file| seen.insert(file.clone()))),
            Err(errors) => findings.extend_from_slice(errors.findings()),
        }
    }
    Errors::new(findings).map_or(Ok(found), Err)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Errors> {
    let cannot = |error| Errors::from(Diagnostic::of_file(folder, format!("cannot be read: {error}")));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_tests(&path) && !is_hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let help = "the tests of NAME.yaml are in NAME.test.yaml beside it";
        let none = Diagnostic::of_file(folder, "there are no pipeline tests (*.test.yaml) in this folder");
        return Err(none.with_help(help).into());
    }
    Ok(files)
}

fn of_file(path: &Path) -> Result<TestFile, Errors> {
    if !path.exists() {
        return Err(Diagnostic::of_file(path, "there is no such file").into());
    }
    if is_tests(path) {
        let name = path.with_extension("").with_extension("");
        let pipeline = beside(&name).ok_or_else(|| {
            let file = name.with_added_extension(ENDINGS[0]);
            Diagnostic::of_file(path, format!("there is no pipeline {} that these tests are of", file.display()))
        })?;
        return Ok(TestFile { tests: path.to_owned(), pipeline });
    }
    let name = path.with_extension(MARK);
    let tests = beside(&name).ok_or_else(|| {
        let file = name.with_added_extension(ENDINGS[0]);
        Diagnostic::of_file(path, "this pipeline has no tests").with_help(format!("write them to {}", file.display()))
    })?;
    Ok(TestFile { tests, pipeline: path.to_owned() })
}

/// The file of this name with the ending of a YAML file.
fn beside(name: &Path) -> Option<PathBuf> {
    ENDINGS.iter().map(|ending| name.with_added_extension(ending)).find(|path| path.is_file())
}

fn is_tests(path: &Path) -> bool {
    let ends_in_yaml = path.extension().is_some_and(|extension| ENDINGS.iter().any(|ending| extension == *ending));
    ends_in_yaml && path.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|mark| mark == MARK))
}
