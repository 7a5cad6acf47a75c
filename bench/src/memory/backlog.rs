//! A backlog that is worked off.

use anyhow::{Context, Result};

use super::Bench;
use crate::feed;
use crate::pipeline::{Pipeline, Stages, sluice_run};
use crate::program::Program;
use crate::usage::{Memory, memory};

/// What that showed.
pub struct Drained {
    /// Memory, right after the last record.
    pub memory: Memory,
    /// Records of the input a second.
    pub rate: f64,
}

impl Bench {
    /// Makes a backlog.
    ///
    /// # Errors
    /// The broker's.
    pub fn fill(&self, input: &str, records: u64) -> Result<()> {
        self.cluster.create(input)?;
        feed::fill(&self.cluster, input, records)
    }

    /// Works it off in a new group.
    ///
    /// # Errors
    /// The program fails, or records are missing from its output.
    pub fn drain(&self, round: u32, input: &str, records: u64) -> Result<Drained> {
        let cluster = &self.cluster;
        let name = format!("{input}-{round}");
        let pipeline = Pipeline { name: &name, input, stages: Stages::OrderStatus, settings: "" };
        pipeline.create_output(cluster)?;
        let file = pipeline.write(cluster, self.folder.path())?;
        let goal = pipeline.goal(cluster, records);
        let mut program = Program::start(sluice_run(&file)?, &file.with_extension("log"))?;
        let rate = program.wait_for_output(&goal)?;
        let memory = memory(program.id()).context("the program's memory")?;
        program.stop()?;
        program.wait()?;
        pipeline.delete_output(cluster)?;
        let (now, peak) = (super::mib(memory.now), super::mib(memory.peak));
        eprintln!("round {round}, a backlog of {records}: {now:.1} MiB, at most {peak:.1}, {rate:.0}/s");
        Ok(Drained { memory, rate })
    }
}
