//! Fields are found and copied whatever their order is, how they are written, and what the record before was like.

#[path = "oracle/random.rs"]
mod random;

use std::fmt::Write as _;

use json_sql::{Input, Memory, Nulls, Query};

use random::Random;

/// Keys as they are written, and what they say.
const KEYS: [(&str, &str); 16] = [
    ("a", "a"),
    ("b", "b"),
    ("c", "c"),
    ("n", "n"),
    ("n", "n"),
    ("o", "o"),
    ("o", "o"),
    ("\\u006f", "o"),
    ("\\u0062", "b"),
    ("a field with a long name", "a field with a long name"),
    ("a field with a long nama", "a field with a long nama"),
    ("é", "é"),
    ("quoted \\\"", "quoted \""),
    ("", ""),
    ("y", "y"),
    ("z", "z"),
];
const SPACES: [&str; 6] = ["", "", "", "", " ", "\n\t"];

/// A field of a record.
struct Field {
    written: String,
    says: &'static str,
    value: String,
}

fn scalar(random: &mut Random) -> String {
    let number = random.below(1000);
    match random.below(4) {
        0 => number.to_string(),
        1 => format!("\"text {number}\""),
        2 => "null".to_owned(),
        _ => format!("[1, {{\"x\":{number}}}]"),
    }
}

/// An object with `x` and `p.q`, and what it holds at these paths.
fn object(random: &mut Random) -> (String, [Option<String>; 2]) {
    let (mut text, mut found) = ("{".to_owned(), [None, None]);
    for number in 0..random.below(5) {
        let comma = if number > 0 { "," } else { "" };
        let (space, other) = (random.pick(&SPACES), random.pick(&SPACES));
        let value = scalar(random);
        let written = match random.below(4) {
            0 => {
                found[0] = Some(value.clone());
                format!("\"x\"{space}:{other}{value}")
            }
            1 => {
                found[1] = Some(value.clone());
                format!("\"p\"{space}:{other}{{\"r\":{value},\"q\":{value}{space}}}")
            }
            // Of a key that occurs twice the last one counts, with all that is in it.
            2 => {
                found[1] = None;
                format!("\"p\":{value}")
            }
            _ => format!("\"xx\":{value}"),
        };
        let _ = write!(text, "{comma}{space}{written}{other}");
    }
    (text + "}", found)
}

#[test]
fn records_of_any_order_are_read_and_copied_as_they_stand() {
    let query = "SELECT * EXCEPT (b, \"quoted \"\"\") REPLACE (n + 1 AS n), o.x AS y, o.p.q AS z FROM input";
    let star = Query::compile(query, Nulls::Keep).unwrap();
    let many =
        "a, b, c, n, \"a field with a long name\" AS d, \"a field with a long nama\" AS e, \"é\" AS f, \"\" AS g, y";
    let many = Query::compile(&format!("SELECT {many}, __value AS v FROM input"), Nulls::Keep).unwrap();
    let (mut memory, mut random) = (Memory::default(), Random::new(7));
    for _ in 0..20_000 {
        let (mut fields, mut inside) = (Vec::new(), [None, None]);
        for _ in 0..random.below(9) {
            let (written, says) = KEYS[random.below(KEYS.len())];
            let value = match says {
                "n" => random.below(1000).to_string(),
                "o" if random.one_in(5) => {
                    inside = [None, None];
                    scalar(&mut random)
                }
                "o" => {
                    let (text, found) = object(&mut random);
                    inside = found;
                    text
                }
                _ => scalar(&mut random),
            };
            fields.push(Field { written: format!("\"{written}\""), says, value });
        }
        let mut record = "{".to_owned();
        for (at, Field { written, value, .. }) in fields.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let [one, two, three, four] = [(); 4].map(|()| random.pick(&SPACES));
            let _ = write!(record, "{comma}{one}{written}{two}:{three}{value}{four}");
        }
        record.push('}');
        let last = |says: &str| {
            fields.iter().rfind(|field| field.says == says).map_or("null".to_owned(), |field| field.value.clone())
        };

        let mut expected: Vec<String> = Vec::new();
        for Field { written, says, value } in &fields {
            match *says {
                "b" | "quoted \"" | "y" | "z" => {}
                "n" => expected.push(format!("\"n\":{}", last("n").parse::<u64>().unwrap() + 1)),
                _ => expected.push(format!("{written}:{value}")),
            }
        }
        for (name, found) in ["y", "z"].iter().zip(inside) {
            expected.push(format!("\"{name}\":{}", found.unwrap_or("null".to_owned())));
        }
        assert_eq!(run(&star, &record, &mut memory), format!("{{{}}}", expected.join(",")), "{record}");

        let names = ["a", "b", "c", "n", "a field with a long name", "a field with a long nama", "é", "", "y"];
        let results = ["a", "b", "c", "n", "d", "e", "f", "g", "y"];
        let mut expected: Vec<String> =
            names.iter().zip(results).map(|(name, result)| format!("\"{result}\":{}", last(name))).collect();
        expected.push(format!("\"v\":{record}"));
        // The memory of another query is of no use, but does no harm.
        let padded = format!(" {record}\n");
        assert_eq!(run(&many, &padded, &mut memory), format!("{{{}}}", expected.join(",")), "{record}");
    }
}

