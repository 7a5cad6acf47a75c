//! Compiles schemas to plans: without a reader, and what both ways have in common.

use std::collections::HashMap;

use super::super::calendar::Moment;
use super::super::default::{self, Budget};
use super::super::error::Fault;
use super::super::json_form::UnionForm;
use super::super::schema::{self, BytesForm, FixedForm, Schema, StringForm, Type, TypeId};
use super::super::{Limits, Logical};
use super::plan::{Branch, Op, Plan, Record, Span, Step, Symbol, index, push};
use super::resolve::{ReaderNames, ReaderUnion};
use super::run;

/// The most that a plan may become: schemas of a megabyte can describe more combinations than anybody has memory for.
const MOST: usize = 64 << 20;

/// Whose type it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// What the writer has and is read without a reader.
    Writer(TypeId),
    /// What the reader alone has: its defaults.
    Reader(TypeId),
    /// What the writer has, read as the reader's.
    Both(TypeId, TypeId),
}

/// A plan that is being made.
pub(super) struct Compiler<'a> {
    pub writer: &'a Schema,
    pub reader: &'a Schema,
    pub logical: Logical,
    pub plan: Plan,
    records: HashMap<Of, u32>,
    /// Records that have an index and no steps yet. So the depth of what refers to one another takes no stack.
    pending: Vec<(Of, u32)>,
    /// The defaults of records, by the record's index: the field's name, its plan and its data.
    defaults: HashMap<u32, Vec<(String, Op, Vec<u8>)>>,
    pub budget: Budget,
    /// The reader's unions that writer's types were looked for in.
    pub unions: HashMap<TypeId, ReaderUnion>,
    pub names: ReaderNames,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(writer: &'a Schema, reader: Option<&'a Schema>, logical: Logical) -> Compiler<'a> {
        Compiler {
            writer,
            reader: reader.unwrap_or(writer),
            logical,
            plan: Plan::default(),
            records: HashMap::new(),
            pending: Vec::new(),
            defaults: HashMap::new(),
            budget: Budget::default(),
            unions: HashMap::new(),
            names: reader.map(ReaderNames::new).unwrap_or_default(),
        }
    }

    /// Makes the plan of a type, and of all that it uses.
    pub(super) fn compile(mut self, of: Of) -> Result<(Plan, Op), Fault> {
        let op = self.op(of)?;
        while let Some((of, record)) = self.pending.pop() {
            self.record(of, record)?;
            if self.plan.size() > MOST {
                return Err(Fault::new("the schemas together describe too much: the plan is larger than 64 MiB"));
            }
        }
        self.end_records()?;
        Ok((self.plan, op))
    }

    /// The plan of a type.
    pub(super) fn op(&mut self, of: Of) -> Result<Op, Fault> {
        match of {
            Of::Both(writer, reader) => self.both(writer, reader),
            Of::Writer(id) => self.one(self.writer, id, Of::Writer),
            Of::Reader(id) => self.one(self.reader, id, Of::Reader),
        }
    }

    /// The plan of a type that is read as it is.
    fn one(&mut self, schema: &'a Schema, id: TypeId, side: fn(TypeId) -> Of) -> Result<Op, Fault> {
        Ok(match &schema.types[id] {
            Type::Array(items) => {
                let items = self.op(side(*items))?;
                Op::Array(push(&mut self.plan.items, items))
            }
            Type::Map(values) => {
                let values = self.op(side(*values))?;
                Op::Map(push(&mut self.plan.items, values))
            }
            Type::Union(branches) => {
                let is_tagged = UnionForm::new(schema, branches).is_tagged;
                let mut planned = Vec::with_capacity(branches.len());
                for branch in branches {
                    let op = self.op(side(*branch))?;
                    planned.push(self.branch(op, schema, *branch, is_tagged));
                }
                Op::Union(push(&mut self.plan.unions, planned))
            }
            Type::Record(_) => self.record_op(side(id)),
            Type::Enum(of) => {
                let symbols = of.symbols.iter().map(|symbol| Symbol::Text(self.keep_text(symbol))).collect();
                Op::Enum(push(&mut self.plan.enums, symbols))
            }
            leaf => self.leaf(leaf),
        })
    }

    /// The plan of a type that has no parts.
    pub(super) fn leaf(&self, of: &Type) -> Op {
        match of {
            Type::Null => Op::Null,
            Type::Boolean => Op::Boolean,
            Type::Int(moment) => self.moment(*moment, true).unwrap_or(Op::Int),
            Type::Long(moment) => self.moment(*moment, false).unwrap_or(Op::Long),
            Type::Float => Op::Float,
            Type::Double => Op::Double,
            Type::Bytes(BytesForm::Plain) => Op::Bytes,
            Type::Bytes(BytesForm::Decimal(form)) => Op::Decimal(form.scale),
            Type::Bytes(BytesForm::BigDecimal) => Op::BigDecimal,
            Type::String(StringForm::Text | StringForm::Uuid) => Op::Text,
            Type::Fixed(fixed) => match fixed.form {
                FixedForm::Plain => Op::Fixed(index(fixed.size)),
                FixedForm::Decimal(form) => Op::FixedDecimal(index(fixed.size), form.scale),
                FixedForm::Duration => Op::Duration,
                FixedForm::Uuid => Op::Uuid,
            },
            Type::Enum(_) | Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record(_) => {
                unreachable!("it has parts")
            }
        }
    }

    /// The plan of a number, where it is shown as something else; whether it is an `int`.
    pub(super) fn moment(&self, moment: Option<Moment>, is_int: bool) -> Option<Op> {
        moment.filter(|_| self.logical == Logical::Text).map(|moment| Op::Moment(moment, is_int))
    }

    /// A branch that is written as one of this type in a union of this form. Null has no tag.
    pub(super) fn branch(&mut self, op: Op, schema: &Schema, id: TypeId, is_tagged: bool) -> Branch {
        let of = &schema.types[id];
        let tag = (is_tagged && !matches!(of, Type::Null)).then(|| self.plan.keep_tag(of.tag()));
        Branch { op, tag }
    }

    /// Keeps a text, as JSON.
    pub(super) fn keep_text(&mut self, text: &str) -> Span {
        let mut json = Vec::new();
        json_scan::escape(text, &mut json);
        self.plan.keep(&json)
    }

    /// The plan of a record, which may be made later.
    pub(super) fn record_op(&mut self, of: Of) -> Op {
        if let Some(known) = self.records.get(&of) {
            return Op::Record(*known);
        }
        let record = push(&mut self.plan.records, Record::default());
        self.records.insert(of, record);
        self.pending.push((of, record));
        Op::Record(record)
    }

    fn record(&mut self, of: Of, record: u32) -> Result<(), Fault> {
        let (schema, id, side): (&Schema, _, fn(TypeId) -> Of) = match of {
            Of::Both(writer, reader) => return self.both_records(writer, reader, record),
            Of::Writer(id) => (self.writer, id, Of::Writer),
            Of::Reader(id) => (self.reader, id, Of::Reader),
        };
        let Type::Record(of) = &schema.types[id] else { unreachable!("it is a record") };
        let mut steps = Vec::with_capacity(of.fields.len());
        for field in &of.fields {
            let op = self.op(side(field.of))?;
            steps.push(self.step(op, &field.name, Some(steps.is_empty())));
        }
        self.begin_record(record, &steps);
        Ok(())
    }

    /// A field's step: whether it is the first that is written, or none where it is not.
    pub(super) fn step(&mut self, op: Op, name: &str, is_first: Option<bool>) -> Step {
        let before = is_first.map(|is_first| {
            let mut text = vec![if is_first { b'{' } else { b',' }];
            json_scan::escape(name, &mut text);
            text.push(b':');
            self.plan.keep(&text)
        });
        Step { op, before, name: self.plan.keep(name.as_bytes()) }
    }

    /// Keeps the steps of a record.
    pub(super) fn begin_record(&mut self, record: u32, steps: &[Step]) {
        let start = index(self.plan.steps.len());
        self.plan.steps.extend_from_slice(steps);
        self.plan.records[record as usize].steps = Span { start, end: index(self.plan.steps.len()) };
    }

    /// Keeps the default of a field that the reader has and the writer has not.
    pub(super) fn add_default(&mut self, record: u32, field: &schema::Field) -> Result<(), Fault> {
        let named = |text: String| Fault::new(text).in_field(&field.name);
        let Some(json) = &field.default else {
            return Err(named("expected a value, found none in the writer's schema and no default".to_owned()));
        };
        let mut data = Vec::new();
        default::put(self.reader, field.of, json, &mut self.budget, &mut data)
            .map_err(|error| named(format!("expected a default that fits, found that {error}")))?;
        let op = self.op(Of::Reader(field.of))?;
        self.defaults.entry(record).or_default().push((field.name.clone(), op, data));
        Ok(())
    }

    /// Makes what is written behind each record's fields: by now all plans are there that defaults are written by.
    fn end_records(&mut self) -> Result<(), Fault> {
        // The defaults of a reader's record lie in the data of its default: only resolved records have any here.
        for record in 0..self.plan.records.len() {
            self.plan.records[record].after = self.plan.keep(b"}");
            let steps = self.plan.records[record].steps.range();
            if self.plan.steps[steps].iter().all(|step| step.before.is_none()) {
                self.plan.records[record].after = self.plan.keep(b"{}");
            }
        }
        let mut all: Vec<_> = std::mem::take(&mut self.defaults).into_iter().collect();
        all.sort_by_key(|(record, _)| *record);
        for (record, defaults) in all {
            let steps = self.plan.records[record as usize].steps.range();
            let mut is_first = self.plan.steps[steps].iter().all(|step| step.before.is_none());
            let mut after = Vec::new();
            for (name, op, data) in defaults {
                after.push(if is_first { b'{' } else { b',' });
                is_first = false;
                json_scan::escape(&name, &mut after);
                after.push(b':');
                run::decode(&self.plan, op, &data, Limits { bytes: MOST, ..Limits::default() }, &mut after)?;
            }
            after.push(b'}');
            self.plan.records[record as usize].after = self.plan.keep(&after);
            if self.plan.size() > MOST {
                return Err(Fault::new("the defaults of the reader's schema are larger than 64 MiB"));
            }
        }
        Ok(())
    }
}
