//! `cargo xtask fuzz`: damaged inputs, by the million, for everything that reads what others wrote. `README.md` says
//! how.

mod abort;
mod change;
mod memory;
mod producer;
mod report;
mod run;
mod target;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};

use self::memory::Counting;
use self::report::Progress;
use self::run::Plan;
use self::target::Kind;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HELP: &str = "\
Usage: cargo xtask fuzz [TARGET]... [OPTION]...

  --inputs N      inputs of each target (10000000)
  --seed S        another seed, other inputs (1)
  --from N        the number of the first input (0)
  --threads N     threads (the machine's cores)
  --limit SEC     how long one input may take (20)
  --replay FILE   read this one input again
";

/// What the command line asks for.
struct Arguments {
    kinds: Vec<&'static Kind>,
    plan: Plan,
    replay: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = match parse(lexopt::Parser::from_env()) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            targets::ALL.iter().for_each(|kind| println!("  {:<14}  {}", kind.name, kind.about));
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => {
            eprintln!("error: {error}\n\n{HELP}");
            return Ok(ExitCode::from(2));
        }
    };
    abort::speak();
    let Arguments { kinds, plan, replay } = arguments;
    if let Some(file) = replay {
        let [kind] = kinds[..] else { bail!("--replay needs the one target that the input is for") };
        let input = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let (seen, memory, took) = run::read(kind, &mut *(kind.open)(), &input).map_err(anyhow::Error::msg)?;
        println!("{}: {seen:?}, {memory} bytes of memory, {took:?}", kind.name);
        return Ok(ExitCode::SUCCESS);
    }
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from).join("fuzz");
    let mut reports = Vec::new();
    for kind in kinds {
        let mut progress = Progress::new(kind.name, plan.inputs);
        let report = run::run(kind, plan, |done| progress.at(done));
        if let Some(failure) = &report.failure {
            eprintln!("{}", report::keep(&folder, kind, plan.seed, failure)?);
        }
        reports.push((kind, report));
    }
    print!("{}", report::table(&reports));
    let failed = reports.iter().any(|(_, report)| report.failure.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// None: help is asked for.
fn parse(mut parser: lexopt::Parser) -> Result<Option<Arguments>, lexopt::Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut plan = Plan { seed: 1, first: 0, inputs: 10_000_000, threads, limit: Duration::from_secs(20) };
    let (mut kinds, mut replay) = (Vec::new(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Value(word) => {
                let kind = targets::ALL.iter().find(|kind| word == kind.name);
                kinds.push(kind.ok_or_else(|| format!("there is no target {}", word.display()))?);
            }
            Arg::Long("inputs") => plan.inputs = parser.value()?.parse()?,
            Arg::Long("seed") => plan.seed = parser.value()?.parse()?,
            Arg::Long("from") => plan.first = parser.value()?.parse()?,
            Arg::Long("threads") => plan.threads = parser.value()?.parse::<usize>()?.max(1),
            Arg::Long("limit") => plan.limit = Duration::from_secs(parser.value()?.parse()?),
            Arg::Long("replay") => replay = Some(parser.value()?.into()),
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if kinds.is_empty() {
        kinds.extend(&targets::ALL);
    }
    Ok(Some(Arguments { kinds, plan, replay }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Damage that is always seen at once tests nothing of what comes behind.
    const SOME: std::ops::Range<f64> = 0.02..0.98;

    /// The short form of `cargo xtask fuzz NAME`; `accepted` is the share of its inputs that are not refused.
    fn holds(name: &str, inputs: u64, accepted: std::ops::Range<f64>) {
        let kind = targets::ALL.iter().find(|kind| kind.name == name).expect("it is a target");
        let plan = Plan { seed: 1, first: 0, inputs, threads: 2, limit: Duration::from_secs(60) };
        let report = run::run(kind, plan, |_| {});
        if let Some(failure) = &report.failure {
            panic!("{failure:?}");
        }
        let share = report.accepted as f64 / report.inputs as f64;
        assert!(accepted.contains(&share), "{share} of the inputs are accepted");
    }

    #[test]
    fn packed_answers_are_read_or_refused() {
        holds("packed", 200_000, SOME);
    }

    #[test]
    fn typed_answers_are_read_or_refused() {
        holds("typed", 10_000, SOME);
    }

    #[test]
    fn answers_become_outputs_and_dead_letters() {
        holds("answers", 5_000, SOME);
    }

    #[test]
    fn dead_letters_keep_their_records() {
        // A dead letter is made of any record.
        holds("letters", 50_000, 1.0..1.1);
    }

    #[test]
    fn headers_of_dead_letters_are_read_or_refused() {
        holds("headers", 50_000, SOME);
    }

    #[test]
    fn pipeline_files_are_parsed_or_refused() {
        holds("yaml", 20_000, SOME);
    }

    #[test]
    fn pipeline_files_are_planned_or_refused() {
        holds("pipeline", 3_000, SOME);
    }

    #[test]
    fn record_samples_are_read_or_refused() {
        holds("records", 50_000, SOME);
    }

    #[test]
    fn json_is_scanned_or_refused() {
        holds("json", 200_000, SOME);
    }

    #[test]
    fn avro_data_is_read_or_refused() {
        holds("avro-decode", 50_000, SOME);
        holds("avro-encode", 50_000, SOME);
    }

    #[test]
    fn protobuf_messages_are_read_or_refused() {
        holds("protobuf-decode", 10_000, SOME);
        holds("protobuf-encode", 10_000, SOME);
    }

    #[test]
    fn formats_without_schemas_are_read_or_refused() {
        holds("csv", 50_000, SOME);
        holds("msgpack-decode", 50_000, SOME);
        holds("msgpack-encode", 50_000, SOME);
    }

    #[test]
    fn schemas_are_parsed_or_refused() {
        holds("avro-schema", 20_000, SOME);
        holds("protobuf-schema", 1_000, SOME);
        holds("json-schema", 2_000, SOME);
    }

    #[test]
    fn a_number_leads_to_the_same_input_every_time() {
        for kind in &targets::ALL {
            let made = |number| {
                let mut input = Vec::new();
                run::make(&*(kind.open)(), 5, number, &mut input);
                input
            };
            assert!((0..20).all(|number| made(number) == made(number)), "{}", kind.name);
            assert!((0..20).any(|number| made(number) != made(number + 1)), "{}", kind.name);
        }
    }

    #[test]
    fn what_the_help_says_is_understood() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let options = HELP.lines().filter_map(|line| line.trim().strip_prefix("--"));
        for option in options {
            let name = option.split(' ').next().expect("an option has a name");
            let parsed = parse(lexopt::Parser::from_args(words(&format!("packed --{name} 7"))));
            assert!(matches!(parsed, Ok(Some(_))), "--{name}");
        }
        assert!(parse(lexopt::Parser::from_args(["nothing"])).is_err());
    }
}
