//! From what a pipeline file says to a plan.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::beside::{AsWritten, Beside};
use super::file;
use super::file_format;
use super::fingerprint::fingerprint;
use super::formats::{self, FormatContext};
use super::load::PlanOptions;
use super::plan::{
    BatchLimits, Breaker, Delivery, Dlq, Input, KeyValue, OnBreak, OnLostOffset, Output, Plan, SchemaRegistry, Start,
    Traces,
};
use super::planner::Planner;
use super::plugins::PluginPath;
use super::print;
use super::properties::{self, About, Clients};
use super::property_names::PATHS;
use super::scalar::Size;
use super::stages::{self, Stages};
use super::topics::Destination;
use super::written::Written;
use super::{show, topics, traces};

/// The shortest and the longest time for which something may be set to happen again or to be over.
const PERIOD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(24 * 3600));

pub(super) fn plan(
    planner: &mut Planner<'_>,
    pipeline: &file::Pipeline,
    file: &Path,
    plugins: &PluginPath,
    options: &PlanOptions,
) -> Plan {
    let (folder, connects) = (plugins.beside(), !options.embedded && !options.offline);
    let name = topics::name(planner, "name", &pipeline.name).map(|name| name.value).unwrap_or_default();
    let delivery = delivery(planner, pipeline.delivery.as_ref(), options.embedded);
    let instance = instance(planner, pipeline.instance.as_ref(), options.instance.as_deref());
    let resolved = (!options.without_plugins).then_some(plugins);
    let stages = stages::stages(planner, &pipeline.stages, resolved, delivery);
    let registry = pipeline.schema_registry.as_ref();
    let schema_registry = registry.map(|written| formats::registry(planner, written, folder, connects));
    let context = FormatContext { folder, has_registry: schema_registry.is_some() };
    let records = records(planner, pipeline, &name, &stages, &context);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = planner.within_or("workers", pipeline.workers.as_ref(), 1..=1024, cores);
    let times = times(planner, pipeline, delivery);
    let batch = batch(planner, &pipeline.batch, records.have_formats());
    let show = show::show(planner, &pipeline.show);
    let traces = pipeline.traces.as_ref().map(|written| traces::traces(planner, written, folder, connects));
    let breaker = breaker(planner, pipeline.breaker.as_ref());
    let (group, own) = (&records.input.group, instance.as_deref());
    let about = About { folder, name: &name, group, instance: own, delivery, workers, connects };
    // Last, since what librdkafka says of all properties together is only asked where nothing else is wrong.
    let clients = properties::clients(planner, pipeline, &about);
    let transaction_timeout = transaction_timeout(&clients.producer);
    if delivery == Delivery::ExactlyOnce {
        fits_transaction(planner, pipeline, times.commit_interval, transaction_timeout);
    }
    topics::warn_of_shared_dlq(planner, &records.destinations);
    let (values, mut files) = planner.written();
    files.extend(files_of_clients(schema_registry.as_ref(), traces.as_ref(), &clients));
    let config = |stage: &file::Stage| stage.config.as_ref().map(|config| print::config(planner.text(), &config.value));
    let as_written = AsWritten {
        name: pipeline.name.at,
        group: pipeline.input.group.as_ref().map_or(pipeline.name.at, |group| group.at),
        allow_loop: records.allow_loop,
        destinations: records.destinations.into_iter().map(Destination::place).collect(),
        values,
        files: files.clone(),
        configs: pipeline.stages.iter().map(config).collect(),
    };
    Plan {
        file: file.to_owned(),
        name: name.as_str().into(),
        consumer: clients.consumer,
        producer: clients.producer,
        sends_at_once: clients.sends_at_once,
        schema_registry,
        input: records.input,
        delivery,
        instance,
        workers: NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN),
        batch,
        stages: stages.chain,
        outputs: records.outputs,
        dlq: records.dlq,
        breaker,
        commit_interval: times.commit_interval,
        transaction_timeout,
        drain: times.drain,
        kafka_patience: times.kafka_patience,
        show,
        traces,
        embedded: options.embedded,
        files: fingerprint(files),
        as_written: Beside(as_written),
    }
}

