//! What rows are grouped by, while expressions that see a group are compiled.

use sqlparser::ast::Expr;

use super::aggregate::Aggregate;
use crate::value::Kind;

/// The expressions of GROUP BY, and the aggregates that were met so far. A group's values are its elements: first
/// those of the keys, then those of the aggregates.
#[derive(Debug, Default)]
pub(crate) struct Grouping {
    keys: Vec<(String, Option<Kind>)>,
    pub aggregates: Vec<Aggregate>,
}

impl Grouping {
    /// Adds an expression of GROUP BY.
    pub fn add_key(&mut self, expr: &Expr, kind: Option<Kind>) {
        self.keys.push((written(expr), kind));
    }

    /// The element of an expression of GROUP BY, and its kind.
    pub fn key(&self, expr: &Expr) -> Option<(u32, Option<Kind>)> {
        if self.keys.is_empty() {
            return None;
        }
        let text = written(expr);
        let at = self.keys.iter().position(|(key, _)| *key == text)?;
        Some((at as u32, self.keys[at].1))
    }

    /// Adds an aggregate. Returns its element.
    pub fn add(&mut self, aggregate: Aggregate) -> u32 {
        self.aggregates.push(aggregate);
        (self.keys.len() + self.aggregates.len() - 1) as u32
    }
}

/// An expression without the brackets around it.
fn written(expr: &Expr) -> String {
    match expr {
        Expr::Nested(inner) => written(inner),
        other => other.to_string(),
    }
}
