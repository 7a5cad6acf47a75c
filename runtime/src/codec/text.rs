//! Text: any UTF-8, as a JSON string.

/// Appends bytes as a JSON string.
///
/// # Errors
/// They are not UTF-8.
pub fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    serde_json::to_writer(out, text).map_err(|error| error.to_string())
}

/// Appends the text of a JSON string.
///
/// # Errors
/// It is no JSON string.
pub fn encode(json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let text: String = serde_json::from_slice(json).map_err(|error| format!("expected a JSON string: {error}"))?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        for text in ["", "a", "\"\\\n\u{1}ü😀"] {
            let (mut json, mut back) = (Vec::new(), Vec::new());
            decode(text.as_bytes(), &mut json).unwrap();
            encode(&json, &mut back).unwrap();
            assert_eq!(back, text.as_bytes());
        }
        assert!(decode(b"ab\xff", &mut Vec::new()).unwrap_err().contains("byte 2"));
        assert!(encode(b"1", &mut Vec::new()).is_err());
    }
}