/// Where records come from, and where they go.
struct Records {
    input: Input,
    outputs: Vec<Output>,
    dlq: Option<Dlq>,
    destinations: Vec<Destination>,
    allow_loop: bool,
}

impl Records {
    fn have_formats(&self) -> bool {
        !self.input.formats.is_empty() || self.outputs.iter().any(|output| !output.formats.is_empty())
    }
}

fn records(
    planner: &mut Planner<'_>,
    pipeline: &file::Pipeline,
    name: &str,
    stages: &Stages,
    context: &FormatContext<'_>,
) -> Records {
    let mut decoded =
        |key: &str, written: Option<&file_format::InputFormat>| formats::input(planner, key, written?, context);
    let key = decoded("input.key", pipeline.input.key.as_ref());
    let value = decoded("input.value", pipeline.input.value.as_ref());
    let decoded = KeyValue { key, value };
    let (outputs, mut destinations) = topics::outputs(planner, &pipeline.outputs, &decoded, context);
    let dlq = pipeline.dlq.as_ref().map(|dlq| topics::dlq(planner, dlq, &mut destinations));
    stages.require_dlq(planner, dlq.is_some());
    formats::needs_dlq(planner, pipeline, &decoded, &outputs);
    let allow_loop = planner.read_or("input.allow_loop", pipeline.input.allow_loop.as_ref(), false);
    let checked = if allow_loop { &[] } else { &destinations[..] };
    let input = Input { formats: decoded, ..input(planner, &pipeline.input, checked, name) };
    Records { input, outputs, dlq, destinations, allow_loop }
}

/// How often it commits, and what it waits for no longer than that.
struct Times {
    commit_interval: Duration,
    drain: Duration,
    kafka_patience: Duration,
}

fn times(planner: &mut Planner<'_>, pipeline: &file::Pipeline, delivery: Delivery) -> Times {
    let period = PERIOD.0..=PERIOD.1;
    let default = match delivery {
        Delivery::AtLeastOnce => Duration::from_secs(1),
        Delivery::ExactlyOnce => Duration::from_millis(100),
    };
    let commit_interval = pipeline.commit_interval.as_ref();
    let commit_interval = planner.within_or("commit_interval", commit_interval, period.clone(), default);
    let drain = planner.within_or("drain", pipeline.drain.as_ref(), period, Duration::from_secs(20));
    let (written, bounds) = (pipeline.kafka_patience.as_ref(), Duration::ZERO..=PERIOD.1);
    let kafka_patience = planner.within_or("kafka_patience", written, bounds, Duration::from_secs(60));
    Times { commit_interval, drain, kafka_patience }
}

/// The files that clients read.
fn files_of_clients(registry: Option<&SchemaRegistry>, traces: Option<&Traces>, clients: &Clients) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = registry.into_iter().flat_map(SchemaRegistry::files).collect();
    files.extend(traces.into_iter().flat_map(Traces::files));
    for properties in [&clients.consumer, &clients.producer] {
        files.extend(PATHS.iter().filter_map(|name| properties.get(*name)).map(PathBuf::from));
    }
    files
}

fn delivery(planner: &mut Planner<'_>, written: Option<&Written<Delivery>>, embedded: bool) -> Delivery {
    let delivery = planner.read_or("delivery", written, Delivery::AtLeastOnce);
    if let (Delivery::ExactlyOnce, Some(written), true) = (delivery, written, embedded) {
        planner.error_with_help(
            written.at,
            "delivery: the embedded broker has no transactions, so exactly_once is not possible",
            "run it on a real cluster, or make it ${DELIVERY:-exactly_once} and set DELIVERY=at_least_once here",
        );
    }
    delivery
}

fn transaction_timeout(producer: &BTreeMap<String, String>) -> Duration {
    let millis = producer.get(properties::TRANSACTION_TIMEOUT).and_then(|millis| millis.parse().ok());
    millis.map_or(Duration::from_secs(60), Duration::from_millis)
}

