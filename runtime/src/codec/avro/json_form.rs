//! Which JSON a type has, and which form a union takes for it.

use std::collections::HashMap;

use super::schema::{BytesForm, Fixed, FixedForm, Schema, Type, TypeId};

/// A set of kinds of JSON values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Kinds = Kinds(0);
    pub(super) const NULL: Kinds = Kinds(1);
    pub(super) const BOOLEAN: Kinds = Kinds(2);
    pub(super) const NUMBER: Kinds = Kinds(4);
    pub(super) const TEXT: Kinds = Kinds(8);
    pub(super) const ARRAY: Kinds = Kinds(16);
    pub(super) const OBJECT: Kinds = Kinds(32);
    /// All kinds, each by itself.
    const EACH: [Kinds; 6] = [Kinds::NULL, Kinds::BOOLEAN, Kinds::NUMBER, Kinds::TEXT, Kinds::ARRAY, Kinds::OBJECT];

    const fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub(super) fn overlaps(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// The kind of the value that begins with this byte.
    pub(super) fn of(first: Option<u8>) -> Kinds {
        match first {
            Some(b'n') => Kinds::NULL,
            Some(b't' | b'f') => Kinds::BOOLEAN,
            Some(b'"') => Kinds::TEXT,
            Some(b'[') => Kinds::ARRAY,
            Some(b'{') => Kinds::OBJECT,
            Some(b'-' | b'0'..=b'9') => Kinds::NUMBER,
            _ => Kinds::NONE,
        }
    }

    /// What an error calls one kind.
    pub(super) fn title(self) -> &'static str {
        match self {
            Kinds::NULL => "null",
            Kinds::BOOLEAN => "a boolean",
            Kinds::NUMBER => "a number",
            Kinds::TEXT => "text",
            Kinds::ARRAY => "an array",
            Kinds::OBJECT => "an object",
            _ => "no value",
        }
    }
}

/// The kinds that a type is written as.
fn written(of: &Type) -> Kinds {
    match of {
        Type::Null => Kinds::NULL,
        Type::Boolean => Kinds::BOOLEAN,
        Type::Int(None) | Type::Long(None) => Kinds::NUMBER,
        // What has no text is a number; and so is everything with `logical: raw`, which changes no union's form.
        Type::Int(Some(_)) | Type::Long(Some(_)) => Kinds::NUMBER.and(Kinds::TEXT),
        // NaN and the infinities are text.
        Type::Float | Type::Double => Kinds::NUMBER.and(Kinds::TEXT),
        Type::Fixed(Fixed { form: FixedForm::Duration, .. }) => Kinds::OBJECT,
        Type::Bytes(_) | Type::String(_) | Type::Fixed(_) | Type::Enum(_) => Kinds::TEXT,
        Type::Array(_) => Kinds::ARRAY,
        Type::Map(_) | Type::Record(_) => Kinds::OBJECT,
        // This one is part of something else: a union holds none itself.
        Type::Union(_) => Kinds::OBJECT,
    }
}

/// The kinds that are taken for a type.
fn accepted(schema: &Schema, id: TypeId) -> Kinds {
    match &schema.types[id] {
        Type::Bytes(BytesForm::Decimal(_) | BytesForm::BigDecimal)
        | Type::Fixed(Fixed { form: FixedForm::Decimal(_), .. }) => Kinds::TEXT.and(Kinds::NUMBER),
        Type::Union(branches) => {
            branches.iter().fold(Kinds::OBJECT, |kinds, branch| kinds.and(accepted(schema, *branch)))
        }
        other => written(other),
    }
}

/// The kinds that a value inside of an object is written as. A union's form need not be known for it: only branches
/// that are objects make it depend on what is inside of them, and these are objects in either form.
fn written_inside(schema: &Schema, id: TypeId) -> Kinds {
    let Type::Union(branches) = &schema.types[id] else { return written(&schema.types[id]) };
    let (kinds, overlap) = together(schema, branches);
    if overlap { kinds.and(Kinds::OBJECT) } else { kinds }
}

/// The kinds of all branches, and whether two of them have the same.
fn together(schema: &Schema, branches: &[TypeId]) -> (Kinds, bool) {
    branches.iter().fold((Kinds::NONE, false), |(all, overlap), id| {
        let kinds = written(&schema.types[*id]);
        (all.and(kinds), overlap || all.overlaps(kinds))
    })
}

/// The form of a union.
#[derive(Debug)]
pub(super) struct UnionForm {
    /// Whether values that are not null are written as `{"branch": value}`. Null is always `null`.
    pub is_tagged: bool,
    /// Each branch but null: its index and the kinds that are taken for it, by its tag.
    pub tags: HashMap<String, (usize, Kinds)>,
    /// The branch that a value of each kind is taken for without a tag.
    pub bare: Vec<(Kinds, Bare)>,
}

/// What a value without a tag is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    /// No branch has such values.
    None,
    /// This branch.
    Branch(usize),
    /// Several branches have such values.
    Several,
}

impl UnionForm {
    /// Decides it for the union of these branches.
    pub(super) fn new(schema: &Schema, branches: &[TypeId]) -> UnionForm {
        let types = || branches.iter().map(|id| &schema.types[*id]);
        let mut tags = HashMap::new();
        for (index, id) in branches.iter().enumerate() {
            let of = &schema.types[*id];
            if !matches!(of, Type::Null) {
                tags.insert(of.tag().to_owned(), (index, accepted(schema, *id)));
            }
        }
        let is_tagged = together(schema, branches).1 || types().any(|of| looks_tagged(schema, of, &tags));
        let only = |kind: Kinds, kinds: &dyn Fn(TypeId) -> Kinds| {
            let mut having = (0..branches.len()).filter(|index| kinds(branches[*index]).overlaps(kind));
            match (having.next(), having.next()) {
                (None, _) => Bare::None,
                (Some(branch), None) => Bare::Branch(branch),
                (Some(_), Some(_)) => Bare::Several,
            }
        };
        let bare = Kinds::EACH.map(|kind| match only(kind, &|id| written(&schema.types[id])) {
            Bare::None => (kind, only(kind, &|id| accepted(schema, id))),
            found => (kind, found),
        });
        UnionForm { is_tagged, tags, bare: bare.to_vec() }
    }

    /// What a value of this kind without a tag is taken for.
    pub(super) fn bare(&self, kind: Kinds) -> Bare {
        self.bare.iter().find(|(own, _)| *own == kind).map_or(Bare::None, |(_, bare)| *bare)
    }
}

/// Returns whether an object of this type could be taken for a tagged value of the union.
fn looks_tagged(schema: &Schema, of: &Type, tags: &HashMap<String, (usize, Kinds)>) -> bool {
    match of {
        Type::Map(values) => tags.values().any(|(_, kinds)| kinds.overlaps(written_inside(schema, *values))),
        Type::Record(record) => tags.iter().any(|(tag, (_, kinds))| {
            let field = record.by_name.get(tag).map(|index| record.fields[*index].of);
            field.is_some_and(|field| kinds.overlaps(written_inside(schema, field)))
        }),
        Type::Fixed(Fixed { form: FixedForm::Duration, .. }) => ["months", "days", "millis"]
            .iter()
            .any(|part| tags.get(*part).is_some_and(|(_, kinds)| kinds.overlaps(Kinds::NUMBER))),
        _ => false,
    }
}
