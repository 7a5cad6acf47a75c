//! Expressions with a syntax of their own.

use sqlparser::ast::{CaseWhen, CeilFloorKind, DateTimeField, Expr, TrimWhereField};

use super::{Compiler, Operand, at, unavailable};
use crate::error::QueryError;
use crate::program::{Constant, Step};
use crate::refuse;
use crate::time::field::Field;
use crate::value::{Kind, Value};

impl Compiler<'_, '_> {
    pub(super) fn special(&mut self, expr: &Expr) -> Result<Operand, QueryError> {
        match expr {
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Extract { field, expr: inner, .. } => {
                let name = field.to_string().trim_matches('\'').to_lowercase();
                if Field::find(&name).is_none() {
                    let error = QueryError::new(at(expr), format!("no field {name} of a date or time"));
                    return Err(error.help(
                        "there are year, quarter, month, week, day, dow, doy, hour, minute, second, epoch and others",
                    ));
                }
                self.constant(Constant::Text(name));
                self.expression(inner)?;
                Ok(self.call("extract", 2, expr))
            }
            Expr::Ceil { expr: inner, field } => self.whole("ceil", inner, field, expr),
            Expr::Floor { expr: inner, field } => self.whole("floor", inner, field, expr),
            Expr::Position { expr: part, r#in: text } => self.calls("strpos", &[text, part], expr),
            Expr::Substring { expr: text, substring_from, substring_for, .. } => {
                self.expression(text)?;
                match substring_from {
                    Some(from) => {
                        self.expression(from)?;
                    }
                    None => {
                        self.constant(Constant::Plain(Value::Int(1)));
                    }
                }
                if let Some(count) = substring_for {
                    self.expression(count)?;
                }
                Ok(self.call("substring", 2 + usize::from(substring_for.is_some()), expr))
            }
            Expr::Trim { trim_where, trim_what, expr: text, trim_characters } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "btrim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let set = match (trim_what, trim_characters.as_deref()) {
                    (Some(set), None) => Some(&**set),
                    (None, Some([set])) => Some(set),
                    (None, None) => None,
                    _ => return Err(unavailable(expr, "this form of TRIM is").help("write TRIM(BOTH 'x' FROM text)")),
                };
                self.expression(text)?;
                if let Some(set) = set {
                    self.expression(set)?;
                }
                Ok(self.call(name, 1 + usize::from(set.is_some()), expr))
            }
            Expr::Overlay { expr: text, overlay_what, overlay_from, overlay_for } => {
                let mut parts: Vec<&Expr> = vec![text, overlay_what, overlay_from];
                parts.extend(overlay_for.as_deref());
                self.calls("overlay", &parts, expr)
            }
            Expr::Array(array) => {
                if array.elem.len() > usize::from(super::call::MOST) {
                    return Err(QueryError::new(at(expr), "an array is built of at most 100 elements"));
                }
                for element in &array.elem {
                    self.expression(element)?;
                }
                Ok(Operand { kind: Some(Kind::Array), ..self.call("array", array.elem.len(), expr) })
            }
            Expr::Subquery(_) | Expr::Exists { .. } => Err(unavailable(expr, "a query inside of a query is").help(
                "a query here sees one record; what is in an array is reached by UNNEST, = ANY(...) and functions",
            )),
            Expr::Collate { .. } => Err(unavailable(expr, "COLLATE is").help("texts are ordered by their code points")),
            Expr::Tuple(_) => {
                Err(unavailable(expr, "a row of several values is").help("compare the values one by one"))
            }
            Expr::Lambda(_) => Err(refuse::lambda(at(expr))),
            Expr::RLike { expr: text, regexp, .. } => {
                Err(refuse::operator(if *regexp { "REGEXP" } else { "RLIKE" }, at(text)))
            }
            other => Err(unavailable(other, "this expression is")),
        }
    }

    fn calls(&mut self, name: &str, parts: &[&Expr], expr: &Expr) -> Result<Operand, QueryError> {
        for part in parts {
            self.expression(part)?;
        }
        Ok(self.call(name, parts.len(), expr))
    }

    fn whole(&mut self, name: &str, inner: &Expr, field: &CeilFloorKind, expr: &Expr) -> Result<Operand, QueryError> {
        if !matches!(field, CeilFloorKind::DateTimeField(DateTimeField::NoDateTime)) {
            return Err(
                unavailable(expr, &format!("{name} to a field or scale is")).help("use date_trunc or round(x, n)")
            );
        }
        let operand = self.expression(inner)?;
        self.call(name, 1, expr);
        Ok(Operand { kind: operand.kind, literal: None })
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Result<Operand, QueryError> {
        let tested = operand.map(|operand| self.expression(operand)).transpose()?;
        let (mut ends, mut kinds) = (Vec::new(), Vec::new());
        for CaseWhen { condition, result } in conditions {
            let label = self.label(condition);
            if let Some(operand) = operand {
                self.compared(operand, condition);
                self.push(Step::Pick(0));
            }
            let condition_operand = self.expression(condition)?;
            match tested.and_then(|tested| tested.kind) {
                Some(kind) => self.adopt(condition_operand, kind, condition)?,
                None if tested.is_none() => self.adopt(condition_operand, Kind::Bool, condition)?,
                None => {}
            }
            if tested.is_some() {
                self.call("=", 2, condition);
            }
            let next = self.jump(Step::PopJumpUnlessTrue { to: 0, label });
            kinds.push(self.expression(result)?);
            ends.push(self.jump(Step::Jump(0)));
            self.land(next);
        }
        match otherwise {
            Some(otherwise) => kinds.push(self.expression(otherwise)?),
            None => {
                self.constant(Constant::Plain(Value::Null));
            }
        }
        ends.into_iter().for_each(|end| self.land(end));
        if tested.is_some() {
            self.push(Step::Nip);
        }
        let first = kinds.first().and_then(|operand| operand.kind);
        let is_same = kinds.iter().all(|operand| operand.kind == first);
        Ok(Operand { kind: first.filter(|_| is_same), literal: None })
    }
}
