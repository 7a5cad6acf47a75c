//! `sluice tap`: shows live records before and after a stage of a running daemon.

use std::io::Write as _;

use anyhow::Context as _;
use clap::builder::RangedU64ValueParser;

use super::control::Daemon;
use super::output::{Output, tell, uses_color};
use super::{FAILED, WrongUse};
use crate::admin::api::{TapEnded, TapShed};
use crate::admin::client::{SentEvent, escaped};
use crate::explain::{Paint, Tapped, write_tapped};

const EXAMPLES: &str = "\
Examples:
  sluice tap orders only-paid
  sluice tap orders only-paid --sample 0.01 --limit 1000 --json";

/// Show live records before and after a stage.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct TapCommand {
    /// Name of the pipeline
    pipeline: String,
    /// Name of the stage
    stage: String,
    /// Share of the records to show, above 0 and at most 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    sample: f64,
    /// Number of records after which to end
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000))]
    limit: u64,
    /// Seconds after which to end
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    seconds: f64,
    /// Print JSON, one record per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

impl TapCommand {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        if !(self.sample > 0.0 && self.sample <= 1.0) {
            return Err(WrongUse("--sample is a share of the records, above 0 and at most 1".to_owned()).into());
        }
        if !(self.seconds > 0.0 && self.seconds <= 600.0) {
            return Err(WrongUse("--seconds are above 0 and at most 600".to_owned()).into());
        }
        let (pipeline, stage) = (escaped(&self.pipeline), escaped(&self.stage));
        let (sample, limit, seconds) = (self.sample, self.limit, self.seconds);
        let path =
            format!("/api/v1/pipelines/{pipeline}/stages/{stage}/tap?sample={sample}&limit={limit}&seconds={seconds}");
        let client = self.daemon.client()?;
        let mut out = Output::standard()?;
        let mut has_ended = false;
        client.events(&path, &mut |event| {
            has_ended |= event.name == "end";
            self.show(&event, &mut out)?;
            Ok(!has_ended && !out.is_closed())
        })?;
        if !has_ended && !out.is_closed() {
            tell("error: the daemon has closed the connection");
            return Ok(FAILED);
        }
        Ok(0)
    }

    fn show(&self, event: &SentEvent, out: &mut Output) -> anyhow::Result<()> {
        let unknown = || format!("the daemon sends a {} of another shape", event.name);
        match event.name.as_str() {
            "record" if self.json => writeln!(out, "{}", event.data)?,
            "record" => {
                let tapped: Tapped = serde_json::from_str(&event.data).with_context(unknown)?;
                let paint = if uses_color(out.is_terminal()) { Paint::Colors } else { Paint::Plain };
                write_tapped(&tapped, paint, out)?;
            }
            "shed" => {
                let TapShed { count } = serde_json::from_str(&event.data).with_context(unknown)?;
                tell(format_args!(
                    "{count} records were left out: they come faster than they are shown (see --sample)"
                ));
            }
            "end" => {
                let TapEnded { reason } = serde_json::from_str(&event.data).with_context(unknown)?;
                tell(reason);
            }
            _ => {}
        }
        Ok(out.flush()?)
    }
}
