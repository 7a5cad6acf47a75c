//! `contains`

use crate::run::{Exit, Machine};
use crate::value::{Type, Value, hash};

/// Whether a value contains another: a string its parts, an array or object what has something for each part.
pub(super) fn contains(machine: &Machine<'_>, of: &Value, part: &Value) -> Result<bool, Exit> {
    let _deeper = machine.deeper()?;
    let (kind, part_kind) = (of.kind(), part.kind());
    let is_bool = |kind: Type| matches!(kind, Type::False | Type::True);
    if kind != part_kind && !(is_bool(kind) && is_bool(part_kind)) {
        let message =
            format!("{} and {} cannot have their containment checked", machine.shown(of), machine.shown(part));
        return Err(Exit::error(message));
    }
    contained(machine, of, part)
}

/// The same for parts, which may be of other types.
fn contained(machine: &Machine<'_>, of: &Value, part: &Value) -> Result<bool, Exit> {
    let _deeper = machine.deeper()?;
    match (of.kind(), part.kind()) {
        (Type::String, Type::String) => {
            let (text, part) =
                (machine.source.str(of).unwrap_or_default(), machine.source.str(part).unwrap_or_default());
            Ok(text.contains(part))
        }
        (Type::Array, Type::Array) => {
            let (Some(of), Some(parts)) = (machine.source.array(of.clone()), machine.source.array(part.clone())) else {
                return Ok(false);
            };
            for part in parts.iter() {
                let mut found = false;
                for element in of.iter() {
                    found = found || contained(machine, element, part)?;
                }
                if !found {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Type::Object, Type::Object) => {
            let Some(parts) = machine.source.object(part.clone()) else { return Ok(false) };
            let Some(fields) = machine.source.object(of.clone()) else { return Ok(false) };
            for part in parts.entries() {
                let key = machine.source.str(&part.key).unwrap_or_default();
                let Some(field) = fields.get(machine.source, key, hash(key)) else { return Ok(false) };
                if !contained(machine, field, &part.value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(machine.source.equal(of, part)),
    }
}
