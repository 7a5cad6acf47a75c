//! `docs/cli.md`, made of what the program says of itself.

use std::fmt::Write as _;
use std::fs;

use clap::Command;

use super::command;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");

const HEAD: &str = "\
# Command line

This page is what `sluice help` says of each command. It is generated: after a change of the command line,
`UPDATE_GOLDEN=1 cargo test -p sluicebox --release --lib cli::reference` writes it again, and a test compares the two.

Results go to standard output; log lines, warnings and errors go to standard error. A result whose reader has gone, as
in `sluice dev ... | head`, is no error; a standard output that cannot be written is one (exit code 1). Log lines that
cannot be written are dropped, so that a full disk or a log collector that hangs does not stop a pipeline. Once the log
can be written again, a line says how many were lost.
";

/// The help of a command and of those below it.
fn write(command: &mut Command, path: &str, page: &mut String) {
    let is_root = !path.contains(' ');
    let help = command.render_long_help().to_string();
    let _ = write!(page, "\n## `{path}`\n\n```text\n{}\n```\n", if is_root { trimmed(&help) } else { own(&help) });
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        let below = command.find_subcommand_mut(&name).expect("it was just listed");
        write(below, &format!("{path} {name}"), page);
    }
}

/// Help without the options of all commands, which the first section shows.
fn own(help: &str) -> String {
    let mut is_global = false;
    let lines = help.lines().filter(|line| {
        if !line.is_empty() && !line.starts_with(' ') {
            is_global = *line == "Global options:";
        }
        !is_global
    });
    trimmed(&lines.collect::<Vec<_>>().join("\n"))
}

fn trimmed(text: &str) -> String {
    text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_says_what_the_program_says() {
    let mut command = command().term_width(100);
    command.build();
    let mut page = HEAD.to_owned();
    write(&mut command, "sluice", &mut page);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(PAGE, page).unwrap();
        return;
    }
    let written = fs::read_to_string(PAGE).unwrap_or_default();
    let differs = page.lines().zip(written.lines()).position(|(own, written)| own != written);
    assert!(
        page == written,
        "docs/cli.md differs from line {} on: its first lines say how to write it again",
        differs.map_or(0, |line| line + 1)
    );
}

#[test]
fn the_command_line_is_sound() {
    command().debug_assert();
}
