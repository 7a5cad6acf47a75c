//! A reader at work: one bash that runs a document's commands, each of which must succeed and show what is shown.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sluicebox_tests::{plugin, program, repository};
use tempfile::TempDir;

use crate::document::{Block, Console, Document, Shell};
use crate::shown;

/// Stands before the number and the exit code of a command that has ended. No command writes it.
const ENDED: char = '\u{1e}';
/// More than any document takes, in seconds.
const LIMIT: &str = "300";

/// Where commands are typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the repository.
    Repository,
    /// In an empty folder.
    Fresh,
}

/// A shell that is set up as the documents ask for.
pub struct Session {
    place: Place,
    folder: TempDir,
    programs: TempDir,
    variables: Vec<(&'static str, String)>,
    script: String,
}

impl Session {
    /// A shell with `sluice` and its plugins.
    pub fn new(place: Place) -> Session {
        let folder = TempDir::new().expect("a folder for a document's files");
        let programs = TempDir::new().expect("a folder for programs");
        symlink(program(), programs.path().join("sluice")).expect("a link to the program");
        Session { place, folder, programs, variables: Vec::new(), script: String::new() }
    }

    /// A folder that comes first where programs are looked for.
    pub fn programs(&self) -> &Path {
        self.programs.path()
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.variables.push((name, value.to_owned()));
    }

    /// Runs a command first, whatever comes of it.
    pub fn prepare(&mut self, command: &str) {
        let _ = writeln!(self.script, "{command} >/dev/null");
    }

    /// Runs all that a document has.
    ///
    /// # Panics
    /// Something is not as the document says.
    pub fn play(mut self, document: &Document) {
        let mut played: Vec<(&Console, &Shell)> = Vec::new();
        for block in &document.blocks {
            match block {
                Block::Console(console) if !console.not_run => {
                    for command in &console.commands {
                        self.add(console, command, played.len());
                        played.push((console, command));
                    }
                }
                Block::File(file) => match fs::read_to_string(repository().join(&file.path)) {
                    Ok(there) => assert_eq!(there, file.text, "{}:{}", document.path.display(), file.line),
                    Err(_) => self.write(&file.path, &file.text),
                },
                Block::Part(part) => {
                    let path = repository().join(&part.path);
                    let whole = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                    // Indentation may differ: a page shows a part by itself.
                    let found = unindented(&whole).contains(&unindented(&part.text));
                    assert!(found, "{}:{}: this is not in {}", document.path.display(), part.line, part.path);
                }
                Block::Console(_) | Block::Shown => {}
            }
        }
        let output = self.run();
        let mut rest = output.as_str();
        for (number, (console, command)) in played.iter().enumerate() {
            let at = format!("{}:{}: $ {}", document.path.display(), command.line, command.text);
            let end = format!("\n{ENDED}{number} ");
            let Some((said, behind)) = rest.split_once(&end) else { panic!("{at}\ndid not end; there was:\n{rest}") };
            let (code, behind) = behind.split_once('\n').unwrap_or((behind, ""));
            rest = behind;
            let next = played.get(number + 1).map(|(_, next)| next.text.as_str());
            assert!(code == "0" || next == Some("echo $?"), "{at}\nfailed with {code}; there was:\n{said}");
            if let Err(missing) = shown::compare(&command.output, said, console.unordered) {
                panic!("{at}\nthere was:\n{said}\nthis is shown and was not written: {missing}");
            }
        }
    }

    fn add(&mut self, console: &Console, command: &Shell, number: usize) {
        let text = if console.terminal {
            format!("script --quiet --return --command {} /dev/null", quoted(&command.text))
        } else {
            command.text.clone()
        };
        // What the last command left in `$?` is there for the next one.
        let _ = writeln!(self.script, "{text}\nended=$?; printf '\\n{ENDED}%d %d\\n' {number} $ended; (exit $ended)");
    }

    fn write(&mut self, path: &str, text: &str) {
        let _ = writeln!(self.script, "cat > {} <<'{ENDED}'\n{text}{ENDED}", quoted(path));
    }

    fn run(&self) -> String {
        let script = self.programs.path().join("script.bash");
        let first = "exec 2>&1\ntrap 'jobs=$(jobs -p); [ -z \"$jobs\" ] || kill $jobs' EXIT\n";
        fs::write(&script, format!("{first}{}", self.script)).expect("the script is written");
        let folder = match self.place {
            Place::Repository => repository(),
            Place::Fresh => self.folder.path().to_owned(),
        };
        let mut path = vec![self.programs.path().to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut bash = Command::new("timeout");
        bash.args(["--kill-after", "10", LIMIT, "bash"]).arg(&script).current_dir(folder).stdin(Stdio::null());
        bash.env("PATH", std::env::join_paths(path).expect("folders without a colon"));
        bash.env("SLUICE_PLUGIN_PATH", plugin_path()).env("SLUICEBOX", repository()).env("SHELL", "/bin/bash");
        bash.env_remove("RUST_LOG").env_remove("KAFKA_BROKERS").envs(self.variables.iter().cloned());
        let output = bash.output().expect("bash, script and timeout are there");
        shown::plain(&String::from_utf8_lossy(&output.stdout))
    }
}

fn unindented(text: &str) -> String {
    text.lines().map(|line| line.trim_start().to_owned() + "\n").collect()
}

fn plugin_path() -> PathBuf {
    plugin("filter-json").parent().expect("a plugin lies in a folder").to_owned()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
