//! Default values of schemas, made data.

use serde_json::Value;

use super::schema::{Fixed, Record, Schema, Type, TypeId};
use super::wire;

/// What the defaults of one schema may take, together: they nest, and a schema can make that endless.
#[derive(Debug)]
pub(super) struct Budget {
    /// Values that may still be made.
    values: usize,
    /// Bytes that may still be made.
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { values: 4_000_000, bytes: 16 << 20 }
    }
}

/// How deep a default may be.
const DEPTH: u32 = 100;

/// Appends the data of a default, which is written as the specification says: bytes as text of characters up to U+00FF,
/// and logical types as what they lie on.
///
/// # Errors
/// It does not fit the type.
pub(super) fn put(
    schema: &Schema,
    id: TypeId,
    json: &Value,
    budget: &mut Budget,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let start = out.len();
    put_value(schema, id, json, DEPTH, budget, out)?;
    let made = out.len() - start;
    budget.bytes = budget.bytes.checked_sub(made).ok_or("the schema's defaults are larger than 16 MiB")?;
    Ok(())
}

fn put_value(
    schema: &Schema,
    id: TypeId,
    json: &Value,
    depth: u32,
    budget: &mut Budget,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let Some(depth) = depth.checked_sub(1) else { return Err(format!("it is nested more than {DEPTH} deep")) };
    budget.values = budget.values.checked_sub(1).ok_or("the schema's defaults are too many")?;
    if out.len() > budget.bytes {
        return Err("the schema's defaults are larger than 16 MiB".to_owned());
    }
    let of = &schema.types[id];
    let wrong = || format!("{json} is no {}", of.title());
    match (of, json) {
        (Type::Null, Value::Null) => {}
        (Type::Boolean, Value::Bool(value)) => out.push(u8::from(*value)),
        (Type::Int(_), Value::Number(number)) => {
            let number = number.as_i64().and_then(|number| i32::try_from(number).ok()).ok_or_else(wrong)?;
            wire::put_long(i64::from(number), out);
        }
        (Type::Long(_), Value::Number(number)) => wire::put_long(number.as_i64().ok_or_else(wrong)?, out),
        (Type::Float, json) => out.extend_from_slice(&(float(json).ok_or_else(wrong)? as f32).to_le_bytes()),
        (Type::Double, json) => out.extend_from_slice(&float(json).ok_or_else(wrong)?.to_le_bytes()),
        (Type::Bytes(_), Value::String(text)) => {
            let bytes = latin(text).ok_or_else(wrong)?;
            wire::put_long(bytes.len() as i64, out);
            out.extend_from_slice(&bytes);
        }
        (Type::String(_), Value::String(text)) => {
            wire::put_long(text.len() as i64, out);
            out.extend_from_slice(text.as_bytes());
        }
        (Type::Fixed(Fixed { size, .. }), Value::String(text)) => {
            out.extend_from_slice(&latin(text).filter(|bytes| bytes.len() == *size).ok_or_else(wrong)?);
        }
        (Type::Enum(of), Value::String(text)) => {
            let index = of.symbols.iter().position(|symbol| symbol == text).ok_or_else(wrong)?;
            wire::put_long(index as i64, out);
        }
        (Type::Array(items), Value::Array(list)) => {
            begin_block(list.len(), out);
            for item in list {
                put_value(schema, *items, item, depth, budget, out)?;
            }
            out.push(0);
        }
        (Type::Map(values), Value::Object(object)) => {
            begin_block(object.len(), out);
            for (key, value) in object {
                wire::put_long(key.len() as i64, out);
                out.extend_from_slice(key.as_bytes());
                put_value(schema, *values, value, depth, budget, out)?;
            }
            out.push(0);
        }
        (Type::Union(branches), json) => {
            // The first branch by older versions of the specification, any by newer ones.
            let start = out.len();
            for (index, branch) in branches.iter().enumerate() {
                wire::put_long(index as i64, out);
                match put_value(schema, *branch, json, depth, budget, out) {
                    Ok(()) => return Ok(()),
                    Err(_) => out.truncate(start),
                }
            }
            return Err(format!("{json} fits no branch of the union"));
        }
        (Type::Record(Record { fields, .. }), Value::Object(object)) => {
            for field in fields {
                let Some(value) = object.get(&field.name).or(field.default.as_ref()) else {
                    return Err(format!("it has no field \"{}\"", field.name));
                };
                put_value(schema, field.of, value, depth, budget, out)?;
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// Begins the one block of an array or a map; an empty one has none.
fn begin_block(count: usize, out: &mut Vec<u8>) {
    if count > 0 {
        wire::put_long(count as i64, out);
    }
}

fn float(json: &Value) -> Option<f64> {
    match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// The bytes of a text whose characters stand for one byte each.
fn latin(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}
