//! What a component offers and asks for by name: is it this host's interface, and in which version?

use std::path::Path;

use wasmtime::component::types::{Component as ComponentInterface, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Lift, Lower};

use super::error::LoadError;
use super::wire::{Config, Failure, Message, Outcome, PackedBatch, ResultInPlace, WireManifest};

/// The package of the interface between host and plugin.
pub(super) const PACKAGE: &str = "sluicebox:plugin";

/// The name of an imported or exported interface: `package/interface@version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceName<'a> {
    pub(super) package: &'a str,
    pub(super) interface: &'a str,
    version: &'a str,
}

impl<'a> InterfaceName<'a> {
    /// None where the name is no interface's.
    pub(super) fn parse(name: &'a str) -> Option<InterfaceName<'a>> {
        let (path, version) = name.split_once('@').unwrap_or((name, ""));
        let (package, interface) = path.split_once('/')?;
        Some(InterfaceName { package, interface, version })
    }

    /// Whether the version is `major.minor` with any patch.
    pub(super) fn is_version(self, major_minor: &str) -> bool {
        self.version
            .strip_prefix(major_minor)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Whether it belongs to this host's interface, in a version that this host does not speak.
    pub(super) fn is_foreign_version(self) -> bool {
        self.package == PACKAGE && !self.is_version("0.1")
    }
}

/// The functions that the host calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exports {
    pub(super) init: ComponentExportIndex,
    pub(super) process: Process,
}

/// The function that takes records, in one of its two forms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Process {
    Packed(ComponentExportIndex),
    Records(ComponentExportIndex),
}

impl Exports {
    /// Finds them and checks their types.
    pub(super) fn find(component: &Component, path: &Path) -> Result<Exports, LoadError> {
        let ty = component.component_type();
        let mut found: Vec<String> = ty.exports(component.engine()).map(|(name, _)| name.to_owned()).collect();
        found.sort();
        let ours = |interface| {
            found.iter().find(|name| {
                InterfaceName::parse(name).is_some_and(|name| name.package == PACKAGE && name.interface == interface)
            })
        };
        if let Some(name) =
            found.iter().find(|name| InterfaceName::parse(name).is_some_and(InterfaceName::is_foreign_version))
        {
            return Err(LoadError::WrongVersion { path: path.to_owned(), found: name.clone() });
        }
        let finder = Finder { component, ty: &ty, path };
        let process = match (ours("packed"), ours("records")) {
            (Some(name), _) => Process::Packed(
                finder.function::<(PackedBatch<'_>,), (Result<ResultInPlace, Failure>,)>(name, "process")?,
            ),
            (None, Some(name)) => Process::Records(
                finder.function::<(&[Message<'_>],), (Result<Vec<Outcome>, Failure>,)>(name, "process")?,
            ),
            (None, None) => return Err(LoadError::NoProcess { path: path.to_owned(), found }),
        };
        let Some(lifecycle) = ours("lifecycle") else {
            return Err(LoadError::NoLifecycle { path: path.to_owned(), found });
        };
        let init = finder.function::<(Config<'_>,), (Result<WireManifest, String>,)>(lifecycle, "init")?;
        Ok(Exports { init, process })
    }
}

struct Finder<'a> {
    component: &'a Component,
    ty: &'a ComponentInterface,
    path: &'a Path,
}

impl Finder<'_> {
    fn function<Params, Return>(&self, interface: &str, name: &str) -> Result<ComponentExportIndex, LoadError>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        let wrong = |reason: String| LoadError::WrongTypes {
            path: self.path.to_owned(),
            name: format!("{interface}#{name}"),
            reason,
        };
        let instance = self.component.get_export_index(None, interface);
        let export = instance.and_then(|instance| self.component.get_export(Some(&instance), name));
        let Some((ComponentItem::ComponentFunc(function), index)) = export else {
            return Err(wrong("there is no such function".to_owned()));
        };
        function.typecheck::<Params, Return>(&self.ty.instance_type()).map_err(|error| wrong(format!("{error:#}")))?;
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart() {
        let name = InterfaceName::parse("wasi:clocks/wall-clock@0.2.3").unwrap();
        assert_eq!((name.package, name.interface), ("wasi:clocks", "wall-clock"));
        assert!(name.is_version("0.2"));
        assert_eq!(InterfaceName::parse("run"), None);
    }

    #[test]
    fn any_patch_of_0_1_is_spoken_and_nothing_else() {
        for version in ["0.1.0", "0.1.7", "0.1.23"] {
            let name = format!("sluicebox:plugin/packed@{version}");
            assert!(!InterfaceName::parse(&name).unwrap().is_foreign_version(), "{version}");
        }
        for name in ["packed", "packed@0.1", "packed@0.2.0", "packed@0.10.0", "packed@1.1.0", "packed@0.1.0-rc.1"] {
            let name = format!("sluicebox:plugin/{name}");
            assert!(InterfaceName::parse(&name).unwrap().is_foreign_version(), "{name}");
        }
        assert!(!InterfaceName::parse("wasi:cli/run@0.2.0").unwrap().is_foreign_version());
    }
}
