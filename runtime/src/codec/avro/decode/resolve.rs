//! Resolution: what a writer's type becomes as a reader's.

use std::collections::{HashMap, HashSet};

use super::super::error::Fault;
use super::super::json_form::UnionForm;
use super::super::schema::{BytesForm, DecimalForm, Enum, Fixed, FixedForm, Record, Schema, Type, TypeId};
use super::compile::{Compiler, Of};
use super::plan::{Branch, Op, Symbol, push};

/// Returns whether a reader's type reads a writer's, without a look at what is inside of them.
fn fit(writer: &Type, reader: &Type) -> bool {
    use Type::{Bytes, Double, Float, Int, Long, String};
    let is_wider = matches!(
        (writer, reader),
        (Int(_), Long(_) | Float | Double)
            | (Long(_), Float | Double)
            | (Float, Double)
            | (Bytes(_), String(_))
            | (String(_), Bytes(_))
    );
    let names = || writer.name().zip(reader.name());
    is_wider || is_alike(writer, reader) && names().is_none_or(|(writer, reader)| reader.reads(writer))
}

/// Returns whether both types are of one kind and, if they are fixed, of one size.
fn is_alike(writer: &Type, reader: &Type) -> bool {
    match (writer, reader) {
        (Type::Fixed(writer), Type::Fixed(reader)) => writer.size == reader.size,
        _ => std::mem::discriminant(writer) == std::mem::discriminant(reader),
    }
}

/// The reader's named types, by their names with and without namespace and by their aliases.
#[derive(Default)]
pub(super) struct ReaderNames(HashMap<String, Vec<TypeId>>);

impl ReaderNames {
    pub(super) fn new(reader: &Schema) -> ReaderNames {
        let mut names: HashMap<String, Vec<TypeId>> = HashMap::new();
        for (id, of) in reader.types.iter().enumerate() {
            let Some(name) = of.name() else { continue };
            let own = [name.full.as_str(), name.short()];
            for name in own.into_iter().chain(name.aliases.iter().map(String::as_str)) {
                names.entry(name.to_owned()).or_default().push(id);
            }
        }
        ReaderNames(names)
    }
}

/// A union of the reader: what is asked of it for each type of the writer.
pub(super) struct ReaderUnion {
    is_tagged: bool,
    /// The place of each branch.
    places: HashMap<TypeId, usize>,
    /// The branches without names.
    by_tag: HashMap<String, TypeId>,
}

impl ReaderUnion {
    pub(super) fn new(reader: &Schema, branches: &[TypeId]) -> ReaderUnion {
        let places = branches.iter().copied().zip(0..).collect();
        let unnamed = branches.iter().filter(|id| reader.types[**id].name().is_none());
        let by_tag = unnamed.map(|id| (reader.types[*id].tag().to_owned(), *id)).collect();
        ReaderUnion { is_tagged: UnionForm::new(reader, branches).is_tagged, places, by_tag }
    }

    /// The branch that reads a writer's type: the same, or else the first that is wider.
    fn branch(&self, reader: &Schema, names: &ReaderNames, from: &Type) -> Option<TypeId> {
        const WIDER: [&str; 5] = ["long", "float", "double", "bytes", "string"];
        let Some(name) = from.name() else {
            let same = self.by_tag.get(from.tag());
            let wider = WIDER.iter().filter_map(|tag| self.by_tag.get(*tag));
            let fitting = wider.filter(|id| fit(from, &reader.types[**id]));
            return same.or_else(|| fitting.min_by_key(|id| self.places[*id])).copied();
        };
        let known = |name: &str| names.0.get(name).map_or(&[][..], Vec::as_slice).iter();
        let fitting = known(&name.full).chain(known(name.short())).filter_map(|id| {
            let of = &reader.types[*id];
            let place = *self.places.get(id).filter(|_| is_alike(from, of))?;
            let is_other = of.name().is_some_and(|own| own.full != name.full);
            Some((is_other, place, *id))
        });
        fitting.min().map(|(_, _, id)| id)
    }
}

