use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// Bytes of all files of the page, at the most.
const LIMIT: usize = 200_000;

#[test]
fn the_page_is_small() {
    let bytes = INDEX.len() + DEV.len() + ASSETS.iter().map(|(_, text)| text.len()).sum::<usize>();
    assert!(bytes < LIMIT, "the page has {bytes} bytes; the limit is {LIMIT}");
}

#[test]
fn every_file_of_the_page_is_served() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/page");
    let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = names.filter(|name| !name.ends_with(".rs") && !name.ends_with(".html")).collect();
    let served = ASSETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, served);
}

#[test]
fn the_page_names_no_other_host_and_parses_no_markup() {
    let files = ASSETS.iter().copied().chain([("index.html", INDEX), ("dev.html", DEV)]);
    for (name, text) in files {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for forbidden in ["http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "style=\""] {
            assert!(!text.contains(forbidden), "{name} has {forbidden}");
        }
    }
}

#[test]
fn every_module_that_is_imported_is_there() {
    for (name, text) in ASSETS {
        let imports = text.lines().filter_map(|line| line.split_once("from \"./")?.1.split_once('"'));
        for (imported, _) in imports {
            assert!(ASSETS.iter().any(|(other, _)| *other == imported), "{name} imports {imported}");
        }
    }
}
