//! WebAssembly's text format: a module by hand.

use anyhow::{Context as _, Result};

use super::{Made, Project};
use crate::authoring::{component, wrong_use};

pub fn build(project: &Project) -> Result<Made> {
    let sources = project.sources("wat");
    let [source] = &sources[..] else {
        let (folder, count) = (project.folder.display(), sources.len());
        return Err(wrong_use(format!("{folder}: a plugin is made from one .wat file, and there are {count}")));
    };
    let module = ::wat::parse_file(source)?;
    let component = component::from_module(&module, "fast", project.real)
        .with_context(|| format!("{} cannot become a component", source.display()))?;
    Ok(Made { name: project.folder_name()?, version: None, component })
}
