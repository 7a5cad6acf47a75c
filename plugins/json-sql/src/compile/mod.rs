//! Expressions to programs.

mod call;
mod list;
mod literal;
mod name;
mod operator;
mod special;

use std::borrow::Cow;
use std::fmt::Write;

use sqlparser::ast::{Expr, Spanned, UnaryOperator};

use crate::columns::Columns;
use crate::error::{Place, QueryError};
use crate::functions::json::path_of;
use crate::functions::{Function, find};
use crate::input::Needs;
use crate::program::{Constant, Label, Program, Step};
use crate::table::grouping::Grouping;
use crate::tokens::place;
use crate::value::Kind;
use crate::warning::Warnings;

pub(crate) use call::arguments;
pub(crate) use name::{Names, key_of};

/// The most steps of an expression.
const MAX_STEPS: usize = 20_000;

/// What is known of a part that has been compiled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Operand {
    /// Its kind, where that does not depend on the record.
    pub kind: Option<Kind>,
    /// The step that pushes it, if it is a text in quotes: it takes the type of what it is used with.
    pub literal: Option<usize>,
}

impl Operand {
    fn of(kind: Option<Kind>) -> Operand {
        Operand { kind, literal: None }
    }
}

/// What expressions of a query share.
pub(crate) struct Context<'q> {
    pub names: Names<'q>,
    pub columns: &'q mut Columns,
    pub needs: &'q mut Needs,
    pub warnings: &'q mut Warnings,
    /// What the rows are grouped by, where an expression sees a group and not a record.
    pub grouping: Option<Grouping>,
}

/// A program that is being written.
pub(crate) struct Compiler<'c, 'q> {
    context: &'c mut Context<'q>,
    program: Program,
}

/// Compiles an expression.
pub(crate) fn expression(expr: &Expr, context: &mut Context<'_>) -> Result<(Program, Operand), QueryError> {
    let mut compiler = Compiler { context, program: Program::default() };
    let operand = compiler.expression(expr)?;
    Ok((compiler.program, operand))
}

/// Where an expression begins.
pub(crate) fn at(expr: &Expr) -> Place {
    place(expr.span().start)
}

pub(crate) fn unavailable(expr: &Expr, what: &str) -> QueryError {
    QueryError::new(at(expr), format!("{what} not available"))
}

/// The expression as it could be written, if it is not long.
pub(crate) fn shown(expr: &impl std::fmt::Display) -> String {
    /// Takes so much and then refuses more.
    struct Short(String);

    impl Write for Short {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            for character in text.chars() {
                if self.0.len() > 90 {
                    self.0.push('…');
                    return Err(std::fmt::Error);
                }
                self.0.push(character);
            }
            Ok(())
        }
    }

    let mut short = Short(String::new());
    // It fails where it has become too long, which is what it is for.
    let _ = write!(short, "{expr}");
    short.0
}

/// A function that operators and special forms name.
fn builtin(name: &str) -> &'static Function {
    find(name).expect("operators and special forms name functions that are there")
}

impl<'c, 'q> Compiler<'c, 'q> {
    /// Compiles an expression, whose value is then on the stack. What an operator has on its left is taken off in a
    /// loop: only brackets take recursion, and those are few.
    fn expression(&mut self, expr: &Expr) -> Result<Operand, QueryError> {
        let (mut spine, mut leaf) = (Vec::new(), expr);
        while self.group_key(leaf).is_none()
            && let Some(left) = operator::left_of(leaf)
        {
            spine.push(leaf);
            leaf = left;
        }
        let mut operand = self.leaf(leaf)?;
        for expr in spine.into_iter().rev() {
            operand = self.operator(expr, operand)?;
        }
        if self.program.steps.len() > MAX_STEPS {
            return Err(QueryError::new(at(expr), "the expression is too large"));
        }
        Ok(operand)
    }

    /// An expression that does not begin with another one.
    fn leaf(&mut self, expr: &Expr) -> Result<Operand, QueryError> {
        if let Some((element, kind)) = self.group_key(expr) {
            self.element(element);
            return Ok(Operand::of(kind));
        }
        match expr {
            Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => self.literal(expr),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => self.name(expr),
            Expr::Nested(inner) => self.expression(inner),
            Expr::UnaryOp { op, expr: inner } => self.unary(*op, inner, expr),
            Expr::Function(function) => self.function(function, expr),
            _ => self.special(expr),
        }
    }

    /// The element that holds an expression which the rows are grouped by.
    fn group_key(&self, expr: &Expr) -> Option<(u32, Option<Kind>)> {
        self.context.grouping.as_ref()?.key(expr)
    }

    /// Takes note of what something is compared with.
    fn compared(&mut self, left: &Expr, right: &Expr) {
        if self.element_name(right).is_none() && self.group_key(right).is_none() {
            self.context.warnings.compared(left, right, self.context.names.table.first());
        }
    }

    /// The name of the elements that FROM unfolds, where an expression is that.
    fn element_name(&self, expr: &Expr) -> Option<&str> {
        let Expr::Identifier(name) = expr else { return None };
        self.context.names.element.filter(|element| *element == name.value)
    }

