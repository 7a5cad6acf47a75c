//! Metrics: what pipelines count and publish, as Prometheus and OpenMetrics have it.

pub mod definition;
mod exposition;
mod pipeline;
mod process;
#[cfg(test)]
mod tests;

pub use self::exposition::{Exposition, Format};
use super::registry::Registry;

/// Partition series of one pipeline.
const PARTITIONS_OF_PIPELINE: usize = 100;

/// Returns all metrics of the process, with at most so many series of partitions.
pub fn render(registry: &Registry, partitions: usize, format: Format) -> String {
    let mut all = Exposition::default();
    process::collect(&mut all);
    let mut left = partitions;
    for (name, entry) in registry.all().iter() {
        let room = left.min(PARTITIONS_OF_PIPELINE);
        left -= pipeline::collect(&mut all, name, entry, room);
    }
    all.render(format)
}
