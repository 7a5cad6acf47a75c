//! Whether what came is what was expected, field by field.

use serde_json::{Number, Value};

use super::case::{Content, ExpectedLetter, ExpectedRecord, Reason};
use super::subject::CameLetter;
use crate::record_text::DevRecord;

impl ExpectedRecord {
    /// Whether a record is as it is said.
    pub fn matches(&self, came: &DevRecord) -> bool {
        self.key.as_ref().is_none_or(|key| same_content(key.as_ref(), came.key.as_deref()))
            && self.value.as_ref().is_none_or(|value| same_content(value.as_ref(), came.value.as_deref()))
            && self.headers.as_ref().is_none_or(|headers| *headers == came.headers)
            && self.timestamp.is_none_or(|timestamp| timestamp == came.timestamp)
    }
}

impl ExpectedLetter {
    /// Whether a dead letter is as it is said.
    pub fn matches(&self, came: &CameLetter) -> bool {
        self.class.is_none_or(|class| class == came.class)
            && self.reason.as_ref().is_none_or(|reason| reason.matches(&came.reason))
            && self.stage.as_ref().is_none_or(|stage| *stage == *came.stage)
            && self.record.matches(&came.record)
    }
}

impl Reason {
    /// Whether it is said of this reason.
    pub fn matches(&self, reason: &str) -> bool {
        match self {
            Reason::Is(whole) => whole == reason,
            Reason::Contains(part) => reason.contains(part),
        }
    }
}

fn same_content(expected: Option<&Content>, came: Option<&[u8]>) -> bool {
    match (expected, came) {
        (None, came) => came.is_none(),
        (Some(_), None) => false,
        (Some(Content::Bytes(expected)), Some(came)) => expected == came,
        (Some(Content::Json(expected)), Some(came)) => {
            serde_json::from_slice::<Value>(came).is_ok_and(|came| same_json(expected, &came))
        }
    }
}

/// Whether two JSON values say the same: keys in any order, and 3 is 3.0.
pub fn same_json(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && std::iter::zip(one, other).all(|(one, other)| same_json(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(name, value)| other.get(name).is_some_and(|other| same_json(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        (one, other) => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    // Two whole numbers may differ by less than a double tells.
    one == other || (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_compared_by_what_it_says() {
        for (one, other, same) in [
            (json!({ "a": 1, "b": [null] }), json!({ "b": [null], "a": 1.0 }), true),
            (json!({ "a": 1 }), json!({ "a": 1, "b": null }), false),
            (json!([1, 2]), json!([2, 1]), false),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), false),
            (json!("1"), json!(1), false),
        ] {
            assert_eq!(same_json(&one, &other), same, "{one} {other}");
            assert_eq!(same_json(&other, &one), same, "{other} {one}");
        }
    }

    #[test]
    fn what_is_not_mentioned_may_be_anything_but_null_is_not_empty() {
        let came =
            DevRecord { key: Some(b"k".to_vec()), value: Some(Vec::new()), timestamp: Some(5), ..DevRecord::default() };
        assert!(ExpectedRecord::default().matches(&came));
        let null = ExpectedRecord { value: Some(None), ..Default::default() };
        assert!(!null.matches(&came) && null.matches(&DevRecord::default()));
        let empty = ExpectedRecord { value: Some(Some(Content::Bytes(Vec::new()))), ..Default::default() };
        assert!(empty.matches(&came) && !empty.matches(&DevRecord::default()));
        assert!(!ExpectedRecord { timestamp: Some(None), ..Default::default() }.matches(&came));
    }

    #[test]
    fn text_is_compared_exactly_even_where_it_is_json() {
        let text = Content::Bytes(b"{\"a\": 1}".to_vec());
        assert!(!same_content(Some(&text), Some(b"{\"a\":1}")));
        assert!(same_content(Some(&Content::Json(json!({ "a": 1 }))), Some(b"{\"a\":1}")));
        assert!(!same_content(Some(&Content::Json(json!({ "a": 1 }))), Some(b"{\"a\":1}}")));
    }
}
