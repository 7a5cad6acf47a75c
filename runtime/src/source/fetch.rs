//! Fetched records come in: of each worker that has room, into its open batch.

use std::time::Instant;

use super::Source;
use super::circuit_breaker::CircuitBreaker;
use super::intake::Intake;
use super::partitions::OwnedPartitions;
use crate::error::PipelineError;
use crate::kafka::{Fetched, FetchedRecord, KafkaError};

/// Records of one worker that are taken before the loop looks at anything else.
const BURST: usize = 1024;

impl Source {
    /// Reads fetched records for every worker that has room. Returns whether there is more.
    pub(super) fn read_records(&mut self, now: Instant) -> bool {
        let mut any = false;
        for worker in 0..self.intake.workers() {
            if !self.intake.has_room(worker) {
                continue;
            }
            let Source { consumer, partitions, intake, breaker, .. } = self;
            let (mut left, mut failed, mut complaints) = (BURST, None, Vec::new());
            let mut is_lost = false;
            let has_more = consumer.read(worker, &mut |fetched| {
                left -= 1;
                match fetched {
                    Fetched::Record(record) => match take(partitions, intake, breaker, &record, now) {
                        Ok(true) => {}
                        Ok(false) => return false,
                        Err(error) => {
                            let place = (record.origin.topic(), record.partition, record.offset);
                            failed = Some((format!("{}/{}/{}", place.0, place.1, place.2), error));
                            return false;
                        }
                    },
                    Fetched::End(at, end) => {
                        if let Some(partition) = partitions.of_mut(&at) {
                            partition.reach_end(end);
                        }
                    }
                    Fetched::OffsetOutOfRange(at, why) => {
                        if let Some(partition) = partitions.of_mut(&at) {
                            partition.set_out_of_range(why);
                            is_lost = true;
                        }
                    }
                    Fetched::Failed(error) => complaints.push(error),
                }
                left > 0
            });
            // What the log holds is asked in the next turn, and nobody else might wake the loop for that.
            any |= is_lost || left < BURST && has_more && self.intake.has_room(worker);
            self.intake.set_quiet(worker, !has_more);
            complaints.into_iter().for_each(|error| self.on_failed(error, now));
            if let Some((at, error)) = failed {
                self.fail(PipelineError::Unreadable(error.about(&at)), now);
            }
        }
        any
    }
}

/// Takes a record in. Returns whether the next one can be taken at once.
///
/// # Errors
/// The record cannot be read in full.
fn take(
    partitions: &mut OwnedPartitions,
    intake: &mut Intake,
    breaker: &mut CircuitBreaker,
    record: &FetchedRecord<'_>,
    now: Instant,
) -> Result<bool, KafkaError> {
    let Some(index) = partitions.index_of_record(record) else { return Ok(true) };
    let Some(partition) = partitions.get_mut(index) else { return Ok(true) };
    if !partition.accept(record.offset) {
        partition.refused(record.offset, record.timestamp);
        return Ok(true);
    }
    if let Some(probed) = breaker.take(partition.lease(), record, now)? {
        if let Some(bytes) = probed {
            partition.flights_mut().read(bytes, record.timestamp, now);
        }
        return Ok(!breaker.is_probe_ready(now));
    }
    let bytes = intake.push(partition, record, now)?;
    partition.flights_mut().read(bytes, record.timestamp, now);
    Ok(!intake.is_full(partition.worker()))
}
