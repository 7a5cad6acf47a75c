//! What jq programs cost in the plugin, beside the programs `jq` and `jaq`.

mod others;
mod programs;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use sluicebox::batch::Partition;
use sluicebox::config::{PlanOptions, load_text};
use sluicebox::plugin::{CacheDirs, Engine};
use tempfile::NamedTempFile;

use self::others::OTHERS;
use self::programs::PROGRAMS;
use crate::boundary::batch::{RECORDS, Template};
use crate::boundary::case::{Case, Expected};
use crate::figures::{Figure, Rounds};
use crate::orders;
use crate::report::Report;

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each measures every program once in the plugin, in jq and in jaq.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Milliseconds of processor time for each program of the plugin in a round.
    #[arg(long, default_value_t = 50)]
    millis: u64,
    /// Records in the file that jq and jaq read.
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Only the programs that contain this
    #[arg(long, default_value = "")]
    only: String,
}

/// A program and what it costs.
struct Measured {
    kind: &'static str,
    program: &'static str,
    plugin: Case,
    /// Nanoseconds a record, for each of the others.
    others: [Rounds; OTHERS.len()],
}

/// What is written of a program.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'a str,
    program: &'a str,
    rounds: u32,
    plugin_ns_per_record: Figure,
    jq_ns_per_record: Figure,
    /// None where jaq cannot run it.
    jaq_ns_per_record: Option<Figure>,
    ratio: f64,
}

/// Measures.
///
/// # Errors
/// `jq` or `jaq` is missing, the plugin is missing, or it answers otherwise than `jq`.
pub fn run(options: &Options) -> Result<Report> {
    let versions = OTHERS.iter().map(|other| other.version()).collect::<Result<Vec<_>>>()?;
    let (few, many) = (file(RECORDS as u64)?, file(options.records)?);
    let nothing = file(0)?;
    let engine = Engine::new(&CacheDirs::from_env())?;
    let mut programs = Vec::new();
    for (kind, of_kind) in PROGRAMS {
        for &program in of_kind.iter().filter(|program| program.contains(&options.only)) {
            let plugin = case(&engine, program, few.path()).with_context(|| program.to_owned())?;
            programs.push(Measured { kind, program, plugin, others: Default::default() });
        }
    }
    let time = Duration::from_millis(options.millis);
    for round in 0..=options.rounds {
        for measured in &mut programs {
            measured.plugin.round(time)?;
            if round == 0 {
                measured.plugin.forget(); // it was to warm up
                continue;
            }
            for (other, rounds) in OTHERS.iter().zip(&mut measured.others) {
                // Without what its start costs.
                let start = other.time(measured.program, nothing.path())?;
                let spent = other.time(measured.program, many.path())?;
                if let Some((start, spent)) = start.zip(spent) {
                    rounds.push(spent.saturating_sub(start).as_nanos() as f64 / options.records as f64);
                }
            }
        }
    }
    report(&programs, options, &versions)
}

/// A file of records, one a line.
fn file(records: u64) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("cannot make a temporary file")?;
    {
        let mut writer = std::io::BufWriter::new(file.as_file_mut());
        for number in 0..records {
            writeln!(writer, "{}", orders::wide(number))?;
        }
    }
    Ok(file)
}

/// The plugin with a program, which has to answer what jq does.
fn case(engine: &Engine, program: &str, records: &Path) -> Result<Case> {
    let pipeline = json!({
        "name": "jq",
        "kafka": { "bootstrap.servers": "nowhere" },
        "input": { "topics": ["in"] },
        "stages": [{ "name": "jq", "plugin": "jq", "config": { "program": program } }],
        "outputs": { "default": { "drop": true } },
        "dlq": { "topic": "dlq" },
    });
    let env = |name: &str| std::env::var(name).ok();
    let (plan, _) = load_text(Path::new("jq.yaml"), &pipeline.to_string(), &env, &PlanOptions::default())?;
    let stage = plan.stages.first().context("there is one stage")?;
    let value = |number| orders::wide(number).into_bytes();
    let template = Template::spread(&[Partition(0)], RECORDS, value);
    let expected = Expected::Results(OTHERS[0].results(program, records)?);
    Case::new(engine, stage, &[Arc::from("default")], program.to_owned(), template, expected)
}

fn report(programs: &[Measured], options: &Options, versions: &[String]) -> Result<Report> {
    let about = format!(
        "Nanoseconds of processor time that a jq program takes of a record with nine fields in the plugin, in batches of \
         {RECORDS}, and in {}, on {} records and without their start; {} rounds.",
        versions.join(" and "),
        options.records,
        options.rounds
    );
    let columns = ["program", "plugin, ns", "jq, ns", "jaq, ns", "plugin / jq"];
    let mut report = Report::new("jq", about, &columns);
    let mut ratios = Rounds::default();
    for measured in programs {
        let plugin = measured.plugin.plugin.figure();
        let jq = measured.others[0].any_figure().with_context(|| format!("jq fails on {}", measured.program))?;
        let jaq = measured.others[1].any_figure();
        let ratio = plugin.median / jq.median;
        ratios.push(ratio);
        report.log.line(&Line {
            kind: measured.kind,
            program: measured.program,
            rounds: options.rounds,
            plugin_ns_per_record: plugin,
            jq_ns_per_record: jq,
            jaq_ns_per_record: jaq,
            ratio,
        })?;
        let mut row = vec![format!("`{}`", measured.program.replace('|', "\\|"))];
        let text = |figure: Figure| format!("{:.0}", figure.median);
        row.extend([text(plugin), text(jq), jaq.map_or("fails".to_owned(), text)]);
        row.push(format!("{ratio:.2}"));
        report.table.row(row);
    }
    let ratios = ratios.figure();
    for (name, ratio) in [("median", ratios.median), ("largest", ratios.max)] {
        report.table.row(vec![name.to_owned(), String::new(), String::new(), String::new(), format!("{ratio:.2}")]);
    }
    Ok(report)
}
