//! What is easily written and does not mean what was meant: refused where PostgreSQL refuses it or nothing here does
//! what it says, and warned of where PostgreSQL takes it.

use json_sql::{Nulls, Query, TableQuery};

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

/// The warnings of a query, each on a line.
fn warnings(query: &str) -> String {
    let compiled = Query::compile(query, Nulls::Keep).unwrap_or_else(|error| panic!("{error}"));
    compiled.warnings().iter().map(|warning| format!("{warning}\n")).collect()
}

#[test]
fn a_field_as_the_name_behind_an_arrow_is_warned_of() {
    assert_eq!(
        warnings("SELECT id, customer -> email AS email FROM input"),
        "line 1, column 12: customer -> email takes the name from the field email: write customer.email, or -> (email) \
         if that is meant\n"
    );
    assert_eq!(
        warnings("SELECT id\nFROM input o\nWHERE o.customer->address->city IS NULL"),
        "line 3, column 7: o.customer -> address -> city takes the name from the field city: write \
         o.customer.address.city, or -> (city) if that is meant\n"
    );
    assert_eq!(
        warnings("SELECT customer ->> \"e'mail\" AS email, doc -> lines[1] AS line FROM input"),
        "line 1, column 8: customer ->> \"e'mail\" takes the name from the field \"e'mail\": write ->> 'e''mail', or ->> \
         (\"e'mail\") if that is meant\n\
         line 1, column 40: doc -> lines[1] takes the name from the field lines: write doc.lines[1] (elements count from \
         0), or -> (lines[1]) if that is meant\n"
    );
    let element = warnings("SELECT line->sku AS sku FROM input, UNNEST(lines) AS line");
    assert!(element.contains("write line.sku,"), "{element}");
    for right in ["'email'", "0", "(email)", "__key", "lower(email)", "other.name"] {
        assert_eq!(warnings(&format!("SELECT customer -> {right} AS email FROM input")), "", "{right}");
    }
    assert_eq!(warnings("SELECT prices -> name AS price FROM input, UNNEST(names) AS name"), "");
}

#[test]
fn columns_that_only_ksqldb_has_are_warned_of() {
    assert_eq!(
        warnings("SELECT RowTime AS at, o.ROWKEY AS k FROM input o WHERE rowpartition = 0 AND ROWOFFSET > 5"),
        "line 1, column 8: RowTime is a field of the value: the record's timestamp is __timestamp; for the field write \
         \"RowTime\"\n\
         line 1, column 25: ROWKEY is a field of the value: the record's key is __key; for the field write \"ROWKEY\"\n\
         line 1, column 56: rowpartition is a field of the value: the record's partition is __partition; for the field \
         write \"rowpartition\"\n\
         line 1, column 77: ROWOFFSET is a field of the value: the record's offset is __offset; for the field write \
         \"ROWOFFSET\"\n"
    );
    assert!(warnings("SELECT WINDOWSTART, WindowEnd FROM input").matches("there are no windows").count() == 2);
    for query in [
        "SELECT \"ROWTIME\" FROM input",
        "SELECT a.rowtime FROM input",
        "SELECT __timestamp AS rowtime FROM input",
        "SELECT line.rowkey FROM input, UNNEST(lines) AS line",
    ] {
        assert_eq!(warnings(query), "", "{query}");
    }
}

#[test]
fn a_text_in_double_quotes_is_warned_of() {
    let text = "is a field: a text has single quotes,";
    assert_eq!(
        warnings("SELECT * FROM input WHERE country = \"DE\""),
        format!("line 1, column 37: \"DE\" {text} 'DE'; for the field write input.\"DE\"\n")
    );
    assert_eq!(
        warnings("SELECT * FROM input AS o WHERE country IN (\"DE\", \"it's\")"),
        format!(
            "line 1, column 44: \"DE\" {text} 'DE'; for the field write o.\"DE\"\n\
             line 1, column 50: \"it's\" {text} 'it''s'; for the field write o.\"it's\"\n"
        )
    );
    for condition in [
        "a <> \"x\"",
        "a >= \"x\"",
        "a = \"x\" OR b = \"x\"",
        "\"a\" = \"x\"",
        "a LIKE \"x%\"",
        "a NOT ILIKE \"x%\"",
        "a SIMILAR TO \"x%\"",
        "a ~ \"x\"",
        "a !~* \"x\"",
        "a NOT IN ('x', \"y\")",
        "a BETWEEN \"x\" AND 'y'",
        "a BETWEEN 'x' AND \"y\"",
        "a IS DISTINCT FROM \"x\"",
        "CASE a WHEN \"x\" THEN true END",
        "upper(a) = \"X\"",
    ] {
        let warnings = warnings(&format!("SELECT * FROM input WHERE {condition}"));
        let expected = condition.matches(" = \"x\"").count().max(1);
        assert_eq!(warnings.matches(text).count(), expected, "{condition}: {warnings}");
    }
}

#[test]
fn a_field_in_double_quotes_is_not_warned_of() {
    for query in [
        "SELECT * FROM input WHERE \"order id\" = 'x'",
        "SELECT \"order id\" FROM input WHERE a = \"order id\"",
        "SELECT * EXCEPT (\"order id\") FROM input WHERE a = \"order id\"",
        "SELECT * REPLACE (1 AS \"order id\") FROM input WHERE a = \"order id\"",
        "SELECT * FROM input WHERE \"ordered at\" < \"shipped at\" AND o.a = o.\"b\"",
        "SELECT * FROM input o WHERE o.\"ordered at\" < \"shipped at\" AND 'x' = \"b\"",
        "SELECT * FROM input WHERE a = input.\"b\" OR a = c",
        "SELECT \"x\" || \"y\" AS z FROM input WHERE upper(\"a\") = 'x'",
        "SELECT * FROM input, UNNEST(tags) AS \"tag\" WHERE a = \"tag\"",
        "SELECT a FROM input WHERE a = \"b\"; SELECT b FROM input",
    ] {
        assert_eq!(warnings(query), "", "{query}");
    }
}

#[test]
fn queries_over_many_records_have_warnings_too() {
    let query = "SELECT country, count(*) FROM input WHERE status = \"paid\" GROUP BY country";
    let query = TableQuery::compile(query).expect("the query is right");
    let found: Vec<u64> = query.warnings().iter().map(|warning| warning.place().column).collect();
    assert_eq!(found, [52]);
    let grouped = TableQuery::compile("SELECT count(*) AS n FROM input GROUP BY \"a b\" HAVING max(c) > \"a b\"");
    assert_eq!(grouped.expect("the query is right").warnings(), []);
}
