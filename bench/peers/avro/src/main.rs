//! The Avro codec beside apache-avro's tree of values, on orders of 12 fields: bytes to JSON text, and back. One
//! thread; variants take turns, and ratios are those of one round. What both answer is compared before anything is
//! measured.

#[allow(dead_code, unused_imports, reason = "the codec has more than is measured here")]
#[path = "../../../../runtime/src/codec/avro/mod.rs"]
mod avro;

use std::hint::black_box;

use apache_avro::types::Value as Tree;
use avro::{Decoder, Encoder, Limits, Logical, Schema, UnknownFields};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"order_id","type":"string"},
    {"name":"status","type":{"type":"enum","name":"Status","symbols":["created","paid","shipped","delivered"]}},
    {"name":"customer_id","type":"long"},
    {"name":"email","type":"string"},
    {"name":"country","type":"string"},
    {"name":"quantity","type":"int"},
    {"name":"price_cents","type":"long"},
    {"name":"weight","type":"double"},
    {"name":"placed_at","type":"long"},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"tags","type":{"type":"array","items":"string"}},
    {"name":"gift","type":"boolean"}]}"#;

/// Orders of one round, and rounds.
const ORDERS: usize = 20_000;
const ROUNDS: usize = 15;

fn order(n: usize) -> Value {
    let tags = &["new", "sale"][..n % 3];
    let status = ["created", "paid", "shipped", "delivered"][n % 4];
    let country = ["de", "fr", "us"][n % 3];
    let note = if n.is_multiple_of(3) { Value::Null } else { json!(format!("leave it at door {}", n % 50)) };
    json!({
        "order_id": format!("order-{n:08}"),
        "status": status,
        "customer_id": n as i64 * 7919 % 100_003,
        "email": format!("person{}@example.com", n % 5000),
        "country": country,
        "quantity": n % 20,
        "price_cents": n * 37 % 90_000,
        "weight": (n % 1000) as f64 / 8.0,
        "placed_at": 1_767_225_600_000_i64 + n as i64 * 1009,
        "note": note,
        "tags": tags,
        "gift": n.is_multiple_of(5),
    })
}

/// Both codecs, and the orders in both forms.
struct Bench {
    decoder: Decoder,
    encoder: Encoder,
    schema: apache_avro::Schema,
    texts: Vec<String>,
    data: Vec<Vec<u8>>,
}

impl Bench {
    fn new() -> Bench {
        let own = Schema::parse(SCHEMA, &[]).expect("the schema is one");
        let decoder = Decoder::new(&own, None, Logical::Text, Limits::default()).expect("it can be decoded");
        let encoder = Encoder::new(&own, UnknownFields::Error, Limits::default()).expect("it can be encoded");
        let schema = apache_avro::Schema::parse_str(SCHEMA).expect("the schema is one");
        let texts: Vec<String> = (0..ORDERS).map(|n| order(n).to_string()).collect();
        let mut bench = Bench { decoder, encoder, schema, texts, data: Vec::new() };
        bench.data = bench.texts.iter().map(|text| bench.encode(text)).collect();
        for (text, data) in bench.texts.iter().zip(&bench.data) {
            assert_eq!(bench.encode_tree(text), *data, "both encode {text} alike");
            let (one, other) = (bench.decode(data), bench.decode_tree(data));
            let parsed = |text: &str| serde_json::from_str::<Value>(text).expect("it is JSON");
            assert_eq!(parsed(&one), parsed(&other), "both decode it alike");
            assert_eq!(one, *text, "and as it was");
        }
        bench
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.encoder.encode(text.as_bytes(), &mut out).expect("it fits");
        out
    }

    fn encode_tree(&self, text: &str) -> Vec<u8> {
        let json: Value = serde_json::from_str(text).expect("it is JSON");
        let tree = Tree::from(json).resolve(&self.schema).expect("it fits");
        apache_avro::to_avro_datum(&self.schema, tree).expect("it fits")
    }

    fn decode(&self, data: &[u8]) -> String {
        let mut out = Vec::new();
        self.decoder.decode(data, &mut out).expect("it fits");
        String::from_utf8(out).expect("it is text")
    }

    fn tree(&self, mut data: &[u8]) -> Tree {
        apache_avro::from_avro_datum(&self.schema, &mut data, None).expect("it fits")
    }

    fn decode_tree(&self, data: &[u8]) -> String {
        Value::try_from(self.tree(data)).expect("it is JSON").to_string()
    }
}

/// Processor time of this thread, in nanoseconds for each order.
fn time(work: impl FnOnce()) -> f64 {
    let begun = spent();
    work();
    (spent() - begun) / ORDERS as f64
}

fn spent() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to the one struct that it is given.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0, "there is such a clock");
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

fn main() {
    let bench = Bench::new();
    let (mut out, mut rounds) = (Vec::new(), [const { Vec::new() }; 5]);
    for _ in 0..ROUNDS {
        let took = [
            time(|| {
                for data in &bench.data {
                    out.clear();
                    bench.decoder.decode(data, &mut out).expect("it fits");
                    black_box(&out);
                }
            }),
            time(|| bench.data.iter().for_each(|data| _ = black_box(bench.decode_tree(data)))),
            time(|| bench.data.iter().for_each(|data| _ = black_box(bench.tree(data)))),
            time(|| {
                for text in &bench.texts {
                    out.clear();
                    bench.encoder.encode(text.as_bytes(), &mut out).expect("it fits");
                    black_box(&out);
                }
            }),
            time(|| bench.texts.iter().for_each(|text| _ = black_box(bench.encode_tree(text)))),
        ];
        rounds.iter_mut().zip(took).for_each(|(round, took)| round.push(took));
    }
    println!("| of an order of 12 fields | ns, median | least | most | times as long as the codec |");
    println!("|---|---|---|---|---|");
    let names = [
        ("decode to JSON text: the codec", 0),
        ("decode to JSON text: apache-avro, serde_json", 0),
        ("decode to a tree of values: apache-avro", 0),
        ("encode JSON text: the codec", 3),
        ("encode JSON text: serde_json, apache-avro", 3),
    ];
    for (number, (name, beside)) in names.into_iter().enumerate() {
        let ratios = rounds[number].iter().zip(&rounds[beside]).map(|(one, other)| one / other).collect();
        let ((middle, least, most), (ratio, ..)) = (median(rounds[number].clone()), median(ratios));
        println!("| {name} | {middle:.0} | {least:.0} | {most:.0} | {ratio:.1} |");
    }
}
