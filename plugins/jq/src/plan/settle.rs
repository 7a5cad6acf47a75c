//! Which expressions have at most one result: all that is made of such. Functions that call themselves are taken to
//! have one until it is shown that they have not.

use super::{Expr, FieldName, Function, JoinPart, Kind, MatchMode, Program, Special, Step, Target};

impl Program {
    /// Marks every expression.
    pub(super) fn settle(&mut self) {
        loop {
            let singles: Vec<bool> = self.functions.iter().map(|function| function.single).collect();
            mark(&mut self.main, &singles);
            for Function { body, single } in &mut self.functions {
                mark(body, &singles);
                *single &= body.single;
            }
            if self.functions.iter().map(|function| function.single).eq(singles) {
                return;
            }
        }
    }
}

fn mark(expr: &mut Expr, functions: &[bool]) {
    let mut mark_all = true;
    visit(&mut expr.kind, &mut |inside| {
        mark(inside, functions);
        mark_all &= inside.single;
    });
    expr.single = match &expr.kind {
        Kind::Each(_) | Kind::Comma(..) | Kind::Argument(_) | Kind::Foreach(_) => false,
        // They have one result whatever is inside of them.
        Kind::Array(_) | Kind::Delete(_) => true,
        Kind::Reduce(fold) => fold.init.single,
        Kind::Update(..) => true,
        Kind::Assign(_, value) | Kind::MathUpdate(_, _, value) | Kind::AlternativeUpdate(_, value) => value.single,
        Kind::Try(of, handler) => of.single && handler.as_ref().is_none_or(|handler| handler.single),
        Kind::Bind(_, bindings, _) => mark_all && bindings.patterns.len() == 1,
        Kind::Call(call) => {
            functions[call.function] && call.arguments.iter().all(|(is_value, argument)| !is_value || argument.single)
        }
        Kind::Special(special, arguments) => match special {
            Special::Empty | Special::First | Special::Last | Special::IsEmpty | Special::Map => true,
            Special::Any | Special::All | Special::Add | Special::WithEntries | Special::Until => true,
            Special::SortBy | Special::GroupBy | Special::UniqueBy | Special::MinBy | Special::MaxBy => true,
            Special::Select | Special::GetPath | Special::Debug | Special::Stderr | Special::DebugMessage => mark_all,
            Special::Walk => arguments.iter().all(|argument| argument.single),
            Special::Path | Special::RecurseDefault | Special::Recurse | Special::Limit | Special::Skip => false,
            Special::While | Special::Repeat | Special::Range => false,
        },
        Kind::Match(of) => match of.mode {
            MatchMode::Test | MatchMode::Split | MatchMode::Sub => mark_all,
            MatchMode::Match | MatchMode::Capture | MatchMode::Scan | MatchMode::Splits => false,
        },
        _ => mark_all,
    };
}

/// Visits the expressions directly in one.
fn visit(kind: &mut Kind, look: &mut dyn FnMut(&mut Expr)) {
    match kind {
        Kind::Input | Kind::Constant(_) | Kind::Variable(_) | Kind::Record(_) | Kind::Break(_) => {}
        Kind::Argument(_) | Kind::Format(_) | Kind::Header(_) => {}
        Kind::Field(of, _) | Kind::Each(of) | Kind::Array(of) | Kind::Negative(of) | Kind::Label(of) => look(of),
        Kind::Index(one, other)
        | Kind::Pipe(one, other)
        | Kind::Comma(one, other)
        | Kind::Math(_, one, other)
        | Kind::Compare(_, one, other)
        | Kind::And(one, other)
        | Kind::Or(one, other)
        | Kind::Alternative(one, other) => [one, other].into_iter().for_each(|expr| look(expr)),
        Kind::Slice(one, other, third) | Kind::If(one, other, third) => {
            [one, other, third].into_iter().for_each(|expr| look(expr));
        }
        Kind::Try(of, handler) => {
            look(of);
            handler.iter_mut().for_each(|handler| look(handler));
        }
        Kind::Object(fields) => {
            for (key, value) in fields {
                if let FieldName::Computed(key) = key {
                    look(key);
                }
                look(value);
            }
        }
        Kind::Reduce(fold) | Kind::Foreach(fold) => {
            [&mut fold.source, &mut fold.init, &mut fold.update].into_iter().for_each(&mut *look);
            fold.extract.iter_mut().for_each(&mut *look);
            fold.bindings.patterns.iter_mut().for_each(|pattern| in_pattern(pattern, look));
        }
        Kind::Bind(source, bindings, body) => {
            look(source);
            look(body);
            bindings.patterns.iter_mut().for_each(|pattern| in_pattern(pattern, look));
        }
        Kind::Call(call) => call.arguments.iter_mut().for_each(|(_, argument)| look(argument)),
        Kind::Assign(target, value)
        | Kind::Update(target, value)
        | Kind::MathUpdate(_, target, value)
        | Kind::AlternativeUpdate(target, value) => {
            in_target(target, look);
            look(value);
        }
        Kind::Delete(targets) => targets.iter_mut().for_each(|target| in_target(target, look)),
        Kind::Join(_, parts) => {
            for part in parts {
                if let JoinPart::Expression(expr) = part {
                    look(expr);
                }
            }
        }
        Kind::Native(_, arguments) | Kind::Special(_, arguments) => arguments.iter_mut().for_each(look),
        Kind::Match(of) => {
            look(&mut of.pattern);
            look(&mut of.flags);
            of.replacement.iter_mut().for_each(|replacement| look(replacement));
        }
    }
}

fn in_pattern(pattern: &mut super::Pattern, look: &mut dyn FnMut(&mut Expr)) {
    match pattern {
        super::Pattern::Variable(_) => {}
        super::Pattern::Array(elements) => elements.iter_mut().for_each(|element| in_pattern(element, look)),
        super::Pattern::Object(fields) => {
            for (_, key, pattern) in fields {
                look(key);
                if let Some(pattern) = pattern {
                    in_pattern(pattern, look);
                }
            }
        }
    }
}

fn in_target(target: &mut Target, look: &mut dyn FnMut(&mut Expr)) {
    look(&mut target.expr);
    for step in target.steps.iter_mut().flatten() {
        match step {
            Step::At(expr) | Step::Select(expr) => look(expr),
            Step::Key(_) | Step::Each | Step::EachIfAny => {}
        }
    }
}
