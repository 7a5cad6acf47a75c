//! Whether a component frees its answer by itself once the host has called `process`.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, Parser, Payload,
};

/// Whether `process` of this component may have a post-return function. wasmtime calls that before it hands the answer
/// over, so such an answer has to be copied out while it is lifted; any other stays good until the next call.
///
/// wasmtime does not say which of a component's functions have one, so this reads the binary: true where any function
/// other than one of `init`'s form has one. That is true too often for components that are put together in unusual
/// ways, which costs them a copy.
pub(super) fn process_may_free_its_answer(component: &[u8]) -> wasmparser::Result<bool> {
    // For each component or module that is open: of each of its types, whether it is a function of `init`'s form.
    let mut open: Vec<Vec<bool>> = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => open.push(Vec::new()),
            Payload::End(_) => _ = open.pop(),
            Payload::ComponentTypeSection(types) => {
                for ty in types {
                    let is_init = is_init(&ty?);
                    current(&mut open).push(is_init);
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    if is_type_alias(&alias?) {
                        current(&mut open).push(false);
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if matches!(import?.ty, ComponentTypeRef::Type(_)) {
                        current(&mut open).push(false);
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    if export?.kind == ComponentExternalKind::Type {
                        current(&mut open).push(false);
                    }
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    if let CanonicalFunction::Lift { type_index, options, .. } = function? {
                        let frees = options.iter().any(|option| matches!(option, CanonicalOption::PostReturn(_)));
                        let is_init = current(&mut open).get(type_index as usize).copied().unwrap_or(false);
                        if frees && !is_init {
                            return Ok(true);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(false)
}

fn current(open: &mut [Vec<bool>]) -> &mut Vec<bool> {
    open.last_mut().expect("a section lies in a component")
}

/// `init` is the one function of the interface whose parameter is called `config`.
fn is_init(ty: &ComponentType<'_>) -> bool {
    match ty {
        ComponentType::Func(function) => matches!(&*function.params, [("config", _)]),
        ComponentType::Defined(_)
        | ComponentType::Component(_)
        | ComponentType::Instance(_)
        | ComponentType::Resource { .. } => false,
    }
}

fn is_type_alias(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::testing::{Core, component};

    #[test]
    fn a_post_return_of_process_is_found() {
        assert!(process_may_free_its_answer(&component(&Core::keep_all().freeing_its_answer())).unwrap());
    }

    #[test]
    fn a_post_return_of_init_alone_leaves_the_answer_in_place() {
        let init = r#"(func (export "cabi_post_sluicebox:plugin/lifecycle@0.1.0#init") (param i32))"#;
        assert!(!process_may_free_its_answer(&component(&Core::keep_all().with(init))).unwrap());
        assert!(!process_may_free_its_answer(&component(&Core::keep_all())).unwrap());
    }
}
