//! What a statement reads: the record, and an array in it that is unfolded.

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, JoinConstraint, JoinOperator, ObjectName, Select, Spanned, TableAlias,
    TableFactor,
};

use crate::error::{Place, QueryError, suggestion};
use crate::tokens::place;

/// The one table that there is.
const INPUT: &str = "input";

/// What FROM says.
#[derive(Default)]
pub(crate) struct From<'q> {
    /// The table, as it is written, and where it stands.
    pub table: (String, Place),
    /// What the record may be called in front of a field.
    pub names: Vec<String>,
    /// An array, and what its elements are called.
    pub unfolded: Option<(&'q Expr, String)>,
}

/// Whether a function makes a row of each element.
pub(crate) fn is_unnest(name: &ObjectName) -> bool {
    let name = name.to_string().to_ascii_lowercase();
    ["unnest", "explode", "jsonb_array_elements", "json_array_elements"].contains(&name.as_str())
}

pub(crate) fn read(select: &Select) -> Result<From<'_>, QueryError> {
    let here = place(select.select_token.0.span.start);
    let mut from = From::default();
    let mut factors = Vec::new();
    for table in &select.from {
        factors.push(&table.relation);
        for join in &table.joins {
            let is_cross = match &join.join_operator {
                JoinOperator::CrossJoin(_) => true,
                JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => {
                    matches!(constraint, JoinConstraint::None)
                        || matches!(constraint, JoinConstraint::On(Expr::Value(value)) if value.value == sqlparser::ast::Value::Boolean(true))
                }
                _ => false,
            };
            if !is_cross || array_of(&join.relation).is_none() {
                let error =
                    QueryError::new(place(join.relation.span().start), "JOIN needs state, which is not available");
                return Err(error
                    .help("a query reads one record; write CROSS JOIN UNNEST(array) AS x to unfold an array in it"));
            }
            factors.push(&join.relation);
        }
    }
    let Some((first, rest)) = factors.split_first() else {
        return Err(QueryError::new(here, "FROM is missing").help("write SELECT ... FROM input"));
    };
    from.table(first)?;
    for factor in rest {
        let Some((array, alias)) = array_of(factor) else {
            return Err(QueryError::new(place(factor.span().start), "there is one table, input").help(
                "joins need state, which is not available; write FROM input, UNNEST(array) AS x to unfold an array",
            ));
        };
        let here = place(array.span().start);
        if from.unfolded.is_some() {
            let error = QueryError::new(here, "FROM unfolds one array");
            return Err(error.help("unfold the next one in a stage of its own"));
        }
        let Some(alias) = alias else {
            return Err(QueryError::new(here, "the elements need a name").help("write UNNEST(lines) AS line"));
        };
        let name = match alias.columns.as_slice() {
            [] => &alias.name,
            [column] => &column.name,
            _ => return Err(QueryError::new(place(alias.name.span.start), "an element has one name")),
        };
        from.unfolded = Some((array, name.value.clone()));
    }
    Ok(from)
}

impl From<'_> {
    /// Refuses every table but `input`, the one that a stage has.
    pub fn only_input(&self) -> Result<(), QueryError> {
        let (written, here) = &self.table;
        if written.eq_ignore_ascii_case(INPUT) {
            return Ok(());
        }
        let help = suggestion(written, [INPUT]).unwrap_or_else(|| "write FROM input: what the stage gets".into());
        Err(QueryError::new(*here, format!("there is no table {written}")).help(help))
    }

    fn table(&mut self, factor: &TableFactor) -> Result<(), QueryError> {
        let here = place(factor.span().start);
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                check_plain(factor, here)?;
                let written = name.to_string();
                let plain = name.0.first().and_then(|part| part.as_ident()).filter(|_| name.0.len() == 1);
                self.table = (plain.map_or(written.clone(), |ident| ident.value.clone()), here);
                self.names = vec![alias.as_ref().map_or(written, |alias| alias.name.value.clone())];
                Ok(())
            }
            TableFactor::Derived { .. } => Err(QueryError::new(here, "a query inside of a query is not available")
                .help("write the inner query in a stage before this one")),
            _ => Err(QueryError::new(here, "FROM begins with input").help("write FROM input, UNNEST(array) AS x")),
        }
    }
}

/// Refuses what the parser takes behind a table and nothing here looks at.
fn check_plain(factor: &TableFactor, here: Place) -> Result<(), QueryError> {
    let TableFactor::Table { alias, with_hints, version, partitions, json_path, sample, index_directives, .. } = factor
    else {
        return Ok(());
    };
    if sample.is_some() {
        let help = "choose records by what identifies them: WHERE __offset % 10 = 0";
        return Err(QueryError::new(here, "TABLESAMPLE is not available").help(help));
    }
    if let Some(alias) = alias.as_ref().filter(|alias| !alias.columns.is_empty()) {
        let here = place(alias.name.span.start);
        return Err(QueryError::new(here, "a table has no list of columns").help("name results: SELECT a AS b"));
    }
    let is_other = !with_hints.is_empty()
        || version.is_some()
        || !partitions.is_empty()
        || json_path.is_some()
        || !index_directives.is_empty();
    if is_other {
        return Err(QueryError::new(here, "hints and the like behind a table are not available").help("leave them out"));
    }
    Ok(())
}

/// The array that a part of FROM unfolds, and its alias.
fn array_of(factor: &TableFactor) -> Option<(&Expr, Option<&TableAlias>)> {
    match factor {
        TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_ordinality: false, .. } => {
            match array_exprs.as_slice() {
                [array] => Some((array, alias.as_ref())),
                _ => None,
            }
        }
        TableFactor::Table { name, alias, args: Some(args), with_ordinality: false, .. } if is_unnest(name) => {
            argument(&args.args).map(|array| (array, alias.as_ref()))
        }
        TableFactor::Function { name, alias, args, with_ordinality: false, .. } if is_unnest(name) => {
            argument(args).map(|array| (array, alias.as_ref()))
        }
        _ => None,
    }
}

fn argument(args: &[FunctionArg]) -> Option<&Expr> {
    match args {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(array))] => Some(array),
        _ => None,
    }
}
