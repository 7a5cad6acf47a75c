//! What orders elements by what an expression says of them.

use std::cmp::Ordering;

use super::{Env, Exit, Machine};
use crate::plan::{Expr, Special};
use crate::value::{Source, Value};

/// What an element is ordered by: most often one value.
enum By {
    One(Value),
    Several(Vec<Value>),
}

impl By {
    fn order(&self, source: Source<'_>, other: &By) -> Ordering {
        match (self, other) {
            (By::One(one), By::One(other)) => source.order(one, other),
            _ => {
                let pairs = self.values().iter().zip(other.values());
                let differs = pairs.map(|(one, other)| source.order(one, other)).find(|order| order.is_ne());
                differs.unwrap_or_else(|| self.values().len().cmp(&other.values().len()))
            }
        }
    }

    fn values(&self) -> &[Value] {
        match self {
            By::One(value) => std::slice::from_ref(value),
            By::Several(values) => values,
        }
    }
}

impl<'p> Machine<'p> {
    /// `sort_by` and its like.
    pub(super) fn sorted(&self, special: Special, by: &'p Expr, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        let Some(elements) = self.source.array(input.clone()) else {
            return Err(crate::functions::strings::not_sortable(self, &input, special));
        };
        let mut keyed = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            let key = if by.single {
                match self.one(by, env, element.clone()) {
                    Ok(value) => By::One(value),
                    Err(Exit::Empty) => By::Several(Vec::new()),
                    Err(exit) => return Err(exit),
                }
            } else {
                By::Several(self.collect(by, env, element.clone())?)
            };
            keyed.push((key, element));
        }
        let source = self.source;
        let order = |one: &(By, &Value), other: &(By, &Value)| one.0.order(source, &other.0);
        match special {
            Special::MinBy => {
                let least = keyed.iter().reduce(|least, next| if order(next, least).is_lt() { next } else { least });
                return Ok(least.map_or(Value::Null, |(_, element)| (*element).clone()));
            }
            Special::MaxBy => {
                let most = keyed.iter().reduce(|most, next| if order(next, most).is_lt() { most } else { next });
                return Ok(most.map_or(Value::Null, |(_, element)| (*element).clone()));
            }
            _ => stable_sort(&mut keyed, order),
        }
        if special == Special::SortBy {
            return Ok(Value::array(keyed.into_iter().map(|(_, element)| element.clone()).collect()));
        }
        let mut groups: Vec<Vec<Value>> = Vec::new();
        let mut last: Option<&By> = None;
        for (key, element) in &keyed {
            let is_same = last.is_some_and(|last| last.order(source, key).is_eq());
            match groups.last_mut() {
                Some(group) if is_same && special == Special::GroupBy => group.push((*element).clone()),
                Some(_) if is_same => {}
                _ => groups.push(vec![(*element).clone()]),
            }
            last = Some(key);
        }
        let element = |group: Vec<Value>| match special {
            Special::GroupBy => Value::array(group),
            _ => group.into_iter().next().unwrap_or_default(),
        };
        Ok(Value::array(groups.into_iter().map(element).collect()))
    }
}

/// Sorts, with an order that need not be one of mathematics: jq's not-a-number is less than itself.
pub(crate) fn stable_sort<T>(elements: &mut [T], mut order: impl FnMut(&T, &T) -> Ordering) {
    if elements.len() <= 20 {
        for at in 1..elements.len() {
            let mut place = at;
            while place > 0 && order(&elements[place], &elements[place - 1]).is_lt() {
                elements.swap(place, place - 1);
                place -= 1;
            }
        }
        return;
    }
    // What the standard library does with an order that is none is not specified, but for a panic: so what is neither
    // less nor greater in both directions is taken to be equal.
    let total =
        |one: &T, other: &T, order: &mut dyn FnMut(&T, &T) -> Ordering| match (order(one, other), order(other, one)) {
            (Ordering::Less, Ordering::Less) | (Ordering::Greater, Ordering::Greater) => Ordering::Equal,
            (there, _) => there,
        };
    elements.sort_by(|one, other| total(one, other, &mut order));
}