    fn unary(&mut self, op: UnaryOperator, inner: &Expr, expr: &Expr) -> Result<Operand, QueryError> {
        let name = match op {
            UnaryOperator::Minus => {
                if let Expr::Value(value) = inner
                    && let sqlparser::ast::Value::Number(digits, _) = &value.value
                {
                    return self.number(&format!("-{digits}"), expr);
                }
                // PostgreSQL's minus binds closer than its power.
                if let Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::PGExp, right } = inner {
                    self.expression(left)?;
                    self.call("negative ", 1, expr);
                    self.expression(right)?;
                    return Ok(self.call("^", 2, expr));
                }
                "negative "
            }
            UnaryOperator::Plus => "positive ",
            UnaryOperator::Not => "not ",
            UnaryOperator::BitwiseNot => "bits not",
            UnaryOperator::PGAbs => "abs",
            UnaryOperator::PGSquareRoot => "sqrt",
            UnaryOperator::PGCubeRoot => "cbrt",
            other => return Err(unavailable(expr, &format!("the operator {other} is"))),
        };
        let operand = self.expression(inner)?;
        if name == "not " {
            self.adopt(operand, Kind::Bool, inner)?;
        }
        let kind = self.call(name, 1, expr).kind;
        Ok(Operand::of(kind.or(operand.kind)))
    }

    /// What the expressions of the query share.
    pub(crate) fn context<'s>(&'s mut self) -> &'s mut Context<'q>
    where
        'c: 's,
    {
        self.context
    }

    /// Pushes an element.
    pub(crate) fn element(&mut self, element: u32) {
        self.push(Step::Element(element));
    }

    fn push(&mut self, step: Step) {
        self.program.steps.push(step);
    }

    fn constant(&mut self, constant: Constant) -> usize {
        self.program.constants.push(constant);
        self.push(Step::Constant(self.program.constants.len() as u32 - 1));
        self.program.steps.len() - 1
    }

    fn label(&mut self, expr: &Expr) -> u32 {
        let mut place = at(expr);
        if place.line == 0 {
            place = Place::default();
        }
        self.program.labels.push(Label { text: shown(expr), place });
        self.program.labels.len() as u32 - 1
    }

    /// Calls a function that is there, on the values on top of the stack.
    fn call(&mut self, name: &str, count: usize, expr: &Expr) -> Operand {
        self.call_function(builtin(name), count, expr)
    }

    fn call_function(&mut self, function: &Function, count: usize, expr: &Expr) -> Operand {
        let label = self.label(expr);
        let step = Step::Call { run: function.run, count: count as u8, is_strict: function.is_strict, label };
        self.push(step);
        self.fold(count);
        Operand::of(function.returns)
    }

    /// Makes a constant of a call of constants, unless it fails: then it fails where it runs.
    fn fold(&mut self, count: usize) {
        let end = self.program.steps.len();
        let Some(start) = end.checked_sub(count + 1) else { return };
        if count == 0 || !self.program.steps[start..end - 1].iter().all(|step| matches!(step, Step::Constant(_))) {
            return;
        }
        if self.is_target(start, end) {
            return;
        }
        let part = Program {
            steps: self.program.steps[start..end].to_vec(),
            constants: self.program.constants.clone(),
            ..Program::default()
        };
        if let Some(constant) = crate::query::constant(&part) {
            self.program.steps.truncate(start);
            self.program.constants.push(constant);
            self.push(Step::Constant(self.program.constants.len() as u32 - 1));
        }
    }

    /// Lets the call that comes last, if it is one of a function with a path, have the steps of that at hand where it
    /// is a text in quotes. One that is wrong is left to fail where it runs.
    fn know_path(&mut self, function: &Function, path: Operand) {
        let Some(run) = function.run_path else { return };
        let Some(Step::Constant(constant)) = path.literal.and_then(|step| self.program.steps.get(step)) else { return };
        let Constant::Text(text) = &self.program.constants[*constant as usize] else { return };
        let Ok(keys) = path_of(text) else { return };
        let keys = keys.into_iter().map(Cow::into_owned).collect();
        if let Some(Step::Call { count, label, .. }) = self.program.steps.last().copied() {
            self.program.texts.push(keys);
            self.program.steps.pop();
            self.push(Step::CallPath { run, count, path: self.program.texts.len() as u32 - 1, label });
        }
    }

    /// Whether a jump leads between two steps.
    fn is_target(&self, start: usize, end: usize) -> bool {
        self.program.steps.iter().any(|step| match step {
            Step::JumpIfFalse { to, .. }
            | Step::JumpIfTrue { to, .. }
            | Step::PopJumpUnlessTrue { to, .. }
            | Step::JumpIfNotNull(to)
            | Step::Jump(to) => (start + 1..=end).contains(&(*to as usize)),
            _ => false,
        })
    }

    /// A jump whose end is not known yet.
    fn jump(&mut self, step: Step) -> usize {
        self.push(step);
        self.program.steps.len() - 1
    }

    /// Lets a jump lead to what comes next.
    fn land(&mut self, jump: usize) {
        let here = self.program.steps.len() as u32;
        if let Some(to) = self.program.steps[jump].target() {
            *to = here;
        }
    }
}
