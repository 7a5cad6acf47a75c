//! How large a component becomes when it is put together, and its largest function.
//!
//! A component may hold a component and use it many times, and that one another: a file of a few hundred bytes asks for
//! millions of instances. wasmtime puts them all into one list while it compiles, which nothing can cut off, so they
//! are counted before.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Parser,
    Payload,
};

/// A component that is open.
#[derive(Default)]
struct Open {
    /// What is in it, all that it uses included.
    size: u64,
    /// The sizes of the components that it can use, by their index.
    components: Vec<u64>,
}

/// What decides how long it takes to compile a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unfolded {
    /// Instances, aliases, functions, imports and exports, counted as often as the component that holds them is used.
    pub(super) parts: u64,
    /// Bytes of the largest function.
    pub(super) function: u64,
}

/// Measures a component.
///
/// A component that comes from elsewhere (an argument, another's export) counts as the largest in the file.
pub(super) fn unfold(component: &[u8]) -> wasmparser::Result<Unfolded> {
    let mut open: Vec<Open> = Vec::new();
    // Of modules, which hold nothing that counts, as well as of components.
    let mut is_component: Vec<bool> = Vec::new();
    let (mut largest, mut function) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match &payload {
            Payload::Version { encoding, .. } => {
                is_component.push(*encoding == wasmparser::Encoding::Component);
                if *encoding == wasmparser::Encoding::Component {
                    open.push(Open::default());
                }
                continue;
            }
            Payload::End(_) => {
                if is_component.pop() == Some(true) {
                    let size = open.pop().map_or(0, |closed| closed.size);
                    largest = largest.max(size);
                    match open.last_mut() {
                        Some(outer) => outer.components.push(size),
                        None => return Ok(Unfolded { parts: size, function }),
                    }
                }
                continue;
            }
            Payload::CodeSectionEntry(body) => function = function.max(body.range().len() as u64),
            _ => {}
        }
        if is_component.last() == Some(&true) {
            count(&payload, &mut open, largest)?;
        }
    }
    Ok(Unfolded::default())
}

/// Counts what a section adds to the innermost component.
fn count(section: &Payload<'_>, open: &mut [Open], largest: u64) -> wasmparser::Result<()> {
    let (mut size, mut components) = (0_u64, Vec::new());
    match section {
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances.clone() {
                size = size.saturating_add(match instance? {
                    ComponentInstance::Instantiate { component_index, args } => {
                        let used = open.last().and_then(|open| open.components.get(component_index as usize)).copied();
                        used.unwrap_or(largest).saturating_add(1 + args.len() as u64)
                    }
                    ComponentInstance::FromExports(exports) => 1 + exports.len() as u64,
                });
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases.clone() {
                size += 1;
                match alias? {
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                        let outer = open.len().checked_sub(1 + count as usize).and_then(|at| open.get(at));
                        components
                            .push(outer.and_then(|o| o.components.get(index as usize)).copied().unwrap_or(largest));
                    }
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                        components.push(largest);
                    }
                    ComponentAlias::InstanceExport { .. }
                    | ComponentAlias::CoreInstanceExport { .. }
                    | ComponentAlias::Outer { .. } => {}
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                size += 1;
                if matches!(import?.ty, ComponentTypeRef::Component(_)) {
                    components.push(largest);
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                size += 1;
                if export?.kind == ComponentExternalKind::Component {
                    components.push(largest);
                }
            }
        }
        Payload::InstanceSection(instances) => size = u64::from(instances.count()),
        Payload::ComponentCanonicalSection(functions) => size = u64::from(functions.count()),
        _ => {}
    }
    if let Some(innermost) = open.last_mut() {
        innermost.size = innermost.size.saturating_add(size);
        innermost.components.append(&mut components);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::testing::{Core, component};

    fn size(text: &str) -> u64 {
        unfold(&wat::parse_str(text).unwrap()).unwrap().parts
    }

    #[test]
    fn what_is_used_twice_counts_twice() {
        assert_eq!(size("(component)"), 0);
        assert_eq!(
            size("(component (core module $m) (core instance (instantiate $m)) (core instance (instantiate $m)))"),
            2
        );
        let inner = "(component $c (core module $m) (core instance (instantiate $m)))";
        assert_eq!(size(&format!("(component {inner})")), 0, "what is not used does not count");
        assert_eq!(size(&format!("(component {inner} (instance (instantiate $c)) (instance (instantiate $c)))")), 4);
    }

    #[test]
    fn a_component_from_elsewhere_counts_as_the_largest() {
        let text = r#"(component
            (component $large (core module $m) (core instance (instantiate $m)) (core instance (instantiate $m)))
            (component $user
              (alias outer 1 $large (component $same))
              (instance (instantiate $same)))
            (component $taker
              (import "c" (component $given))
              (instance (instantiate $given)))
            (instance (instantiate $user))
            (instance (instantiate $taker (with "c" (component $large)))))"#;
        // The user: an alias, an instance and two in it. The taker: an import, an instance, and as much as the user in
        // it.
        assert_eq!(size(text), (1 + 4) + (2 + 2 + 4));
    }

    #[test]
    fn a_plugin_is_far_below_the_bounds() {
        let unfolded = unfold(&component(&Core::keep_all().talking())).unwrap();
        assert!((1..100).contains(&unfolded.parts) && (1..1000).contains(&unfolded.function), "{unfolded:?}");
    }
}
