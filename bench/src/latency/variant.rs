//! The ways from topic to topic that are compared, and one run of one of them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;

use super::arrivals::Arrivals;
use super::load::Load;
use crate::cluster::{self, Cluster};
use crate::feed::{Feed, PROMPT};
use crate::pipeline::{Pipeline, Stages, sluice_run};
use crate::program::Program;
use crate::usage::{self, Usage};
use crate::watchers::{self, Watchers};

/// How long the consumer is waited for.
const POLL: Duration = Duration::from_millis(10);
/// How long nothing may arrive before a run is given up.
const STANDSTILL: Duration = Duration::from_secs(60);
/// How long records are looked for that should not come any more.
const AFTER: Duration = Duration::from_millis(500);

/// A way from the producer to the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// None: the consumer reads what the producer has written.
    Straight,
    /// Through `sluice run`.
    Sluice {
        /// What it does.
        stages: Stages,
        /// How long a transaction lasts at most in milliseconds, where it delivers exactly once.
        exactly_once: Option<u32>,
    },
}

/// All that are compared.
pub const ALL: [Variant; 6] = [
    Variant::Straight,
    Variant::Sluice { stages: Stages::None, exactly_once: None },
    Variant::Sluice { stages: Stages::OrderStatus, exactly_once: None },
    Variant::Sluice { stages: Stages::None, exactly_once: Some(1_000) },
    Variant::Sluice { stages: Stages::OrderStatus, exactly_once: Some(1_000) },
    Variant::Sluice { stages: Stages::OrderStatus, exactly_once: Some(100) },
];

/// One run: its own name, and what all runs share.
pub struct Run<'a> {
    /// The brokers.
    pub cluster: &'a Cluster,
    /// The group, the topics and the files of this run have names that begin so.
    pub name: String,
    /// Where its files go.
    pub folder: &'a Path,
    /// What is sent.
    pub load: Load,
    /// Whether the program is looked at while it runs.
    pub is_watched: bool,
}

/// What a run showed.
pub struct Measured {
    /// Of the records that count, in microseconds.
    pub latencies: Histogram<u64>,
    /// Processor time of the program for each record that was sent meanwhile.
    pub cpu_us_per_record: Option<f64>,
    /// Records of the input of which everything has arrived, a second, while it counted.
    pub rate: f64,
}

/// What arrived, and what happened while it counted.
struct Watched {
    latencies: Histogram<u64>,
    /// What the program used.
    used: Duration,
    /// How many records arrived.
    arrived: u64,
}

/// A moment of a run.
#[derive(Clone, Copy)]
struct Mark {
    used: Usage,
    missing: u64,
}

impl Variant {
    /// Its name in tables.
    pub fn name(self) -> String {
        match self {
            Variant::Straight => "straight, without sluice".to_owned(),
            Variant::Sluice { stages, exactly_once: None } => format!("{}, at least once", stages.name()),
            Variant::Sluice { stages, exactly_once: Some(millis) } => {
                format!("{}, exactly once, {millis} ms at most", stages.name())
            }
        }
    }

    /// Sends the load through topics and a group of its own, checks what arrives, and removes the topics again.
    ///
    /// # Errors
    /// The program or the broker fails; records arrive that should not, or do not that should.
    pub fn run(self, run: &Run<'_>) -> Result<Measured> {
        let input = format!("{}-input", run.name);
        run.cluster.create(&input)?;
        let watched = match self {
            Variant::Straight => self.watch(run, &input, &input, None),
            Variant::Sluice { stages, exactly_once } => self.through(run, &input, stages, exactly_once),
        };
        let watched = watched.with_context(|| format!("{} ({})", self.name(), run.name))?;
        run.cluster.delete(&input)?;
        let (seconds, sent) = (run.load.measured.as_secs_f64(), run.load.records() as f64);
        let used = watched.used.as_secs_f64() * 1e6 / (run.load.rate as f64 * seconds);
        let arrived = watched.arrived as f64 * sent / Arrivals::new(run.load, self.keeps_some())?.missing() as f64;
        Ok(Measured {
            latencies: watched.latencies,
            cpu_us_per_record: (self != Variant::Straight).then_some(used),
            rate: arrived / seconds,
        })
    }

