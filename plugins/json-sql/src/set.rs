//! The constants of a list that a value is looked for in.

use json_scan::same;

use crate::arena::Arena;
use crate::compare::equal;
use crate::failure::Answer;
use crate::program::Constant;
use crate::value::Value;

/// So many texts are compared one after the other; among more, one is searched for.
const FEW: usize = 8;

/// A list of constants.
#[derive(Debug)]
pub(crate) struct Set {
    items: Vec<Constant>,
    /// The same by length and text, where all are texts.
    texts: Option<Vec<String>>,
}

impl Set {
    pub fn new(items: Vec<Constant>) -> Set {
        let text = |item: &Constant| match item {
            Constant::Text(text) => Some(text.clone()),
            _ => None,
        };
        let mut texts: Option<Vec<String>> = items.iter().map(text).collect();
        if let Some(texts) = &mut texts {
            texts.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
        }
        Set { items, texts }
    }

    /// Whether a value is one of them; NULL where it is not and one of them, or it, is NULL.
    #[inline]
    pub fn has<'a>(&'a self, value: &Value<'a>, arena: &'a Arena) -> Answer<'a> {
        match (value, &self.texts) {
            (Value::Text(text), Some(texts)) if texts.len() <= FEW => {
                Ok(Value::Bool(texts.iter().any(|other| same(other.as_bytes(), text.as_bytes()))))
            }
            (Value::Text(text), Some(texts)) => {
                let order = |other: &String| other.len().cmp(&text.len()).then_with(|| other.as_str().cmp(text));
                Ok(Value::Bool(texts.binary_search_by(order).is_ok()))
            }
            _ => self.search(value, arena),
        }
    }

    #[inline(never)]
    fn search<'a>(&'a self, value: &Value<'a>, arena: &'a Arena) -> Answer<'a> {
        let mut answer = Value::Bool(false);
        for item in &self.items {
            let item = item.value(arena)?;
            if value.is_null() || item.is_null() {
                answer = Value::Null;
            } else if equal("=", value, &item)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_among_few_and_among_many() {
        let arena = Arena::default();
        for count in [1, 3, FEW, FEW + 1, 100] {
            let set = Set::new((0..count).map(|number| Constant::Text(format!("{number}"))).collect());
            for number in 0..count + 3 {
                let text = number.to_string();
                let found = set.has(&Value::Text(&text), &arena);
                assert!(matches!(found, Ok(Value::Bool(found)) if found == (number < count)), "{number} of {count}");
            }
            assert!(matches!(set.has(&Value::Null, &arena), Ok(Value::Null)));
            assert!(set.has(&Value::Int(1), &arena).is_err());
        }
    }
}
