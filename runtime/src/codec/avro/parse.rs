//! The parser of schemas.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::calendar::{Moment, Unit};
use super::schema::{
    BytesForm, DecimalForm, Enum, Field, Fixed, FixedForm, Name, Record, Reference, Schema, StringForm, Type, TypeId,
};
use super::{SchemaError, decimal};

/// Parses a text and those that it refers to.
pub(super) fn schema(text: &str, references: &[Reference<'_>]) -> Result<Schema, SchemaError> {
    let mut parser = Parser::default();
    let mut seen = HashSet::new();
    for reference in references {
        if seen.insert(reference.text) {
            let named = |error: SchemaError| SchemaError(format!("reference \"{}\": {error}", reference.name));
            parser.text(reference.text).map_err(named)?;
        }
    }
    let root = parser.text(text)?;
    Ok(Schema { types: parser.types, root })
}

#[derive(Default)]
struct Parser {
    types: Vec<Type>,
    named: HashMap<String, TypeId>,
}

fn wrong<T>(text: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError(text.into()))
}

impl Parser {
    fn text(&mut self, text: &str) -> Result<TypeId, SchemaError> {
        let json: Value = serde_json::from_str(text).map_err(|error| SchemaError(format!("not JSON: {error}")))?;
        self.any(&json, "")
    }

    fn add(&mut self, of: Type) -> TypeId {
        self.types.push(of);
        self.types.len() - 1
    }

    /// A type of any kind, in a namespace, which is empty for none. Its depth is bounded by serde_json's.
    fn any(&mut self, json: &Value, namespace: &str) -> Result<TypeId, SchemaError> {
        match json {
            Value::String(name) => self.reference(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => match object.get("type") {
                Some(Value::String(name)) => self.object(name, object, namespace),
                Some(inner) => self.any(inner, namespace),
                None => wrong("a schema has no \"type\""),
            },
            other => wrong(format!("a schema is a name, an object or an array, not {other}")),
        }
    }

    fn reference(&mut self, name: &str, namespace: &str) -> Result<TypeId, SchemaError> {
        if let Some(primitive) = primitive(name, &Map::new()) {
            return Ok(self.add(primitive));
        }
        let found = self.named.get(&qualified(name, namespace)).or_else(|| self.named.get(name));
        found.copied().ok_or_else(|| SchemaError(format!("unknown type \"{name}\"")))
    }

    fn object(&mut self, kind: &str, object: &Map<String, Value>, namespace: &str) -> Result<TypeId, SchemaError> {
        if let Some(primitive) = primitive(kind, object) {
            return Ok(self.add(primitive));
        }
        match kind {
            "array" | "map" => {
                let part = if kind == "array" { "items" } else { "values" };
                let Some(inner) = object.get(part) else { return wrong(format!("the {kind} has no \"{part}\"")) };
                let inner = self.any(inner, namespace)?;
                Ok(self.add(if kind == "array" { Type::Array(inner) } else { Type::Map(inner) }))
            }
            "record" | "error" => self.record(object, namespace),
            "enum" => {
                let name = name(object, namespace)?;
                let of = symbols(name.clone(), object).map_err(|error| within(&name.full, error))?;
                let id = self.add(Type::Enum(of));
                self.define(&name, id)
            }
            "fixed" => {
                let name = name(object, namespace)?;
                let of = fixed(name.clone(), object).map_err(|error| within(&name.full, error))?;
                let id = self.add(Type::Fixed(of));
                self.define(&name, id)
            }
            other => self.reference(other, namespace),
        }
    }

    fn define(&mut self, name: &Name, id: TypeId) -> Result<TypeId, SchemaError> {
        match self.named.insert(name.full.clone(), id) {
            None => Ok(id),
            Some(_) => wrong(format!("the type \"{}\" is defined twice", name.full)),
        }
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<TypeId, SchemaError> {
        let branches: Vec<TypeId> =
            branches.iter().map(|branch| self.any(branch, namespace)).collect::<Result<_, _>>()?;
        let mut tags = HashSet::new();
        for branch in &branches {
            let of = &self.types[*branch];
            if matches!(of, Type::Union(_)) {
                return wrong("a union holds a union");
            }
            if !tags.insert(of.tag()) {
                return wrong(format!("a union holds \"{}\" twice", of.tag()));
            }
        }
        Ok(self.add(Type::Union(branches)))
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<TypeId, SchemaError> {
        let name = name(object, namespace)?;
        // The fields may refer to the record.
        let id = self.add(Type::Null);
        self.types[id] = Type::Record(Record { name: name.clone(), fields: Vec::new(), by_name: HashMap::new() });
        self.define(&name, id)?;
        let Some(Value::Array(list)) = object.get("fields") else {
            return wrong(format!("{}: the record has no list of \"fields\"", name.full));
        };
        let inside = name.full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let mut fields = Vec::with_capacity(list.len());
        let mut by_name = HashMap::new();
        for json in list {
            let field = self.field(json, inside).map_err(|error| within(&name.full, error))?;
            if by_name.insert(field.name.clone(), fields.len()).is_some() {
                return wrong(format!("{}: two fields have the name \"{}\"", name.full, field.name));
            }
            fields.push(field);
        }
        self.types[id] = Type::Record(Record { name, fields, by_name });
        Ok(id)
    }

    fn field(&mut self, json: &Value, namespace: &str) -> Result<Field, SchemaError> {
        let Some(name) = json.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
            return wrong("a field has no \"name\"");
        };
        let Some(of) = json.get("type") else { return wrong(format!("the field \"{name}\" has no \"type\"")) };
        let of = self.any(of, namespace).map_err(|error| within(name, error))?;
        let aliases = texts(json.get("aliases")).map(str::to_owned).collect();
        Ok(Field { name: name.to_owned(), aliases, of, default: json.get("default").cloned() })
    }
}

fn within(name: &str, error: SchemaError) -> SchemaError {
    SchemaError(format!("{name}: {error}"))
}

/// The texts of a list; none of anything else.
fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn qualified(name: &str, namespace: &str) -> String {
    match name.strip_prefix('.') {
        // A name that begins with a dot is one without a namespace.
        Some(name) => name.to_owned(),
        None if name.contains('.') || namespace.is_empty() => name.to_owned(),
        None => format!("{namespace}.{name}"),
    }
}

fn name(object: &Map<String, Value>, enclosing: &str) -> Result<Name, SchemaError> {
    let Some(name) = object.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return wrong("a record, an enum or a fixed has no \"name\"");
    };
    let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(enclosing);
    let full = qualified(name, namespace);
    let inside = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
    let aliases = texts(object.get("aliases")).map(|alias| qualified(alias, inside)).collect();
    Ok(Name { full, aliases })
}

fn primitive(name: &str, object: &Map<String, Value>) -> Option<Type> {
    let logical = object.get("logicalType").and_then(Value::as_str).unwrap_or_default();
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int(match logical {
            "date" => Some(Moment::Date),
            "time-millis" => Some(Moment::Time(Unit::Millis)),
            _ => None,
        }),
        "long" => Type::Long(match logical {
            "time-micros" => Some(Moment::Time(Unit::Micros)),
            "timestamp-millis" => Some(Moment::Timestamp(Unit::Millis)),
            "timestamp-micros" => Some(Moment::Timestamp(Unit::Micros)),
            "timestamp-nanos" => Some(Moment::Timestamp(Unit::Nanos)),
            "local-timestamp-millis" => Some(Moment::LocalTimestamp(Unit::Millis)),
            "local-timestamp-micros" => Some(Moment::LocalTimestamp(Unit::Micros)),
            "local-timestamp-nanos" => Some(Moment::LocalTimestamp(Unit::Nanos)),
            _ => None,
        }),
        "float" => Type::Float,
        "double" => Type::Double,
        "string" => Type::String(if logical == "uuid" { StringForm::Uuid } else { StringForm::Text }),
        "bytes" => Type::Bytes(match logical {
            "decimal" => decimal_form(object).map_or(BytesForm::Plain, BytesForm::Decimal),
            "big-decimal" => BytesForm::BigDecimal,
            _ => BytesForm::Plain,
        }),
        _ => return None,
    })
}

