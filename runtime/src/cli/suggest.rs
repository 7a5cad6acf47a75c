//! Usage errors: clap's words, and what may have been meant.

use std::io::ErrorKind as IoErrorKind;

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::output::tell;
use super::{FAILED, WRONG_USE, command};
use crate::config::did_you_mean;

/// Prints what the command line says of itself: help, a version, or what is wrong. Returns the exit code.
pub(super) fn print(mut error: clap::Error) -> u8 {
    let root = command();
    let path = asked_for(&root, std::env::args().skip(1));
    add_suggestion(&mut error, path.last().copied().unwrap_or(&root));
    let code = if error.use_stderr() { WRONG_USE } else { 0 };
    match error.print() {
        Err(error) if !error_is_quiet(&error, code) => {
            tell(format_args!("error: standard output cannot be written: {error}"));
            FAILED
        }
        _ => code,
    }
}

/// A closed pipe is what its reader wants, and what standard error does not take is lost.
fn error_is_quiet(error: &std::io::Error, code: u8) -> bool {
    error.kind() == IoErrorKind::BrokenPipe || code == WRONG_USE
}

/// The subcommands that the arguments name, outermost first.
fn asked_for(root: &Command, arguments: impl Iterator<Item = String>) -> Vec<&Command> {
    let mut path: Vec<&Command> = Vec::new();
    for argument in arguments {
        let current = path.last().copied().unwrap_or(root);
        path.extend(current.find_subcommand(&argument));
    }
    path
}

fn add_suggestion(error: &mut clap::Error, current: &Command) {
    match (error.kind(), error.get(ContextKind::InvalidSubcommand), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word)), _) => {
            let names = current.get_subcommands().filter(|command| !command.is_hide_set());
            let names: Vec<&str> = names
                .flat_map(|command| std::iter::once(command.get_name()).chain(command.get_visible_aliases()))
                .collect();
            if let Some(near) = nearest(word, &names) {
                error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![near]));
            }
        }
        (ErrorKind::UnknownArgument, _, Some(ContextValue::String(word)))
            if current.get_name() == "dev" && !word.starts_with('-') =>
        {
            let tip = format!("sample records are named with '--records {word}'");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
        }
        // clap's tip is how to pass it as a value, which nobody has meant.
        (ErrorKind::UnknownArgument, _, Some(ContextValue::String(word)))
            if error.get(ContextKind::SuggestedArg).is_none() =>
        {
            let namesake = |owner: &String| owner.rsplit(' ').next() == Some(current.get_name());
            let owner = owners_of(&command(), word, "sluice").into_iter().find(namesake);
            error.remove(ContextKind::Suggested);
            if let Some(owner) = owner {
                let tip = StyledStr::from(format!("'{owner}' has an option of this name"));
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
            }
        }
        // Rust's words for text that is no number.
        (ErrorKind::ValueValidation, _, Some(ContextValue::String(option))) if is_number_error(error) => {
            let value = match error.get(ContextKind::InvalidValue) {
                Some(ContextValue::String(value)) => value.clone(),
                _ => String::new(),
            };
            let message = format!("invalid value '{value}' for '{option}': expected a whole number from 0 on");
            *error = clap::Error::raw(ErrorKind::ValueValidation, message + "\n").with_cmd(current);
        }
        _ => {}
    }
}

fn is_number_error(error: &clap::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::num::ParseIntError>())
}

/// The subcommands that have an option, as they are called.
fn owners_of(of: &Command, option: &str, called: &str) -> Vec<String> {
    let mut owners = Vec::new();
    for command in of.get_subcommands().filter(|command| !command.is_hide_set()) {
        let called = format!("{called} {}", command.get_name());
        let long = option.strip_prefix("--");
        owners.extend(owners_of(command, option, &called));
        if long.is_some() && command.get_arguments().any(|argument| argument.get_long() == long) {
            owners.push(called);
        }
    }
    owners
}

fn nearest(word: &str, names: &[&str]) -> Option<String> {
    let help = did_you_mean(word, names.iter().copied())?;
    names.iter().find(|name| help.contains(&format!("\"{name}\""))).map(|name| (*name).to_owned())
}
