//! References: the schemas that a schema's text refers to, fetched from the registry and from nowhere else.

use std::collections::BTreeMap;

use super::{RegisteredSchema, Registry, RegistryError, RegistryErrorKind, SchemaReference, Version};

/// The most schemas that one may refer to, directly and through others.
const MOST: usize = 500;
/// The most bytes of all of their texts.
const MOST_BYTES: usize = 16 << 20;

/// A schema with everything that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The schema.
    pub schema: RegisteredSchema,
    /// Names and texts, each after those that it refers to itself.
    pub references: Vec<(String, String)>,
}

/// Fetches everything that a schema refers to.
///
/// # Errors
/// One of them cannot be had. A circle of references, or too many of them, is [`RegistryErrorKind::Refused`].
pub fn with_references(registry: &dyn Registry, schema: RegisteredSchema) -> Result<Resolved, RegistryError> {
    let mut walk = Walk { registry, states: BTreeMap::new(), ordered: Vec::new(), bytes: schema.text.len() };
    for reference in &schema.references {
        walk.visit(reference)?;
    }
    Ok(Resolved { references: walk.ordered, schema })
}

struct Walk<'a> {
    registry: &'a dyn Registry,
    // By name, subject and version: whether it is complete.
    states: BTreeMap<(String, String, u32), bool>,
    ordered: Vec<(String, String)>,
    bytes: usize,
}

impl Walk<'_> {
    fn visit(&mut self, reference: &SchemaReference) -> Result<(), RegistryError> {
        let refused = |why: String| Err(RegistryError::new(RegistryErrorKind::Refused, why));
        let SchemaReference { name, subject, version } = reference;
        let key = (name.clone(), subject.clone(), *version);
        match self.states.get(&key) {
            Some(true) => return Ok(()),
            Some(false) => return refused(format!("the schema {subject} version {version} refers to itself")),
            None => {}
        }
        if self.states.len() >= MOST {
            return refused(format!("the schema refers to more than {MOST} others"));
        }
        self.states.insert(key.clone(), false);
        // That a reference is missing says nothing of the record: it is asked for again.
        let found = self.registry.version(subject, Version::Number(*version)).map_err(|error| {
            let message = format!("the reference \"{name}\": {}", error.message);
            RegistryError::new(RegistryErrorKind::Absent, message)
        })?;
        self.bytes += found.text.len();
        if self.bytes > MOST_BYTES {
            return refused(format!("the schema and its references take more than {MOST_BYTES} bytes"));
        }
        for inner in &found.references {
            self.visit(inner)?;
        }
        self.ordered.push((name.clone(), found.text));
        self.states.insert(key, true);
        Ok(())
    }
}
