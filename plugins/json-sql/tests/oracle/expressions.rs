//! Random expressions that mean the same in both.

use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Bool,
    Int,
    Number,
    Float,
    Text,
    Date,
    Stamp,
    Zoned,
    Time,
    Span,
    Json,
    Array,
}

use Type::{Array, Bool, Date, Float, Int, Json, Number, Span, Stamp, Text, Time, Zoned};

const ALL: [Type; 12] = [Bool, Int, Number, Float, Text, Date, Stamp, Zoned, Time, Span, Json, Array];
/// Types with an order.
const ORDERED: [Type; 9] = [Int, Number, Float, Text, Date, Stamp, Zoned, Span, Bool];

/// An expression. Constants stand beside columns only: PostgreSQL would evaluate an expression of constants alone
/// beforehand, and fail where this crate does not come to it.
pub fn expression(random: &mut Random) -> String {
    let of = ALL[random.below(ALL.len())];
    let depth = 1 + random.below(4) as u32;
    Maker { random }.make(of, depth)
}

pub struct Maker<'r> {
    pub random: &'r mut Random,
}

impl Maker<'_> {
    pub fn make(&mut self, of: Type, depth: u32) -> String {
        if depth == 0 || self.random.one_in(8) {
            return self.column(of);
        }
        if self.random.one_in(7) {
            return self.general(of, depth - 1);
        }
        let depth = depth - 1;
        match of {
            Bool => self.bool(depth),
            Int => self.int(depth),
            Number => self.number(depth),
            Float => self.float(depth),
            Text => self.text(depth),
            Date => self.date(depth),
            Stamp => self.stamp(depth),
            Zoned => self.zoned(depth),
            Time => self.time(depth),
            Span => self.span(depth),
            Json => self.json(depth),
            Array => self.array(depth),
        }
    }

    pub fn column(&mut self, of: Type) -> String {
        match of {
            Bool => self.random.pick(&["b1", "b2"]).to_owned(),
            Int => self.random.pick(&["i1", "i2", "i3"]).to_owned(),
            Number => self.random.pick(&["n1", "n2"]).to_owned(),
            Float => {
                self.random.pick(&["n1::double precision", "CAST(i3 AS double precision)", "n2::float8"]).to_owned()
            }
            Text => self.random.pick(&["t1", "t2", "t3"]).to_owned(),
            Date => self.random.pick(&["d1::date", "CAST(d2 AS date)"]).to_owned(),
            Stamp => self.random.pick(&["s1::timestamp", "CAST(s2 AS timestamp)"]).to_owned(),
            Zoned => self.random.pick(&["s1::timestamptz", "CAST(s2 AS timestamp with time zone)"]).to_owned(),
            Time => "c1::time".to_owned(),
            Span => "v1::interval".to_owned(),
            Json => "to_jsonb(j1)".to_owned(),
            Array => {
                self.random.pick(&["string_to_array(t1, ' ')", "string_to_array(t2, ',')", "ARRAY[t1, t3]"]).to_owned()
            }
        }
    }

    pub fn constant(&mut self, of: Type) -> String {
        let picked = match of {
            Bool => self.random.pick(&["true", "false"]),
            Int => self.random.pick(&[
                "0::bigint",
                "1::bigint",
                "2::bigint",
                "(-3)::bigint",
                "CAST(10 AS bigint)",
                "9223372036854775807",
            ]),
            Number => self.random.pick(&["0.5", "1.0", "2.25", "-3.75", "100.00", "0.001", "7.0"]),
            Float => self.random.pick(&["0.5::float8", "2::float8", "(-1.25)::float8", "1e10::float8"]),
            Text => self.random.pick(&["'a'", "'b c'", "''", "'l'", "'é'", "'o w'", "'ABC'", "' '", "'it''s'"]),
            Date => self.random.pick(&["DATE '2024-01-31'", "'2000-02-29'::date", "date '1999-12-31'"]),
            Stamp => self.random.pick(&["TIMESTAMP '2024-01-31 10:20:30'", "'2000-01-01'::timestamp"]),
            Zoned => self
                .random
                .pick(&["'2024-01-31 10:20:30+02'::timestamptz", "TIMESTAMP WITH TIME ZONE '2000-01-01 00:00:00Z'"]),
            Time => self.random.pick(&["TIME '10:20:30'", "'23:59'::time"]),
            Span => self.random.pick(&[
                "INTERVAL '1 day'",
                "INTERVAL '1 month -2 days'",
                "'3 hours'::interval",
                "INTERVAL '1' YEAR",
            ]),
            Json => self.random.pick(&["'{\"a\": 1}'::jsonb", "'[1, 2]'::jsonb", "'\"x\"'::jsonb", "'null'::jsonb"]),
            Array => self.random.pick(&["ARRAY['a', 'b']", "ARRAY['x', NULL, '']"]),
        };
        picked.to_owned()
    }

    /// What there is for all types.
    fn general(&mut self, of: Type, depth: u32) -> String {
        let (one, other) = (self.make(of, depth), self.make(of, depth));
        match self.random.below(5) {
            0 => format!("CASE WHEN {} THEN {one} ELSE {other} END", self.make(Bool, depth)),
            1 => format!("CASE WHEN {} THEN {one} END", self.make(Bool, depth)),
            2 => {
                let tested = ORDERED[self.random.below(ORDERED.len())];
                let (value, first) = (self.make(tested, depth), self.operand(tested, depth));
                format!("CASE {value} WHEN {first} THEN {one} WHEN {value} THEN {other} END")
            }
            3 => format!("COALESCE({one}, {other})"),
            _ if ORDERED.contains(&of) => match self.random.below(3) {
                0 => format!("NULLIF({one}, {other})"),
                1 => format!("GREATEST({one}, {other}, {one})"),
                _ => format!("LEAST({one}, {other})"),
            },
            _ => format!("COALESCE({one}, {other}, {one})"),
        }
    }

    /// A part that may be a constant.
    pub fn operand(&mut self, of: Type, depth: u32) -> String {
        if self.random.one_in(3) { self.constant(of) } else { self.make(of, depth) }
    }

    fn bool(&mut self, depth: u32) -> String {
        let of = ORDERED[self.random.below(ORDERED.len())];
        match self.random.below(17) {
            0..=3 => {
                let op = self.random.pick(&["=", "<>", "<", "<=", ">", ">="]);
                format!("({} {op} {})", self.make(of, depth), self.operand(of, depth))
            }
            4 => format!("({} AND {})", self.make(Bool, depth), self.make(Bool, depth)),
            5 => format!("({} OR {})", self.make(Bool, depth), self.make(Bool, depth)),
            6 => format!("(NOT {})", self.make(Bool, depth)),
            7 => {
                let any = ALL[self.random.below(ALL.len())];
                format!("({} IS {}NULL)", self.make(any, depth), self.random.pick(&["", "NOT "]))
            }
            8 => {
                let which = self.random.pick(&["TRUE", "FALSE", "UNKNOWN", "NOT TRUE", "NOT FALSE", "NOT UNKNOWN"]);
                format!("({} IS {which})", self.make(Bool, depth))
            }
            9 => {
                let not = self.random.pick(&["", "NOT "]);
                let items = [self.operand(of, depth), self.constant(of), self.operand(of, 0)].join(", ");
                format!("({} {not}IN ({items}))", self.make(of, depth))
            }
            10 => {
                let not = self.random.pick(&["", "NOT "]);
                let (low, high) = (self.operand(of, depth), self.operand(of, depth));
                format!("({} {not}BETWEEN {low} AND {high})", self.make(of, depth))
            }
            11 => {
                let not = self.random.pick(&["", "NOT "]);
                format!("({} IS {not}DISTINCT FROM {})", self.make(of, depth), self.operand(of, depth))
            }
            12 => {
                let like = self.random.pick(&["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"]);
                let pattern =
                    self.random.pick(&["'%a%'", "'_'", "'h%'", "'%o_'", "'A\\_b\\%c'", "''", "'%é'", "t3", "'a%b%c'"]);
                format!("({} {like} {pattern})", self.make(Text, depth))
            }
            13 => {
                let op = self.random.pick(&["~", "!~", "~*", "!~*"]);
                let pattern = self.random.pick(&[
                    "'^[a-z]+$'",
                    "'o'",
                    "'^A'",
                    "'[0-9]{2}'",
                    "'b.c'",
                    "'(foo|bar) b'",
                    "'^$'",
                    "'\\d'",
                ]);
                format!("({} {op} {pattern})", self.make(Text, depth))
            }
            14 => format!("starts_with({}, {})", self.make(Text, depth), self.operand(Text, depth)),
            15 => format!("({} = ANY({}))", self.make(Text, depth), self.make(Array, depth)),
            _ => match self.random.below(4) {
                0 => format!("CAST({} AS boolean)", self.make(Text, depth)),
                1 => format!("({} @> {})", self.make(Json, depth), self.constant(Json)),
                2 => format!("({} ? 'a')", self.make(Json, depth)),
                _ => format!("({} SIMILAR TO '%(a|o)%')", self.make(Text, depth)),
            },
        }
    }

    fn int(&mut self, depth: u32) -> String {
        match self.random.below(18) {
            0..=3 => {
                let op = self.random.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {op} {})", self.make(Int, depth), self.operand(Int, depth))
            }
            4 => format!("(- {})", self.make(Int, depth)),
            5 => format!("abs({})", self.make(Int, depth)),
            6 => {
                let of = [Text, Number, Float, Int][self.random.below(4)];
                let to = self.random.pick(&["bigint", "int", "smallint"]);
                format!("CAST(CAST({} AS {to}) AS bigint)", self.make(of, depth))
            }
            7 => format!("CAST(CAST({} AS int) AS bigint)", self.make(Bool, depth)),
            8 => {
                let function = self.random.pick(&["length", "octet_length", "char_length", "ascii", "bit_length"]);
                format!("CAST({function}({}) AS bigint)", self.make(Text, depth))
            }
            9 => format!("CAST(strpos({}, {}) AS bigint)", self.make(Text, depth), self.operand(Text, depth)),
            10 => format!("CAST(position({} IN {}) AS bigint)", self.operand(Text, depth), self.make(Text, depth)),
            11 => {
                let op = self.random.pick(&["&", "|", "#"]);
                format!("({} {op} {})", self.make(Int, depth), self.operand(Int, depth))
            }
            12 => format!("(~ {})", self.make(Int, depth)),
            13 => {
                let op = self.random.pick(&["<<", ">>"]);
                format!("({} {op} {})", self.make(Int, depth), self.random.pick(&["1", "3", "40", "64", "65", "-1"]))
            }
            14 => format!("CAST(({} - {}) AS bigint)", self.make(Date, depth), self.operand(Date, depth)),
            15 => format!("CAST(array_length({}, 1) AS bigint)", self.make(Array, depth)),
            16 => {
                let function = self.random.pick(&["div", "mod", "gcd", "lcm"]);
                if function == "div" {
                    return format!("mod({}, {})", self.make(Int, depth), self.operand(Int, depth));
                }
                format!("{function}({}, {})", self.make(Int, depth), self.operand(Int, depth))
            }
            _ => match self.random.below(4) {
                0 => format!("CAST(cardinality({}) AS bigint)", self.make(Array, depth)),
                1 => format!(
                    "CAST(array_position({}, {}) AS bigint)",
                    self.make(Array, depth),
                    self.operand(Text, depth)
                ),
                2 => format!("CAST(jsonb_array_length({}) AS bigint)", self.make(Json, depth)),
                _ => format!("CAST({} AS bigint)", self.field(depth)),
            },
        }
    }

    /// A part of a date or time.
    fn field(&mut self, depth: u32) -> String {
        match self.random.below(5) {
            0 => {
                let part = self.random.pick(&[
                    "year",
                    "month",
                    "day",
                    "dow",
                    "isodow",
                    "doy",
                    "week",
                    "quarter",
                    "isoyear",
                    "epoch",
                    "century",
                    "decade",
                    "millennium",
                ]);
                format!("extract({part} FROM {})", self.make(Date, depth))
            }
            1 => {
                let part = self.random.pick(&["hour", "minute", "second", "milliseconds", "microseconds", "epoch"]);
                format!("extract({part} FROM {})", self.make(Time, depth))
            }
            2 => {
                let part = self.random.pick(&[
                    "year",
                    "month",
                    "day",
                    "hour",
                    "minute",
                    "second",
                    "epoch",
                    "quarter",
                    "milliseconds",
                    "decade",
                ]);
                format!("extract({part} FROM {})", self.make(Span, depth))
            }
            which => {
                let part = self.random.pick(&[
                    "year",
                    "month",
                    "day",
                    "hour",
                    "minute",
                    "second",
                    "epoch",
                    "dow",
                    "doy",
                    "week",
                    "isoyear",
                    "quarter",
                    "milliseconds",
                    "microseconds",
                ]);
                let of = if which == 3 { Stamp } else { Zoned };
                format!("extract({part} FROM {})", self.make(of, depth))
            }
        }
    }

    fn number(&mut self, depth: u32) -> String {
        match self.random.below(12) {
            0..=3 => {
                let op = self.random.pick(&["+", "-", "*", "/", "%"]);
                match self.random.below(3) {
                    0 => format!("({} {op} {})", self.make(Int, depth), self.operand(Number, depth)),
                    1 => format!("({} {op} {})", self.make(Number, depth), self.operand(Int, depth)),
                    _ => format!("({} {op} {})", self.make(Number, depth), self.operand(Number, depth)),
                }
            }
            4 => format!("(- {})", self.make(Number, depth)),
            5 => {
                let function = self.random.pick(&["round", "trunc"]);
                format!(
                    "{function}({}, {})",
                    self.make(Number, depth),
                    self.random.pick(&["0", "1", "2", "-1", "-2", "5"])
                )
            }
            6 => {
                let function = self.random.pick(&["round", "trunc", "ceil", "floor", "sign", "abs", "ceiling"]);
                format!("{function}({})", self.make(Number, depth))
            }
            7 => {
                let of = [Int, Text, Float, Number][self.random.below(4)];
                let to = self.random.pick(&["numeric", "numeric(10, 2)", "decimal(5)", "numeric(20, 6)"]);
                format!("CAST({} AS {to})", self.make(of, depth))
            }
            8 => self.field(depth),
            9 => format!("mod({}, {})", self.make(Number, depth), self.operand(Number, depth)),
            10 => format!("div({}, {})", self.make(Number, depth), self.operand(Number, depth)),
            _ => format!("abs({})", self.make(Number, depth)),
        }
    }

    fn float(&mut self, depth: u32) -> String {
        match self.random.below(10) {
            0..=3 => {
                let op = self.random.pick(&["+", "-", "*", "/"]);
                let of = [Float, Int, Number, Float][self.random.below(4)];
                format!("({} {op} {})", self.make(Float, depth), self.operand(of, depth))
            }
            4 => format!("(- {})", self.make(Float, depth)),
            5 => {
                let of = [Int, Text, Number][self.random.below(3)];
                format!("CAST({} AS double precision)", self.make(of, depth))
            }
            6 => {
                let function = self.random.pick(&["round", "trunc", "ceil", "floor", "sign", "abs", "sqrt"]);
                format!("{function}({})", self.make(Float, depth))
            }
            7 => {
                let function = self.random.pick(&["exp", "ln", "log", "radians", "degrees", "sin", "cos", "atan"]);
                format!("{function}({})", self.make(Float, depth))
            }
            8 => format!(
                "power({}, {})",
                self.make(Float, depth),
                self.random.pick(&["2::float8", "0.5::float8", "(-1)::float8", "0::float8", "3::float8"])
            ),
            _ => format!(
                "date_part('{}', {})",
                self.random.pick(&["hour", "epoch", "second", "year"]),
                self.make(Stamp, depth)
            ),
        }
    }

    fn text(&mut self, depth: u32) -> String {
        let count = |maker: &mut Self| maker.random.pick(&["0", "1", "2", "3", "5", "-1", "-2", "10"]).to_owned();
        let text = self.make(Text, depth);
        match self.random.below(28) {
            0 => format!(
                "{}({text})",
                self.random.pick(&["upper", "lower", "initcap", "reverse", "btrim", "ltrim", "rtrim", "md5"])
            ),
            1 => format!("({text} || {})", self.operand(Text, depth)),
            2 => format!("substring({text} FROM {} FOR {})", count(self), self.random.pick(&["0", "1", "3", "100"])),
            3 => format!("substr({text}, {})", count(self)),
            4 => format!("{}({text}, {})", self.random.pick(&["left", "right"]), count(self)),
            5 => format!(
                "{}({text}, {}, {})",
                self.random.pick(&["lpad", "rpad"]),
                count(self),
                self.operand(Text, depth)
            ),
            6 => format!("{}({text}, {})", self.random.pick(&["lpad", "rpad"]), count(self)),
            7 => format!("replace({text}, {}, {})", self.operand(Text, depth), self.operand(Text, depth)),
            8 => format!("translate({text}, 'abcl', 'xy')"),
            9 => format!(
                "split_part({text}, {}, {})",
                self.random.pick(&["' '", "','", "'l'", "''", "'aa'"]),
                count(self)
            ),
            10 => format!("repeat({text}, {})", count(self)),
            11 => format!(
                "trim({} {} FROM {text})",
                self.random.pick(&["BOTH", "LEADING", "TRAILING"]),
                self.random.pick(&["'a'", "' '", "'ao '", "'é'"])
            ),
            12 => format!("concat({text}, {}, {})", self.operand(Int, depth), self.make(Text, depth)),
            13 => format!("concat_ws('-', {text}, {}, {})", self.make(Text, depth), self.make(Int, depth)),
            14..=17 => {
                let of = ALL[self.random.below(ALL.len() - 2)];
                format!("CAST({} AS text)", self.make(of, depth))
            }
            18 => format!("CAST({text} AS varchar(3))"),
            19 => format!(
                "to_char({}, '{}')",
                self.make(Stamp, depth),
                self.random.pick(&[
                    "YYYY-MM-DD HH24:MI:SS",
                    "FMMonth DD, YYYY",
                    "Dy HH12:MI AM",
                    "YYYYMMDD",
                    "IYYY-IW-ID",
                    "DDD Q MS US",
                    "Day, DD Mon YY",
                    "MON mon Mon DAY day",
                    "FMDD.FMMM.YYYY WW CC D",
                ])
            ),
            20 => format!(
                "regexp_replace({text}, {}, {})",
                self.random.pick(&["'[aeiou]'", "'l+'", "'^(.)'", "'(b)(.)'"]),
                self.random.pick(&["'X'", "'\\1\\1'", "''", "'<\\&>'"])
            ),
            21 => format!(
                "regexp_replace({text}, {}, '#', '{}')",
                self.random.pick(&["'[a-c]'", "'o'", "'[[:space:]]'"]),
                self.random.pick(&["g", "gi", "i"])
            ),
            22 => format!("overlay({text} PLACING {} FROM {} FOR 2)", self.operand(Text, depth), count(self)),
            23 => format!("encode(sha256(convert_to({text}, 'UTF8')), '{}')", self.random.pick(&["hex", "base64"])),
            24 => format!("array_to_string({}, '|'{})", self.make(Array, depth), self.random.pick(&["", ", '*'"])),
            25 => format!("({})[{}]", self.make(Array, depth), self.random.pick(&["1", "2", "3", "0", "-1"])),
            26 => format!(
                "({} ->> {})",
                self.plain_json(),
                self.random.pick(&["'a'", "'s'", "'b'", "'n'", "'q'", "0", "1", "-1"])
            ),
            _ => match self.random.below(5) {
                0 => format!(
                    "({} #>> '{}')",
                    self.plain_json(),
                    self.random.pick(&["{a}", "{b,c,0}", "{b,c,2,d}", "{3,a}", "{a,a,a}"])
                ),
                1 => format!("jsonb_typeof({})", self.make(Json, depth)),
                2 => format!("substring({text} FROM {})", self.random.pick(&["'[a-z]+'", "'o(.)'", "'^.'"])),
                3 => format!("encode(convert_to({text}, 'UTF8'), '{}')", self.random.pick(&["base64", "escape"])),
                _ => format!("quote_literal({text})"),
            },
        }
    }
}
