//! The content of files that a plan depends on, as one digest: so that a reload notices a certificate or a key that was
//! exchanged under the same path.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The digest, in hexadecimal, of what these files and directories hold. One that cannot be read counts as such.
pub(super) fn fingerprint(paths: impl IntoIterator<Item = PathBuf>) -> String {
    let paths: BTreeSet<PathBuf> = paths.into_iter().collect();
    let mut hasher = Sha256::new();
    for path in paths {
        add(&mut hasher, &path);
        let Ok(entries) = path.read_dir() else { continue };
        let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| add(&mut hasher, entry));
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn add(hasher: &mut Sha256, path: &Path) {
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(path.as_os_str().as_encoded_bytes());
    match fs::read(path) {
        Ok(content) => part(&content),
        Err(error) => part(error.kind().to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_counts_in_files_and_in_directories() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.pem");
        let both = || fingerprint([file.clone(), folder.path().to_owned()]);
        let absent = both();
        fs::write(&file, "1").unwrap();
        let first = both();
        assert_eq!(first, both());
        fs::write(&file, "2").unwrap();
        let second = both();
        fs::write(folder.path().join("b.pem"), "").unwrap();
        let third = fingerprint([folder.path().to_owned()]);
        assert_eq!(BTreeSet::from([&absent, &first, &second, &third]).len(), 4);
    }
}
