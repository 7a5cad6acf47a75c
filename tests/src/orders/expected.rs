//! What `order-enrich` has to make of a record, worked out in another way than any plugin does it: on a tree of JSON
//! values.

use serde_json::{Map, Number, Value};

const NO_OBJECT: &str = "the value is not a JSON object";
const NO_STATUS: &str = "status is not a string";
const NO_QUANTITY: &str = "quantity is not a whole number";
const NO_PRICE: &str = "price_cents is not a whole number";
const TOO_LARGE: &str = "total_cents is too large";

/// All reasons to reject a record.
#[cfg(test)]
pub const REASONS: [&str; 5] = [NO_OBJECT, NO_STATUS, NO_QUANTITY, NO_PRICE, TOO_LARGE];

/// The largest whole number that every reader of JSON holds exactly: 2^53 - 1.
const LARGEST: i64 = (1 << 53) - 1;

/// What has to become of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// It is kept.
    Kept,
    /// It is dropped.
    Dropped,
    /// It is rejected with this reason.
    Rejected(&'static str),
    /// It is emitted with a value that says this: what [`enriched`] reads of the one that is emitted.
    Emitted(Value),
}

/// What has to become of a record with this value (none: null), where these statuses matter.
pub fn what_comes_of(value: Option<&[u8]>, statuses: &[&str]) -> Order {
    let Some(value) = value else { return Order::Kept };
    let Some(mut order) = object(value) else { return Order::Rejected(NO_OBJECT) };
    match order.get("status").and_then(Value::as_str) {
        None => return Order::Rejected(NO_STATUS),
        Some(status) if !statuses.contains(&status) => return Order::Dropped,
        Some(_) => {}
    }
    let Some(quantity) = whole(order.get("quantity")) else { return Order::Rejected(NO_QUANTITY) };
    let Some(price) = whole(order.get("price_cents")) else { return Order::Rejected(NO_PRICE) };
    let total = quantity.checked_mul(price).filter(|total| (-LARGEST..=LARGEST).contains(total));
    let Some(total) = total else { return Order::Rejected(TOO_LARGE) };
    order.remove("internal_note");
    order.insert("total_cents".to_owned(), Value::from(total));
    if let Some(Value::String(email)) = order.get_mut("customer").and_then(|customer| customer.get_mut("email")) {
        *email = masked(email);
    }
    Order::Emitted(Value::Object(order))
}

/// Reads an emitted value in a form in which all that say the same are equal: `3.0` is `3`.
///
/// # Errors
/// It is no JSON object, or its `total_cents` is not written as a whole number.
pub fn enriched(value: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(value);
    let order: Map<String, Value> = serde_json::from_slice(value).map_err(|error| format!("{error}: {text}"))?;
    if !order.get("total_cents").is_some_and(Value::is_i64) {
        return Err(format!("total_cents is not written as a whole number: {text}"));
    }
    serde_json::from_str(&with_plain_numbers(&text)).map_err(|error| format!("{error}: {text}"))
}

/// The object that a value holds, if it holds one and nothing else.
fn object(value: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(value).ok()?;
    serde_json::from_str(&with_plain_numbers(text)).ok()
}

