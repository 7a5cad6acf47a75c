//! Who may do what: three rights, and the tokens that give them.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

/// What a request needs, and what whoever asks has; each holds those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Health, metrics, and the page without data.
    None,
    /// Views of pipelines.
    Read,
    /// Everything that changes something, and everything that shows a record's bytes or a log line.
    Full,
}

/// Files that hold tokens.
#[derive(Clone, Debug, Default)]
pub struct TokenFiles {
    /// The token in it gives [`Right::Full`].
    pub full: Option<PathBuf>,
    /// The token in it gives [`Right::Read`].
    pub read: Option<PathBuf>,
}

impl TokenFiles {
    /// Returns whether there is any.
    pub fn any(&self) -> bool {
        self.full.is_some() || self.read.is_some()
    }
}

/// The right of whoever shows no token, and the tokens.
pub struct Access {
    files: TokenFiles,
    without_token: Right,
    tokens: RwLock<Tokens>,
}

/// Digests of the tokens: comparing them says nothing of how far a guess was right.
#[derive(Default)]
struct Tokens {
    full: Option<[u8; 32]>,
    read: Option<[u8; 32]>,
}

impl Access {
    /// Reads the tokens. `without_token` is the right of whoever shows none.
    ///
    /// # Errors
    /// A file that cannot be read or holds no token, by its path.
    pub fn new(files: TokenFiles, without_token: Right) -> Result<Access, String> {
        let access = Access { files, without_token, tokens: RwLock::default() };
        access.read_again()?;
        Ok(access)
    }

    /// Reads the token files again. On an error the tokens stay as they were.
    ///
    /// # Errors
    /// A file that cannot be read or holds no token, by its path.
    pub fn read_again(&self) -> Result<(), String> {
        let read = |option: &str, file: &Option<PathBuf>| {
            let digest = file.as_deref().map(read_token).transpose();
            digest.map_err(|why| format!("{option} {why}"))
        };
        let TokenFiles { full, read: reading } = &self.files;
        let full = read("--admin-token-file", full)?;
        let tokens = Tokens { full, read: read("--admin-read-token-file", reading)? };
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        Ok(())
    }

    /// Returns what to do for a right that only a token gives, where none is shown.
    pub fn way_to(&self, needed: Right) -> &'static str {
        let TokenFiles { full, read } = &self.files;
        match (full, read) {
            (Some(_), _) => "this needs a token: send \"Authorization: Bearer TOKEN\"",
            (None, Some(_)) if needed <= Right::Read => "this needs a token: send \"Authorization: Bearer TOKEN\"",
            (None, Some(_)) => {
                "this needs a token, and the daemon has none that gives the right to do this: start it with \
                 --admin-token-file FILE"
            }
            (None, None) => {
                "this needs a token, and the daemon has none: start it with --admin-token-file FILE (or, where \
                 everybody on its machine may do everything, with --admin-unprotected)"
            }
        }
    }

    /// Returns the right that a token gives; none where it is wrong.
    pub fn right_of(&self, token: Option<&str>) -> Option<Right> {
        let Some(token) = token else { return Some(self.without_token) };
        let digest = digest(token);
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        // Both comparisons are made in any case.
        let is = |expected: &Option<[u8; 32]>| expected.is_some_and(|expected| are_equal(&expected, &digest));
        match (is(&tokens.full), is(&tokens.read)) {
            (true, _) => Some(Right::Full),
            (false, true) => Some(Right::Read),
            (false, false) => None,
        }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Compares in constant time.
fn are_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let difference = one.iter().zip(other).fold(0, |difference, (one, other)| difference | (one ^ other));
    std::hint::black_box(difference) == 0
}

/// Reads the token of a file: its first line.
///
/// # Errors
/// The file cannot be read, or its first line is empty.
pub fn token_in(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    match text.lines().next().map(str::trim) {
        None | Some("") => Err(format!("{}: the file holds no token: write one into its first line", file.display())),
        Some(token) => Ok(token.to_owned()),
    }
}

fn read_token(file: &Path) -> Result<[u8; 32], String> {
    token_in(file).map(|token| digest(&token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_shows_no_token_is_told_what_gives_the_right() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "secret").unwrap();
        let way = |full: bool, read: bool, needed| {
            let file = |is: bool| is.then(|| path.clone());
            let files = TokenFiles { full: file(full), read: file(read) };
            Access::new(files, Right::None).unwrap().way_to(needed).to_owned()
        };
        assert!(way(true, false, Right::Full).contains("send \"Authorization"));
        assert!(way(false, true, Right::Read).contains("send \"Authorization"));
        let only_read = way(false, true, Right::Full);
        assert!(only_read.contains("--admin-token-file") && !only_read.contains("unprotected"), "{only_read}");
        let none = way(false, false, Right::Full);
        assert!(none.contains("--admin-token-file") && none.contains("--admin-unprotected"), "{none}");
    }

    #[test]
    fn a_token_gives_its_right_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let files = TokenFiles { full: file("full", "secret\n"), read: file("read", "look") };
        let access = Access::new(files.clone(), Right::None).unwrap();
        assert_eq!(access.right_of(None), Some(Right::None));
        assert_eq!(access.right_of(Some("secret")), Some(Right::Full));
        assert_eq!(access.right_of(Some("look")), Some(Right::Read));
        assert_eq!(access.right_of(Some("secre")), None);
        assert_eq!(access.right_of(Some("")), None);
        std::fs::write(files.full.as_ref().unwrap(), "changed\n").unwrap();
        access.read_again().unwrap();
        assert_eq!((access.right_of(Some("secret")), access.right_of(Some("changed"))), (None, Some(Right::Full)));
        std::fs::write(files.full.as_ref().unwrap(), "\n").unwrap();
        assert!(access.read_again().unwrap_err().contains("holds no token"));
        assert_eq!(access.right_of(Some("changed")), Some(Right::Full), "the tokens stay as they were");
    }
}
