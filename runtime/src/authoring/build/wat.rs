//! WebAssembly's text format: a module by hand.

use anyhow::{Context as _, Result, bail};

use super::{Made, Project};
use crate::authoring::component;

pub fn build(project: &Project) -> Result<Made> {
    let sources = project.sources("wat");
    let [source] = &sources[..] else {
        bail!("{}: one .wat file makes a plugin, and here are {}", project.folder.display(), sources.len())
    };
    let module = ::wat::parse_file(source)?;
    let component = component::from_module(&module, "fast", project.real)
        .with_context(|| format!("{} cannot become a component", source.display()))?;
    Ok(Made { name: project.folder_name()?, component })
}
