//! The functions that jq has: those that are written in Rust, and those that are written in jq.

use std::rc::Rc;

use super::{MatchMode, Special};
use crate::functions::{self, Run};
use crate::syntax::{Definition, parse_definitions};
use crate::value::Value;

/// What a name of jq means.
pub(super) enum Builtin {
    Native(Run),
    Special(Special),
    Delete,
    Constant(Value),
    /// A use of a regular expression, and whether all matches are looked for.
    Match(MatchMode, bool),
}

/// What reaches outside of the plugin.
const OUTSIDE: [&str; 13] = [
    "env",
    "halt",
    "halt_error",
    "input",
    "inputs",
    "input_filename",
    "localtime",
    "now",
    "strflocaltime",
    "get_search_list",
    "modulemeta",
    "get_jq_origin",
    "get_prog_origin",
];

const SPECIALS: [(&str, usize, Special); 31] = [
    ("empty", 0, Special::Empty),
    ("path", 1, Special::Path),
    ("select", 1, Special::Select),
    ("recurse", 0, Special::RecurseDefault),
    ("recurse", 1, Special::Recurse),
    ("first", 1, Special::First),
    ("last", 1, Special::Last),
    ("limit", 2, Special::Limit),
    ("skip", 2, Special::Skip),
    ("until", 2, Special::Until),
    ("while", 2, Special::While),
    ("repeat", 1, Special::Repeat),
    ("range", 1, Special::Range),
    ("range", 2, Special::Range),
    ("range", 3, Special::Range),
    ("isempty", 1, Special::IsEmpty),
    ("any", 2, Special::Any),
    ("all", 2, Special::All),
    ("map", 1, Special::Map),
    ("add", 1, Special::Add),
    ("with_entries", 1, Special::WithEntries),
    ("sort_by", 1, Special::SortBy),
    ("group_by", 1, Special::GroupBy),
    ("unique_by", 1, Special::UniqueBy),
    ("min_by", 1, Special::MinBy),
    ("max_by", 1, Special::MaxBy),
    ("walk", 1, Special::Walk),
    ("getpath", 1, Special::GetPath),
    ("debug", 0, Special::Debug),
    ("debug", 1, Special::DebugMessage),
    ("stderr", 0, Special::Stderr),
];

/// Uses of regular expressions: how many arguments they take at least, and whether one more, the flags.
const MATCHES: [(&str, usize, MatchMode, bool); 14] = [
    ("test", 1, MatchMode::Test, false),
    ("test", 2, MatchMode::Test, false),
    ("match", 1, MatchMode::Match, false),
    ("match", 2, MatchMode::Match, false),
    ("capture", 1, MatchMode::Capture, false),
    ("capture", 2, MatchMode::Capture, false),
    ("scan", 1, MatchMode::Scan, true),
    ("scan", 2, MatchMode::Scan, true),
    ("split", 2, MatchMode::Split, true),
    ("splits", 1, MatchMode::Splits, true),
    ("splits", 2, MatchMode::Splits, true),
    ("sub", 2, MatchMode::Sub, false),
    ("sub", 3, MatchMode::Sub, false),
    ("gsub", 2, MatchMode::Sub, true),
];

/// What a name means with so many arguments.
pub(super) fn find(name: &str, arity: usize) -> Option<Builtin> {
    if let Some((_, _, special)) = SPECIALS.iter().find(|(other, count, _)| *other == name && *count == arity) {
        return Some(Builtin::Special(*special));
    }
    if let Some((_, _, mode, global)) = MATCHES.iter().find(|(other, count, ..)| *other == name && *count == arity) {
        return Some(Builtin::Match(*mode, *global));
    }
    let constant = match (name, arity) {
        ("gsub", 3) => return Some(Builtin::Match(MatchMode::Sub, true)),
        ("del", 1) => return Some(Builtin::Delete),
        ("null", 0) => Value::Null,
        ("true", 0) => Value::Bool(true),
        ("false", 0) => Value::Bool(false),
        ("infinite", 0) => Value::Number(f64::INFINITY),
        ("nan", 0) => Value::Number(f64::NAN),
        ("input_line_number", 0) => Value::Number(0.0),
        ("have_literal_numbers", 0) => Value::Bool(true),
        ("have_decnum", 0) => Value::Bool(false),
        ("builtins", 0) => names(),
        _ => return functions::find(name, arity).map(Builtin::Native),
    };
    Some(Builtin::Constant(constant))
}

