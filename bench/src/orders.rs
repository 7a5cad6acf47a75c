//! Order-status records: what an order system tells its consumers. Record N is the same in every run, so that whoever
//! reads one can say what it must be.

/// Bytes of a value.
pub const VALUE: usize = 233;

/// One event in so many is broken.
const BROKEN: u64 = 1000;

/// The first [`KEPT`] are what `pipelines/order-status.yaml` keeps.
const STATUSES: [&str; 10] =
    ["shipped", "shipped", "shipped", "delivered", "delivered", "cancelled", "created", "created", "paid", "packed"];
const KEPT: u64 = 6;
const NAMES: [&str; 8] = ["ada", "barbara", "donald", "edsger", "frances", "grace", "katherine", "niklaus"];

/// Milliseconds since the epoch of record 0; each further record is a millisecond later.
const FIRST_TIMESTAMP: i64 = 1_767_225_600_000;

/// The key of a record.
pub fn key(number: u64) -> String {
    format!("o-{number:010}")
}

/// The number of the record with this key.
pub fn number(key: &[u8]) -> Option<u64> {
    std::str::from_utf8(key).ok()?.strip_prefix("o-")?.parse().ok()
}

/// The timestamp of a record, in milliseconds since the epoch.
pub fn timestamp(number: u64) -> i64 {
    FIRST_TIMESTAMP + number as i64
}

/// Whether `pipelines/order-status.yaml` keeps a record.
pub fn is_kept(number: u64) -> bool {
    scatter(number) % 10 < KEPT
}

/// The value of a record: JSON of [`VALUE`] bytes.
pub fn value(number: u64) -> String {
    let chance = scatter(number);
    let status = status(number);
    let (name, host) = (NAMES[(chance >> 8) as usize % NAMES.len()], NAMES[(chance >> 16) as usize % NAMES.len()]);
    let (quantity, price) = (1 + (chance >> 24) % 9, 99 + (chance >> 32) % 20_000);
    let mut value = format!(
        r#"{{"order_id":"{}","status":"{status}","quantity":{quantity},"price_cents":{price},"customer":{{"name":"{name}","email":"{name}{:x}@{host}.example.org"}},"internal_note":""#,
        key(number),
        chance >> 44,
    );
    let end = "\"}";
    // A note of words that do not repeat at once, so that it compresses as text does.
    let mut words = chance;
    while value.len() + end.len() < VALUE {
        words = scatter(words);
        value.push_str(NAMES[words as usize % NAMES.len()]);
        value.push(' ');
    }
    value.truncate(VALUE - end.len());
    value + end
}

/// The value of a record as it comes from a source that is not perfect: some end in the middle, and are no JSON.
pub fn event(number: u64) -> String {
    let mut value = value(number);
    if is_broken(number) {
        value.truncate(VALUE / 2);
    }
    value
}

/// The value of a record with nine fields: numbers with decimals, nulls, a list and a time are among them.
pub fn wide(number: u64) -> String {
    let chance = scatter(number);
    let pick = |of: &[&'static str], shift: u32| of[(chance >> shift) as usize % of.len()];
    let (name, host) = (pick(&NAMES, 8), pick(&NAMES, 16));
    let note = match chance % 3 {
        0 => "null".to_owned(),
        _ => format!("\"{} with {} at the door\"", pick(&["leave", "ring twice", "handle"], 4), pick(&NAMES, 12)),
    };
    let (month, day, hour) = (1 + (chance >> 20) % 12, 1 + (chance >> 24) % 28, (chance >> 28) % 24);
    format!(
        r#"{{"order_id":"{}","status":"{}","currency":"{}","amount":{}.{:02},"quantity":{},"email":"{name}{:x}@{host}.{}","note":{note},"tags":["{}","{}","{}"],"updated_at":"2026-{month:02}-{day:02}T{hour:02}:{:02}:07Z"}}"#,
        key(number),
        status(number),
        pick(&["EUR", "USD", "GBP", "CHF"], 2),
        1 + (chance >> 32) % 1000,
        (chance >> 42) % 100,
        1 + (chance >> 24) % 9,
        chance >> 44,
        pick(&["example.org", "shop.test"], 3),
        pick(&["new", "vip", "late"], 5),
        pick(&["gift", "eu", "bulk"], 7),
        pick(&["fragile", "blue"], 9),
        (chance >> 36) % 60,
    )
}

/// Whether [`event`] breaks this record.
pub fn is_broken(number: u64) -> bool {
    number % BROKEN == BROKEN / 2
}

/// The status of a record's order.
pub fn status(number: u64) -> &'static str {
    STATUSES[(scatter(number) % 10) as usize]
}

/// Spreads numbers (splitmix64), so that neighbours have nothing in common.
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_value_is_json_of_one_length() {
        for number in (0..2_000_000).step_by(997) {
            let value = value(number);
            assert_eq!(value.len(), VALUE, "{value}");
            let parsed: Value = serde_json::from_str(&value).unwrap();
            assert_eq!(parsed["order_id"], key(number));
            assert!(parsed["customer"]["email"].as_str().unwrap().contains('@'));
        }
    }

    #[test]
    fn an_event_is_the_value_or_no_json() {
        let events = (0..10_000).filter(|&number| {
            let event = event(number);
            let parsed = serde_json::from_str::<Value>(&event);
            assert_eq!(parsed.is_err(), is_broken(number), "{event}");
            assert!(parsed.is_err() || event == value(number));
            parsed.is_err()
        });
        assert_eq!(events.count(), 10);
    }

    #[test]
    fn six_of_ten_have_a_status_that_the_example_keeps() {
        let has_such_a_status = |number| {
            ["\"shipped\"", "\"delivered\"", "\"cancelled\""].iter().any(|status| value(number).contains(status))
        };
        let kept = (0..10_000).filter(|&number| is_kept(number));
        assert!((5_900..6_100).contains(&kept.count()));
        assert!((0..10_000).all(|number| is_kept(number) == has_such_a_status(number)));
    }

    #[test]
    fn the_number_is_read_from_the_key() {
        assert_eq!(number(key(1_234_567).as_bytes()), Some(1_234_567));
        assert_eq!(number(b"x-1"), None);
    }
}