/// The text with every number written as one writes that double: whole ones without fraction or exponent. serde_json
/// reads others only nearly, and does not read at all what is too large for a double; that becomes a half, which is no
/// whole number either.
fn with_plain_numbers(json: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(first) = rest.chars().next() {
        let number = matches!(first, '-' | '0'..='9');
        let (token, after) = rest.split_at(match first {
            '"' => string_len(rest),
            _ if number => rest.find(|c| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        });
        out.push_str(&number_of(token).filter(|_| number).map_or_else(|| token.to_owned(), plain));
        rest = after;
    }
    out
}

/// The double that a token is, where it is a number as JSON writes them. (Rust reads more.)
fn number_of(token: &str) -> Option<f64> {
    let before = token.split_once(['e', 'E']).map_or(token, |(before, _)| before);
    serde_json::from_str::<Number>(before).ok()?;
    token.parse().ok()
}

fn plain(number: f64) -> String {
    if number.is_infinite() {
        "0.5".to_owned()
    } else if number.fract() == 0.0 && number.abs() < 1e18 {
        format!("{}", number as i64)
    } else {
        format!("{number:?}")
    }
}

/// Bytes of the string that a valid text begins with, its quotes included.
fn string_len(json: &str) -> usize {
    let mut escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

/// A number that is whole and not too large.
fn whole(value: Option<&Value>) -> Option<i64> {
    value?.as_i64().filter(|whole| (-LARGEST..=LARGEST).contains(whole))
}

fn masked(email: &str) -> String {
    match (email.chars().next(), email.rfind('@')) {
        (Some(first), Some(at)) if first != '@' => format!("{first}***@{}", &email[at + 1..]),
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(value: &str) -> Order {
        what_comes_of(Some(value.as_bytes()), &["shipped", "é"])
    }

    fn emitted(value: &str) -> Order {
        Order::Emitted(enriched(value.as_bytes()).expect("a value of a test is right"))
    }

    #[test]
    fn a_good_order_is_enriched() {
        let order =
            r#"{"status":"\u00e9","quantity":30e-1,"price_cents":2,"internal_note":1,"a":{"internal_note":[-0]}}"#;
        let after = r#"{"a":{"internal_note":[0]},"total_cents":6,"status":"é","quantity":3,"price_cents":2.0}"#;
        assert_eq!(fate(order), emitted(after));
    }

    #[test]
    fn the_checks_come_in_their_order() {
        assert_eq!(what_comes_of(None, &[]), Order::Kept);
        assert_eq!(what_comes_of(Some(b"{\"a\":\"\xff\"}"), &[]), Order::Rejected(NO_OBJECT));
        assert_eq!(fate(r#"{"status":"shipped",}"#), Order::Rejected(NO_OBJECT));
        assert_eq!(fate("[]"), Order::Rejected(NO_OBJECT));
        assert_eq!(fate(r#"{"quantity":null}"#), Order::Rejected(NO_STATUS));
        assert_eq!(fate(r#"{"status":"paid","quantity":null}"#), Order::Dropped);
        assert_eq!(fate(r#"{"status":"shipped","quantity":1e400,"price_cents":0.5}"#), Order::Rejected(NO_QUANTITY));
        assert_eq!(fate(r#"{"status":"shipped","quantity":1}"#), Order::Rejected(NO_PRICE));
        let large = r#"{"status":"shipped","quantity":9007199254740991,"price_cents":-2}"#;
        assert_eq!(fate(large), Order::Rejected(TOO_LARGE));
    }

    #[test]
    fn numbers_are_whole_by_their_value() {
        let is_whole = |text: &str| whole(object(format!(r#"{{"n":{text}}}"#).as_bytes()).expect("an object").get("n"));
        for (text, value) in [("3.0", 3), ("3e0", 3), ("30e-1", 3), ("-0", 0), ("-9007199254740991", -LARGEST)] {
            assert_eq!(is_whole(text), Some(value), "{text}");
        }
        for text in ["2.5", "9007199254740992", "1e400", "-1e400", "\"3\"", "true", "null", "99999999999999999999"] {
            assert_eq!(is_whole(text), None, "{text}");
        }
    }

    #[test]
    fn an_email_keeps_its_first_character_and_its_domain() {
        let masks = [
            ("a@b@c", "a***@c"),
            ("😀@x", "😀***@x"),
            ("a@", "a***@"),
            ("@x", "***"),
            ("@a@b", "***"),
            ("@", "***"),
            ("a", "***"),
            ("", "***"),
        ];
        for (email, mask) in masks {
            assert_eq!(masked(email), mask);
        }
    }

    #[test]
    fn numbers_are_plain_outside_of_texts_alone() {
        let json = r#"{"1e3\"":[1e400,-1E+999,"é\\1.0",1e4,-0,0.1,1E-7,9007199254740991.0]}"#;
        let plain = r#"{"1e3\"":[0.5,0.5,"é\\1.0",10000,0,0.1,1e-7,9007199254740991]}"#;
        assert_eq!(with_plain_numbers(json), plain);
        assert_eq!(with_plain_numbers("[01e4,1.e4,-.5e4,1e,-]"), "[01e4,1.e4,-.5e4,1e,-]");
    }

    #[test]
    fn a_total_that_is_written_as_a_fraction_is_none() {
        assert!(enriched(br#"{"total_cents":6.0}"#).is_err());
        assert!(enriched(br#"{"total_cents":"6"}"#).is_err());
        assert!(enriched(b"[]").is_err());
    }
}
