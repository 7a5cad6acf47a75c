//! From the paths of a command line to pipeline files, and one pipeline for each name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Diagnostic, Errors, Source};
use super::plan::Plan;

/// How the name of a pipeline test ends; it lies beside its pipeline.
const TEST_SUFFIXES: [&str; 2] = [".test.yaml", ".test.yml"];

/// The pipeline files that paths name: files as they are, and of folders every `*.yaml` and `*.yml` that is no pipeline
/// test, sorted, without folders in them. A file that is named twice comes once.
///
/// # Errors
/// A path that is not there, or a folder without pipeline files.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Errors> {
    let (mut files, mut findings, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        let found = if path.is_dir() { in_folder(path) } else { Ok(vec![path.clone()]) };
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
    Errors::new(findings).map_or(Ok(files), Err)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Errors> {
    let cannot = |error| Errors::from(Diagnostic::of_file(folder, format!("cannot be read: {error}")));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if is_pipeline(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Diagnostic::of_file(folder, "there is no pipeline file (*.yaml, *.yml) in this folder").into());
    }
    Ok(files)
}

fn is_pipeline(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    yaml && !name.starts_with('.') && !TEST_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// Checks that no two pipelines share a name, which would share their group, metrics and transactional ids.
///
/// # Errors
/// Every plan whose name an earlier one has; the finding names both files.
pub fn distinct_names<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Result<(), Errors> {
    let (mut first, mut findings) = (BTreeMap::new(), Vec::new());
    for plan in plans {
        let Some(earlier) = first.get(&plan.name) else {
            first.insert(plan.name.clone(), &plan.file);
            continue;
        };
        // The text is only there to be quoted.
        let text = fs::read_to_string(&plan.file).unwrap_or_default();
        let message = format!("a pipeline of this name is in {} too", earlier.display());
        let help = "give each pipeline a name of its own";
        findings.push(Source::new(&plan.file, &text).diagnostic(plan.name_at, message).with_help(help));
    }
    Errors::new(findings).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PlanOptions, load};

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
    fn one_name_in_two_files_names_both() {
        let text = "name: twin\nkafka: { bootstrap.servers: x }\ninput: { topics: [a] }\n\
                    outputs: { default: { topic: b } }\n";
        let folder = folder(&[("a.yaml", text), ("b.yaml", text)]);
        let plan = |name| load(&folder.path().join(name), &|_| None, &PlanOptions::default()).unwrap().0;
        let plans = [plan("a.yaml"), plan("b.yaml")];
        assert!(distinct_names(&plans[..1]).is_ok());
        let errors = distinct_names(&plans).unwrap_err().to_string();
        assert!(errors.contains("b.yaml:1:7: ") && errors.contains("a.yaml too") && errors.contains("name: twin"));
    }
}
