//! The flat plan from JSON text to data.

use std::collections::HashMap;

use super::super::calendar::Moment;
use super::super::default::{self, Budget};
use super::super::json_form::UnionForm;
use super::super::schema::{self, BytesForm, DecimalForm, FixedForm, Schema, StringForm, Type, TypeId};
use super::super::{SchemaError, wire};

/// What is expected at one place of the JSON, and how it is written. What has parts says where the plan has them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Null,
    Boolean,
    Int,
    Long,
    /// A number that says something about time; whether it is an `int`.
    Moment(Moment, bool),
    Float,
    Double,
    Text,
    /// A `string` that has to be a UUID.
    UuidText,
    Bytes,
    Decimal(DecimalForm),
    BigDecimal,
    /// So many bytes.
    Fixed(u32),
    /// So many bytes.
    FixedDecimal(u32, DecimalForm),
    Duration,
    Uuid,
    /// An index of [`Plan::enums`].
    Enum(u32),
    /// An index of [`Plan::items`].
    Array(u32),
    /// An index of [`Plan::items`].
    Map(u32),
    /// An index of [`Plan::unions`].
    Union(u32),
    /// An index of [`Plan::records`].
    Record(u32),
}

/// A field of a record.
#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    /// Its name as JSON text, as nearly everybody writes it.
    pub written: Vec<u8>,
    pub op: Op,
    pub missing: Missing,
}

/// What stands for a field that the JSON does not have.
#[derive(Debug)]
pub(super) enum Missing {
    /// This data.
    Data(Vec<u8>),
    /// Nothing can, and why.
    Error(String),
}

#[derive(Debug, Default)]
pub(super) struct Record {
    pub title: String,
    pub fields: Vec<Field>,
    /// Each field's index, by its name.
    pub by_name: HashMap<String, usize>,
}

#[derive(Debug)]
pub(super) struct Union {
    /// The plans of the branches.
    pub branches: Vec<Op>,
    pub form: UnionForm,
    /// What an error calls it.
    pub title: String,
}

#[derive(Debug)]
pub(super) struct Enum {
    pub title: String,
    pub symbols: HashMap<String, usize>,
}

/// The plan.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub records: Vec<Record>,
    pub items: Vec<Op>,
    pub unions: Vec<Union>,
    pub enums: Vec<Enum>,
}

/// Makes the plan of a schema.
pub(super) fn compile(schema: &Schema) -> Result<(Plan, Op), SchemaError> {
    let compiler = Compiler {
        schema,
        plan: Plan::default(),
        known: HashMap::new(),
        pending: Vec::new(),
        budget: Budget::default(),
    };
    compiler.compile()
}

struct Compiler<'a> {
    schema: &'a Schema,
    plan: Plan,
    known: HashMap<TypeId, Op>,
    /// Records that have an index and no fields yet. So the depth of what refers to one another takes no stack.
    pending: Vec<(&'a schema::Record, usize)>,
    budget: Budget,
}

impl<'a> Compiler<'a> {
    fn compile(mut self) -> Result<(Plan, Op), SchemaError> {
        let op = self.op(self.schema.root);
        while let Some((of, record)) = self.pending.pop() {
            let mut fields = Vec::with_capacity(of.fields.len());
            for field in &of.fields {
                let mut written = Vec::new();
                json_scan::escape(&field.name, &mut written);
                let (op, missing) = (self.op(field.of), self.missing(field)?);
                fields.push(Field { name: field.name.clone(), written, op, missing });
            }
            self.plan.records[record].fields = fields;
        }
        Ok((self.plan, op))
    }

    fn op(&mut self, id: TypeId) -> Op {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let op = match &self.schema.types[id] {
            Type::Null => Op::Null,
            Type::Boolean => Op::Boolean,
            Type::Int(None) => Op::Int,
            Type::Long(None) => Op::Long,
            Type::Int(Some(moment)) => Op::Moment(*moment, true),
            Type::Long(Some(moment)) => Op::Moment(*moment, false),
            Type::Float => Op::Float,
            Type::Double => Op::Double,
            Type::Bytes(BytesForm::Plain) => Op::Bytes,
            Type::Bytes(BytesForm::Decimal(form)) => Op::Decimal(*form),
            Type::Bytes(BytesForm::BigDecimal) => Op::BigDecimal,
            Type::String(StringForm::Text) => Op::Text,
            Type::String(StringForm::Uuid) => Op::UuidText,
            Type::Fixed(fixed) => match fixed.form {
                FixedForm::Plain => Op::Fixed(fixed.size as u32),
                FixedForm::Decimal(form) => Op::FixedDecimal(fixed.size as u32, form),
                FixedForm::Duration => Op::Duration,
                FixedForm::Uuid => Op::Uuid,
            },
            Type::Enum(of) => {
                let symbols = of.symbols.iter().cloned().zip(0..).collect();
                Op::Enum(push(&mut self.plan.enums, Enum { title: of.name.full.clone(), symbols }))
            }
            Type::Array(items) => {
                let items = self.op(*items);
                Op::Array(push(&mut self.plan.items, items))
            }
            Type::Map(values) => {
                let values = self.op(*values);
                Op::Map(push(&mut self.plan.items, values))
            }
            Type::Union(branches) => self.union(branches),
            Type::Record(of) => {
                let record = Record { title: of.name.full.clone(), fields: Vec::new(), by_name: of.by_name.clone() };
                let record = push(&mut self.plan.records, record);
                self.pending.push((of, record as usize));
                Op::Record(record)
            }
        };
        self.known.insert(id, op);
        op
    }

    fn union(&mut self, ids: &[TypeId]) -> Op {
        let form = UnionForm::new(self.schema, ids);
        let branches = ids.iter().map(|id| self.op(*id)).collect();
        let tags = ids.iter().map(|id| self.schema.types[*id].tag());
        let tags: Vec<String> = tags
            .take(8)
            .map(|tag| match tag {
                "null" => tag.to_owned(),
                _ if form.is_tagged => format!("{{\"{tag}\": ...}}"),
                _ => tag.to_owned(),
            })
            .collect();
        let more = if ids.len() > 8 { " or another branch" } else { "" };
        let title = format!("{}{more}", tags.join(" or "));
        Op::Union(push(&mut self.plan.unions, Union { branches, form, title }))
    }

    fn missing(&mut self, field: &schema::Field) -> Result<Missing, SchemaError> {
        let mut data = Vec::new();
        if let Some(json) = &field.default {
            return Ok(match default::put(self.schema, field.of, json, &mut self.budget, &mut data) {
                Ok(()) => Missing::Data(data),
                Err(error) => {
                    Missing::Error(format!("expected a value, found none and a default that does not fit: {error}"))
                }
            });
        }
        let types = &self.schema.types;
        let is_null = |id: &TypeId| matches!(types[*id], Type::Null);
        Ok(match &types[field.of] {
            Type::Null => Missing::Data(data),
            Type::Union(branches) if branches.iter().any(is_null) => {
                let null = branches.iter().position(is_null).unwrap_or_default();
                wire::put_long(null as i64, &mut data);
                Missing::Data(data)
            }
            _ => Missing::Error("expected a value, found none and no default".to_owned()),
        })
    }
}

fn push<T>(list: &mut Vec<T>, element: T) -> u32 {
    list.push(element);
    (list.len() - 1) as u32
}