    /// Whether order-status has dropped what it drops.
    fn keeps_some(self) -> bool {
        matches!(self, Variant::Sluice { stages: Stages::OrderStatus, .. })
    }

    fn through(self, run: &Run<'_>, input: &str, stages: Stages, exactly_once: Option<u32>) -> Result<Watched> {
        let settings = exactly_once.map(|millis| format!("delivery: exactly_once\ncommit_interval: {millis}ms\n"));
        let settings = settings.unwrap_or_default();
        let pipeline = Pipeline { name: &run.name, input, stages, settings: &settings };
        pipeline.create_output(run.cluster)?;
        let file = pipeline.write(run.cluster, run.folder)?;
        let ready = file.with_extension("ready");
        let mut command = sluice_run(&file)?;
        command.arg("--ready-file").arg(&ready);
        let address = run.is_watched.then(watchers::free_address).transpose()?;
        if let Some(address) = address {
            command.args(["--admin", &address.to_string()]);
        }
        let mut program = Program::start(command, &file.with_extension("log"))?;
        program.wait_for_file(&ready)?;
        let watchers = address.map(Watchers::start);
        let watched = self.watch(run, input, &run.name, Some(&mut program))?;
        watchers.map_or(Ok(()), Watchers::stop)?;
        program.stop()?;
        program.wait()?;
        pipeline.delete_output(run.cluster)?;
        Ok(watched)
    }

    /// Sends the load, and notes what arrives of it.
    fn watch(self, run: &Run<'_>, input: &str, output: &str, program: Option<&mut Program>) -> Result<Watched> {
        let mut feed = Feed::new(run.cluster, input, &PROMPT)?;
        let consumer = consumer(run.cluster, output)?;
        let given_up = AtomicBool::new(false);
        let begin = Instant::now();
        thread::scope(|scope| {
            let sending = scope.spawn(|| run.load.send(&mut feed, begin, &given_up));
            let watched = self.receive(run.load, &consumer, begin, program);
            given_up.store(true, Ordering::Relaxed);
            let sent = sending.join().map_err(|_| anyhow::anyhow!("the thread that sends panicked"))?;
            let watched = watched?;
            sent.map(|()| watched)
        })
    }

    fn receive(
        self,
        load: Load,
        consumer: &BaseConsumer,
        begin: Instant,
        mut program: Option<&mut Program>,
    ) -> Result<Watched> {
        let mut arrivals = Arrivals::new(load, self.keeps_some())?;
        let mut last = Duration::ZERO;
        // When the measured time began, and when it ended.
        let mut marks = Vec::new();
        while arrivals.missing() > 0 || begin.elapsed() < last + AFTER {
            let record = consumer.poll(POLL).transpose()?;
            let now = begin.elapsed();
            if let Some(record) = record {
                arrivals.note(record.key(), now)?;
                last = now;
            }
            if [load.warm_up, load.lasts()].get(marks.len()).is_some_and(|moment| now >= *moment) {
                let used = program.as_deref_mut().map(used_by).transpose()?.unwrap_or_default();
                marks.push(Mark { used, missing: arrivals.missing() });
            }
            ensure!(now < last + STANDSTILL, "{} records do not arrive", arrivals.missing());
        }
        let [before, after] = marks[..] else { bail!("everything arrived before its time") };
        let (used, arrived) = ((after.used - before.used).total(), before.missing - after.missing);
        Ok(Watched { latencies: arrivals.latencies(), used, arrived })
    }
}

fn used_by(program: &mut Program) -> Result<Usage> {
    program.ensure_runs()?;
    Ok(usage::so_far(program.id())?)
}

/// A consumer that gets every record at once.
fn consumer(cluster: &Cluster, topic: &str) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = cluster::config(&cluster.bootstrap)
        .set("group.id", "bench-latency")
        .set("enable.auto.commit", "false")
        .set("fetch.min.bytes", "1")
        .set("fetch.wait.max.ms", "5")
        .set("isolation.level", "read_committed")
        .create()?;
    consumer.assign(&cluster::partitions(topic, |_| Offset::Beginning)?)?;
    Ok(consumer)
}
