//! Order events for the plugin that every language writes, `order-enrich`: the same ones for the same seed. Most are
//! good orders in every shape that JSON allows; a few are tombstones, and a few are broken.

mod broken;
mod expected;
mod text;

use fastrand::Rng;

use text::{Json, Style};

pub use expected::{Order, enriched, what_comes_of};

/// The statuses that matter.
pub const STATUSES: [&str; 3] = ["shipped", "delivered", "cancelled"];

/// Statuses that do not, though some look like it.
const OTHERS: [&str; 9] =
    ["created", "paid", "Shipped", "shipped ", "shipped\0", "", "zurückgeschickt", "zuruckgeschickt", "cancel\nled"];

/// Arrays and objects inside one another in the deepest records, the order itself included: what a plugin has to be
/// able to read.
const DEPTH: usize = 64;

/// Whole numbers of every way of writing them.
const WHOLE: [&str; 16] = [
    "1", "2", "3", "12", "3.0", "3e0", "30e-1", "0.5e1", "1E+1", "0", "-0", "-0.0", "-2", "4.00e2", "65536", "9999999",
];
/// The largest, which times one of `UNITS` is still no larger.
const LARGEST: [&str; 4] = ["9007199254740991", "-9007199254740991", "9007199254740991.0", "9.007199254740991e15"];
const UNITS: [&str; 6] = ["1", "-1", "1.0", "0", "10e-1", "-0"];

/// Numbers of other fields, which a double holds and every reader keeps.
const NUMBERS: [&str; 20] = [
    "0",
    "-0",
    "1",
    "-17",
    "3.0",
    "3e0",
    "30e-1",
    "2.5",
    "-0.125",
    "1E3",
    "1e+2",
    "19.99",
    "0.1",
    "1e-7",
    "1e15",
    "1e21",
    "9007199254740991",
    "-9007199254740991",
    "9007199254740992",
    "12.75e2",
];

/// Texts with all that a reader may trip over.
const TEXTS: [&str; 16] = [
    "",
    "red",
    "a b",
    "café",
    "😀 smile",
    "line\nbreak",
    "tab\tand\r",
    "a/b",
    "back\\slash",
    "\"quoted\"",
    "\u{0}\u{1f}",
    "\u{7f}\u{2028}\u{2029}",
    "e\u{301}",
    "{\"status\": \"shipped\"}",
    "\u{feff}mark",
    "\u{10ffff}",
];

/// E-mail addresses of every kind, and some that are none.
const EMAILS: [&str; 21] = [
    "ada@example.org",
    "grace.hopper@example.org",
    "a@example.org",
    "ada@home@example.org",
    "\"a@b\"@example.org",
    "ada@",
    "ada@@example.org",
    "@example.org",
    "@",
    "@ada@example.org",
    "",
    "ada",
    "éva@example.org",
    "😀@example.org",
    "漢字@例え.jp",
    "e\u{301}ve@example.org",
    "\u{0}@example.org",
    "\n@example.org",
    "\\ada@example.org",
    "\"@example.org",
    "a/b@ex\u{e4}mple.org\u{1}",
];

/// Keys of other fields; several differ from those that matter by little.
const KEYS: [&str; 16] = [
    "colour",
    "Status",
    "STATUS",
    "Quantity",
    "price_Cents",
    "Customer",
    "Total_cents",
    "status ",
    "",
    "__proto__",
    "constructor",
    "1",
    "größe",
    "a\"b\\c/d",
    "😀",
    "internal_note2",
];

/// The values of `count` records; none is null. About one in fifty is broken, one in a hundred null; of the others
/// three in five have a status that matters.
pub fn order_events(count: usize, seed: u64) -> Vec<Option<Vec<u8>>> {
    let mut random = Rng::with_seed(seed);
    let mut broken = broken::all().into_iter().cycle();
    (0..count)
        .map(|number| match random.u32(0..100) {
            0..2 => broken.next(),
            2 => None,
            _ => Some(good(number, &mut random).into_bytes()),
        })
        .collect()
}

/// An order that can be enriched, or has a status that does not matter.
fn good(number: usize, random: &mut Rng) -> String {
    let status = if random.u32(0..100) < 62 { choose(&STATUSES, random) } else { choose(&OTHERS, random) };
    let (quantity, price) = match random.u32(0..20) {
        0 => (choose(&LARGEST, random), choose(&UNITS, random)),
        1 => (choose(&UNITS, random), choose(&LARGEST, random)),
        _ => (choose(&WHOLE, random), choose(&WHOLE, random)),
    };
    let mut fields = vec![
        ("order_id".to_owned(), Json::Text(format!("o-{number}"))),
        ("status".to_owned(), Json::Text(status.to_owned())),
        ("quantity".to_owned(), Json::Raw(quantity)),
        ("price_cents".to_owned(), Json::Raw(price)),
    ];
    if random.u32(0..10) < 9 {
        fields.push(("customer".to_owned(), customer(random)));
    }
    if random.bool() {
        fields.push(("internal_note".to_owned(), any(3, random)));
    }
    if random.u32(0..8) == 0 {
        fields.push(("total_cents".to_owned(), any(2, random)));
    }
    add_others(&mut fields, 4, random);
    if random.u32(0..50) == 0 {
        fields.push(("deep".to_owned(), deep(random.usize(2..DEPTH), random)));
    }
    random.shuffle(&mut fields);
    Json::Object(fields).to_text(*random.choice(&Style::ALL).expect("there are styles"), random)
}

