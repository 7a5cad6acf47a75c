//! What each language costs: the same plugins written with each SDK, from the host to the plugin and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use sluicebox::authoring::{Inspection, inspect, size};
use sluicebox::config::plan::{Plan, Stage};
use sluicebox::config::{PlanOptions, load_text};
use sluicebox::plugin::{CacheDirs, Engine, StageSetup};

use crate::boundary::batch::Template;
use crate::boundary::case::{Case, Expected};
use crate::boundary::native;
use crate::figures::Figure;
use crate::report::{Log, Table, write_section};

const LANGUAGES: [&str; 6] = ["rust", "c", "assemblyscript", "go", "js", "python"];

/// The document that has the table, and the marks around it.
const DOCUMENT: &str = "docs/languages.md";
const SECTION: &str = "measured";

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every language once, one after the other.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Milliseconds of processor time for each case in a round.
    #[arg(long, default_value_t = 50)]
    millis: u64,
}

/// One language's cases.
struct Language {
    name: &'static str,
    /// Keeps every record, and asks for all fields.
    keep: Case,
    /// The same, called for one record at a time.
    single: Case,
    /// `order-enrich`.
    enrich: Case,
    enrich_file: PathBuf,
    warm_start: Duration,
    memory: usize,
}

/// What is written of a language.
#[derive(Serialize)]
struct Measured<'a> {
    language: &'a str,
    rounds: u32,
    keep_ns_per_record: Figure,
    call_ns: Figure,
    enrich_ns_per_record: Figure,
    native_ns_per_record: Figure,
    warm_start_ms: f64,
    memory_bytes: usize,
    #[serde(flatten)]
    plugin: Inspection,
}

/// Measures, and prints and writes the results; with `document`, into that too.
///
/// # Errors
/// A plugin is missing, fails or answers wrongly; the results cannot be written.
pub fn run(options: &Options, document: bool) -> Result<()> {
    let engine = Engine::new(&CacheDirs::from_env())?;
    let mut languages = Vec::new();
    for name in LANGUAGES {
        languages.push(Language::new(&engine, name).with_context(|| name.to_owned())?);
    }
    let time = Duration::from_millis(options.millis);
    for round in 0..=options.rounds {
        for language in &mut languages {
            for case in [&mut language.keep, &mut language.single, &mut language.enrich] {
                case.round(time)?;
                if round == 0 {
                    case.forget(); // it was to warm up
                }
            }
        }
    }
    report(&languages, options, document)
}

impl Language {
    fn new(engine: &Engine, name: &'static str) -> Result<Language> {
        let plan = plan(name)?;
        let stage = |stage: &str| plan.stages.iter().find(|found| &*found.name == stage).context("no such stage");
        let case = |of: &str, template, expected| {
            Case::new(engine, stage(of)?, &[Arc::from("default")], format!("{name}: {of}"), template, expected)
        };
        let keep = case("keep", Template::synthetic(200), Expected::Kept)?;
        let single = case("keep", Template::synthetic(200).first(1), Expected::Kept)?;
        let enrich = case("enrich", Template::orders(), Expected::LikeNative(native::enrich))?;
        let enrich_stage = stage("enrich")?;
        let warm_start = warm_start(engine, enrich_stage)?;
        let memory = enrich.memory();
        Ok(Language { name, keep, single, enrich, enrich_file: enrich_stage.path.clone(), warm_start, memory })
    }
}

fn plan(language: &str) -> Result<Plan> {
    let pipeline: Value = json!({
        "name": "languages",
        "kafka": { "bootstrap.servers": "nowhere" },
        "input": { "topics": ["in"] },
        "stages": [
            { "name": "keep", "plugin": format!("exercise-{language}"), "config": { "keep": true } },
            {
                "name": "enrich", "plugin": format!("order-enrich-{language}"),
                "config": { "statuses": ["shipped", "delivered", "cancelled"] },
            },
        ],
        "outputs": { "default": { "drop": true } },
        "dlq": { "topic": "dlq" },
    });
    let (plan, _) = load_text(
        Path::new("languages.yaml"),
        &pipeline.to_string(),
        &|name| std::env::var(name).ok(),
        &PlanOptions::default(),
    )?;
    Ok(plan)
}

/// From the compiled plugin on disk to a started instance.
fn warm_start(engine: &Engine, stage: &Stage) -> Result<Duration> {
    let setup = StageSetup {
        pipeline: "bench".into(),
        stage: stage.name.clone(),
        config: stage.config.clone(),
        outputs: vec!["default".into()],
        limits: stage.limits,
        env: Vec::new(),
        show: Default::default(),
    };
    let started = Instant::now();
    engine.load(&stage.path, &stage.grants)?.instantiate(&setup, Arc::default())?;
    Ok(started.elapsed())
}

fn report(languages: &[Language], options: &Options, document: bool) -> Result<()> {
    let mut table = Table::new(&[
        "order-enrich in",
        "keep, ns",
        "call, us",
        "enrich, ns",
        "file",
        "compile, s",
        "warm start, ms",
        "memory",
    ]);
    let mut log = Log::new("languages");
    for language in languages {
        let plugin = inspect(&language.enrich_file)?;
        let (keep, call) = (language.keep.plugin.figure(), language.single.plugin.figure());
        let enrich = language.enrich.plugin.figure();
        let warm_start = language.warm_start.as_secs_f64() * 1e3;
        table.row(vec![
            language.name.to_owned(),
            format!("{:.0}", keep.median),
            format!("{:.2}", call.median / 1e3),
            format!("{:.0}", enrich.median),
            size(plugin.size),
            format!("{:.2}", plugin.compile_ms / 1e3),
            format!("{warm_start:.1}"),
            size(language.memory as u64),
        ]);
        log.line(&Measured {
            language: language.name,
            rounds: options.rounds,
            keep_ns_per_record: keep,
            call_ns: call,
            enrich_ns_per_record: enrich,
            native_ns_per_record: language.enrich.native.figure(),
            warm_start_ms: warm_start,
            memory_bytes: language.memory,
            plugin,
        })?;
    }
    let native = languages[0].enrich.native.figure().median;
    table.row(vec!["native, serde_json".to_owned(), String::new(), String::new(), format!("{native:.0}")]);
    let path = log.write()?;
    println!("{}\nwritten to {}", table.text(), path.display());
    if document {
        write_section(DOCUMENT, SECTION, &table.markdown())?;
    }
    Ok(())
}
