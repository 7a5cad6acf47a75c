//! The rows of a query: each once where they are distinct, sorted, and no more than LIMIT allows.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::Flow;
use super::plan::{Order, Plan};
use crate::Failure;
use crate::arena::Arena;
use crate::compare::order;
use crate::machine::Frame;
use crate::program::Constant;
use crate::row::Change;
use crate::writer::{Writer, evaluate};

/// Rows that wait to be sorted beyond those that LIMIT needs, before the others are forgotten.
const SLACK: usize = 10_000;

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The rows that were there, where equal ones count once.
    seen: HashSet<Vec<u8>>,
    /// How many were passed over by OFFSET, and how many were handed over.
    passed: usize,
    given: usize,
    /// The rows that are to be sorted.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    by: Vec<Constant>,
    row: Vec<u8>,
}

impl Rows {
    /// Takes the rows that a statement has just written.
    pub fn take<'a>(
        &mut self,
        plan: &'a Plan,
        writer: &mut Writer<'_, 'a>,
        frame: &Frame<'a>,
        held: &mut usize,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<Flow, String> {
        for row in std::mem::take(writer.rows) {
            let Change::Set(range) = row.value else { continue };
            let bytes = &writer.out[range];
            if plan.is_distinct && !self.seen.contains(bytes) {
                *held += bytes.len() + 64;
                self.seen.insert(bytes.to_vec());
            } else if plan.is_distinct {
                continue;
            }
            if plan.order.is_empty() {
                if self.give(plan, bytes, out) == Flow::Enough {
                    return Ok(Flow::Enough);
                }
                continue;
            }
            let mut by = Vec::with_capacity(plan.order.len());
            for order in &plan.order {
                by.push(Constant::of(&evaluate("ORDER BY", &order.program, frame)?));
            }
            *held += bytes.len() + by.iter().map(Constant::size).sum::<usize>() + 64;
            self.waiting.push(Waiting { by, row: bytes.to_vec() });
            if let Some(limit) = plan.limit
                && self.waiting.len() > (limit.saturating_add(plan.offset)).saturating_mul(2).saturating_add(SLACK)
            {
                self.sort(plan)?;
                self.waiting.truncate(limit + plan.offset);
                *held = self.waiting.iter().map(Waiting::size).sum();
            }
        }
        writer.out.clear();
        Ok(Flow::More)
    }

    /// Hands a row over, unless OFFSET passes it over.
    fn give(&mut self, plan: &Plan, row: &[u8], out: &mut dyn FnMut(&[u8])) -> Flow {
        if self.passed < plan.offset {
            self.passed += 1;
            return Flow::More;
        }
        if plan.limit.is_none_or(|limit| self.given < limit) {
            out(row);
            self.given += 1;
        }
        if plan.limit.is_some_and(|limit| self.given >= limit) { Flow::Enough } else { Flow::More }
    }

    fn sort(&mut self, plan: &Plan) -> Result<(), String> {
        let arena = Arena::default();
        let mut failed = None;
        // Equal rows stay in the order in which they came.
        self.waiting.sort_by(|one, other| {
            compare(&plan.order, &one.by, &other.by, &arena).unwrap_or_else(|failure| {
                failed.get_or_insert(failure);
                Ordering::Equal
            })
        });
        failed.map_or(Ok(()), |failure| Err(format!("ORDER BY: {failure}")))
    }

    /// Hands over the rows that were to be sorted.
    pub fn finish(mut self, plan: &Plan, out: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        self.sort(plan)?;
        for waiting in std::mem::take(&mut self.waiting) {
            if self.give(plan, &waiting.row, out) == Flow::Enough {
                break;
            }
        }
        Ok(())
    }
}

impl Waiting {
    fn size(&self) -> usize {
        self.row.len() + self.by.iter().map(Constant::size).sum::<usize>() + 64
    }
}

fn compare(orders: &[Order], one: &[Constant], other: &[Constant], arena: &Arena) -> Result<Ordering, Failure> {
    for ((by, one), other) in orders.iter().zip(one).zip(other) {
        let (one, other) = (one.value(arena)?, other.value(arena)?);
        let ordering = match (one.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if by.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if by.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if by.is_descending => order("<", &one, &other)?.reverse(),
            (false, false) => order("<", &one, &other)?,
        };
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(Ordering::Equal)
}
