//! The tools of a language: found or named with how to get them, announced while they work, and run with all that
//! they print.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// Runs a tool as one step of a build. What it prints goes to standard error unchanged: standard output is for results.
///
/// # Errors
/// The tool is not installed (the message ends with `help`, which says how to get it), or it fails.
pub fn run(title: &str, command: &mut Command, help: &str) -> Result<()> {
    command.stdin(Stdio::null()).stdout(io::stderr());
    let line = command_line(command);
    step(title, &line, || {
        let status = command.status().map_err(|error| cannot_start(command, error, help))?;
        check(command, status)
    })
}

/// Runs a tool as one step of a build and returns its standard output. Its errors go to standard error.
///
/// # Errors
/// As for [`run`], and where the output is not UTF-8.
pub fn run_for_output(title: &str, command: &mut Command, help: &str) -> Result<String> {
    let line = command_line(command);
    step(title, &line, || output(command, help))
}

/// Runs a tool that takes no time worth telling of, and returns its standard output. Its errors go to standard error.
///
/// # Errors
/// As for [`run_for_output`].
pub fn output(command: &mut Command, help: &str) -> Result<String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| cannot_start(command, error, help))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("the output of {} is not UTF-8", name(command)))
}

/// Returns whether a program is installed and succeeds with these arguments. Nothing is printed.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Announces a step on standard error as it begins, and says how long it took when it ends.
///
/// # Errors
/// What `work` answers with.
pub fn step<T>(title: &str, detail: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("{title}: {detail}"));
    let started = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done in" } else { "failed after" };
    say(&format!("{title}: {outcome} {:.1} s", started.elapsed().as_secs_f64()));
    result
}

/// Returns the nearest `wanted` in a folder or one above it, as Node.js looks for packages.
pub fn nearest(folder: &Path, wanted: &str) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(wanted)).find(|path| path.exists())
}

/// Progress is not worth ending a build for: a standard error that is closed or full is ignored.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

fn cannot_start(command: &Command, error: io::Error, help: &str) -> anyhow::Error {
    let program = name(command);
    match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("{program} is not installed: {help}"),
        _ => anyhow::Error::new(error).context(format!("cannot run {program}")),
    }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The command as one would type it in its folder, so paths below that folder are relative to it.
fn command_line(command: &Command) -> String {
    let folder = command.get_current_dir().map(|folder| format!("{}/", folder.display())).unwrap_or_default();
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words =
        words.map(|word| word.to_string_lossy()).map(|word| quoted(word.strip_prefix(&folder).unwrap_or(&word)));
    words.collect::<Vec<_>>().join(" ")
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_what_one_would_type_in_its_folder() {
        let mut command = Command::new("node");
        command.current_dir("/tmp/my plugin").args(["/tmp/my plugin/build/x.mjs", "a b", "it's", "", "--grant"]);
        assert_eq!(command_line(&command), r"node build/x.mjs 'a b' 'it'\''s' '' --grant");
    }

    #[test]
    fn a_missing_tool_is_named_with_how_to_get_it_and_a_failing_one_with_its_exit_code() {
        let missing = output(&mut Command::new("sluice-no-such-tool"), "install it").unwrap_err();
        assert_eq!(missing.to_string(), "sluice-no-such-tool is not installed: install it");
        let failing = output(&mut Command::new("false"), "").unwrap_err();
        assert_eq!(failing.to_string(), "false failed (exit status: 1)");
    }
}
