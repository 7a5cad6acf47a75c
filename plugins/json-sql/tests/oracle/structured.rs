//! Random expressions that are dates and times, JSON and arrays.

use crate::expressions::Maker;
use crate::expressions::Type::{Array, Bool, Date, Float, Int, Json, Number, Span, Stamp, Text, Time, Zoned};

impl Maker<'_> {
    /// JSON that is only stepped into: what is put together is written here without spaces, and there with them.
    pub fn plain_json(&mut self) -> String {
        self.random
            .pick(&["to_jsonb(j1)", "(j1::jsonb -> 'a')", "to_jsonb(n1)", "to_jsonb(t1)", "(to_jsonb(j1) -> 0)"])
            .to_owned()
    }

    pub fn date(&mut self, depth: u32) -> String {
        match self.random.below(6) {
            0 => format!("({} + {})", self.make(Date, depth), self.random.pick(&["1", "-1", "30", "365", "100000"])),
            1 => format!("({} - {})", self.make(Date, depth), self.random.pick(&["1", "31", "1000"])),
            2 => format!("({} - CAST({} AS int))", self.make(Date, depth), self.make(Int, depth)),
            3 => format!("CAST({} AS date)", self.make(Stamp, depth)),
            4 => format!("CAST({} AS date)", self.make(Zoned, depth)),
            _ => format!(
                "make_date({} + CAST(b1 AS int), {}, {})",
                self.random.pick(&["2024", "1999", "2023"]),
                self.random.pick(&["2", "12", "13", "1"]),
                self.random.pick(&["29", "31", "1"])
            ),
        }
    }

    fn trunc_unit(&mut self) -> &'static str {
        self.random.pick(&[
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "week",
            "quarter",
            "decade",
            "century",
            "milliseconds",
            "microseconds",
        ])
    }

    pub fn stamp(&mut self, depth: u32) -> String {
        match self.random.below(8) {
            0 | 1 => {
                format!("({} {} {})", self.make(Stamp, depth), self.random.pick(&["+", "-"]), self.operand(Span, depth))
            }
            2 => {
                format!("({} {} {})", self.make(Date, depth), self.random.pick(&["+", "-"]), self.operand(Span, depth))
            }
            3 => format!("({} + {})", self.make(Date, depth), self.operand(Time, depth)),
            4 => format!("date_trunc('{}', {})", self.trunc_unit(), self.make(Stamp, depth)),
            5 => format!(
                "({} AT TIME ZONE '{}')",
                self.make(Zoned, depth),
                self.random.pick(&["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
            ),
            6 => format!("CAST({} AS timestamp({}))", self.make(Stamp, depth), self.random.pick(&["0", "3", "6"])),
            _ => format!(
                "date_bin(INTERVAL '{}', {}, TIMESTAMP '2001-01-01')",
                self.random.pick(&["15 minutes", "1 day", "7 hours"]),
                self.make(Stamp, depth)
            ),
        }
    }

    pub fn zoned(&mut self, depth: u32) -> String {
        match self.random.below(6) {
            0 | 1 => {
                format!("({} {} {})", self.make(Zoned, depth), self.random.pick(&["+", "-"]), self.operand(Span, depth))
            }
            2 => format!("date_trunc('{}', {})", self.trunc_unit(), self.make(Zoned, depth)),
            3 => format!(
                "({} AT TIME ZONE '{}')",
                self.make(Stamp, depth),
                self.random.pick(&["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
            ),
            4 => format!("CAST({} AS timestamptz)", self.make(Date, depth)),
            _ => format!("to_timestamp({})", self.make(Float, depth)),
        }
    }

    pub fn time(&mut self, depth: u32) -> String {
        match self.random.below(4) {
            0 => {
                format!("({} {} {})", self.make(Time, depth), self.random.pick(&["+", "-"]), self.operand(Span, depth))
            }
            1 => format!("CAST({} AS time)", self.make(Stamp, depth)),
            2 => format!("CAST({} AS time(2))", self.make(Time, depth)),
            _ => format!(
                "make_time({}, 30, CAST({} AS float8))",
                self.random.pick(&["1", "23", "24"]),
                self.make(Number, 0)
            ),
        }
    }

    pub fn span(&mut self, depth: u32) -> String {
        match self.random.below(8) {
            0 => format!("({} - {})", self.make(Stamp, depth), self.operand(Stamp, depth)),
            1 => {
                format!("({} {} {})", self.make(Span, depth), self.random.pick(&["+", "-"]), self.operand(Span, depth))
            }
            2 => format!("(- {})", self.make(Span, depth)),
            3 => format!("({} * {})", self.make(Span, depth), self.random.pick(&["2", "0.5", "-1.5", "3", "0.1"])),
            4 => format!("({} / {})", self.make(Span, depth), self.random.pick(&["2", "3", "0.5", "-7"])),
            5 => format!("{}({})", self.random.pick(&["justify_hours", "justify_days"]), self.make(Span, depth)),
            6 => format!("({} - {})", self.make(Time, depth), self.operand(Time, depth)),
            _ => format!(
                "date_trunc('{}', {})",
                self.random.pick(&["year", "month", "day", "hour", "minute", "second"]),
                self.make(Span, depth)
            ),
        }
    }

    pub fn json(&mut self, depth: u32) -> String {
        let json = self.make(Json, depth);
        match self.random.below(11) {
            0 | 1 => format!("({json} -> {})", self.random.pick(&["'a'", "'b'", "'list'", "0", "1", "-1", "5"])),
            2 => format!("({json} #> '{}')", self.random.pick(&["{a}", "{b,c}", "{b,c,2}", "{0}", "{-1,a}"])),
            3 => {
                let of = [Bool, Int, Number, Text][self.random.below(4)];
                format!("to_jsonb({})", self.make(of, depth))
            }
            4 => format!("jsonb_build_object('x', {}, 'y', {json})", self.make(Int, depth)),
            5 => format!("jsonb_build_array({}, {json}, {})", self.make(Text, depth), self.make(Number, depth)),
            6 => format!("jsonb_strip_nulls({json})"),
            7 => format!(
                "jsonb_set({json}, '{}', '{}')",
                self.random.pick(&["{a}", "{b,c}", "{0}", "{new}", "{b,c,1}"]),
                self.random.pick(&["1", "\"v\"", "{\"k\": []}"])
            ),
            8 => format!("({json} - {})", self.random.pick(&["'a'", "'b'", "'zzz'"])),
            9 => format!("({json} || {})", self.constant(Json)),
            _ => format!("({json} #- '{}')", self.random.pick(&["{a}", "{b,c}", "{1}", "{b,c,0}"])),
        }
    }

    pub fn array(&mut self, depth: u32) -> String {
        match self.random.below(9) {
            0 => format!(
                "string_to_array({}, {})",
                self.make(Text, depth),
                self.random.pick(&["' '", "','", "'a'", "NULL", "''"])
            ),
            1 => format!("ARRAY[{}, {}]", self.make(Text, depth), self.operand(Text, depth)),
            2 => format!("array_append({}, {})", self.make(Array, depth), self.make(Text, depth)),
            3 => format!("array_cat({}, {})", self.make(Array, depth), self.make(Array, depth)),
            4 => format!("array_remove({}, {})", self.make(Array, depth), self.operand(Text, depth)),
            5 => format!("({} || {})", self.make(Array, depth), self.make(Array, depth)),
            6 => format!("array_prepend({}, {})", self.make(Text, depth), self.make(Array, depth)),
            7 => format!(
                "regexp_split_to_array({}, {})",
                self.make(Text, depth),
                self.random.pick(&["' '", "'[,o]'", "'l+'"])
            ),
            _ => format!(
                "regexp_match({}, {})",
                self.make(Text, depth),
                self.random.pick(&["'[a-z]+'", "'(.)o(.)'", "'^(a)?'"])
            ),
        }
    }
}
