//! Random data of random schemas, there and back.

use proptest::prelude::*;

use super::super::{Decoder, Encoder, Limits, Logical, UnknownFields};
use super::random::Random;
use super::schema;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The form of unions, blocks and numbers is the one that we write, so the bytes are the same.
    #[test]
    fn what_is_decoded_is_encoded_to_the_same_bytes(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let text = random.schema(4);
        let of = schema(&text);
        let limits = Limits::default();
        let encoder = Encoder::new(&of, UnknownFields::Error, limits).expect("there are no defaults");
        for logical in [Logical::Text, Logical::Raw] {
            let decoder = Decoder::new(&of, None, logical, limits).expect("a schema reads what it writes");
            let resolved = Decoder::new(&of, Some(&of), logical, limits).expect("a schema reads what it writes");
            for _ in 0..10 {
                let mut data = Vec::new();
                random.data(&of, of.root, 6, &mut data);
                let (mut json, mut as_reader, mut again) = (Vec::new(), Vec::new(), Vec::new());
                decoder.decode(&data, &mut json).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
                resolved.decode(&data, &mut as_reader).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
                let shown = String::from_utf8_lossy(&json);
                prop_assert_eq!(&shown, &String::from_utf8_lossy(&as_reader));
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok(), "{} is JSON", shown);
                encoder.encode(&json, &mut again).map_err(|error| TestCaseError::fail(format!("{text}: {shown}: {error}")))?;
                prop_assert_eq!(again, data, "{}: {}", text, shown);
            }
        }
    }

    /// The order of fields says nothing in JSON.
    #[test]
    fn fields_in_any_order_are_encoded_to_the_same_bytes(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let text = random.schema(4);
        let of = schema(&text);
        let decoder = Decoder::new(&of, None, Logical::Text, Limits::default()).expect("a schema reads what it writes");
        let encoder = Encoder::new(&of, UnknownFields::Error, Limits::default()).expect("there are no defaults");
        let (mut data, mut json, mut again) = (Vec::new(), Vec::new(), Vec::new());
        random.data(&of, of.root, 6, &mut data);
        decoder.decode(&data, &mut json).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let mut turned = String::new();
        turn(&json, &mut turned);
        encoder.encode(turned.as_bytes(), &mut again).map_err(|error| TestCaseError::fail(format!("{turned}: {error}")))?;
        // The entries of a map come in the order that they are written in.
        let mut json_again = Vec::new();
        decoder.decode(&again, &mut json_again).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let mut back = String::new();
        turn(&json_again, &mut back);
        let (mut once, mut twice) = (String::new(), String::new());
        turn(back.as_bytes(), &mut once);
        turn(turned.as_bytes(), &mut twice);
        prop_assert_eq!(sorted(&once), sorted(&twice), "{}", text);
    }
}

/// Writes JSON text with the fields of each object the other way round.
fn turn(json: &[u8], out: &mut String) {
    let value = json_scan::Scanner::new(json).and_then(|mut scan| scan.value()).expect("it is JSON");
    let bytes = value.raw().as_bytes();
    match bytes[0] {
        b'{' => {
            let mut parts = Vec::new();
            let mut scan = json_scan::Scanner::new(bytes).expect("it is UTF-8");
            let mut more = scan.open(b'}').expect("it is an object");
            while more {
                let key = scan.key().expect("it is a key").text().into_owned();
                let mut part = Vec::new();
                json_scan::escape(&key, &mut part);
                let mut part = String::from_utf8(part).expect("it is UTF-8");
                part.push(':');
                turn(scan.value().expect("it is a value").raw().as_bytes(), &mut part);
                parts.insert(0, part);
                more = scan.more(b'}').expect("it is an object");
            }
            out.push_str(&format!("{{{}}}", parts.join(",")));
        }
        b'[' => {
            let mut parts = Vec::new();
            let mut scan = json_scan::Scanner::new(bytes).expect("it is UTF-8");
            let mut more = scan.open(b']').expect("it is an array");
            while more {
                let mut part = String::new();
                turn(scan.value().expect("it is a value").raw().as_bytes(), &mut part);
                parts.push(part);
                more = scan.more(b']').expect("it is an array");
            }
            out.push_str(&format!("[{}]", parts.join(",")));
        }
        _ => out.push_str(value.raw()),
    }
}

/// The bytes of a text in order: texts that differ only in the order of what is in them have the same.
fn sorted(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes
}
