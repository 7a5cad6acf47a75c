//! A query over many records, compiled.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderBySort, Select,
    SelectItem, Spanned, Statement as SqlStatement, Value as Literal,
};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::aggregate::{Aggregate, is_aggregate};
use super::grouping::Grouping;
use crate::columns::Columns;
use crate::compile::{Context, Names, at, expression, shown};
use crate::error::{Place, QueryError};
use crate::input::Needs;
use crate::program::Program;
use crate::query::{Nulls, Query};
use crate::statement::{Item, MAX_ITEMS, Named, Statement, all, condition, name_of, qualified};
use crate::tokens::{self, place};
use crate::warning::Warnings;
use crate::{from, query, refuse};

/// A compiled query.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The table that it reads, and where it is named.
    pub table: (String, Place),
    /// One statement: what it selects of each record, or of each group.
    pub query: Query,
    /// The array of each record that FROM unfolds.
    pub from: Option<Program>,
    /// How records are grouped; none: they are not.
    pub groups: Option<Groups>,
    pub is_distinct: bool,
    pub order: Vec<Order>,
    /// At most so many rows, after so many that are passed over.
    pub limit: Option<usize>,
    pub offset: usize,
}

/// How records are grouped.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Records that belong to any.
    pub filter: Option<Program>,
    pub keys: Vec<Program>,
    pub aggregates: Vec<Aggregate>,
}

/// An expression that rows are sorted by.
#[derive(Debug)]
pub(crate) struct Order {
    pub program: Program,
    pub is_descending: bool,
    pub nulls_first: bool,
}

/// Compiles a query.
pub(crate) fn compile(text: &str) -> Result<Plan, QueryError> {
    let parsed = query::parse(text)?;
    let [SqlStatement::Query(sql)] = parsed.as_slice() else {
        let here = parsed.get(1).or(parsed.first()).map(|statement| place(statement.span().start)).unwrap_or_default();
        return Err(QueryError::new(here, "this is not one SELECT").help("write SELECT ... FROM ..."));
    };
    let select = refuse::body(sql)?;
    let from = from::read(select)?;
    let (mut columns, mut needs) = (Columns::default(), Needs::default());
    let names = Names { table: &from.names, element: None };
    let mut warnings = Warnings::default();
    let mut context =
        Context { names, columns: &mut columns, needs: &mut needs, warnings: &mut warnings, grouping: None };
    let mut statement = Statement { is_table: true, ..Statement::default() };
    let mut unfolded = None;
    if let Some((array, name)) = &from.unfolded {
        unfolded = Some(expression(array, &mut context)?.0);
        context.names.element = Some(name);
    }
    let filter = select.selection.as_ref().map(|filter| condition(filter, &mut context)).transpose()?;
    let keys = keys(select)?;
    let is_grouped = !keys.is_empty() || select.having.is_some() || calls_aggregate(&tokens::read(text)?);
    let mut groups = None;
    if is_grouped {
        let mut grouping = Grouping::default();
        let mut programs = Vec::new();
        for key in keys {
            let (program, operand) = expression(key, &mut context)?;
            grouping.add_key(key, operand.kind);
            programs.push(program);
        }
        context.grouping = Some(grouping);
        statement.filter = select.having.as_ref().map(|having| condition(having, &mut context)).transpose()?;
        groups = Some(Groups { filter, keys: programs, aggregates: Vec::new() });
    } else {
        statement.filter = filter;
    }
    let results = results(select)?;
    items(select, &results, &mut statement, &mut context)?;
    let order = sql.order_by.as_ref().map_or(Ok(Vec::new()), |order| orders(order, &results, &mut context))?;
    if let (Some(groups), Some(grouping)) = (&mut groups, context.grouping.take()) {
        groups.aggregates = grouping.aggregates;
    }
    let (limit, offset) = sql.limit_clause.as_ref().map_or(Ok((None, 0)), limits)?;
    let is_distinct = match &select.distinct {
        None | Some(Distinct::All) => false,
        Some(Distinct::Distinct) => true,
        Some(Distinct::On(_)) => {
            let here = place(select.select_token.0.span.start);
            return Err(
                QueryError::new(here, "DISTINCT ON is not available").help("write GROUP BY and min(..) or max(..)")
            );
        }
    };
    let query = Query { statements: vec![statement], columns, nulls: Nulls::Keep, needs, warnings: warnings.finish() };
    Ok(Plan { table: from.table.clone(), query, from: unfolded, groups, is_distinct, order, limit, offset })
}

/// Whether an aggregate is called anywhere. There are no queries inside of queries, so it belongs to this one.
fn calls_aggregate(tokens: &[TokenWithSpan]) -> bool {
    let tokens: Vec<&Token> =
        tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    tokens.windows(2).any(|pair| match pair {
        [Token::Word(word), Token::LParen] => {
            word.quote_style.is_none() && is_aggregate(&word.value.to_ascii_lowercase())
        }
        _ => false,
    })
}

/// A result: what it is called, where that is said, and its expression; none of either for `*`.
struct Selected<'q> {
    alias: Option<&'q Ident>,
    expr: &'q Expr,
}

fn results(select: &Select) -> Result<Vec<Selected<'_>>, QueryError> {
    let mut results = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => results.push(Selected { alias: None, expr }),
            SelectItem::ExprWithAlias { expr, alias } => results.push(Selected { alias: Some(alias), expr }),
            SelectItem::ExprWithAliases { expr, .. } => return Err(QueryError::new(at(expr), "a result has one name")),
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {}
        }
    }
    Ok(results)
}

