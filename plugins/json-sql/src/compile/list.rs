//! IN with a list.

use std::ops::Range;

use sqlparser::ast::{Expr, InTarget, Value as Literal};

use super::{Compiler, Operand, unavailable};
use crate::error::QueryError;
use crate::program::{Constant, Step};
use crate::set::Set;
use crate::value::{Kind, Value};

impl Compiler<'_, '_> {
    pub(super) fn is_in(
        &mut self,
        before: &Expr,
        left: Operand,
        target: &InTarget,
        negated: bool,
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        let InTarget::List(items) = target else {
            return Err(unavailable(expr, "IN with a query is").help("write x IN ('a', 'b') or x = ANY(array)"));
        };
        items.iter().for_each(|item| self.compared(before, item));
        let is_literal = |item: &Expr| matches!(item, Expr::Value(value) if !matches!(value.value, Literal::Null));
        if items.iter().all(is_literal) && items.len() < usize::from(super::call::MOST) {
            let start = self.program.steps.len();
            for item in items {
                let operand = self.expression(item)?;
                self.agree("=", before, left, item, operand)?;
            }
            self.call("in", items.len() + 1, expr);
            self.look_up(start, items.len());
        } else {
            // One after the other, until one is equal.
            self.constant(Constant::Plain(Value::Bool(false)));
            let (mut parts, label) = (Vec::new(), self.label(expr));
            for item in items {
                parts.push(self.jump(Step::JumpIfTrue { to: 0, label }));
                self.push(Step::Pick(1));
                let operand = self.expression(item)?;
                self.agree("=", before, left, item, operand)?;
                self.call("=", 2, expr);
                self.push(Step::Or(label));
            }
            let jumps = self.put_constants_first(&parts);
            jumps.into_iter().for_each(|jump| self.land(jump));
            self.push(Step::Nip);
        }
        if negated {
            self.call("not ", 1, expr);
        }
        Ok(Operand { kind: Some(Kind::Bool), literal: None })
    }

    /// Lets the list of a call of IN that has not become a constant itself be looked at as a whole: it is not pushed
    /// item by item.
    fn look_up(&mut self, start: usize, count: usize) {
        let Some([items @ .., Step::Call { label, .. }]) = self.program.steps.get(start..) else { return };
        let constant = |step: &Step| match step {
            Step::Constant(constant) => Some(self.program.constants[*constant as usize].clone()),
            _ => None,
        };
        let Some(constants) = items.iter().map(constant).collect::<Option<Vec<_>>>() else { return };
        if constants.len() == count {
            let (set, label) = (self.program.sets.len() as u32, *label);
            self.program.sets.push(Set::new(constants));
            self.program.steps.truncate(start);
            self.push(Step::In { set, label });
        }
    }

    /// Sorts parts of the program, the last of which ends where the program does, by whether they read the record. As
    /// PostgreSQL does with a list where there are several that do not: what fails behind one that is equal never runs.
    /// Returns where each begins now.
    fn put_constants_first(&mut self, begins: &[usize]) -> Vec<usize> {
        let Some(&first) = begins.first() else { return Vec::new() };
        let ends = begins.iter().skip(1).copied().chain([self.program.steps.len()]);
        let parts: Vec<Range<usize>> = begins.iter().zip(ends).map(|(begin, end)| *begin..end).collect();
        let reads = |part: &Range<usize>| self.program.steps[part.clone()].iter().any(Step::reads_record);
        let (varying, mut ordered): (Vec<_>, Vec<_>) = parts.into_iter().partition(reads);
        if ordered.len() < 2 {
            return begins.to_vec();
        }
        ordered.extend(varying);
        let steps = self.program.steps.split_off(first);
        let mut moved = Vec::new();
        for part in ordered {
            let begin = self.program.steps.len();
            moved.push(begin);
            for step in &steps[part.start - first..part.end - first] {
                let mut step = *step;
                // Jumps within the part; that out of it has no end yet.
                if let Some(to) = step.target().filter(|to| **to as usize > part.start) {
                    *to = (*to as usize - part.start + begin) as u32;
                }
                self.program.steps.push(step);
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use crate::{Input, Memory, Nulls, Query};

    fn evaluate(expression: &str) -> Result<String, String> {
        let query = Query::compile(&format!("SELECT {expression} AS r FROM input"), Nulls::Keep).unwrap();
        let (mut memory, record) = (Memory::default(), br#"{"n": 0, "one": 1, "two": 2}"#);
        query.run(&Input { value: Some(record), ..Input::default() }, &mut memory)?;
        Ok(String::from_utf8_lossy(memory.value(&memory.rows()[0]).unwrap()).into_owned())
    }

    #[test]
    fn what_is_the_same_for_every_record_comes_first() {
        assert_eq!(evaluate("one IN (1 / n, 1, 3)").unwrap(), r#"{"r":true}"#);
        assert_eq!(evaluate("one NOT IN (1 / n, 4, 1)").unwrap(), r#"{"r":false}"#);
        let jumps = "one IN (CASE WHEN n = 0 THEN 2 ELSE 1 END, COALESCE(two, 3), 5, CASE WHEN 1 = 1 THEN 6 END, one)";
        assert_eq!(evaluate(jumps).unwrap(), r#"{"r":true}"#);
        assert_eq!(evaluate(&jumps.replace(", one)", ")")).unwrap(), r#"{"r":false}"#);
        assert_eq!(evaluate("one IN (n, NULL, 3)").unwrap(), r#"{"r":null}"#);
    }

    #[test]
    fn one_that_is_the_same_for_every_record_stays_where_it_is() {
        assert!(evaluate("one IN (1 / n, 1)").unwrap_err().contains("division by zero"));
        assert_eq!(evaluate("one IN (1, 1 / n)").unwrap(), r#"{"r":true}"#);
    }
}
