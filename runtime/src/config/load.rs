//! From a pipeline file to a plan.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::beside::{AsWritten, Beside};
use super::error::{Diagnostic, Errors, Flaw, Position, Source, Warning};
use super::expand::Env;
use super::file;
use super::file_format;
use super::fingerprint::fingerprint;
use super::formats::{self, FormatContext};
use super::plan::{
    BatchLimits, Breaker, Delivery, Input, KeyValue, OnBreak, OnLostOffset, Plan, SchemaRegistry, Start, Traces,
};
use super::planner::Planner;
use super::plugins::PluginPath;
use super::print;
use super::properties::{self, About};
use super::property_names::PATHS;
use super::scalar::Size;
use super::shape::PIPELINE;
use super::written::Written;
use super::{shape, show, stages, topics, traces};

/// What the command line adds to a file.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Folders of plugins, searched before those of `SLUICE_PLUGIN_PATH` and `plugins/` beside the file.
    pub plugin_path: Vec<PathBuf>,
    /// An instance name, over the file's.
    pub instance: Option<String>,
    /// Whether the plan is for the embedded broker, which has no transactions.
    pub embedded: bool,
    /// Whether no cluster is contacted, so that certificates and keys need not be there.
    pub offline: bool,
    /// Whether plugins are left unresolved, for commands that run none.
    pub without_plugins: bool,
}

/// The shortest and the longest time for which something may be set to happen again or to be over.
const PERIOD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(24 * 3600));

/// Reads a pipeline file and plans it. Contacts no broker and loads no plugin.
///
/// # Errors
/// Everything that is wrong with the file, each finding with its place.
pub fn load(file: &Path, env: Env<'_>, options: &PlanOptions) -> Result<(Plan, Vec<Warning>), Errors> {
    load_text(file, &read(file)?, env, options)
}

/// A file's text.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub(crate) fn read(file: &Path) -> Result<String, Errors> {
    let bytes = fs::read(file).map_err(|error| Diagnostic::of_file(file, format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Diagnostic::of_file(file, format!("line {line} is not UTF-8")).into()
    })
}

/// A finding about a place in a pipeline file that was planned before, quoted from the file as it is now.
pub fn finding(file: &Path, at: Position, message: &str) -> Errors {
    findings(file, [Flaw::new(at, message)])
}

/// Findings about places in a pipeline file that was planned before, quoted from the file as it is now. At least one.
pub fn findings(file: &Path, flaws: impl IntoIterator<Item = Flaw>) -> Errors {
    let text = fs::read_to_string(file).unwrap_or_default();
    let source = source(file, &text);
    let quoted = |flaw: Flaw| source.diagnostic(flaw.at, flaw.message).with_help_if(flaw.help);
    Errors::of(flaws.into_iter().map(quoted).collect())
}

/// Plans a pipeline file whose text is given. `file` names it in findings, and paths in it are relative to that.
///
/// # Errors
/// As [`load`].
pub fn load_text(file: &Path, text: &str, env: Env<'_>, options: &PlanOptions) -> Result<(Plan, Vec<Warning>), Errors> {
    let source = source(file, text);
    let pipeline = shape::parse(&source, &PIPELINE)?;
    let plugins = PluginPath::new(file, &options.plugin_path, env);
    let mut planner = Planner::new(&source, env);
    let plan = plan(&mut planner, &pipeline, file, &plugins, options);
    planner.finish(plan)
}

/// The plugins that a pipeline file names: the name as it is written, and its file. Of the rest of the file nothing is
/// checked but its shape.
///
/// # Errors
/// The file has no such shape, or a plugin is not there.
pub fn named_plugins(file: &Path, env: Env<'_>, options: &PlanOptions) -> Result<Vec<(String, PathBuf)>, Errors> {
    let text = read(file)?;
    let source = source(file, &text);
    let pipeline: file::Pipeline = shape::parse(&source, &PIPELINE)?;
    let plugins = PluginPath::new(file, &options.plugin_path, env);
    let mut planner = Planner::new(&source, env);
    let named = pipeline.stages.iter().map(|stage| {
        let (_, path) = stages::plugin(&mut planner, stage, Some(&plugins));
        (stage.plugin.text.clone(), path)
    });
    let named = named.collect();
    planner.finish(named).map(|(named, _)| named)
}

/// The folders in which the plugins of a pipeline file are looked for, in order; some may not be there.
pub fn plugin_folders(file: &Path, env: Env<'_>, options: &PlanOptions) -> Vec<PathBuf> {
    PluginPath::new(file, &options.plugin_path, env).folders().to_vec()
}

/// Whether a text has the shape of a pipeline file; what it says is not looked at.
///
/// # Errors
/// What is wrong with its shape.
pub fn has_shape(file: &Path, text: &str) -> Result<(), Errors> {
    shape::parse::<file::Pipeline>(&source(file, text), &PIPELINE).map(|_| ())
}

