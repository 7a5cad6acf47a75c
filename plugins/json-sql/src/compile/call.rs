//! Calls of functions.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, ObjectNamePart,
};

use super::{Compiler, Operand, at, unavailable};
use crate::error::{Place, QueryError, suggestion};
use crate::functions::{self, MANY};
use crate::program::{Constant, Step};
use crate::refuse;
use crate::table::aggregate;
use crate::tokens::place;
use crate::value::Kind;

/// The most arguments of a call.
pub(super) const MOST: u8 = MANY;

/// Functions whose first argument is a unit, which ksqlDB's users write without quotes.
const UNIT_FIRST: [&str; 6] = ["timestampadd", "timestampsub", "dateadd", "datesub", "timeadd", "timesub"];

/// ksqlDB's functions that take lambdas.
const LAMBDAS: [&str; 3] = ["transform", "filter", "reduce"];

impl Compiler<'_, '_> {
    pub(super) fn function(&mut self, function: &Function, expr: &Expr) -> Result<Operand, QueryError> {
        let [ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else {
            return Err(unavailable(expr, "a function with a schema is"));
        };
        let (name, here) = (ident.value.to_ascii_lowercase(), place(ident.span.start));
        if self.context.grouping.is_some() && aggregate::is_aggregate(&name) {
            return self.aggregate(&name, function, expr);
        }
        refuse::function(&name, here)?;
        if function.null_treatment.is_some() {
            return Err(
                QueryError::new(here, "IGNORE NULLS and RESPECT NULLS are not available").help("leave them out")
            );
        }
        if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty() {
            let error = QueryError::new(here, "OVER, FILTER and WITHIN GROUP need state, which is not available");
            return Err(error.help(refuse::STATE));
        }
        let arguments = arguments(function, expr)?;
        match name.as_str() {
            "coalesce" | "ifnull" | "nvl" => return self.coalesce(&arguments, expr),
            "struct" => return self.fields(function, expr),
            "unnest" | "explode" | "jsonb_array_elements" | "json_array_elements" => {
                let help =
                    "write it alone as a result, SELECT UNNEST(lines) AS line, or FROM input, UNNEST(lines) AS line";
                return Err(
                    QueryError::new(here, format!("{name} makes several records and cannot stand here")).help(help)
                );
            }
            _ => {}
        }
        let Some(found) = functions::find(&name).filter(|_| name.len() > 1 && !name.contains(' ')) else {
            let error = QueryError::new(here, format!("no function {}", ident.value));
            let known = crate::function_names().chain(["coalesce", "nullif", "unnest", "position"]);
            return Err(match suggestion(&name, known) {
                Some(help) => error.help(help),
                None => error.help("docs/sql.md lists the functions"),
            });
        };
        let (least, most) = found.arguments;
        if arguments.len() < usize::from(least) || arguments.len() > usize::from(most) {
            let wanted = match (least, most) {
                (least, most) if least == most => least.to_string(),
                (least, MANY) => format!("at least {least}"),
                (least, most) => format!("{least} to {most}"),
            };
            let plural = if wanted.ends_with('1') { "" } else { "s" };
            let message = format!("{name} takes {wanted} argument{plural}, not {}", arguments.len());
            return Err(QueryError::new(here, message));
        }
        let mut operands = Vec::with_capacity(arguments.len());
        for (number, argument) in arguments.iter().enumerate() {
            operands.push(self.argument(&name, number, argument)?);
        }
        if let (true, Some(pattern)) =
            (name.starts_with("regexp_"), arguments.get(usize::from(!name.contains("extract"))))
        {
            self.check_pattern(&name, pattern)?;
        }
        let operand = self.call_function(found, arguments.len(), expr);
        self.know_path(found, operands.get(1).copied().unwrap_or_default());
        Ok(operand)
    }

    fn argument(&mut self, name: &str, number: usize, argument: &Expr) -> Result<Operand, QueryError> {
        if let (0, true, Expr::Identifier(unit)) = (number, UNIT_FIRST.contains(&name), argument) {
            self.constant(Constant::Text(unit.value.clone()));
            return Ok(Operand::default());
        }
        let operand = self.expression(argument)?;
        let is_json = (name.starts_with("json") || name.starts_with("map_")) && !name.contains("build");
        if is_json && number == 0 && !name.ends_with("typeof") {
            self.adopt(operand, Kind::Json, argument)?;
        }
        if name == "jsonb_set" && number == 2 {
            self.adopt(operand, Kind::Json, argument)?;
        }
        Ok(operand)
    }

    /// The first argument that is not NULL; those behind it are not run.
    fn coalesce(&mut self, arguments: &[&Expr], expr: &Expr) -> Result<Operand, QueryError> {
        let Some((last, first)) = arguments.split_last() else {
            return Err(QueryError::new(at(expr), "coalesce takes at least 1 argument"));
        };
        let (mut jumps, mut kinds) = (Vec::new(), Vec::new());
        let mut known = None;
        for argument in first {
            let operand = self.expression(argument)?;
            match (operand.literal, known) {
                (None, None) => known = operand.kind,
                (Some(_), Some(kind)) => self.adopt(operand, kind, argument)?,
                _ => {}
            }
            kinds.push(operand.kind);
            jumps.push(self.jump(Step::JumpIfNotNull(0)));
        }
        let operand = self.expression(last)?;
        if let Some(kind) = known {
            self.adopt(operand, kind, last)?;
        }
        kinds.push(operand.kind);
        jumps.into_iter().for_each(|jump| self.land(jump));
        let same = kinds[0].filter(|kind| kinds.iter().all(|other| *other == Some(*kind)));
        Ok(Operand { kind: same.or(known.filter(|_| operand.literal.is_some())), literal: None })
    }

    /// ksqlDB's `STRUCT(a := 1, b := 2)`
    fn fields(&mut self, function: &Function, expr: &Expr) -> Result<Operand, QueryError> {
        let FunctionArguments::List(list) = &function.args else {
            return Err(unavailable(expr, "this form of STRUCT is"));
        };
        if list.args.len() * 2 > usize::from(MOST) {
            return Err(QueryError::new(at(expr), "an object is built of at most 50 fields"));
        }
        for argument in &list.args {
            let (name, value) = match argument {
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => (name, value),
                FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                    (name, value)
                }
                _ => return Err(unavailable(expr, "this form of STRUCT is").help("write STRUCT(a := 1, b := 2)")),
            };
            self.constant(Constant::Text(name.value.clone()));
            self.expression(value)?;
        }
        Ok(self.call("json_build_object", list.args.len() * 2, expr))
    }
}

