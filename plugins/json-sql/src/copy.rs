//! Fields of an object that are copied as they stand.

use std::ops::Range;

/// Copies fields of a text: those that stand side by side in it without white space are copied at once.
pub(crate) struct Copy<'j> {
    json: &'j [u8],
    /// What is still to be copied, from a key on to the end of a value.
    together: Range<usize>,
}

impl Copy<'_> {
    /// Of fields of this text.
    #[inline]
    pub fn of(json: &str) -> Copy<'_> {
        Copy { json: json.as_bytes(), together: 0..0 }
    }

    /// Appends a field to an object that is being written, now or before the next one that is not copied.
    #[inline]
    pub fn field(&mut self, key: Range<usize>, value: Range<usize>, out: &mut Vec<u8>) {
        if key.end + 1 != value.start {
            self.end(out);
            comma(out);
            out.extend_from_slice(&self.json[key]);
            out.push(b':');
            out.extend_from_slice(&self.json[value]);
        } else if !self.together.is_empty() && self.together.end + 1 == key.start {
            // Between two fields there is a comma, and here there is nothing else.
            self.together.end = value.end;
        } else {
            self.end(out);
            self.together = key.start..value.end;
        }
    }

    /// Appends what is still to be copied.
    #[inline]
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if !self.together.is_empty() {
            comma(out);
            out.extend_from_slice(&self.json[self.together.clone()]);
            self.together = 0..0;
        }
    }
}

/// Appends a comma, unless what comes next is the first field of an object.
#[inline]
pub(crate) fn comma(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
}
