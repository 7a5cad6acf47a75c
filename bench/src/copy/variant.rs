//! The ways to copy a topic that are compared, and one run of one of them.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::records;
use crate::cluster::Cluster;
use crate::program::{Goal, Program};
use crate::usage::Usage;

/// A way to copy a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The hand-written loop.
    Native,
    /// `sluice run`, with so many identity stages.
    Sluice {
        /// How many.
        stages: usize,
        /// Whether it delivers exactly once.
        exactly_once: bool,
    },
}

/// All that are compared; the others' ratios are to the first.
pub const ALL: [Variant; 5] = [
    Variant::Native,
    Variant::Sluice { stages: 0, exactly_once: false },
    Variant::Sluice { stages: 0, exactly_once: true },
    Variant::Sluice { stages: 3, exactly_once: false },
    Variant::Sluice { stages: 3, exactly_once: true },
];

/// What one run showed.
pub struct Measured {
    /// Records a second, from the first record that is seen in the output to the last.
    pub rate: f64,
    /// Processor time of the whole process, from start to end.
    pub usage: Usage,
}

/// One run: its own name, and what all runs share.
pub struct Run<'a> {
    /// The brokers.
    pub cluster: &'a Cluster,
    /// What is copied.
    pub input: &'a str,
    /// How many records that are.
    pub records: u64,
    /// Lines of `kafka:` that come beside the brokers.
    pub properties: &'a str,
    /// The group, the output topic and the files of this run have this name.
    pub name: String,
    /// Where its files go.
    pub folder: &'a Path,
}

impl Variant {
    /// Its name in tables.
    pub fn name(self) -> String {
        match self {
            Variant::Native => "native copy loop".to_owned(),
            Variant::Sluice { stages, exactly_once } => {
                let stages = if stages == 0 { "no stages".to_owned() } else { format!("{stages} identity stages") };
                let delivery = if exactly_once { "exactly once" } else { "at least once" };
                format!("sluice, {stages}, {delivery}")
            }
        }
    }

    fn exactly_once(self) -> bool {
        match self {
            Variant::Native => false,
            Variant::Sluice { exactly_once, .. } => exactly_once,
        }
    }

    /// Copies the input to a new topic in a new group, checks the copy, and removes it again.
    ///
    /// # Errors
    /// The program fails, or what it made is no copy.
    pub fn run(self, run: &Run<'_>) -> Result<Measured> {
        run.cluster.create(&run.name)?;
        let measured = self.measure(run).with_context(|| format!("{} ({})", self.name(), run.name))?;
        run.cluster.delete(&run.name)?;
        Ok(measured)
    }

    fn measure(self, run: &Run<'_>) -> Result<Measured> {
        let Run { cluster, input, records, name, folder, .. } = run;
        let goal =
            Goal { cluster, input, group: name, output: name, records: *records, transactions: self.exactly_once() };
        let pipeline = folder.join(format!("{name}.yaml"));
        fs::write(&pipeline, self.pipeline(run)).with_context(|| format!("cannot write {}", pipeline.display()))?;
        let mut program = Program::start(self.command(&pipeline, *records)?, &folder.join(format!("{name}.log")))?;
        let rate = program.wait_for_output(&goal)?;
        program.wait_for_commit(&goal)?;
        // The native loop ends by itself.
        if self != Variant::Native {
            program.stop()?;
        }
        let usage = program.wait()?;
        records::check(cluster, name, *records, self.exactly_once())?;
        Ok(Measured { rate, usage })
    }

    fn command(self, pipeline: &Path, records: u64) -> Result<Command> {
        Ok(match self {
            Variant::Native => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("native-copy").arg(pipeline).arg(records.to_string());
                command
            }
            Variant::Sluice { .. } => {
                let sluice = env::var_os("SLUICE_BIN").context("SLUICE_BIN is not set: run `cargo xtask bench`")?;
                let mut command = Command::new(sluice);
                command.arg("run").arg(pipeline);
                command
            }
        })
    }

    /// The pipeline file; the native loop takes librdkafka's settings from it, and no stages.
    fn pipeline(self, run: &Run<'_>) -> String {
        let count = match self {
            Variant::Native => 0,
            Variant::Sluice { stages, .. } => stages,
        };
        let stage =
            |number| format!("\n  - {{ name: identity-{number}, plugin: identity, on_error: {{ then: stop }} }}");
        let stages: String = (0..count).map(stage).collect();
        let stages = if count == 0 { " []" } else { &stages };
        let delivery = if self.exactly_once() { "exactly_once" } else { "at_least_once" };
        format!(
            "name: {name}\ndelivery: {delivery}\nkafka:\n  bootstrap.servers: \"{bootstrap}\"\n{properties}input: {{ topics: [{input}] }}\n\
             stages:{stages}\noutputs: {{ default: {{ topic: {name} }} }}\n",
            name = run.name,
            bootstrap = run.cluster.bootstrap,
            properties = run.properties,
            input = run.input,
        )
    }
}