fn customer(random: &mut Rng) -> Json {
    let email = match random.u32(0..12) {
        0 => None,
        1 => Some(any(2, random)),
        _ => Some(Json::Text(choose(&EMAILS, random).to_owned())),
    };
    if random.u32(0..12) == 0 {
        // No object, though an e-mail may be in it.
        return match random.u32(0..3) {
            0 => Json::Text("ada@example.org".to_owned()),
            1 => Json::Raw("null"),
            _ => Json::List(vec![Json::Object(email.map(|email| ("email".to_owned(), email)).into_iter().collect())]),
        };
    }
    let mut fields = vec![("name".to_owned(), Json::Text(choose(&TEXTS, random).to_owned()))];
    fields.extend(email.map(|email| ("email".to_owned(), email)));
    if random.bool() {
        let inner = vec![
            ("email".to_owned(), Json::Text("kept@example.org".to_owned())),
            ("total_cents".to_owned(), any(1, random)),
        ];
        fields.push(("partner".to_owned(), Json::Object(inner)));
    }
    if random.bool() {
        fields.push(("Email".to_owned(), Json::Text("kept@example.org".to_owned())));
    }
    random.shuffle(&mut fields);
    Json::Object(fields)
}

/// Adds up to `most` fields that have to stay as they are, none of them twice.
fn add_others(fields: &mut Vec<(String, Json)>, most: usize, random: &mut Rng) {
    let mut keys = KEYS;
    random.shuffle(&mut keys);
    let count = random.usize(0..=most);
    fields.extend(keys[..count].iter().map(|key| ((*key).to_owned(), any(3, random))));
}

/// Any value of at most `depth` arrays and objects inside one another.
fn any(depth: usize, random: &mut Rng) -> Json {
    match random.u32(0..if depth == 0 { 6 } else { 8 }) {
        0 => Json::Raw("null"),
        1 => Json::Raw(if random.bool() { "true" } else { "false" }),
        2 | 3 => Json::Raw(choose(&NUMBERS, random)),
        4 | 5 => Json::Text(choose(&TEXTS, random).to_owned()),
        6 => Json::List((0..random.usize(0..4)).map(|_| any(depth - 1, random)).collect()),
        _ => {
            let mut fields = Vec::new();
            add_others(&mut fields, 3, random);
            if random.bool() {
                fields.push(("internal_note".to_owned(), Json::Text("kept".to_owned())));
            }
            // What the added fields hold may be as deep as theirs may be, so they are cut to what is left.
            Json::Object(fields.into_iter().map(|(key, value)| (key, value.cut(depth - 1))).collect())
        }
    }
}

/// Arrays and objects inside one another, `levels` of them.
fn deep(levels: usize, random: &mut Rng) -> Json {
    (0..levels).fold(Json::Raw("1"), |inner, _| {
        if random.bool() { Json::List(vec![inner]) } else { Json::Object(vec![("deeper".to_owned(), inner)]) }
    })
}

fn choose<'a>(from: &[&'a str], random: &mut Rng) -> &'a str {
    from[random.usize(0..from.len())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_records() {
        assert_eq!(order_events(1000, 7), order_events(1000, 7));
        assert_ne!(order_events(1000, 7), order_events(1000, 8));
    }

    #[test]
    fn all_that_can_become_of_a_record_is_among_them_in_the_shares_that_are_promised() {
        let events = order_events(10_000, 1);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for event in &events {
            let what = match what_comes_of(event.as_deref(), &STATUSES) {
                Order::Kept => "keep",
                Order::Dropped => "drop",
                Order::Rejected(reason) => reason,
                Order::Emitted(_) => "emit",
            };
            *counts.entry(what).or_default() += 1;
        }
        let share = |what| counts.get(what).copied().unwrap_or_default() * 100 / events.len();
        assert!((57..65).contains(&share("emit")), "{counts:?}");
        assert!((33..41).contains(&share("drop")), "{counts:?}");
        assert!(counts["keep"] > 50, "{counts:?}");
        for reason in expected::REASONS {
            assert!(counts.get(reason).is_some_and(|count| *count >= 3), "{reason}: {counts:?}");
        }
        let rejected: usize = expected::REASONS.iter().map(|reason| counts[reason]).sum();
        assert!((150..250).contains(&rejected), "{counts:?}");
    }

    #[test]
    fn the_deepest_record_is_as_deep_as_a_plugin_has_to_read() {
        let depths = order_events(10_000, 1).into_iter().flatten().map(|value| {
            let (mut depth, mut deepest) = (0_i32, 0);
            let Ok(serde_json::Value::Object(order)) = serde_json::from_slice(&value) else { return 0 };
            for byte in serde_json::Value::Object(order).to_string().bytes() {
                depth += i32::from(matches!(byte, b'{' | b'[')) - i32::from(matches!(byte, b'}' | b']'));
                deepest = deepest.max(depth);
            }
            deepest
        });
        let deepest = depths.max().expect("there are records");
        // Brackets in texts come in pairs, so they add one at most.
        assert!((60..=65).contains(&deepest), "{deepest}");
    }
}