impl Compiler<'_> {
    /// The plan of a writer's type that is read as a reader's.
    pub(super) fn both(&mut self, writer: TypeId, reader: TypeId) -> Result<Op, Fault> {
        let (from, to) = (&self.writer.types[writer], &self.reader.types[reader]);
        if let Type::Union(branches) = from {
            let mut planned = Vec::with_capacity(branches.len());
            for branch in branches {
                // A branch that the reader lacks is an error only of a value that has it.
                planned.push(match self.resolved_branch(*branch, reader) {
                    Ok(branch) => branch,
                    Err(fault) => Branch { op: self.plan.never(fault.to_string()), tag: None },
                });
            }
            return Ok(Op::Union(push(&mut self.plan.unions, planned)));
        }
        if matches!(to, Type::Union(_)) {
            let branch = self.resolved_branch(writer, reader)?;
            return Ok(match branch.tag {
                None => branch.op,
                Some(_) => Op::Tagged(push(&mut self.plan.branches, branch)),
            });
        }
        if !fit(from, to) {
            return Err(mismatch(from, to));
        }
        Ok(match (from, to) {
            (Type::Array(from), Type::Array(to)) => {
                let items = self.op(Of::Both(*from, *to)).map_err(Fault::in_any_item)?;
                Op::Array(push(&mut self.plan.items, items))
            }
            (Type::Map(from), Type::Map(to)) => {
                let values = self.op(Of::Both(*from, *to)).map_err(Fault::in_any_item)?;
                Op::Map(push(&mut self.plan.items, values))
            }
            (Type::Record(_), Type::Record(_)) => self.record_op(Of::Both(writer, reader)),
            (Type::Enum(from), Type::Enum(to)) => self.both_enums(from, to),
            _ => self.both_leaves(from, to)?,
        })
    }

    /// What a writer's type, which is no union, becomes as a reader's, which may be one.
    fn resolved_branch(&mut self, writer: TypeId, reader: TypeId) -> Result<Branch, Fault> {
        let (from, to) = (&self.writer.types[writer], &self.reader.types[reader]);
        let Type::Union(branches) = to else {
            return Ok(Branch { op: self.op(Of::Both(writer, reader))?, tag: None });
        };
        let union = self.unions.entry(reader).or_insert_with(|| ReaderUnion::new(self.reader, branches));
        let is_tagged = union.is_tagged;
        let Some(chosen) = union.branch(self.reader, &self.names, from) else { return Err(mismatch(from, to)) };
        let op = self.op(Of::Both(writer, chosen))?;
        Ok(self.branch(op, self.reader, chosen, is_tagged))
    }

    fn both_leaves(&mut self, from: &Type, to: &Type) -> Result<Op, Fault> {
        Ok(match (from, to) {
            (Type::Int(_), Type::Int(moment) | Type::Long(moment)) => self.moment(*moment, true).unwrap_or(Op::Int),
            (Type::Int(_) | Type::Long(_), Type::Float) => Op::LongAsFloat,
            (Type::Int(_) | Type::Long(_), Type::Double) => Op::LongAsDouble,
            (Type::Float, Type::Double) => Op::FloatAsDouble,
            (Type::Bytes(BytesForm::Decimal(from)), Type::Bytes(BytesForm::Decimal(to))) => same_scale(from, to)?,
            (
                Type::Fixed(Fixed { form: FixedForm::Decimal(written), .. }),
                Type::Fixed(Fixed { form: FixedForm::Decimal(read), .. }),
            ) => {
                same_scale(written, read)?;
                self.leaf(to)
            }
            // The data of both is the same, and what it stands for is the reader's to say.
            _ => self.leaf(to),
        })
    }

    fn both_enums(&mut self, from: &Enum, to: &Enum) -> Op {
        let known: HashSet<&str> = to.symbols.iter().map(String::as_str).collect();
        let mut symbols = Vec::with_capacity(from.symbols.len());
        for symbol in &from.symbols {
            symbols.push(match (known.contains(symbol.as_str()), to.default) {
                (true, _) => Symbol::Text(self.keep_text(symbol)),
                (false, Some(default)) => Symbol::Text(self.keep_text(&to.symbols[default])),
                (false, None) => {
                    let reason = format!("expected a symbol of {}, found \"{symbol}\"", to.name.full);
                    Symbol::Never(push(&mut self.plan.reasons, reason))
                }
            });
        }
        Op::Enum(push(&mut self.plan.enums, symbols))
    }

    /// The steps of a writer's record that is read as a reader's. They go by the data; the reader's order is that of no
    /// JSON object.
    pub(super) fn both_records(&mut self, writer: TypeId, reader: TypeId, record: u32) -> Result<(), Fault> {
        let (Type::Record(from), Type::Record(to)) = (&self.writer.types[writer], &self.reader.types[reader]) else {
            unreachable!("both are records")
        };
        let within = |fault: Fault| fault.in_field(&to.name.full);
        let targets = targets(from, to);
        let mut steps = Vec::with_capacity(from.fields.len());
        let mut is_first = true;
        for (field, target) in from.fields.iter().zip(&targets) {
            let Some(target) = target.map(|index| &to.fields[index]) else {
                let op = self.op(Of::Writer(field.of))?;
                steps.push(self.step(op, &field.name, None));
                continue;
            };
            let op = self.op(Of::Both(field.of, target.of)).map_err(|fault| within(fault.in_field(&target.name)))?;
            steps.push(self.step(op, &target.name, Some(is_first)));
            is_first = false;
        }
        self.begin_record(record, &steps);
        let read: HashSet<usize> = targets.into_iter().flatten().collect();
        for (index, field) in to.fields.iter().enumerate() {
            if !read.contains(&index) {
                self.add_default(record, field).map_err(within)?;
            }
        }
        Ok(())
    }
}

/// For each field of the writer's record the reader's that it is read as: the one of its name, or one that was called
/// so before and has no field of its own name to read.
fn targets(from: &Record, to: &Record) -> Vec<Option<usize>> {
    let mut targets: Vec<Option<usize>> =
        from.fields.iter().map(|field| to.by_name.get(&field.name).copied()).collect();
    for (index, field) in to.fields.iter().enumerate() {
        if from.by_name.contains_key(&field.name) {
            continue;
        }
        let former = field.aliases.iter().filter_map(|alias| from.by_name.get(alias));
        if let Some(former) = former.copied().find(|former| targets[*former].is_none()) {
            targets[former] = Some(index);
        }
    }
    targets
}

fn same_scale(from: &DecimalForm, to: &DecimalForm) -> Result<Op, Fault> {
    if from.scale == to.scale {
        return Ok(Op::Decimal(to.scale));
    }
    Err(Fault::new(format!("expected a decimal of scale {}, found one of scale {}", to.scale, from.scale)))
}

fn mismatch(from: &Type, to: &Type) -> Fault {
    let to = match to {
        Type::Union(_) => "a branch of the reader's union".to_owned(),
        other => other.title(),
    };
    Fault::new(format!("expected {to}, found {} in the writer's schema", from.title()))
}
