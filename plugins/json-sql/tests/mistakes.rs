//! What is easily written and does not mean what was meant: refused where PostgreSQL refuses it or nothing here does
//! what it says.

use json_sql::{Nulls, Query};

fn refusal(query: &str) -> String {
    Query::compile(query, Nulls::Keep).err().unwrap_or_else(|| panic!("{query} is refused")).to_string()
}

/// Refused at a column, with these words and this help.
fn is_refused(query: &str, column: usize, message: &str, help: &str) {
    let refusal = refusal(query);
    let start = format!("line 1, column {column}: {message}\n");
    assert!(refusal.starts_with(&start) && refusal.ends_with(&format!("\n  {help}")), "{query}: {refusal}");
}

#[test]
fn operators_of_other_dialects_are_refused() {
    for (condition, column, operator, help) in [
        ("status == 'new'", 36, "==", "write ="),
        ("5 == ANY(tags)", 31, "==", "write ="),
        ("a && b", 29, "&&", "write AND; of two arrays: cardinality(array_intersect(a, b)) > 0"),
        ("! ok", 29, "!", "write NOT"),
        ("n !< 5", 31, "!", "write NOT"),
        ("n <=> 5", 29, "<=>", "write IS NOT DISTINCT FROM"),
        ("a XOR b", 29, "XOR", "of two booleans write <>, of two integers #"),
        ("n DIV 2 = 1", 31, "DIV", "write /, which gives an integer of two integers"),
        ("s RLIKE 'x'", 29, "RLIKE", "write ~ 'pattern', or ~* where case does not matter"),
        ("s NOT REGEXP 'x'", 29, "REGEXP", "write ~ 'pattern', or ~* where case does not matter"),
        ("s GLOB 'x*'", 31, "GLOB", "write LIKE 'a%', or ~ 'pattern' for a regular expression"),
    ] {
        let query = format!("SELECT id FROM input  WHERE {condition}");
        is_refused(&query, column, &format!("the operator {operator} is not available"), help);
    }
    is_refused(
        "SELECT `order id` FROM input",
        8,
        "names have no backquotes",
        "write a name in double quotes: \"name\"",
    );
}

#[test]
fn names_that_are_operators_elsewhere_are_names() {
    for query in
        ["SELECT div, match FROM input WHERE glob = 1", "SELECT a AS div FROM input", "SELECT \"==\" FROM input"]
    {
        Query::compile(query, Nulls::Keep).unwrap_or_else(|error| panic!("{error}"));
    }
    Query::compile("SELECT '==' AS a -- ==\n FROM input /* ! */", Nulls::Keep).expect("a text is a text");
}

#[test]
fn what_stands_behind_a_table_or_a_call_is_not_passed_over() {
    let sample = "choose records by what identifies them: WHERE __offset % 10 = 0";
    is_refused("SELECT a FROM input TABLESAMPLE BERNOULLI (10)", 15, "TABLESAMPLE is not available", sample);
    is_refused("SELECT x FROM input AS i (x)", 24, "a table has no list of columns", "name results: SELECT a AS b");
    let hints = "hints and the like behind a table are not available";
    is_refused("SELECT a FROM input WITH (NOLOCK)", 15, hints, "leave them out");
    let nulls = "IGNORE NULLS and RESPECT NULLS are not available";
    is_refused("SELECT upper(a) IGNORE NULLS AS b FROM input", 8, nulls, "leave them out");
}

#[test]
fn lambdas_are_refused_with_what_there_is_instead() {
    let help = "UNNEST(array) makes a record of each element; the plugin jq rewrites arrays in place";
    for (query, column) in [
        ("SELECT TRANSFORM(lines, x => x->qty) AS a FROM input", 25),
        ("SELECT filter(lines, x => x.qty > 5) AS a FROM input", 22),
        ("SELECT REDUCE(lines, 0, (s, x) => s + x) AS a FROM input", 8),
    ] {
        is_refused(query, column, "lambdas are not available", help);
    }
    for query in ["SELECT upper(s => 'x') AS a FROM input", "SELECT upper(s := 'x') AS a FROM input"] {
        is_refused(query, 14, "an argument with a name is not available", "write the arguments in their order");
    }
}
