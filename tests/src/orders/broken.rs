//! Orders that have to be rejected: one for each way in which a value can be none.

/// A field's value that no JSON has. It stands in an order that would be good without it.
const NO_VALUES: [&str; 42] = [
    "",
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "True",
    "nul",
    "undefined",
    "None",
    "01",
    "-01",
    "1.",
    ".5",
    "-.5",
    "+1",
    "-",
    "1e",
    "1e+",
    "1.e2",
    "0x10",
    "1_000",
    "- 1",
    "'text'",
    "text",
    "\"open",
    "\"a\nb\"",
    "\"tab\tin\"",
    "\"nul\0in\"",
    r#""\x41""#,
    r#""\u12""#,
    r#""\u12g4""#,
    r#""\'""#,
    r#""\"#,
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[1",
    "[1}",
    "{\"a\" 1}",
    "{\"a\":1,}",
    "{1:2}",
];

/// Whole texts that are no JSON, or no object.
const NO_OBJECTS: [&str; 33] = [
    "",
    " \n\t\r",
    "null",
    "true",
    "12",
    "\"shipped\"",
    "[]",
    r#"[{"status":"shipped","quantity":1,"price_cents":2}]"#,
    "{",
    "}",
    "not JSON",
    "status=shipped",
    r#"{"status":"shipped","quantity":1,"price_cents":2"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2,}"#,
    r#"{,"status":"shipped","quantity":1,"price_cents":2}"#,
    r#"{"status":"shipped","quantity":1,,"price_cents":2}"#,
    r#"{"status":"shipped","quantity":1 "price_cents":2}"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2}}"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2} x"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2}{}"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2},"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2]"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2} // so"#,
    r#"{"status":"shipped",/* so */"quantity":1,"price_cents":2}"#,
    r#"{status:"shipped","quantity":1,"price_cents":2}"#,
    r#"{'status':"shipped","quantity":1,"price_cents":2}"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2,"a"}"#,
    r#"{"status":"shipped","quantity":1,"price_cents":2,"a":1:2}"#,
    r#"{"status"="shipped","quantity":1,"price_cents":2}"#,
    "{\"status\":\"shipped\",\"quantity\":1,\"price_cents\":2}\u{c}",
    "{\"status\":\"shipped\",\u{b}\"quantity\":1,\"price_cents\":2}",
    "{\"status\":\"shipped\",\u{a0}\"quantity\":1,\"price_cents\":2}",
    "{\"status\":\"shipped\",\"quantity\":1,\"price_cents\":2}\0",
];

/// Bytes that are no UTF-8: alone, overlong, a surrogate, beyond the last character, cut off.
const NO_UTF8: [&[u8]; 7] =
    [b"\xff", b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"];

/// What is no whole number, or too large a one.
const NOT_WHOLE: [&str; 15] = [
    "2.5",
    "1e-1",
    "-0.5",
    "\"3\"",
    "null",
    "true",
    "[3]",
    "{\"a\":3}",
    "9007199254740992",
    "-9007199254740992",
    "9007199254740992.0",
    "1e16",
    "99999999999999999999",
    "1e400",
    "-1e400",
];

/// What is no string.
const NO_STATUSES: [&str; 6] = ["null", "1", "true", "[\"shipped\"]", "{\"status\":\"shipped\"}", "[]"];

/// Numbers whose product is too large.
const TOO_LARGE: [(&str, &str); 7] = [
    ("9007199254740991", "2"),
    ("-2", "9007199254740991"),
    ("2", "4503599627370496"),
    ("3", "3002399751580331"),
    ("94906267", "94906267"),
    ("9007199254740991", "9007199254740991"),
    ("-9007199254740991", "9007199254740991.0"),
];

/// All of them, those of one kind apart, so that a few records have some of every kind.
pub fn all() -> Vec<Vec<u8>> {
    let kinds = [
        NO_VALUES.iter().map(|raw| with_other(raw.as_bytes())).collect(),
        NO_OBJECTS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        NO_UTF8
            .iter()
            .flat_map(|bytes| [with_other(&[b"\"a", *bytes, b"\""].concat()), [good(), bytes.to_vec()].concat()])
            .collect(),
        statuses(),
        NOT_WHOLE
            .iter()
            .map(|number| order("\"shipped\"", number, "2"))
            .chain([b"{\"status\":\"shipped\"}".to_vec()])
            .collect(),
        NOT_WHOLE
            .iter()
            .map(|number| order("\"shipped\"", "1", number))
            .chain([order("\"shipped\"", "2.5", "null")])
            .collect(),
        TOO_LARGE.iter().map(|(quantity, price)| order("\"shipped\"", quantity, price)).collect(),
    ];
    in_turn(kinds.into())
}

fn statuses() -> Vec<Vec<u8>> {
    let mut broken: Vec<Vec<u8>> = NO_STATUSES.iter().map(|status| order(status, "1", "2")).collect();
    broken.extend(
        ["{}", r#"{"quantity":1,"price_cents":2}"#, r#"{"Status":"shipped","quantity":1,"price_cents":2}"#]
            .map(Vec::from),
    );
    broken.push(order("5", "null", "null"));
    broken
}

fn order(status: &str, quantity: &str, price: &str) -> Vec<u8> {
    format!(r#"{{"status":{status},"quantity":{quantity},"price_cents":{price}}}"#).into_bytes()
}

fn good() -> Vec<u8> {
    order("\"shipped\"", "1", "2")
}

/// A good order with one more field.
fn with_other(value: &[u8]) -> Vec<u8> {
    let mut order = good();
    order.pop();
    order.extend_from_slice(b",\"other\":");
    order.extend_from_slice(value);
    order.push(b'}');
    order
}

/// The first of each kind, the second of each, and so on.
fn in_turn(mut kinds: Vec<Vec<Vec<u8>>>) -> Vec<Vec<u8>> {
    kinds.iter_mut().for_each(|kind| kind.reverse());
    let mut all = Vec::new();
    while kinds.iter().any(|kind| !kind.is_empty()) {
        all.extend(kinds.iter_mut().filter_map(Vec::pop));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::{Order, STATUSES, what_comes_of};

    #[test]
    fn every_one_is_rejected() {
        for value in all() {
            let fate = what_comes_of(Some(&value), &STATUSES);
            assert!(matches!(fate, Order::Rejected(_)), "{}: {fate:?}", String::from_utf8_lossy(&value));
        }
    }

    #[test]
    fn the_order_around_them_is_good() {
        assert!(matches!(what_comes_of(Some(&with_other(b"1")), &STATUSES), Order::Emitted(_)));
    }
}
