//! From the paths of a command line to pipeline files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Diagnostic, Errors};

/// How the name of a pipeline test ends; it lies beside its pipeline.
const TEST_SUFFIXES: [&str; 2] = [".test.yaml", ".test.yml"];

/// The pipeline files that paths name: files as they are, and of directories every `*.yaml` and `*.yml`, sorted,
/// without directories in them. A file that is named twice comes once. Pipeline tests are passed over, as shells expand
/// `*.yaml` to them, too.
///
/// # Errors
/// A path that is not there; a directory without pipeline files; nothing but tests.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Errors> {
    let (mut files, mut findings, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        let found = match path {
            path if path.is_dir() => in_folder(path),
            path if is_test(path) => continue,
            path => Ok(vec![path.clone()]),
        };
        match found {
            Ok(found) => {
                // A path that cannot be resolved is kept: reading it says what is wrong.
                files.extend(
                    found.into_iter().filter(|file| file.canonicalize().map_or(true, |path| seen.insert(path))),
                );
            }
            Err(errors) => findings.extend_from_slice(errors.findings()),
        }
    }
    if let (true, true, Some(test)) = (files.is_empty(), findings.is_empty(), paths.first()) {
        let help = format!("run it with `sluice test {}`", test.display());
        findings.push(Diagnostic::of_file(test, "this file holds pipeline tests, not a pipeline").with_help(help));
    }
    Errors::new(findings).map_or(Ok(files), Err)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Errors> {
    let cannot = |error| Errors::from(Diagnostic::of_file(folder, format!("cannot be read: {error}")));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        // A link that leads nowhere is a file that cannot be read, and not passed over.
        if is_pipeline(&path) && path.metadata().map_or(true, |found| found.is_file()) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Diagnostic::of_file(folder, "there is no pipeline file (*.yaml, *.yml) in this directory").into());
    }
    Ok(files)
}

fn is_pipeline(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    yaml && !name.starts_with('.') && !is_test(path)
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    TEST_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn found(folder: &Path, paths: &[&str]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.join(path)).collect();
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        find(&paths).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_passed_over() {
        let folder = folder(&[("a.yaml", "")]);
        std::os::unix::fs::symlink("nowhere.yaml", folder.path().join("b.yaml")).unwrap();
        fs::create_dir(folder.path().join("c.yaml")).unwrap();
        assert_eq!(found(folder.path(), &["."]), ["a.yaml", "b.yaml"]);
    }

    #[test]
    fn a_folder_gives_its_pipelines_sorted_and_without_tests() {
        let folder = folder(&[("b.yaml", ""), ("a.yml", ""), ("a.test.yaml", ""), (".c.yaml", ""), ("notes.md", "")]);
        fs::create_dir(folder.path().join("nested.yaml")).unwrap();
        assert_eq!(found(folder.path(), &["."]), ["a.yml", "b.yaml"]);
    }

    #[test]
    fn a_file_that_is_named_twice_comes_once() {
        let folder = folder(&[("b.yaml", ""), ("a.yaml", "")]);
        assert_eq!(found(folder.path(), &["b.yaml", ".", "./b.yaml"]), ["b.yaml", "a.yaml"]);
    }

    #[test]
    fn a_folder_without_pipelines_is_an_error() {
        let folder = folder(&[("a.test.yaml", "")]);
        let errors = find(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(errors.contains("no pipeline file") && errors.contains(folder.path().to_str().unwrap()), "{errors}");
    }

    #[test]
    fn tests_are_passed_over_among_other_files_and_alone_lead_to_the_command_for_them() {
        let folder = folder(&[("a.yaml", ""), ("a.test.yaml", ""), ("b.test.yml", "")]);
        assert_eq!(found(folder.path(), &["a.test.yaml", "a.yaml", "b.test.yml"]), ["a.yaml"]);
        let test = folder.path().join("a.test.yaml");
        let errors = find(std::slice::from_ref(&test)).unwrap_err().to_string();
        assert!(errors.ends_with(&format!("help: run it with `sluice test {}`", test.display())), "{errors}");
    }
}