fn items(
    select: &Select,
    results: &[Selected<'_>],
    statement: &mut Statement,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    if select.projection.len() > MAX_ITEMS {
        return Err(QueryError::new(place(select.span().start), format!("there are more than {MAX_ITEMS} results")));
    }
    let mut names: Vec<String> = Vec::new();
    let mut results = results.iter();
    for item in &select.projection {
        let star = match item {
            SelectItem::Wildcard(options) => Some((options, false)),
            SelectItem::QualifiedWildcard(kind, options) => Some((options, qualified(kind, options, context)?)),
            _ => None,
        };
        if let Some((options, of_element)) = star {
            let here = place(options.wildcard_token.0.span.start);
            if context.grouping.is_some() {
                return Err(
                    QueryError::new(here, "* has no meaning where records are grouped").help("name the results")
                );
            }
            statement.items.push(all(options, of_element, context)?);
            continue;
        }
        let Some(result) = results.next() else { break };
        let name = match result.alias {
            Some(alias) if names.contains(&alias.value) => {
                let message = format!("two results are called {}", alias.value);
                return Err(QueryError::new(place(alias.span.start), message).help("give one of them another name"));
            }
            Some(alias) => alias.value.clone(),
            None => plain_name(result.expr, &names),
        };
        names.push(name.clone());
        statement.items.push(Item::Field(Named::new(&name, expression(result.expr, context)?.0)));
    }
    statement.replace(&names, context);
    Ok(())
}

/// What a result without AS is called: as in PostgreSQL, but each name once, and none without.
fn plain_name(expr: &Expr, names: &[String]) -> String {
    let special = match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        other => name_of(other),
    };
    let free = |name: &String| !names.contains(name);
    let name = special.filter(free).unwrap_or_else(|| shown(expr));
    if free(&name) {
        return name;
    }
    (2..).map(|number| format!("{name} {number}")).find(free).expect("there are more numbers than names")
}

/// The expressions of GROUP BY; a number or a name may stand for a result.
fn keys(select: &Select) -> Result<Vec<&Expr>, QueryError> {
    let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else {
        return Err(QueryError::new(place(select.group_by.span().start), "GROUP BY ALL is not available")
            .help("name the expressions"));
    };
    if !modifiers.is_empty() {
        return Err(QueryError::new(
            place(select.group_by.span().start),
            "ROLLUP, CUBE and the like are not available",
        ));
    }
    let results = results(select)?;
    keys.iter().map(|key| meant(key, &results, "GROUP BY")).collect()
}

/// The result that a number or a name means; else the expression itself.
fn meant<'q>(expr: &'q Expr, results: &[Selected<'q>], clause: &str) -> Result<&'q Expr, QueryError> {
    match expr {
        Expr::Value(value) => {
            let Literal::Number(digits, _) = &value.value else { return Ok(expr) };
            let number = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            number.and_then(|number| results.get(number)).map(|result| result.expr).ok_or_else(|| {
                QueryError::new(at(expr), format!("{clause} {digits}: there are {} results", results.len()))
            })
        }
        Expr::Identifier(name) => {
            let named = |result: &&Selected<'_>| result.alias.is_some_and(|alias| alias.value == name.value);
            Ok(results.iter().find(named).map_or(expr, |result| result.expr))
        }
        _ => Ok(expr),
    }
}

fn orders(order: &OrderBy, results: &[Selected<'_>], context: &mut Context<'_>) -> Result<Vec<Order>, QueryError> {
    let OrderByKind::Expressions(exprs) = &order.kind else {
        return Err(
            QueryError::new(place(order.span().start), "ORDER BY ALL is not available").help("name the expressions")
        );
    };
    let mut orders = Vec::new();
    for OrderByExpr { expr, options, with_fill } in exprs {
        let is_descending = match &options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(_)) => return Err(QueryError::new(at(expr), "USING is not available")),
        };
        if with_fill.is_some() {
            return Err(QueryError::new(at(expr), "WITH FILL is not available"));
        }
        let program = expression(meant(expr, results, "ORDER BY")?, context)?.0;
        // As in PostgreSQL: NULL is greater than everything else.
        orders.push(Order { program, is_descending, nulls_first: options.nulls_first.unwrap_or(is_descending) });
    }
    Ok(orders)
}

fn limits(clause: &LimitClause) -> Result<(Option<usize>, usize), QueryError> {
    let LimitClause::LimitOffset { limit, offset, limit_by } = clause else {
        return Err(
            QueryError::new(place(clause.span().start), "LIMIT takes one number").help("write LIMIT 10 OFFSET 20")
        );
    };
    if !limit_by.is_empty() {
        return Err(QueryError::new(place(clause.span().start), "LIMIT BY is not available"));
    }
    let number = |expr: &Expr, clause: &str| {
        match expr {
            Expr::Value(value) => match &value.value {
                Literal::Number(digits, _) => digits.parse().ok(),
                _ => None,
            },
            _ => None,
        }
        .ok_or_else(|| QueryError::new(at(expr), format!("{clause} takes a whole number")))
    };
    let limit = limit.as_ref().map(|limit| number(limit, "LIMIT")).transpose()?;
    let offset = offset.as_ref().map_or(Ok(0), |offset| number(&offset.value, "OFFSET"))?;
    Ok((limit, offset))
}
