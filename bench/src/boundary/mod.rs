//! What a stage costs a record: from the host to the plugin and back, in batches made without Kafka.

pub mod batch;
pub mod case;
pub mod native;

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use sluicebox::config::plan::{Plan, Stage};
use sluicebox::config::{PlanOptions, load, load_text};
use sluicebox::plugin::{CacheDirs, Engine};

use self::batch::{RECORDS, Template};
use self::case::{Case, Expected};
use self::native::Job;
use crate::figures::Figure;
use crate::report::{Report, root};

/// The example of which the shipped plugins' configurations are taken.
const EXAMPLE: &str = "pipelines/order-status.yaml";

/// What the example has no stage for.
const OTHERS: &str = "
name: others
kafka: { bootstrap.servers: nowhere }
input: { topics: [in] }
stages:
  - { name: identity, plugin: identity }
  - { name: echo, plugin: identity, config: { echo: true } }
  - name: by-status
    plugin: route
    config: { field: status, routes: { shipped: shipped, delivered: delivered, cancelled: cancelled } }
outputs:
  default: { drop: true }
  shipped: { topic: shipped }
  delivered: { topic: delivered }
  cancelled: { topic: cancelled }
dlq: { topic: dlq }
";

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every case once, one after the other.
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// Milliseconds of processor time for each case in a round.
    #[arg(long, default_value_t = 50)]
    millis: u64,
}

/// What is written of a case.
#[derive(Serialize)]
struct Measured<'a> {
    case: &'a str,
    records: usize,
    rounds: u32,
    ns_per_record: Figure,
    native_ns_per_record: Option<Figure>,
    ratio: Option<f64>,
}

/// Measures.
///
/// # Errors
/// A plugin is missing, fails or answers wrongly.
pub fn run(options: &Options) -> Result<Report> {
    let mut cases = cases()?;
    let time = Duration::from_millis(options.millis);
    for case in &mut cases {
        case.round(time)?;
        case.forget();
    }
    for _ in 0..options.rounds {
        for case in &mut cases {
            case.round(time)?;
        }
    }
    report(&cases, options.rounds)
}

fn cases() -> Result<Vec<Case>> {
    let engine = Engine::new(&CacheDirs::from_env())?;
    let env = |name: &str| env::var(name).ok();
    let options = PlanOptions::default();
    let (example, _) = load(&root().join(EXAMPLE), &env, &options)?;
    let (others, _) = load_text(Path::new("others.yaml"), OTHERS, &env, &options)?;
    let mut cases = Vec::new();
    for (stage, name) in [("identity", "identity"), ("echo", "identity, echo")] {
        for (size, label) in [(200, "200 B"), (1024, "1 KB")] {
            let expected = if stage == "identity" { Expected::Kept } else { Expected::Echoed };
            let name = format!("{name}, {label}");
            cases.push(case(&engine, &others, stage, name, Template::synthetic(size), expected)?);
        }
    }
    let jobs: [(&Plan, &str, Job); 4] = [
        (&example, "filter-json", native::filter),
        (&example, "mask-json", native::mask),
        (&example, "jq", native::total),
        (&others, "route", native::route),
    ];
    for (plan, plugin, job) in jobs {
        let stage = plan.stages.iter().find(|stage| stage.plugin == plugin);
        let stage = stage.with_context(|| format!("{} has no stage of {plugin}", plan.file.display()))?;
        let (name, expected) = (plugin.to_owned(), Expected::LikeNative(job));
        cases.push(case(&engine, plan, &stage.name, name, Template::orders(), expected)?);
    }
    Ok(cases)
}

fn case(
    engine: &Engine,
    plan: &Plan,
    stage: &str,
    name: String,
    template: Template,
    expected: Expected,
) -> Result<Case> {
    let stage: &Stage = plan.stages.iter().find(|found| &*found.name == stage).context("no such stage")?;
    let outputs: Vec<Arc<str>> = plan.outputs.iter().map(|output| output.name.clone()).collect();
    Case::new(engine, stage, &outputs, name, template, expected)
}

fn report(cases: &[Case], rounds: u32) -> Result<Report> {
    let about = format!(
        "Nanoseconds of processor time that one stage takes of a record, from the host to the plugin and back, in batches \
         of {RECORDS} and {rounds} rounds; beside it the same work in native code."
    );
    let columns = ["ns a record", "median", "min", "max", "serde_json", "min", "max", "ratio"];
    let mut report = Report::new("boundary", about, &columns);
    for case in cases {
        let plugin = case.plugin.figure();
        let native = case.has_native().then(|| case.native.figure());
        let ratio = native.map(|native| plugin.median / native.median);
        let result = Measured {
            case: &case.name,
            records: RECORDS,
            rounds,
            ns_per_record: plugin,
            native_ns_per_record: native,
            ratio,
        };
        report.log.line(&result)?;
        let mut row = vec![case.name.clone()];
        row.extend([plugin.median, plugin.min, plugin.max].map(|figure| format!("{figure:.1}")));
        let native = native.map(|native| [native.median, native.min, native.max].map(|figure| format!("{figure:.1}")));
        row.extend(native.unwrap_or_default());
        row.push(ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default());
        report.table.row(row);
    }
    Ok(report)
}
