//! The files of certificates that an HTTP client is given in a pipeline file.

use std::path::{Path, PathBuf};

use super::planner::{Planner, Value};
use super::written::Written;

/// The keys that name them.
pub(super) struct TlsFiles<'f> {
    pub(super) ca: &'f Option<Written<String>>,
    pub(super) certificate: &'f Option<Written<String>>,
    pub(super) key: &'f Option<Written<String>>,
}

/// The file of whom to trust, and those of the client's own certificate and of its key.
type Read = (Option<PathBuf>, Option<(PathBuf, PathBuf)>);

impl TlsFiles<'_> {
    /// Reads the keys of a section. `connects`: the files have to be there.
    pub(super) fn read(&self, planner: &mut Planner<'_>, section: &str, folder: &Path, connects: bool) -> Read {
        let mut file = |name: &str, written: &Option<Written<String>>| {
            let key = format!("{section}.{name}");
            let read = text(planner, &key, written.as_ref())?;
            let path = path(planner, &key, &read, folder);
            if connects && !path.is_file() {
                planner.error(read.at, format!("{key}: {} is no file; paths are relative to this one", read.shown));
            }
            Some((path, read.at))
        };
        let (ca, certificate, key) =
            (file("ca", self.ca), file("certificate", self.certificate), file("key", self.key));
        let certificate = match (certificate, key) {
            (Some((certificate, _)), Some((key, _))) => Some((certificate, key)),
            (Some((_, at)), None) => {
                planner.error(at, format!("{section}: a certificate needs its private `key` beside it"));
                None
            }
            (None, Some((_, at))) => {
                planner.error(at, format!("{section}: a key needs its `certificate` beside it"));
                None
            }
            (None, None) => None,
        };
        (ca.map(|(path, _)| path), certificate)
    }
}

/// Reads a text that may be missing.
pub(super) fn text(planner: &mut Planner<'_>, key: &str, written: Option<&Written<String>>) -> Option<Value<String>> {
    let read = planner.read(key, written?)?;
    // An empty value is none, so that `${TOKEN:-}` may be.
    (!read.value.is_empty()).then_some(read)
}

/// The path that a text names.
pub(super) fn path(planner: &mut Planner<'_>, key: &str, read: &Value<String>, folder: &Path) -> PathBuf {
    if !read.replaced {
        planner.record(key.to_owned(), read.value.clone());
    }
    folder.join(&read.value)
}