/// A file's text, for findings that quote it.
pub(crate) fn source<'a>(file: &'a Path, text: &'a str) -> Source<'a> {
    Source::new(file, text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn plan(
    planner: &mut Planner<'_>,
    pipeline: &file::Pipeline,
    file: &Path,
    plugins: &PluginPath,
    options: &PlanOptions,
) -> Plan {
    let name = topics::name(planner, "name", &pipeline.name).map(|name| name.value).unwrap_or_default();
    let delivery = delivery(planner, pipeline.delivery.as_ref(), options.embedded);
    let instance = instance(planner, pipeline.instance.as_ref(), options.instance.as_deref());
    let resolved = (!options.without_plugins).then_some(plugins);
    let stages = stages::stages(planner, &pipeline.stages, resolved, delivery);
    let connects = !options.embedded && !options.offline;
    let registry = pipeline.schema_registry.as_ref();
    let schema_registry = registry.map(|written| formats::registry(planner, written, plugins.beside(), connects));
    let context = FormatContext { folder: plugins.beside(), has_registry: schema_registry.is_some() };
    let mut decoded =
        |key: &str, written: Option<&file_format::InputFormat>| formats::input(planner, key, written?, &context);
    let key = decoded("input.key", pipeline.input.key.as_ref());
    let value = decoded("input.value", pipeline.input.value.as_ref());
    let decoded = KeyValue { key, value };
    let (outputs, mut destinations) = topics::outputs(planner, &pipeline.outputs, &decoded, &context);
    let dlq = pipeline.dlq.as_ref().map(|dlq| topics::dlq(planner, dlq, &mut destinations));
    if let (None, Some((stage, at))) = (&dlq, stages.first_to_dlq) {
        let message = format!("stage {stage} sends what fails to the DLQ, and there is none");
        let help = "add dlq: { topic: NAME }, or on_error: { then: drop } or { then: stop } to the stage";
        planner.error_with_help(at, message, help);
    }
    formats::needs_dlq(planner, pipeline, &decoded, &outputs);
    let allow_loop = planner.read_or("input.allow_loop", pipeline.input.allow_loop.as_ref(), false);
    let checked = if allow_loop { &[] } else { &destinations[..] };
    let input = Input { formats: decoded, ..input(planner, &pipeline.input, checked, &name) };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = planner.within_or("workers", pipeline.workers.as_ref(), 1..=1024, cores);
    let period = PERIOD.0..=PERIOD.1;
    let commit_interval = pipeline.commit_interval.as_ref();
    let default_interval = match delivery {
        Delivery::AtLeastOnce => Duration::from_secs(1),
        Delivery::ExactlyOnce => Duration::from_millis(100),
    };
    let commit_interval = planner.within_or("commit_interval", commit_interval, period.clone(), default_interval);
    let drain = planner.within_or("drain", pipeline.drain.as_ref(), period, Duration::from_secs(20));
    let (written, bounds) = (pipeline.kafka_patience.as_ref(), Duration::ZERO..=PERIOD.1);
    let kafka_patience = planner.within_or("kafka_patience", written, bounds, Duration::from_secs(60));
    let has_formats = !input.formats.is_empty() || outputs.iter().any(|output| !output.formats.is_empty());
    let batch = batch(planner, &pipeline.batch, has_formats);
    let show = show::show(planner, &pipeline.show);
    let traces = pipeline.traces.as_ref().map(|written| traces::traces(planner, written, plugins.beside(), connects));
    let breaker = breaker(planner, pipeline.breaker.as_ref());
    let about = About {
        folder: plugins.beside(),
        name: &name,
        group: &input.group,
        instance: instance.as_deref(),
        delivery,
        connects,
    };
    // Last, since what librdkafka says of all properties together is only asked where nothing else is wrong.
    let clients = properties::clients(planner, pipeline, &about);
    let transaction_timeout = transaction_timeout(&clients.producer);
    if delivery == Delivery::ExactlyOnce {
        fits_transaction(planner, pipeline, commit_interval, transaction_timeout);
    }
    topics::warn_of_shared_dlq(planner, &destinations);
    let (values, mut files) = planner.written();
    files.extend(schema_registry.iter().flat_map(SchemaRegistry::files));
    files.extend(traces.iter().flat_map(Traces::files));
    for properties in [&clients.consumer, &clients.producer] {
        files.extend(PATHS.iter().filter_map(|name| properties.get(*name)).map(PathBuf::from));
    }
    let config = |stage: &file::Stage| stage.config.as_ref().map(|config| print::config(planner.text(), &config.value));
    let as_written = AsWritten {
        name: pipeline.name.at,
        group: pipeline.input.group.as_ref().map_or(pipeline.name.at, |group| group.at),
        allow_loop,
        destinations: destinations.into_iter().map(topics::Destination::place).collect(),
        values,
        files: files.clone(),
        configs: pipeline.stages.iter().map(config).collect(),
    };
    Plan {
        file: file.to_owned(),
        name: name.as_str().into(),
        consumer: clients.consumer,
        producer: clients.producer,
        schema_registry,
        input,
        delivery,
        instance,
        workers: NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN),
        batch,
        stages: stages.chain,
        outputs,
        dlq,
        breaker,
        commit_interval,
        transaction_timeout,
        drain,
        kafka_patience,
        show,
        traces,
        embedded: options.embedded,
        files: fingerprint(files),
        as_written: Beside(as_written),
    }
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
