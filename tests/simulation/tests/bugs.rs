//! The patches of `bugs/` apply to the sources as they are, so that `cargo xtask simulate --bugs` tries each of them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// How many there have to be.
const LEAST: usize = 15;

#[test]
fn every_bug_can_be_put_into_the_sources() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.join("../..");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(package.join("bugs")).expect("the folder of patches can be read") {
        let patch = entry.expect("the folder of patches can be read").path();
        let check = Command::new("git").current_dir(&root).args(["apply", "--check"]).arg(&patch).output();
        let check = check.expect("git is needed for this test: install it");
        count += 1;
        if !check.status.success() {
            wrong.push(format!("{}: {}", patch.display(), String::from_utf8_lossy(&check.stderr)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= LEAST, "there are {count} patches");
}