fn run(query: &Query, record: &str, memory: &mut Memory) -> String {
    let input = Input { value: Some(record.as_bytes()), ..Input::default() };
    query.run(&input, memory).unwrap_or_else(|error| panic!("{record}: {error}"));
    String::from_utf8(memory.value(&memory.rows()[0]).expect("a value is set").to_vec()).expect("it is UTF-8")
}

#[test]
fn a_path_that_is_known_beforehand_is_read_as_one_in_a_record() {
    let paths = ["{}", "{a}", "{a,b}", "{ \"a\" , 1 }", "{a,-1}", "{a,x}", "a", "{", "{\"q\\\"\"}", "{new}", "{a,b,c}"];
    let targets = [
        r#"{"a": {"b": 1, "c":2 ,"d" : 3}, "\u0061b" :4}"#,
        r#"{"a":[1, 2,{"x":3}],"q\"":null}"#,
        r#"{"x":1}"#,
        "{}",
        "[]",
        "5",
        "null",
    ];
    let expressions = [
        "jsonb_set(o, PATH, '[7]')",
        "jsonb_set(o, PATH, to_jsonb('é\"'), false)",
        "o #> PATH",
        "o #>> PATH",
        "o #- PATH",
        "CASE WHEN o IS NULL THEN 'none' ELSE o #>> PATH END",
    ];
    let mut memory = Memory::default();
    for path in paths {
        for expression in expressions {
            let literal = format!("'{path}'");
            let queries = [literal.as_str(), "p"].map(|path| {
                let text = format!("SELECT {} AS r FROM input", expression.replace("PATH", path));
                Query::compile(&text, Nulls::Keep).unwrap_or_else(|error| panic!("{error}"))
            });
            for target in targets {
                let record = serde_json::json!({ "p": path });
                let record = format!("{{\"o\": {target}, {}", &record.to_string()[1..]);
                let input = Input { value: Some(record.as_bytes()), ..Input::default() };
                let mut answer = |query: &Query| {
                    let failed = query.run(&input, &mut memory).err();
                    let reason = failed.map(|reason| reason.rsplit(": ").next().unwrap_or_default().to_owned());
                    let value = memory.rows().first().and_then(|row| memory.value(row)).map(<[u8]>::to_vec);
                    (reason, value)
                };
                let [known, read] = queries.each_ref().map(&mut answer);
                assert_eq!(known, read, "{expression} with {path} on {target}");
            }
        }
    }
}

#[test]
fn jsonb_set_writes_other_fields_as_they_are_written() {
    let query = Query::compile("SELECT jsonb_set(o, '{b,c}', '0') AS o FROM input", Nulls::Keep).unwrap();
    let record = r#"{"o": {"\u0061":1.50,"x" : [ 1 ],"b":{"d":1,"\u0063":2,"e":"\/"},"f":[ ]}}"#;
    let expected = r#"{"o":{"\u0061":1.50,"x":[ 1 ],"b":{"d":1,"\u0063":0,"e":"\/"},"f":[ ]}}"#;
    assert_eq!(run(&query, record, &mut Memory::default()), expected);
}