/// Whether a name is one of jq's that no plugin can have.
pub(super) fn is_kept_out(name: &str) -> bool {
    OUTSIDE.contains(&name) || name.contains("::")
}

/// What is wrong with a call of what is not there.
pub(super) fn missing(name: &str, arity: usize) -> String {
    if OUTSIDE.contains(&name) {
        return format!("`{name}` is not available, as a plugin cannot reach outside");
    }
    if name.contains("::") {
        return format!("`{name}` is not available, as a plugin has no modules");
    }
    format!("undefined filter `{name}/{arity}`")
}

/// What `builtins` lists.
fn names() -> Value {
    Value::array(all().map(|(name, arity)| Value::text(format!("{name}/{arity}"))).collect())
}

/// Every function, with how many arguments it takes.
pub(super) fn all() -> impl Iterator<Item = (&'static str, usize)> {
    let specials = SPECIALS.iter().map(|(name, arity, _)| (*name, *arity));
    let matches = MATCHES.iter().map(|(name, arity, ..)| (*name, *arity));
    let constants = ["infinite", "nan", "input_line_number", "have_literal_numbers", "have_decnum", "builtins"];
    let definitions = definitions().iter().map(|definition| (&*definition.name, definition.parameters.len()));
    specials
        .chain(matches)
        .chain(constants.map(|name| (name, 0)))
        .chain([("gsub", 3), ("del", 1)])
        .chain(functions::all())
        .chain(definitions)
}

thread_local! {
    static DEFINITIONS: &'static [Rc<Definition>] = match parse_definitions(TEXT) {
        Ok(definitions) => Box::leak(definitions.into_boxed_slice()),
        Err(wrong) => panic!("jq's own functions are right: {}", wrong.describe(TEXT)),
    };
}

/// The functions that are written in jq. They are read once for the whole life of a thread.
pub(super) fn definitions() -> &'static [Rc<Definition>] {
    DEFINITIONS.with(|definitions| *definitions)
}

const TEXT: &str = r#"
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type | . == "array" or . == "object");
def scalars: select(type | . != "array" and . != "object");
def finites: select(isinfinite or isnan | not);
def normals: select(isnormal);
def error(message): message | error;
def recurse(f; condition): def r: ., (f | select(condition) | r); r;
def nth($n): .[$n];
def nth($n; f): if $n < 0 then error("nth doesn't support negative indices") else first(skip($n; f)) end;
def first: .[0];
def last: .[-1];
def any: any(.[]; .);
def all: all(.[]; .);
def any(f): any(.[]; f);
def all(f): all(.[]; f);
def map_values(f): .[] |= f;
def paths: path(..) | select(length > 0);
def paths(f): path(.. | select(f)) | select(length > 0);
def leaf_paths: paths(scalars);
def pick(pathexps): . as $top | reduce path(pathexps) as $p (null; setpath($p; $top | getpath($p)));
def toarray: if type == "array" then . else [.] end;
def in(xs): . as $x | xs | has($x);
def inside(xs): . as $x | xs | contains($x);
def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $w | [$x] + $w end;
def combinations(n): . as $dot | [range(n)] | map($dot) | combinations;
def ascii: [.] | implode;
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
def fromdate: fromdateiso8601;
def date: todate;
def dateadd(u; n): . + n;
def datesub(u; n): . - n;
def index($i): indices($i) | .[0];
def rindex($i): indices($i) | .[-1:][0];
def tostream: path(def r: (.[]? | r), .; r) as $p | getpath($p)
  | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
def fromstream(f): {x: null, e: false} as $init
  | foreach f as $i ($init;
      if .e then $init else . end
      | if $i | length == 2
        then setpath(["e"]; $i[0] | length == 0) | setpath(["x"] + $i[0]; $i[1])
        else setpath(["e"]; $i[0] | length == 1) end;
      if .e then .x else empty end);
def truncate_stream(stream): . as $n | null | stream
  | . as $input | if (.[0] | length) > $n then setpath([0]; .[0][$n:]) else empty end;
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; idx_expr): reduce stream as $row ({}; .[$row | idx_expr | tostring] |= $row);
def INDEX(idx_expr): INDEX(.[]; idx_expr);
def JOIN($idx; idx_expr): [.[] | [., $idx[idx_expr]]];
def JOIN($idx; stream; idx_expr): stream | [., $idx[idx_expr]];
def JOIN($idx; stream; idx_expr; join_expr): stream | [., $idx[idx_expr]] | join_expr;
"#;