/// The bounds of a decimal number; none where they are wrong, and then the logical type does not count.
fn decimal_form(object: &Map<String, Value>) -> Option<DecimalForm> {
    let number = |name| object.get(name).map(|value| value.as_u64().and_then(|number| u32::try_from(number).ok()));
    let (precision, scale) = (number("precision")??, number("scale").unwrap_or(Some(0))?);
    let is_right = (1..=decimal::MAX_DIGITS).contains(&precision) && scale <= precision;
    is_right.then_some(DecimalForm { precision, scale })
}

fn fixed(name: Name, object: &Map<String, Value>) -> Result<Fixed, SchemaError> {
    let size = object.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| i32::try_from(*size).is_ok()) else {
        return wrong("the fixed has no \"size\" from 0 to 2147483647");
    };
    let form = match (object.get("logicalType").and_then(Value::as_str), size) {
        (Some("duration"), 12) => FixedForm::Duration,
        (Some("uuid"), 16) => FixedForm::Uuid,
        (Some("decimal"), 1..) => decimal_form(object)
            .filter(|form| decimal::fits(form.precision, size))
            .map_or(FixedForm::Plain, FixedForm::Decimal),
        _ => FixedForm::Plain,
    };
    Ok(Fixed { name, size, form })
}

fn symbols(name: Name, object: &Map<String, Value>) -> Result<Enum, SchemaError> {
    let Some(Value::Array(list)) = object.get("symbols") else { return wrong("the enum has no list of \"symbols\"") };
    let mut symbols = Vec::with_capacity(list.len());
    let mut indexes = HashMap::new();
    for symbol in list {
        let Some(symbol) = symbol.as_str() else { return wrong(format!("a symbol is a text, not {symbol}")) };
        if indexes.insert(symbol, symbols.len()).is_some() {
            return wrong(format!("two symbols are \"{symbol}\""));
        }
        symbols.push(symbol.to_owned());
    }
    let default = match object.get("default") {
        None | Some(Value::Null) => None,
        Some(default) => match default.as_str().and_then(|symbol| indexes.get(symbol)) {
            Some(index) => Some(*index),
            None => return wrong(format!("the default {default} is none of the symbols")),
        },
    };
    Ok(Enum { name, symbols, default })
}