/// The arguments of a call, without names.
pub(crate) fn arguments<'e>(function: &'e Function, expr: &Expr) -> Result<Vec<&'e Expr>, QueryError> {
    let list = match &function.args {
        FunctionArguments::None => return Ok(Vec::new()),
        FunctionArguments::Subquery(_) => return Err(unavailable(expr, "a query inside of a query is")),
        FunctionArguments::List(list) => list,
    };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return Err(unavailable(expr, "DISTINCT and clauses among the arguments are"));
    }
    let is_struct = function.name.to_string().eq_ignore_ascii_case("struct");
    list.args
        .iter()
        .filter(|_| !is_struct)
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Ok(argument),
            FunctionArg::Unnamed(_) => Err(unavailable(expr, "* as an argument is")),
            named => Err(refuse_named(named, &function.name.to_string(), at(expr))),
        })
        .collect()
}

/// Refuses `name => value` as an argument, which is a lambda of ksqlDB's, or PostgreSQL's way of naming an argument.
fn refuse_named(argument: &FunctionArg, function: &str, call: Place) -> QueryError {
    let (name, operator) = match argument {
        FunctionArg::Named { name, operator, .. } => (Some(name), operator),
        FunctionArg::ExprNamed { name: Expr::Identifier(name), operator, .. } => (Some(name), operator),
        FunctionArg::ExprNamed { operator, .. } => (None, operator),
        FunctionArg::Unnamed(_) => (None, &FunctionArgOperator::Equals),
    };
    let here = name.map_or(call, |name| place(name.span.start));
    let is_arrow = *operator == FunctionArgOperator::RightArrow;
    let takes_lambdas = LAMBDAS.iter().any(|other| other.eq_ignore_ascii_case(function));
    if is_arrow && (name.is_none() || takes_lambdas) {
        return refuse::lambda(here);
    }
    QueryError::new(here, "an argument with a name is not available").help("write the arguments in their order")
}
