//! What people are shown of records: by the API, its page, taps and explanations. `show` in the pipeline file says what
//! is hidden.
//!
//! What is hidden is hidden wherever it turns up: in the parts that are named, in what stages make of the record, and
//! in the words of errors. [`Hidden`] knows the texts that must not appear; [`Mask`] finds and hides them.

mod hidden;
mod json;
mod record;

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

pub use self::hidden::Hidden;
pub(crate) use self::record::object;
pub use self::record::{HeaderText, ShownRecord};
use crate::config::plan::{MaskPath, RecordPart, Show};
use crate::record_text::DevRecord;

/// What stands in the place of what is hidden.
pub const MASKED: &str = "***";

/// Hides what `show` names.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    show: Show,
}

impl Mask {
    /// Returns a mask for what a pipeline file says.
    pub fn new(show: &Show) -> Mask {
        Mask { show: show.clone() }
    }

    /// Returns whether nothing is hidden.
    pub fn is_off(&self) -> bool {
        !self.show.hides()
    }

    /// Adds what is hidden of a record to the texts that must not appear anywhere else.
    pub fn collect(&self, record: &DevRecord, hidden: &mut Hidden) {
        if self.is_off() {
            return;
        }
        for (part, bytes) in [(RecordPart::Key, &record.key), (RecordPart::Value, &record.value)] {
            let Some(bytes) = bytes.as_deref() else { continue };
            match self.treatment(part) {
                Treatment::Shown => {}
                Treatment::Hidden | Treatment::Digest => hidden.add_bytes(bytes),
                Treatment::Fields(paths) => match text_of_json(bytes) {
                    Some(text) => json::each_masked(text, &paths, &mut |span| hidden.add_json(&text[span])),
                    None => hidden.add_bytes(bytes),
                },
            }
        }
        for (name, value) in &record.headers {
            if let (true, Some(value)) = (self.hides_header(name), value) {
                hidden.add_bytes(value);
            }
        }
    }

    /// Returns a record as it may be shown. `hidden` is what [`Mask::collect`] has found in it, and in whatever it was
    /// made of.
    #[must_use]
    pub fn record(&self, record: &DevRecord, hidden: &Hidden) -> DevRecord {
        if self.is_off() {
            return record.clone();
        }
        let part = |part, bytes: &Option<Vec<u8>>| bytes.as_deref().map(|bytes| self.part(part, bytes, hidden));
        let header = |(name, value): &(Vec<u8>, Option<Vec<u8>>)| {
            let shown = |value: &Vec<u8>| match self.hides_header(name) {
                true if self.show.off => digest(value).into_bytes(),
                true => MASKED.as_bytes().to_vec(),
                false => other_text(value, hidden),
            };
            (name.clone(), value.as_ref().map(shown))
        };
        DevRecord {
            key: part(RecordPart::Key, &record.key),
            value: part(RecordPart::Value, &record.value),
            headers: record.headers.iter().map(header).collect(),
            ..record.clone()
        }
    }

    fn part(&self, part: RecordPart, bytes: &[u8], hidden: &Hidden) -> Vec<u8> {
        match self.treatment(part) {
            Treatment::Hidden => MASKED.as_bytes().to_vec(),
            Treatment::Digest => digest(bytes).into_bytes(),
            Treatment::Shown => match text_of_json(bytes) {
                Some(text) => json::mask(text, &[], hidden).into_bytes(),
                None => other_text(bytes, hidden),
            },
            Treatment::Fields(paths) => match text_of_json(bytes) {
                Some(text) => json::mask(text, &paths, hidden).into_bytes(),
                None => digest(bytes).into_bytes(),
            },
        }
    }

    fn treatment(&self, part: RecordPart) -> Treatment<'_> {
        if self.show.off {
            return Treatment::Digest;
        }
        let of_it = || self.show.mask.iter().filter(move |path| path.part == part);
        if of_it().any(|path| path.keys.is_empty()) {
            return Treatment::Hidden;
        }
        let paths: Vec<&MaskPath> = of_it().collect();
        if paths.is_empty() { Treatment::Shown } else { Treatment::Fields(paths) }
    }

    fn hides_header(&self, name: &[u8]) -> bool {
        let names = |path: &MaskPath| path.keys.first().is_none_or(|key| name.eq_ignore_ascii_case(key.as_bytes()));
        self.show.off || self.show.mask.iter().any(|path| path.part == RecordPart::Headers && names(path))
    }
}

/// What becomes of a part of a record.
enum Treatment<'a> {
    /// The part is shown, but for what was hidden elsewhere.
    Shown,
    /// Nothing of it is shown.
    Hidden,
    /// The part's length and hash are shown.
    Digest,
    /// These fields of its JSON are hidden. What is no JSON is shown as its length and hash.
    Fields(Vec<&'a MaskPath>),
}

fn text_of_json(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Not `IgnoredAny`, which takes any depth.
    serde_json::from_str::<serde_json::Value>(text).is_ok().then_some(text)
}

/// Bytes that no path leads into, without what is hidden elsewhere.
fn other_text(bytes: &[u8], hidden: &Hidden) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => hidden.mask(text).into_bytes(),
        // Nothing can be looked for in them.
        Err(_) if hidden.is_in_bytes(bytes) => digest(bytes).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

/// The length and hash of bytes, in words. The hash is the same for the same bytes for as long as the process lives,
/// and of no use to whoever guesses what the bytes are.
fn digest(bytes: &[u8]) -> String {
    static SALT: LazyLock<[u8; 32]> = LazyLock::new(|| {
        let mut salt = [0; 32];
        // Without randomness the address of a variable and the time have to do.
        if getrandom::fill(&mut salt).is_err() {
            let seed = (&raw const salt as usize as u64, crate::rt::unix_ms());
            salt[..8].copy_from_slice(&seed.0.to_le_bytes());
            salt[8..16].copy_from_slice(&seed.1.to_le_bytes());
        }
        salt
    });
    let hash = Sha256::new().chain_update(*SALT).chain_update(bytes).finalize();
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("({} bytes, hash {hash})", bytes.len())
}

#[cfg(test)]
mod tests;
