//! The formats of a pipeline: before it starts, the schemas of its outputs are known.

use std::sync::Arc;
use std::time::Duration;

use super::topics::is_stopped;
use crate::config::plan::Plan;
use crate::counters::PipelineCounters;
use crate::error::PipelineError;
use crate::formats::Formats;
use crate::registry::{HttpRegistry, LocalSchemas, Registry};
use crate::rt::{self, Receiver};
use crate::source::Event;
use crate::view::ViewCell;

/// The folder beside a pipeline file that `sluice schema pull` writes to.
const SCHEMAS: &str = "schemas";
/// How long to wait before the registry is asked again; also how late a stop is noticed then.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// How long it is asked in vain before that is logged, and how often then.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);

/// Returns the registry of a plan, where it has one.
///
/// # Errors
/// A file of certificates cannot be read.
pub(crate) fn registry(plan: &Plan, counters: &Arc<PipelineCounters>) -> anyhow::Result<Option<Arc<dyn Registry>>> {
    let Some(registry) = &plan.schema_registry else { return Ok(None) };
    Ok(Some(Arc::new(HttpRegistry::new(registry, counters.registry.clone())?)))
}

/// Returns the schemas for records that are given by hand: those of the registry, and of the folder `schemas` beside
/// the pipeline file.
///
/// # Errors
/// The folder's index cannot be read.
pub(crate) fn local_schemas(plan: &Plan, registry: Option<Arc<dyn Registry>>) -> anyhow::Result<Option<LocalSchemas>> {
    let folder = plan.file.parent().unwrap_or("".as_ref()).join(SCHEMAS);
    LocalSchemas::new(registry.filter(|_| plan.has_formats()), &folder)
}

/// The formats of a plan; none where it has none.
pub(crate) type Formatted = Option<Arc<Formats>>;

/// Asks until the schemas of all outputs are known; none where the pipeline is told to stop meanwhile.
pub(super) fn wait_for_formats(
    plan: &Plan,
    registry: Option<Arc<dyn Registry>>,
    events: &Receiver<Event>,
    view: &ViewCell,
) -> Result<Option<Formatted>, PipelineError> {
    if plan.embedded {
        let mut missed = |why: &str| {
            tracing::warn!(target: "formats", pipeline = %plan.name, "{why}; whether records fit it is not checked");
        };
        let schemas = local_schemas(plan, registry).map_err(|error| PipelineError::Plugin(format!("{error:#}")))?;
        return Formats::by_hand(plan, schemas, &mut missed).map(Some).map_err(PipelineError::Plugin);
    }
    let mut said = None;
    loop {
        match Formats::new(plan, registry.as_ref()) {
            Ok(formats) => return Ok(Some(formats)),
            Err(why) if registry.is_none() => return Err(PipelineError::Plugin(why)),
            Err(why) => {
                if said.is_none_or(|at| rt::now() - at > COMPLAINT_INTERVAL) {
                    tracing::warn!(target: "formats", pipeline = %plan.name, "{why}; nothing is read until it is known");
                    said = Some(rt::now());
                }
            }
        }
        view.turn();
        if is_stopped(events, rt::now() + RETRY_WAIT) {
            return Ok(None);
        }
    }
}
