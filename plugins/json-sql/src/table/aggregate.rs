//! Aggregates: what is known of them when a query is compiled.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderBySort,
};

use crate::compile::{Compiler, Operand, at, expression, shown};
use crate::error::QueryError;
use crate::program::{Program, Step};
use crate::query;
use crate::statement::condition;
use crate::value::Kind;

/// An aggregate of a query.
#[derive(Debug)]
pub(crate) struct Aggregate {
    pub which: Which,
    /// What it takes of each row; nothing: it counts rows.
    pub argument: Option<Program>,
    /// Rows that it takes; none: all.
    pub filter: Option<Program>,
    /// Whether equal values count once.
    pub is_distinct: bool,
    /// As it is written, for messages.
    pub text: String,
}

/// The aggregates that there are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Which {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    /// Texts with this between them.
    Join(String),
    Array,
    And,
    Or,
    /// The variance, or its square root; of a sample or of all.
    Spread {
        is_root: bool,
        is_sample: bool,
    },
    /// The value at this share of the sorted values, or between the two that are nearest.
    Percentile {
        share: f64,
        is_between: bool,
    },
}

const NAMES: [&str; 24] = [
    "count",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "string_agg",
    "array_agg",
    "json_agg",
    "jsonb_agg",
    "collect_list",
    "collect_set",
    "bool_and",
    "every",
    "bool_or",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "variance",
    "var_samp",
    "var_pop",
    "percentile_cont",
    "percentile_disc",
    "median",
];

/// Whether a function of this name, in small letters, is an aggregate that there is.
pub(crate) fn is_aggregate(name: &str) -> bool {
    NAMES.contains(&name)
}

impl Compiler<'_, '_> {
    /// An aggregate: its value is an element of the group.
    pub(crate) fn aggregate(&mut self, name: &str, function: &Function, expr: &Expr) -> Result<Operand, QueryError> {
        if function.over.is_some() {
            let error = QueryError::new(at(expr), "OVER is not available");
            return Err(error.help("group with GROUP BY"));
        }
        // What is inside sees rows, not groups.
        let grouping = self.context().grouping.take();
        let aggregate = self.rows(name, function, expr);
        self.context().grouping = grouping;
        let aggregate = aggregate?;
        let kind = match aggregate.which {
            Which::Count => Some(Kind::Int),
            Which::Join(_) => Some(Kind::Text),
            Which::Array => Some(Kind::Array),
            Which::And | Which::Or => Some(Kind::Bool),
            Which::Spread { .. } => Some(Kind::Float),
            _ => None,
        };
        let grouping = self.context().grouping.as_mut().expect("aggregates are compiled where there are groups");
        let element = grouping.add(aggregate);
        self.element(element);
        Ok(Operand { kind, literal: None })
    }

    fn rows(&mut self, name: &str, function: &Function, expr: &Expr) -> Result<Aggregate, QueryError> {
        let FunctionArguments::List(list) = &function.args else {
            return Err(QueryError::new(at(expr), format!("{name} takes an argument in brackets")));
        };
        if let Some(clause) = list.clauses.first() {
            return Err(QueryError::new(at(expr), format!("{clause} inside of {name} is not available")));
        }
        let is_star = matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        let arguments: Option<Vec<&Expr>> = list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument),
                _ => None,
            })
            .collect();
        let arguments = match arguments {
            Some(arguments) => arguments,
            None if is_star && name == "count" => Vec::new(),
            None => return Err(QueryError::new(at(expr), format!("{name} takes an expression"))),
        };
        let (which, argument) = self.which(name, function, &arguments, is_star, expr)?;
        let argument = argument.map(|argument| expression(argument, self.context())).transpose()?;
        let filter = function.filter.as_ref().map(|filter| condition(filter, self.context())).transpose()?;
        let is_distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct))
            || matches!(name, "collect_set" | "count_distinct");
        Ok(Aggregate { which, argument: argument.map(|(program, _)| program), filter, is_distinct, text: shown(expr) })
    }

    /// Which one it is, and what it takes of each row.
    fn which<'e>(
        &mut self,
        name: &str,
        function: &'e Function,
        arguments: &[&'e Expr],
        is_star: bool,
        expr: &Expr,
    ) -> Result<(Which, Option<&'e Expr>), QueryError> {
        let takes = |what: &str| QueryError::new(at(expr), format!("{name} takes {what}"));
        if matches!(name, "percentile_cont" | "percentile_disc") {
            let ([share], [order]) = (arguments, function.within_group.as_slice()) else {
                return Err(takes("a share between 0 and 1, and WITHIN GROUP (ORDER BY expression)"));
            };
            let is_between = name == "percentile_cont";
            let share = self.constant_number(share).filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or_else(|| takes("a share between 0 and 1, such as 0.95"))?;
            // From the greatest down it is the rest of the share.
            let share = if matches!(order.options.sort, Some(OrderBySort::Desc)) { 1.0 - share } else { share };
            return Ok((Which::Percentile { share, is_between }, Some(&order.expr)));
        }
        if !function.within_group.is_empty() {
            return Err(takes("no WITHIN GROUP"));
        }
        if name == "string_agg" {
            let [text, separator] = arguments else { return Err(takes("a text and what stands between two of them")) };
            let separator = self.constant_text(separator).ok_or_else(|| takes("a separator in quotes"))?;
            return Ok((Which::Join(separator), Some(text)));
        }
        let argument = match arguments {
            [] if is_star => return Ok((Which::Count, None)),
            [argument] => *argument,
            _ => return Err(takes("one argument")),
        };
        let which = match name {
            "count" | "count_distinct" => Which::Count,
            "sum" => Which::Sum,
            "avg" => Which::Avg,
            "min" => Which::Min,
            "max" => Which::Max,
            "bool_and" | "every" => Which::And,
            "bool_or" => Which::Or,
            "median" => Which::Percentile { share: 0.5, is_between: true },
            "stddev" | "stddev_samp" => Which::Spread { is_root: true, is_sample: true },
            "stddev_pop" => Which::Spread { is_root: true, is_sample: false },
            "variance" | "var_samp" => Which::Spread { is_root: false, is_sample: true },
            "var_pop" => Which::Spread { is_root: false, is_sample: false },
            _ => Which::Array,
        };
        Ok((which, Some(argument)))
    }

    fn constant_number(&mut self, expr: &Expr) -> Option<f64> {
        let (program, _) = expression(expr, self.context()).ok()?;
        is_constant(&program).then(|| query::constant(&program))??.number()
    }

    fn constant_text(&mut self, expr: &Expr) -> Option<String> {
        let (program, _) = expression(expr, self.context()).ok()?;
        is_constant(&program).then(|| query::constant(&program))??.into_text()
    }
}

/// Whether nothing of a record is in an expression.
pub(crate) fn is_constant(program: &Program) -> bool {
    let varies = |step: &Step| matches!(step, Step::Column(_) | Step::Source(_) | Step::Header(_) | Step::Element(_));
    !program.steps.iter().any(varies)
}
