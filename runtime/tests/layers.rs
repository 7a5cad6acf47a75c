//! The layers that ARCHITECTURE.md draws are those of the code: a module uses only modules above it in the list, and no
//! two use each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The layers of ARCHITECTURE.md, by module: the lower the number, the fewer modules it may use.
fn layers() -> BTreeMap<String, usize> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let block = text.split("```layers\n").nth(1).and_then(|rest| rest.split("```").next());
    let block = block.expect("ARCHITECTURE.md has a block of layers");
    let line =
        |(number, line): (usize, &'static str)| line.split_whitespace().map(move |name| (name.to_owned(), number));
    let block: &'static str = Box::leak(block.to_owned().into_boxed_str());
    block.lines().enumerate().flat_map(line).collect()
}

/// All source files of the library but tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "tests" && name != "bin" {
            sources(&path, found);
        } else if name.ends_with(".rs")
            && !["tests.rs", "testing.rs", "simulated.rs", "lib.rs", "main.rs"].contains(&name)
        {
            found.push(path);
        }
    }
}

/// The module that a file belongs to: the first part of its path.
fn module_of(file: &Path, root: &Path) -> String {
    let first = file.strip_prefix(root).expect("below the root").components().next().expect("a part");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The modules that a file names after `crate::`, outside of its tests, comments and texts.
fn uses(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut names = BTreeSet::new();
    for line in lines {
        for rest in line.split("crate::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            names.insert(name);
        }
    }
    names
}

#[test]
fn every_module_uses_only_modules_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let layers = layers();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let module = module_of(file, &root);
        let Some(own) = layers.get(&module) else {
            wrong.push(format!("{}: the module `{module}` is in no layer", file.display()));
            continue;
        };
        let text = fs::read_to_string(file).expect("a source can be read");
        for used in uses(&text).iter().filter(|used| **used != module) {
            match layers.get(used) {
                Some(layer) if layer < own => {}
                Some(_) => wrong.push(format!("{}: `{module}` uses `{used}`, which is not above it", file.display())),
                None => wrong.push(format!("{}: it uses `{used}`, which is in no layer", file.display())),
            }
        }
    }
    assert!(files.len() > 100, "the sources were found: {}", files.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_four_hundred_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut lengths: Vec<(usize, &PathBuf)> =
        files.iter().map(|file| (fs::read_to_string(file).expect("a source").lines().count(), file)).collect();
    lengths.sort();
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > 400).collect();
    assert!(long.is_empty(), "{long:?}");
    let median = lengths[lengths.len() / 2].0;
    assert!(median < 180, "the median file has {median} lines");
}

#[test]
fn comment_lines_fit_into_120_columns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut long = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("a source can be read");
        let is_long = |line: &&str| line.trim_start().starts_with("//") && line.chars().count() > 120;
        long.extend(text.lines().filter(is_long).map(|line| format!("{}: {line}", file.display())));
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}
