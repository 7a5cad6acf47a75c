//! What an aggregate has of a group so far.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::aggregate::{Aggregate, Which};
use super::key;
use crate::Failure;
use crate::arena::Arena;
use crate::compare::order;
use crate::decimal::Decimal;
use crate::program::Constant;
use crate::value::Value;

/// The state of an aggregate.
#[derive(Debug)]
pub(crate) struct Accumulator {
    state: State,
    /// The values that were there already, where equal ones count once.
    seen: Option<HashSet<Vec<u8>>>,
}

#[derive(Debug)]
enum State {
    Count(i64),
    Sum(Total),
    Avg(Total),
    /// The least or the greatest value.
    Extreme(Ordering, Option<Constant>),
    Join(String, Option<String>),
    List(Vec<Constant>),
    /// The conjunction of the values, or their disjunction.
    Truth(bool, Option<bool>),
    /// Welford's method: count, mean, and the sum of the squared distances to it.
    Spread {
        is_root: bool,
        is_sample: bool,
        count: i64,
        mean: f64,
        squares: f64,
    },
    Percentile {
        share: f64,
        is_between: bool,
        values: Vec<Constant>,
    },
}

/// A sum: exact as long as all numbers are.
#[derive(Debug, Default)]
struct Total {
    count: i64,
    exact: Decimal,
    float: Option<f64>,
}

impl Total {
    fn add(&mut self, value: &Value<'_>) -> Result<(), Failure> {
        self.count += 1;
        match (value, &mut self.float) {
            (Value::Int(_) | Value::Decimal(_), None) => self.exact = self.exact.add(value.decimal()?)?,
            (other, Some(float)) => *float += other.float()?,
            (other, float) => *float = Some(self.exact.to_f64() + other.float()?),
        }
        Ok(())
    }

    fn value<'a>(&self, divisor: Option<i64>) -> Result<Value<'a>, Failure> {
        Ok(match (self.count, self.float, divisor) {
            (0, ..) => Value::Null,
            (_, Some(float), divisor) => Value::Float(float / divisor.unwrap_or(1) as f64),
            (_, None, Some(divisor)) => Value::Decimal(self.exact.div(Decimal::from_int(divisor))?),
            (_, None, None) => Value::Decimal(self.exact),
        })
    }
}

impl Accumulator {
    pub fn new(aggregate: &Aggregate) -> Accumulator {
        let state = match &aggregate.which {
            Which::Count => State::Count(0),
            Which::Sum => State::Sum(Total::default()),
            Which::Avg => State::Avg(Total::default()),
            Which::Min => State::Extreme(Ordering::Less, None),
            Which::Max => State::Extreme(Ordering::Greater, None),
            Which::Join(separator) => State::Join(separator.clone(), None),
            Which::Array => State::List(Vec::new()),
            Which::And => State::Truth(true, None),
            Which::Or => State::Truth(false, None),
            Which::Spread { is_root, is_sample } => {
                State::Spread { is_root: *is_root, is_sample: *is_sample, count: 0, mean: 0.0, squares: 0.0 }
            }
            Which::Percentile { share, is_between } => {
                State::Percentile { share: *share, is_between: *is_between, values: Vec::new() }
            }
        };
        Accumulator { state, seen: aggregate.is_distinct.then(HashSet::new) }
    }

    /// Takes the value of a row. Returns how many bytes more are held.
    pub fn add(&mut self, value: &Value<'_>, arena: &Arena) -> Result<usize, Failure> {
        // Only arrays hold NULLs.
        if value.is_null() && !matches!(self.state, State::List(_)) {
            return Ok(0);
        }
        let mut grown = 0;
        if let Some(seen) = &mut self.seen {
            let mut bytes = Vec::new();
            key::push(value, &mut bytes)?;
            grown += bytes.len() + 64;
            if !seen.insert(bytes) {
                return Ok(0);
            }
        }
        match &mut self.state {
            State::Count(count) => *count += 1,
            State::Sum(total) | State::Avg(total) => total.add(value)?,
            State::Extreme(wanted, best) => {
                let is_better = match best {
                    None => true,
                    Some(best) => order("<", value, &best.value(arena)?)? == *wanted,
                };
                if is_better {
                    *best = Some(Constant::of(value));
                }
            }
            State::Join(separator, joined) => {
                let text = value.text()?;
                grown += text.len() + separator.len();
                match joined {
                    Some(joined) => {
                        joined.push_str(separator);
                        joined.push_str(text);
                    }
                    None => *joined = Some(text.to_owned()),
                }
            }
            State::List(values) | State::Percentile { values, .. } => {
                let constant = Constant::of(value);
                grown += constant.size();
                values.push(constant);
            }
            State::Truth(is_and, truth) => {
                let value = value.bool()?;
                *truth = Some(truth.map_or(value, |truth| if *is_and { truth && value } else { truth || value }));
            }
            State::Spread { count, mean, squares, .. } => {
                let value = value.float()?;
                *count += 1;
                let before = value - *mean;
                *mean += before / *count as f64;
                *squares += before * (value - *mean);
            }
        }
        Ok(grown)
    }

    /// What it comes to.
    pub fn finish<'a>(&'a mut self, arena: &'a Arena) -> Result<Value<'a>, Failure> {
        match &mut self.state {
            State::Count(count) => Ok(Value::Int(*count)),
            State::Sum(total) => total.value(None),
            State::Avg(total) => total.value(Some(total.count)),
            State::Extreme(_, best) => best.as_ref().map_or(Ok(Value::Null), |best| best.value(arena)),
            State::Join(_, joined) => Ok(joined.as_deref().map_or(Value::Null, Value::Text)),
            State::List(values) if values.is_empty() => Ok(Value::Null),
            State::List(values) => {
                let values: Result<Vec<_>, _> = values.iter().map(|value| value.value(arena)).collect();
                arena.array(&values?)
            }
            State::Truth(_, truth) => Ok(truth.map_or(Value::Null, Value::Bool)),
            State::Spread { is_root, is_sample, count, squares, .. } => {
                let divisor = if *is_sample { *count - 1 } else { *count };
                if divisor < 1 {
                    return Ok(Value::Null);
                }
                let variance = *squares / divisor as f64;
                Ok(Value::Float(if *is_root { variance.sqrt() } else { variance }))
            }
            State::Percentile { share, is_between, values } => percentile(*share, *is_between, values, arena),
        }
    }
}

fn percentile<'a>(
    share: f64,
    is_between: bool,
    values: &'a [Constant],
    arena: &'a Arena,
) -> Result<Value<'a>, Failure> {
    let mut sorted = values.iter().map(|value| value.value(arena)).collect::<Result<Vec<Value<'a>>, _>>()?;
    let Some(last) = sorted.len().checked_sub(1) else { return Ok(Value::Null) };
    let mut failed = None;
    sorted.sort_by(|one, other| {
        order("<", one, other).unwrap_or_else(|failure| {
            failed = Some(failure);
            Ordering::Equal
        })
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    if !is_between {
        let at = (share * sorted.len() as f64).ceil() as usize;
        return Ok(sorted[at.saturating_sub(1).min(last)]);
    }
    let place = share * last as f64;
    let (below, above) = (sorted[place.floor() as usize].float()?, sorted[place.ceil() as usize].float()?);
    Ok(Value::Float(below + (above - below) * place.fract()))
}
