//! `sluice explain`: tells what the chain makes of a record.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use super::output::{Output, uses_color};
use super::plan::warn;
use super::{PluginPath, WrongUse, engine};
use crate::batch::{Offset, Partition};
use crate::config::PlanOptions;
use crate::config::plan::Plan;
use crate::dlq::select::{At, Input};
use crate::explain::{Asked, Destinations, FetchError, Paint, explain, fetch_dead_letters, fetch_inputs, write};
use crate::kafka::TopicPartition;
use crate::ready::load_one;
use crate::record_text::DevRecord;

const EXAMPLES: &str = "\
Examples:
  sluice explain orders.yaml orders/2/4711
  sluice explain orders.yaml --dead-letter 0/17 --json
  sluice explain orders.yaml --record record.json";

/// Explain what the chain makes of a record.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// The pipeline file
    pipeline: PathBuf,
    /// A record of an input topic. May be given several times
    #[arg(value_name = "TOPIC/PARTITION/OFFSET", required_unless_present_any = ["dead_letter", "record"])]
    places: Vec<Input>,
    /// A dead letter of the pipeline. May be given several times
    #[arg(long, value_name = "PARTITION/OFFSET", conflicts_with = "places")]
    dead_letter: Vec<At>,
    /// File with records as JSON, one per line, or - for standard input. No broker is asked for anything
    #[arg(long, value_name = "FILE", conflicts_with_all = ["places", "dead_letter"])]
    record: Option<PathBuf>,
    /// Dead-letter topic to use in place of the pipeline's
    #[arg(long, value_name = "NAME", requires = "dead_letter")]
    topic: Option<String>,
    /// Print JSON, one explanation per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    plugin_path: PluginPath,
}

impl Explain {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let options = PlanOptions { offline: self.record.is_some(), ..self.plugin_path.options() };
        let (ready, warnings) = load_one(&engine()?, &self.pipeline, &options)?;
        warn(warnings);
        let plan = &ready.plan;
        let asked = self.asked(plan)?;
        let destinations = if self.record.is_some() { None } else { Some(Destinations::ask(plan)?) };
        let mut out = Output::standard()?;
        let paint = if uses_color(out.is_terminal()) { Paint::Colors } else { Paint::Plain };
        for (number, asked) in asked.iter().enumerate() {
            let explanation = explain(plan, &ready.plugins, asked, destinations.as_ref())?;
            if self.json {
                writeln!(out, "{}", serde_json::to_string(&explanation)?)?;
                continue;
            }
            if number > 0 {
                writeln!(out)?;
            }
            write(&explanation, paint, &mut out)?;
        }
        out.flush()?;
        Ok(0)
    }

    fn asked(&self, plan: &Plan) -> anyhow::Result<Vec<Asked>> {
        let fetched = if let Some(file) = &self.record {
            return read_records(file);
        } else if self.dead_letter.is_empty() {
            fetch_inputs(plan, &self.places)
        } else {
            let own = plan.dlq.as_ref().map(|dlq| dlq.topic.name.as_str());
            match self.topic.as_deref().or(own) {
                Some(topic) => fetch_dead_letters(plan, topic, &self.dead_letter),
                None => Err(FetchError::NoDlq(plan.name.to_string())),
            }
        };
        fetched.map_err(|error| match error {
            FetchError::NotAnInput { .. } | FetchError::NoDlq(_) => WrongUse(error.to_string()).into(),
            FetchError::NotThere(_) | FetchError::Kafka(_) => error.into(),
        })
    }
}

fn read_records(file: &PathBuf) -> anyhow::Result<Vec<Asked>> {
    let name = file.display();
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("standard input")?
    } else {
        std::fs::read_to_string(file).map_err(|error| WrongUse(format!("--record {name}: {error}")))?
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let asked = lines.map(|(number, line)| {
        read_record(line).map_err(|error| WrongUse(format!("--record {name}: line {}: {error}", number + 1)))
    });
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    if asked.is_empty() {
        return Err(WrongUse(format!("--record {name}: there is no record in it")).into());
    }
    Ok(asked)
}

/// Reads a record as `sluice dlq show --json` and an explanation have it. With `partition` and `offset` it has a place,
/// which stages may read.
fn read_record(line: &str) -> Result<Asked, String> {
    let wrong = |error: &dyn std::fmt::Display| error.to_string();
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
        // For the words of the error.
        let error = DevRecord::from_json(line.as_bytes()).err();
        return Err(error.map_or_else(|| "a record is a JSON object".to_owned(), |error| error.to_string()));
    };
    let mut number = |name: &str| match fields.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_i64().filter(|number| *number >= 0);
            number.map(Some).ok_or_else(|| format!("\"{name}\" is a number from 0 on"))
        }
    };
    let (partition, offset) = (number("partition")?, number("offset")?);
    let record = DevRecord::from_fields(&fields).map_err(|error| wrong(&error))?;
    let at = match (&record.topic, partition, offset) {
        (Some(topic), Some(partition), Some(offset)) => {
            let number = i32::try_from(partition).map_err(|_| "\"partition\" is too large".to_owned())?;
            let at = TopicPartition { topic: topic.as_str().into(), partition: Partition(number) };
            Some((at, Offset(offset)))
        }
        _ => None,
    };
    Ok(Asked { record, at, by_hand: true, letter: None })
}
