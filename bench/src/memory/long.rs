//! A long run: fed as fast as it reads, and always so many records behind.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde::Serialize;

use super::{Bench, mib};
use crate::cluster::Cluster;
use crate::feed::{self, BULK, Feed};
use crate::figures::slope;
use crate::pipeline::{Pipeline, Stages, sluice_run};
use crate::program::Program;
use crate::usage::memory;

/// How often memory is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the program has caught up.
const LOOK: Duration = Duration::from_millis(10);
/// How long the last records may take.
const LAST: Duration = Duration::from_secs(60);
/// The part of the run, up to its end, of which growth is told: before it, buffers fill for the first time.
pub const FITTED: f64 = 0.8;

/// What brokers keep of a topic's partitions: much more than the lag, and little beside all that is written. They look
/// for what is too much every five minutes, unless they are told otherwise.
const SHORT: [(&str, &str); 2] = [("retention.bytes", "134217728"), ("segment.bytes", "67108864")];

/// One look.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// Seconds since the first record.
    pub seconds: f64,
    /// Memory.
    pub mib: f64,
    /// Records that are written to the input and not worked off.
    pub lag: u64,
}

/// A long run's memory.
pub struct Curve {
    /// All looks, in order.
    pub samples: Vec<Sample>,
    /// The most memory, in bytes.
    pub peak: u64,
    /// Records of the input.
    pub records: u64,
    /// Records of the input a second.
    pub rate: f64,
}

impl Curve {
    /// Minutes and MiB.
    pub fn points(&self) -> Vec<(f64, f64)> {
        self.samples.iter().map(|sample| (sample.seconds / 60.0, sample.mib)).collect()
    }

    /// MiB at the last look.
    pub fn end(&self) -> f64 {
        self.samples.last().map_or(0.0, |sample| sample.mib)
    }

    /// MiB a minute.
    pub fn growth(&self) -> f64 {
        let points = self.points();
        let first = (points.len() as f64 * (1.0 - FITTED)) as usize;
        slope(&points[first..])
    }
}

impl Bench {
    /// Runs for so many minutes, with at least `lag` records unread.
    ///
    /// # Errors
    /// The program or the broker fails; records are missing from the output.
    pub fn feed_for(&self, minutes: u64, lag: u64) -> Result<Curve> {
        let cluster = &self.cluster;
        let (name, input) = (format!("{}-long", self.prefix), format!("{}-long-input", self.prefix));
        cluster.create_with(&input, &SHORT)?;
        let pipeline = Pipeline { name: &name, input: &input, stages: Stages::OrderStatus, settings: "" };
        pipeline.create_output_with(cluster, &SHORT)?;
        let file = pipeline.write(cluster, self.folder.path())?;
        let mut feed = Feed::new(cluster, &input, &BULK)?;
        let (fed, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let mut program = Program::start(sluice_run(&file)?, &file.with_extension("log"))?;
        let (samples, rate) = thread::scope(|scope| {
            let feeding = scope.spawn(|| keep_ahead(&mut feed, cluster, &name, lag, &fed, &over));
            let watched = watch(&mut program, cluster, &name, Duration::from_secs(60 * minutes), &fed);
            over.store(true, Ordering::Relaxed);
            feeding.join().map_err(|_| anyhow!("the thread that feeds panicked"))??;
            watched
        })?;
        let peak = memory(program.id()).context("the program's memory")?.peak;
        let records = feed.next();
        wait_for_rest(&mut program, cluster, &name, records)?;
        program.stop()?;
        program.wait()?;
        pipeline.delete_output(cluster)?;
        cluster.delete(&input)?;
        Ok(Curve { samples, peak, records, rate })
    }
}

/// Sends records whenever fewer than twice `lag` are not worked off, until it is over.
fn keep_ahead(
    feed: &mut Feed,
    cluster: &Cluster,
    output: &str,
    lag: u64,
    fed: &AtomicU64,
    over: &AtomicBool,
) -> Result<()> {
    while !over.load(Ordering::Relaxed) {
        let wanted = worked_off(cluster, output)? + 2 * lag;
        while feed.next() < wanted && !over.load(Ordering::Relaxed) {
            feed.send()?;
            fed.store(feed.next(), Ordering::Relaxed);
        }
        feed.serve();
        thread::sleep(LOOK);
    }
    feed.flush()
}

/// Samples of the program's memory, and the records a second that it takes.
fn watch(
    program: &mut Program,
    cluster: &Cluster,
    output: &str,
    time: Duration,
    fed: &AtomicU64,
) -> Result<(Vec<Sample>, f64)> {
    while cluster.filled(output)? == 0 {
        program.ensure_runs()?;
        thread::sleep(LOOK);
    }
    let (begin, before) = (Instant::now(), worked_off(cluster, output)?);
    let mut samples = Vec::new();
    loop {
        program.ensure_runs()?;
        let (seconds, now) = (begin.elapsed().as_secs_f64(), memory(program.id()).context("the program's memory")?.now);
        let done = worked_off(cluster, output)?;
        let lag = fed.load(Ordering::Relaxed).saturating_sub(done);
        samples.push(Sample { seconds, mib: mib(now), lag });
        if samples.len() % 30 == 1 {
            let rate = (done - before) as f64 / seconds;
            eprintln!("{seconds:.0} s: {:.1} MiB, {lag} behind, {rate:.0}/s", mib(now));
        }
        if begin.elapsed() >= time {
            return Ok((samples, (done - before) as f64 / seconds));
        }
        thread::sleep(EVERY);
    }
}

/// How many records of the input have led to what is in the output, about.
fn worked_off(cluster: &Cluster, output: &str) -> Result<u64> {
    const MANY: u64 = 1_000_000;
    let share = feed::kept_of(MANY) as f64 / MANY as f64;
    Ok((cluster.filled(output)? as f64 / share) as u64)
}

fn wait_for_rest(program: &mut Program, cluster: &Cluster, output: &str, records: u64) -> Result<()> {
    let (kept, deadline) = (feed::kept_of(records), Instant::now() + LAST);
    loop {
        let filled = cluster.filled(output)?;
        if filled == kept {
            return Ok(());
        }
        program.ensure_runs()?;
        let is_wrong = filled > kept || Instant::now() > deadline;
        ensure!(!is_wrong, "{filled} records came out in place of {kept}");
        thread::sleep(LOOK);
    }
}
