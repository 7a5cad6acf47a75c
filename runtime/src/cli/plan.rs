//! Plans for commands that ask the brokers or the registry and run no plugin.

use std::fmt::Display;
use std::path::Path;

use super::output::tell;
use crate::config::plan::Plan;
use crate::config::{self, PlanOptions};

/// Plans a pipeline file without looking for its plugins: an operator's machine may not have them. Says what is odd.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn without_plugins(file: &Path) -> anyhow::Result<Plan> {
    let environment = |name: &str| std::env::var(name).ok();
    let options = PlanOptions { without_plugins: true, ..PlanOptions::default() };
    let (plan, warnings) = config::load(file, &environment, &options)?;
    warn(warnings);
    Ok(plan)
}

/// Says what is odd and no error.
pub(super) fn warn<W: Display>(warnings: impl IntoIterator<Item = W>) {
    for warning in warnings {
        tell(format_args!("warning: {warning}"));
    }
}
