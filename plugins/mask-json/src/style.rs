//! How a value is masked.

use json_scan::{Kind, Value, escape};
use serde::Deserialize;

/// What stands for what is hidden.
const HIDDEN: &str = "***";

/// How a value is masked. The result is a JSON string; null has nothing to hide and stays null.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Style {
    /// The first letter and the domain stay: `a***@example.com`.
    Email,
    /// Nothing stays.
    All,
    /// The last four characters stay: `***1111`.
    Last4,
}

impl Style {
    /// Appends what stands in a value's place.
    pub fn mask(self, value: &Value<'_>, json: &mut Vec<u8>) {
        if value.kind() == Kind::Null {
            json.extend_from_slice(b"null");
            return;
        }
        let masked = match (self, value.kind(), value.text()) {
            (Style::Email, Kind::String, Some(text)) => email(&text),
            (Style::Last4, Kind::String | Kind::Number, Some(text)) => last4(&text),
            _ => HIDDEN.to_owned(),
        };
        escape(&masked, json);
    }
}

/// The first letter is kept only where more than one is hidden with it; what has no domain is hidden whole.
fn email(text: &str) -> String {
    let Some((local, domain)) = text.rsplit_once('@') else { return HIDDEN.to_owned() };
    let mut letters = local.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(_)) => format!("{first}{HIDDEN}@{domain}"),
        _ => format!("{HIDDEN}@{domain}"),
    }
}

/// What has no more than four characters is hidden whole.
fn last4(text: &str) -> String {
    match text.char_indices().nth_back(3) {
        Some((at, _)) if at > 0 => format!("{HIDDEN}{}", &text[at..]),
        _ => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_the_first_letter_and_the_domain_stay() {
        assert_eq!(email("ann@example.com"), "a***@example.com");
        assert_eq!(email("élise@example.com"), "é***@example.com");
        assert_eq!(email("\"a@b\"@example.com"), "\"***@example.com");
        assert_eq!(email("a@example.com"), "***@example.com");
        assert_eq!(email("@example.com"), "***@example.com");
        assert_eq!(email("nobody"), "***");
    }

    #[test]
    fn the_last_four_characters_stay_where_there_are_more() {
        assert_eq!(last4("4111111111111234"), "***1234");
        assert_eq!(last4("äöüßé"), "***öüßé");
        assert_eq!(last4("1234"), "***");
        assert_eq!(last4(""), "***");
    }

    #[test]
    fn other_values_than_text_become_text_and_null_stays_null() {
        let masked = |style: Style, raw: &str| {
            let json = format!(r#"{{"a":{raw}}}"#);
            let path = json_scan::Path::parse("a").expect("the path is right");
            let value = json_scan::find(json.as_bytes(), &path).expect("it is JSON").expect("it is there");
            let mut masked = Vec::new();
            style.mask(&value, &mut masked);
            String::from_utf8(masked).expect("JSON is text")
        };
        assert_eq!(masked(Style::Last4, "4111111111111234"), "\"***1234\"");
        assert_eq!(masked(Style::Email, "12"), "\"***\"");
        for style in [Style::Email, Style::All, Style::Last4] {
            assert_eq!(masked(style, "true"), "\"***\"");
            assert_eq!(masked(style, r#"{"b":"secret"}"#), "\"***\"");
            assert_eq!(masked(style, "null"), "null");
        }
        assert_eq!(masked(Style::Last4, r#""x\"\\\n\u0041""#), r#""***\"\\\nA""#);
    }
}
