//! Paths that need no list of keys: a chain of steps that is followed while the value is changed.

use super::{Expr, Kind, Special, Step, Target};

/// What is assigned to.
pub(super) fn target(expr: Expr) -> Target {
    let mut steps = Vec::new();
    let is_simple = is_chain(&expr);
    if is_simple {
        // The expression is still there for what has no simple steps.
        chain(expr, &mut steps);
        return Target { expr: Expr::boxed(Kind::Input), steps: Some(steps) };
    }
    Target { expr: expr.into(), steps: None }
}

/// What is deleted: several paths of keys, or whatever it is.
pub(super) fn deletion(expr: Expr) -> Vec<Target> {
    if !is_keys(&expr) {
        return vec![Target { expr: expr.into(), steps: None }];
    }
    let mut targets = Vec::new();
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match expr.kind {
            Kind::Comma(one, other) => rest.extend([*other, *one]),
            _ => targets.push(target(expr)),
        }
    }
    targets
}

fn is_keys(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Comma(one, other) => is_keys(one) && is_keys(other),
        Kind::Field(of, _) => matches!(of.kind, Kind::Input) || (matches!(of.kind, Kind::Field(..)) && is_keys(of)),
        _ => false,
    }
}

fn is_chain(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Input => true,
        Kind::Field(of, _) | Kind::Each(of) => is_chain(of),
        Kind::Index(of, at) => is_chain(of) && is_fixed(at),
        Kind::Pipe(one, other) if may_lead_nowhere(other) => is_chain(one) && may_be_left(one) && is_chain(other),
        Kind::Pipe(one, other) => is_chain(one) && is_chain(other),
        Kind::Try(of, None) => match &of.kind {
            Kind::Each(of) => is_chain(of) && may_be_left(of),
            _ => false,
        },
        Kind::Special(Special::Select, _) => true,
        _ => false,
    }
}

/// Whether a chain begins with what may lead nowhere, so that what is before it must not make anything.
fn may_lead_nowhere(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Field(of, _) | Kind::Each(of) | Kind::Index(of, _) => may_lead_nowhere(of),
        Kind::Pipe(one, other) => may_lead_nowhere(one) || matches!(one.kind, Kind::Input) && may_lead_nowhere(other),
        Kind::Try(..) | Kind::Special(..) => true,
        _ => false,
    }
}

/// Whether a chain ends with what makes nothing: an element that is there.
fn may_be_left(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Input | Kind::Each(_) | Kind::Special(..) | Kind::Try(..) => true,
        Kind::Pipe(one, other) => may_be_left(other) && (!matches!(other.kind, Kind::Input) || may_be_left(one)),
        _ => false,
    }
}

/// Whether an expression has one result, which does not depend on the input.
fn is_fixed(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Constant(_) | Kind::Variable(_))
}

fn chain(expr: Expr, steps: &mut Vec<Step>) {
    match expr.kind {
        Kind::Field(of, key) => {
            chain(*of, steps);
            steps.push(Step::Key(key));
        }
        Kind::Each(of) => {
            chain(*of, steps);
            steps.push(Step::Each);
        }
        Kind::Index(of, at) => {
            chain(*of, steps);
            steps.push(Step::At(*at));
        }
        Kind::Pipe(one, other) => {
            chain(*one, steps);
            chain(*other, steps);
        }
        Kind::Try(of, None) => {
            if let Kind::Each(of) = of.kind {
                chain(*of, steps);
                steps.push(Step::EachIfAny);
            }
        }
        Kind::Special(Special::Select, mut arguments) => steps.extend(arguments.pop().map(Step::Select)),
        _ => {}
    }
}
