//! Whether files are as they were: a text with each file's path, size and time of change.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

/// Folders that builds make.
const GENERATED: [&str; 4] = ["target", "node_modules", "build", "__pycache__"];

/// The fingerprint of everything under these files and folders, hidden and generated folders left out.
pub fn of(paths: &[&Path]) -> Result<String> {
    let mut lines = Vec::new();
    for path in paths {
        add(path, &mut lines).with_context(|| format!("cannot list {}", path.display()))?;
    }
    lines.sort_unstable();
    Ok(lines.concat())
}

fn add(path: &Path, lines: &mut Vec<String>) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        lines.push(format!("{} {} {}\n", path.display(), metadata.len(), changed.as_nanos()));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') && !GENERATED.contains(&&*name) {
            add(&path, lines)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_a_source_and_not_with_what_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let (source, built) = (folder.path().join("src/lib.rs"), folder.path().join("target/lib.wasm"));
        for file in [&source, &built] {
            fs::create_dir(file.parent().unwrap()).unwrap();
            fs::write(file, "one").unwrap();
        }
        let before = of(&[folder.path()]).unwrap();
        fs::write(&built, "more").unwrap();
        assert_eq!(of(&[folder.path()]).unwrap(), before);
        fs::write(&source, "more").unwrap();
        assert_ne!(of(&[folder.path()]).unwrap(), before);
    }
}
