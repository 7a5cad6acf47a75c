//! The schema of a plugin's configuration: found in its project, and put into its component.

use std::fs;

use anyhow::{Context as _, Result};

use super::build::Project;
use super::component;
use crate::plugin::config_schema::{CONFIG_SCHEMA_SECTION, check_config_schema};

/// The file with the schema: in the project's folder where the author wrote it, in that of intermediate files where
/// the SDK made it.
const FILE: &str = "config.schema.json";

/// Removes what an earlier build has left.
pub fn forget(project: &Project) -> Result<()> {
    let file = project.made.join(FILE);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// Keeps a schema that a tool printed.
pub fn keep(project: &Project, text: &str) -> Result<()> {
    let file = project.made.join(FILE);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The component with the project's schema: the author's, otherwise the one that the SDK made. Without either it
/// stays as it is.
pub fn with_schema(component: Vec<u8>, project: &Project) -> Result<Vec<u8>> {
    let files = [project.folder.join(FILE), project.made.join(FILE)];
    let Some(file) = files.into_iter().find(|file| file.is_file()) else { return Ok(component) };
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = check_config_schema(&bytes).with_context(|| file.display().to_string())?;
    Ok(component::with_section(component, CONFIG_SCHEMA_SECTION, text.as_bytes()))
}
