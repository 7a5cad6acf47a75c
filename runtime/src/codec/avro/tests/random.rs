//! Random schemas, and random data of them.

use std::fmt::Write as _;

use super::super::schema::{BytesForm, FixedForm, Schema, StringForm, Type, TypeId};
use super::super::wire::put_long;

/// What makes them: the same numbers make the same.
pub(super) struct Random {
    state: u64,
    /// How many names there are already.
    names: usize,
    /// The named types that may be referred to.
    named: Vec<String>,
    /// Records that are not written yet, and so may only be referred to where the data can end.
    open: Vec<String>,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed, names: 0, named: Vec::new(), open: Vec::new() }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn name(&mut self) -> String {
        let space = ["", "", "a.", "b.c."][self.below(4)];
        self.names += 1;
        format!("{space}N{}", self.names)
    }

    /// The text of a schema, this deep at most.
    pub(super) fn schema(&mut self, depth: usize) -> String {
        let kinds = if depth == 0 { 25 } else { 36 };
        match self.below(kinds) {
            leaf @ 0..25 => self.leaf(leaf),
            25 | 26 => format!(r#"{{"type": "array", "items": {}}}"#, self.schema(depth - 1)),
            27 | 28 => format!(r#"{{"type": "map", "values": {}}}"#, self.schema(depth - 1)),
            29..32 => self.union(depth),
            _ => self.record(depth),
        }
    }

    fn leaf(&mut self, leaf: usize) -> String {
        const PLAIN: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
        const LOGICAL: [(&str, &str); 12] = [
            ("int", "date"),
            ("int", "time-millis"),
            ("long", "time-micros"),
            ("long", "timestamp-millis"),
            ("long", "timestamp-micros"),
            ("long", "timestamp-nanos"),
            ("long", "local-timestamp-millis"),
            ("long", "local-timestamp-micros"),
            ("long", "local-timestamp-nanos"),
            ("string", "uuid"),
            ("bytes", "big-decimal"),
            ("bytes", "decimal\", \"precision\": 40, \"scale\": \"3"),
        ];
        match leaf {
            0..8 => format!("\"{}\"", PLAIN[leaf]),
            8..19 => {
                let (of, logical) = LOGICAL[leaf - 8];
                format!(r#"{{"type": "{of}", "logicalType": "{logical}"}}"#)
            }
            19 => {
                let scale = self.below(30);
                format!(r#"{{"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": {scale}}}"#)
            }
            20 if !self.named.is_empty() => {
                let known = self.below(self.named.len());
                format!("\"{}\"", self.named[known])
            }
            20 | 21 => {
                let symbols: Vec<String> = (0..=self.below(5)).map(|symbol| format!("\"S{symbol}\"")).collect();
                self.define("enum", &format!(r#""symbols": [{}]"#, symbols.join(", ")))
            }
            _ => {
                let form = [
                    r#""size": 3"#,
                    r#""size": 12, "logicalType": "duration""#,
                    r#""size": 16, "logicalType": "uuid""#,
                    r#""size": 9, "logicalType": "decimal", "precision": 18, "scale": 4"#,
                ][self.below(4)];
                self.define("fixed", form)
            }
        }
    }

    fn define(&mut self, kind: &str, rest: &str) -> String {
        let name = self.name();
        self.named.push(name.clone());
        format!(r#"{{"type": "{kind}", "name": "{name}", "namespace": "", {rest}}}"#)
    }

    fn union(&mut self, depth: usize) -> String {
        let mut branches: Vec<String> = Vec::new();
        let mut kinds = Vec::new();
        for _ in 0..=self.below(5) {
            let branch = match self.below(4) {
                0 => "\"null\"".to_owned(),
                1 if !self.open.is_empty() => {
                    let open = self.below(self.open.len());
                    format!("\"{}\"", self.open[open])
                }
                _ => self.schema(depth - 1),
            };
            // A union holds each kind once, and no union.
            let kind = kind_of(&branch);
            if !branch.starts_with('[') && !kinds.contains(&kind) {
                kinds.push(kind);
                branches.push(branch);
            } else if branch.contains("\"name\"") {
                self.forget(&branch);
            }
        }
        // So that data can always end.
        if !kinds.contains(&"null".to_owned()) {
            let at = self.below(branches.len() + 1);
            branches.insert(at, "\"null\"".to_owned());
        }
        format!("[{}]", branches.join(", "))
    }

    /// Forgets the types that a text defines, which is not used.
    fn forget(&mut self, text: &str) {
        self.named.retain(|name| !text.contains(&format!("\"name\": \"{name}\"")));
    }

    fn record(&mut self, depth: usize) -> String {
        let name = self.name();
        self.open.push(name.clone());
        let mut fields = String::new();
        let names = ["a", "b", "map", "string", "long", "N0", "x-y", "é", "months"];
        let first = self.below(names.len());
        for field in 0..self.below(6) {
            let (comma, of) = (if field > 0 { ", " } else { "" }, self.schema(depth - 1));
            let name = names[(first + field) % names.len()];
            write!(fields, r#"{comma}{{"name": "{name}", "type": {of}}}"#).expect("a String takes everything");
        }
        self.open.pop();
        self.named.push(name.clone());
        format!(r#"{{"type": "record", "name": "{name}", "namespace": "", "fields": [{fields}]}}"#)
    }

    /// Appends data of a type. Beyond this depth, what can be short is.
    pub(super) fn data(&mut self, schema: &Schema, id: TypeId, depth: usize, out: &mut Vec<u8>) {
        match &schema.types[id] {
            Type::Null => {}
            Type::Boolean => out.push((self.below(2)) as u8),
            Type::Int(_) => {
                let shift = self.below(32);
                put_long(i64::from((self.next() as i32) >> shift), out);
            }
            Type::Long(_) => {
                let shift = self.below(64);
                put_long((self.next() as i64) >> shift, out);
            }
            Type::Float => {
                let number = [0.0, -0.0, f32::INFINITY, f32::NAN, f32::MAX, 0.1, f32::from_bits(self.next() as u32)];
                let number = number[self.below(7)];
                out.extend(if number.is_nan() { f32::NAN } else { number }.to_le_bytes());
            }
            Type::Double => {
                let number = [0.0, -0.0, f64::NEG_INFINITY, f64::NAN, f64::MIN, 0.1, f64::from_bits(self.next())];
                let number = number[self.below(7)];
                out.extend(if number.is_nan() { f64::NAN } else { number }.to_le_bytes());
            }
            Type::Bytes(BytesForm::Plain) => {
                let bytes = self.bytes(20);
                sized(&bytes, out);
            }
            Type::Bytes(BytesForm::Decimal(_)) => sized(&self.shortest(24), out),
            Type::Bytes(BytesForm::BigDecimal) => {
                let mut inner = Vec::new();
                sized(&self.shortest(30), &mut inner);
                let shift = self.below(31);
                put_long(i64::from(((self.next() as u32) as i32).max(-i32::MAX) >> shift), &mut inner);
                sized(&inner, out);
            }
            Type::String(StringForm::Text) => {
                let text = self.text();
                sized(text.as_bytes(), out);
            }
            Type::String(StringForm::Uuid) => {
                let digits: String = (0..32).map(|_| char::from(b"0123456789abcdefABCDEF"[self.below(22)])).collect();
                let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
                sized(groups.join("-").as_bytes(), out);
            }
            Type::Fixed(fixed) => match fixed.form {
                FixedForm::Decimal(_) => {
                    // Eighteen digits fit into 60 bits with a sign, and the rest of nine bytes repeats it.
                    let shift = self.below(60);
                    let number = ((self.next() as i64) >> 5) >> shift;
                    out.push(if number < 0 { 0xff } else { 0 });
                    out.extend(number.to_be_bytes());
                }
                _ => out.extend((0..fixed.size).map(|_| (self.next() as u32) as u8)),
            },
            Type::Enum(of) => put_long(self.below(of.symbols.len()) as i64, out),
            Type::Array(items) => self.items(schema, *items, false, depth, out),
            Type::Map(values) => self.items(schema, *values, true, depth, out),
            Type::Union(branches) => {
                let null = branches.iter().position(|branch| matches!(schema.types[*branch], Type::Null));
                let branch = match null {
                    Some(null) if depth == 0 => null,
                    _ => self.below(branches.len()),
                };
                put_long(branch as i64, out);
                self.data(schema, branches[branch], depth, out);
            }
            Type::Record(record) => {
                for field in &record.fields {
                    self.data(schema, field.of, depth.saturating_sub(1), out);
                }
            }
        }
    }

    fn items(&mut self, schema: &Schema, id: TypeId, is_map: bool, depth: usize, out: &mut Vec<u8>) {
        let count = match (depth, self.below(20)) {
            (0, _) => 0,
            // More than a count of one byte.
            (3.., 0) => 64 + self.below(30),
            _ => self.below(4),
        };
        if count > 0 {
            put_long(count as i64, out);
        }
        for _ in 0..count {
            if is_map {
                let key = self.text();
                sized(key.as_bytes(), out);
            }
            self.data(schema, id, depth.saturating_sub(1), out);
        }
        out.push(0);
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| (self.next() as u32) as u8).collect()
    }

    /// A number in two's complement that has no byte too many.
    fn shortest(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = self.bytes(most);
        while let [0, next, ..] | [0xff, next, ..] = bytes[..] {
            if (bytes[0] ^ next) >= 0x80 {
                break;
            }
            bytes.remove(0);
        }
        if bytes.is_empty() { vec![0] } else { bytes }
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 14] = [
            "a",
            "string",
            "map",
            "é",
            "😀",
            "\"",
            "\\",
            "\n",
            "\u{1}",
            "\u{7f}",
            "\u{2028}",
            "/",
            "long text without end",
            "",
        ];
        (0..self.below(5)).map(|_| PARTS[self.below(PARTS.len())]).collect()
    }
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    put_long(bytes.len() as i64, out);
    out.extend(bytes);
}

/// What a union calls a branch of this text.
fn kind_of(text: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
    match &json {
        serde_json::Value::Object(object) => object
            .get("name")
            .or_else(|| object.get("type"))
            .and_then(|kind| kind.as_str())
            .unwrap_or_default()
            .to_owned(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
