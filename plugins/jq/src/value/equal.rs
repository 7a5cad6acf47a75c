//! The order of values, which is jq's: null, false, true, numbers, strings, arrays, objects.

use std::cmp::Ordering;

use super::{Source, Type, Value};

/// How deep values are compared one by one; what lies deeper is compared as text.
const MAX_DEPTH: u32 = 200;

impl Source<'_> {
    /// Whether two values are the same to jq's `==`.
    pub fn equal(self, one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => one == other,
            _ if one.kind() != other.kind() => false,
            _ => match one.kind() {
                Type::Null | Type::False | Type::True => true,
                Type::Number => self.number(one) == self.number(other),
                Type::String => self.str(one) == self.str(other),
                Type::Array | Type::Object => self.count(one) == self.count(other) && self.order(one, other).is_eq(),
            },
        }
    }

    /// The order of two values. Not a number is less than every number, itself included.
    pub fn order(self, one: &Value, other: &Value) -> Ordering {
        self.order_at(one, other, 0)
    }

    fn order_at(self, one: &Value, other: &Value, depth: u32) -> Ordering {
        if depth == MAX_DEPTH {
            // No program tells one order of such values from another; that they are the same, it does.
            return self.json(one).cmp(&self.json(other));
        }
        let (kind, other_kind) = (one.kind(), other.kind());
        if kind != other_kind {
            return kind.cmp(&other_kind);
        }
        match kind {
            Type::Null | Type::False | Type::True => Ordering::Equal,
            Type::Number => {
                let (one, other) = (self.number(one).unwrap_or(f64::NAN), self.number(other).unwrap_or(f64::NAN));
                one.partial_cmp(&other).unwrap_or(if one.is_nan() { Ordering::Less } else { Ordering::Greater })
            }
            Type::String => self.str(one).cmp(&self.str(other)),
            Type::Array => self.order_arrays(one, other, depth + 1),
            Type::Object => self.order_objects(one, other, depth + 1),
        }
    }

    fn order_arrays(self, one: &Value, other: &Value, depth: u32) -> Ordering {
        let (Some(one), Some(other)) = (self.array(one.clone()), self.array(other.clone())) else {
            return Ordering::Equal;
        };
        let differs = one
            .iter()
            .zip(other.iter())
            .map(|(one, other)| self.order_at(one, other, depth))
            .find(|order| order.is_ne());
        differs.unwrap_or_else(|| one.len().cmp(&other.len()))
    }

    /// First their sorted keys decide, then the values in the order of the keys.
    fn order_objects(self, one: &Value, other: &Value, depth: u32) -> Ordering {
        let (Some(one), Some(other)) = (self.object(one.clone()), self.object(other.clone())) else {
            return Ordering::Equal;
        };
        let (one, other) = (one.sorted(self), other.sorted(self));
        let keys = one.iter().map(|entry| self.str(&entry.key)).cmp(other.iter().map(|entry| self.str(&entry.key)));
        let values = || one.iter().zip(&other).map(|(one, other)| self.order_at(&one.value, &other.value, depth));
        keys.then_with(|| values().find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
    }
}
