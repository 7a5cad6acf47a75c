//! What queries have elsewhere and not here: what stands on state, and what there is instead.

use sqlparser::ast::{GroupByExpr, Query, Select, SelectFlavor, SetExpr, SetOperator, Spanned};

use crate::error::{Place, QueryError};
use crate::tokens::place;

/// What to do about what needs state.
pub(crate) const STATE: &str = "a query here sees one record at a time; aggregate with Kafka Streams, ksqlDB or Flink on the \
                                output topic, or after loading it into a database";

/// Functions of several records.
const AGGREGATES: [&str; 42] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "array_agg",
    "string_agg",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "bool_and",
    "bool_or",
    "every",
    "bit_and",
    "bit_or",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
    "corr",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "collect_list",
    "collect_set",
    "count_distinct",
    "earliest_by_offset",
    "latest_by_offset",
    "histogram",
    "topk",
    "topkdistinct",
    "row_number",
    "rank",
    "dense_rank",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "ntile",
];

/// Functions whose value is not the record's, and what there is instead.
const IMPURE: [(&str, &str); 13] = [
    ("now", CLOCK),
    ("current_timestamp", CLOCK),
    ("current_date", CLOCK),
    ("current_time", CLOCK),
    ("localtime", CLOCK),
    ("localtimestamp", CLOCK),
    ("clock_timestamp", CLOCK),
    ("statement_timestamp", CLOCK),
    ("transaction_timestamp", CLOCK),
    ("random", CHANCE),
    ("gen_random_uuid", CHANCE),
    ("uuid", CHANCE),
    ("uuid_generate_v4", CHANCE),
];
const CLOCK: &str = "the record's own time is there: from_unixtime(__timestamp)";
const CHANCE: &str = "a hash of what identifies the record is there: md5(__topic || __partition || '/' || __offset)";

/// Refuses a call of what is known and not available.
pub(crate) fn function(name: &str, at: Place) -> Result<(), QueryError> {
    let name = name.to_ascii_lowercase();
    if AGGREGATES.contains(&name.as_str()) {
        let message = format!("{name} is an aggregate, which needs state and is not available");
        return Err(QueryError::new(at, message).help(STATE));
    }
    if let Some((_, instead)) = IMPURE.iter().find(|(other, _)| *other == name) {
        let message = format!("{name} is not available: a query gives the same for the same record, whenever it runs");
        return Err(QueryError::new(at, message).help(*instead));
    }
    Ok(())
}

/// Operators that other databases have and PostgreSQL does not, or that are not here, and what there is instead.
const OPERATORS: [(&str, &str); 11] = [
    ("==", "write ="),
    ("&&", "write AND; of two arrays: cardinality(array_intersect(a, b)) > 0"),
    ("!", "write NOT"),
    ("<=>", "write IS NOT DISTINCT FROM"),
    ("XOR", "of two booleans write <>, of two integers #"),
    ("DIV", "write /, which gives an integer of two integers"),
    ("RLIKE", REGEX),
    ("REGEXP", REGEX),
    ("MATCH", REGEX),
    ("GLOB", "write LIKE 'a%', or ~ 'pattern' for a regular expression"),
    ("OVERLAPS", "compare the four times: a_start < b_end AND b_start < a_end"),
];
const REGEX: &str = "write ~ 'pattern', or ~* where case does not matter";

/// Refuses an operator, by what there is instead.
pub(crate) fn operator(operator: &str, at: Place) -> QueryError {
    let error = QueryError::new(at, format!("the operator {operator} is not available"));
    match OPERATORS.iter().find(|(other, _)| other.eq_ignore_ascii_case(operator)) {
        Some((_, instead)) => error.help(*instead),
        None => error,
    }
}

/// Refuses what sees the elements of an array one by one.
pub(crate) fn lambda(at: Place) -> QueryError {
    QueryError::new(at, "lambdas are not available")
        .help("UNNEST(array) makes a record of each element; the plugin jq rewrites arrays in place")
}

fn refused(at: Place, what: &str, help: &str) -> QueryError {
    QueryError::new(at, format!("{what} not available")).help(help)
}

/// The one SELECT of a query that sees one record at a time; what needs more is refused.
pub(crate) fn select(query: &Query) -> Result<&Select, QueryError> {
    let select = body(query)?;
    let at = place(query.span().start);
    let from = |clause: Option<sqlparser::tokenizer::Span>| {
        clause.filter(|span| span.start.line > 0).map_or(at, |span| place(span.start))
    };
    if let Some(order) = &query.order_by {
        return Err(refused(from(Some(order.span())), "ORDER BY is", "records keep the order of their partition"));
    }
    if let Some(limit) = &query.limit_clause {
        return Err(refused(from(Some(limit.span())), "LIMIT is", "a stream has no end; filter with WHERE"));
    }
    stateless(select, at)
}

/// The one SELECT of a query; what no query has here is refused.
pub(crate) fn body(query: &Query) -> Result<&Select, QueryError> {
    let at = place(query.span().start);
    if query.with.is_some() {
        return Err(refused(
            at,
            "WITH is",
            "write the expressions of the inner query into the outer one, or use two stages",
        ));
    }
    let select = match &*query.body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { op, .. } => {
            let word = match op {
                SetOperator::Union => "UNION is",
                SetOperator::Except | SetOperator::Minus => "EXCEPT between queries is",
                SetOperator::Intersect => "INTERSECT is",
            };
            return Err(refused(at, word, "write several statements with ; between them: each sees every record"));
        }
        SetExpr::Query(_) => return Err(refused(at, "a query in parentheses is", "write the SELECT alone")),
        SetExpr::Values(_) => return Err(refused(at, "VALUES is", "write SELECT ... FROM input")),
        _ => return Err(refused(at, "this statement is", "write SELECT ... FROM input")),
    };
    if query.fetch.is_some() || query.for_clause.is_some() || !query.locks.is_empty() {
        return Err(refused(at, "FETCH, FOR UPDATE and the like are", "leave it out"));
    }
    plain(select, at)
}

fn stateless(select: &Select, at: Place) -> Result<&Select, QueryError> {
    if select.distinct.is_some() {
        return Err(refused(at, "DISTINCT needs state, which is", STATE));
    }
    match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) if keys.is_empty() && modifiers.is_empty() => {}
        group => {
            let start = group.span().start;
            let at = if start.line > 0 { place(start) } else { at };
            return Err(refused(at, "GROUP BY needs state, which is", STATE));
        }
    }
    if let Some(having) = &select.having {
        return Err(refused(place(having.span().start), "HAVING needs state, which is", STATE));
    }
    Ok(select)
}

fn plain(select: &Select, at: Place) -> Result<&Select, QueryError> {
    if !select.named_window.is_empty() || select.qualify.is_some() {
        return Err(refused(at, "WINDOW needs state, which is", STATE));
    }
    let is_other = select.into.is_some()
        || select.top.is_some()
        || !select.lateral_views.is_empty()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || select.exclude.is_some()
        || select.value_table_mode.is_some()
        || !matches!(select.flavor, SelectFlavor::Standard);
    if is_other {
        return Err(refused(at, "INTO, TOP and the like are", "write SELECT ... FROM input WHERE ..."));
    }
    Ok(select)
}