/// Under exactly_once a transaction lasts for a commit interval, and then has to be committed before it times out.
fn fits_transaction(
    planner: &mut Planner<'_>,
    pipeline: &file::Pipeline,
    commit_interval: Duration,
    timeout: Duration,
) {
    let Some(written) = &pipeline.commit_interval else { return };
    if commit_interval > timeout / 2 {
        let message = format!("commit_interval: under exactly_once it may be at most {:?}", timeout / 2);
        let help = "that is half of the producer's transaction.timeout.ms, after which the broker aborts";
        planner.error_with_help(written.at, message, help);
    }
}

fn instance(planner: &mut Planner<'_>, written: Option<&Written<String>>, given: Option<&str>) -> Option<String> {
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        if let Some(flaw) = topics::name_flaw(given) {
            planner.error_of_file(format!("the instance name \"{given}\" {flaw}"));
        }
        return Some(given.to_owned());
    }
    let written = written?;
    let read = planner.read("instance", written)?;
    // An empty instance is none: `${POD_NAME:-}` is static membership only where there is a pod's name.
    if read.value.is_empty() {
        return None;
    }
    topics::legal_name(planner, "instance", read).map(|read| read.value)
}

fn input(
    planner: &mut Planner<'_>,
    input: &file::Input,
    destinations: &[topics::Destination],
    pipeline: &str,
) -> Input {
    let read = topics::input(planner, &input.topics);
    topics::no_loop(planner, &read, destinations);
    let group = planner.read_or("input.group", input.group.as_ref(), pipeline.to_owned());
    if let (true, Some(written)) = (group.trim().is_empty() || group.contains(char::is_control), &input.group) {
        planner.error(written.at, "input.group: a consumer group needs a name, without control characters");
    }
    Input {
        topics: read.into_iter().map(|topic| topic.value).collect(),
        group,
        start: planner.read_or("input.start", input.start.as_ref(), Start::Earliest),
        on_lost_offset: planner.read_or("input.on_lost_offset", input.on_lost_offset.as_ref(), OnLostOffset::Stop),
        formats: KeyValue::default(),
    }
}

fn batch(planner: &mut Planner<'_>, batch: &file::Batch, has_formats: bool) -> BatchLimits {
    // What is decoded lies in the batch, too, and takes more room than it came in.
    let bytes = Size(1 << 10)..=Size(if has_formats { 32 << 20 } else { 1 << 30 });
    let wait = Duration::ZERO..=Duration::from_secs(60);
    BatchLimits {
        max_records: planner.within_or("batch.max_records", batch.max_records.as_ref(), 1..=1_000_000, 1024),
        max_bytes: planner.within_or("batch.max_bytes", batch.max_bytes.as_ref(), bytes, Size(1 << 20)).0,
        max_wait: planner.within_or("batch.max_wait", batch.max_wait.as_ref(), wait, Duration::from_millis(5)),
    }
}

fn breaker(planner: &mut Planner<'_>, written: Option<&file::Breaker>) -> Option<Breaker> {
    let none = file::BreakerRules::default();
    let rules = match written {
        None => &none,
        Some(file::Breaker::Rules(rules)) => rules,
        Some(file::Breaker::Word(word)) => {
            let read = planner.read("breaker", word)?;
            if read.value != "off" {
                let help = "write `breaker: off`, or the rules: breaker: { share: 0.5, min_records: 100 }";
                planner.error_with_help(read.at, format!("breaker: {} is neither off nor a mapping", read.shown), help);
            }
            return None;
        }
    };
    let window = Duration::from_secs(1)..=Duration::from_secs(3600);
    let share = planner.read_or("breaker.share", rules.share.as_ref(), 0.5);
    if let (false, Some(written)) = (share > 0.0 && share <= 1.0, &rules.share) {
        planner.error(written.at, "breaker.share: must be above 0 and at most 1; `breaker: off` turns it off");
    }
    Some(Breaker {
        share,
        window: planner.within_or("breaker.window", rules.window.as_ref(), window, Duration::from_secs(30)),
        min_records: planner.within_or("breaker.min_records", rules.min_records.as_ref(), 1..=1_000_000_000, 100)
            as u64,
        on_break: planner.read_or("breaker.on_break", rules.on_break.as_ref(), OnBreak::Pause),
    })
}
