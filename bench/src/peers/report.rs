//! What is said of the comparison with others: their ratios are to Sluicebox.

use anyhow::Result;
use serde::Serialize;

use super::Options;
use super::choice::Who;
use crate::cluster;
use crate::contest::row::{Figures, Row};
use crate::report::Report;

/// What is written of a contender. A ratio is missing where there is nothing to compare with.
#[derive(Serialize)]
struct Line<'a> {
    job: &'a str,
    #[serde(flatten)]
    figures: &'a Figures<'a>,
    rounds: u32,
    cpu_to_three_plugins: Option<f64>,
    cpu_to_one_plugin: Option<f64>,
}

/// The results.
///
/// # Errors
/// They have no form in JSON.
pub fn report(chosen: &[Who], rows: &[Row], options: &Options) -> Result<Report> {
    let (job, rounds) = (options.job.argument(), options.rounds);
    let (title, size, partitions) = (options.job.title(), options.job.size(), cluster::PARTITIONS);
    let about = format!(
        "{title} records of {size} from a topic of {partitions} partitions to another by what people use today: processor \
         time of the program from its start to its end, and records a second, in {rounds} rounds; the last columns \
         say how many times Sluicebox's it is."
    );
    let columns =
        [&job, "records", "CPU us/record", "min", "max", "records/s", "peak MiB", "to three plugins", "to one plugin"];
    // Its figures stand beside those of the job in JSON.
    let part = if options.job.has_schemas() { "peers-avro" } else { "peers" };
    let mut report = Report::new(part, about, &columns);
    let cpu_of = |who: Who| {
        let at = chosen.iter().position(|chosen| *chosen == who)?;
        Some(rows[at].figures().cpu_us_per_record.median)
    };
    let (three, one) = (cpu_of(Who::SluiceThreePlugins), cpu_of(Who::SluiceOnePlugin));
    for row in rows {
        let figures = row.figures();
        let cpu = figures.cpu_us_per_record;
        let [to_three, to_one] = [three, one].map(|ours| ours.map(|ours| cpu.median / ours));
        let mut cells = vec![figures.variant.to_owned(), figures.records.to_string()];
        cells.extend([cpu.median, cpu.min, cpu.max].map(|figure| format!("{figure:.2}")));
        cells.extend([figures.records_per_second, figures.peak_mib].map(|figure| format!("{:.0}", figure.median)));
        cells.extend([to_three, to_one].map(|ratio| ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default()));
        report.table.row(cells);
        report.log.line(&Line {
            job: &job,
            figures: &figures,
            rounds,
            cpu_to_three_plugins: to_three,
            cpu_to_one_plugin: to_one,
        })?;
    }
    Ok(report)
}
