//! The languages that plugins are written in, and how to tell which one a project uses.

use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

use super::usage::wrong_use;

/// A language, by the tools that build it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust, with cargo.
    Rust,
    /// JavaScript, with Node.js and componentize-js.
    Js,
    /// TypeScript, the same.
    Ts,
    /// Python, with componentize-py.
    Python,
    /// Go, with its own compiler.
    Go,
    /// C, with zig or clang.
    C,
    /// AssemblyScript, with Node.js and asc.
    Assemblyscript,
    /// WebAssembly's text format, by hand.
    #[value(skip)]
    Wat,
}

impl Language {
    /// All that can be built.
    pub const ALL: [Language; 8] = [
        Language::Rust,
        Language::Js,
        Language::Ts,
        Language::Python,
        Language::Go,
        Language::C,
        Language::Assemblyscript,
        Language::Wat,
    ];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Js => "JavaScript",
            Language::Ts => "TypeScript",
            Language::Python => "Python",
            Language::Go => "Go",
            Language::C => "C",
            Language::Assemblyscript => "AssemblyScript",
            Language::Wat => "WebAssembly text",
        }
    }

    /// The language of the project in a folder.
    ///
    /// # Errors
    /// [`WrongUse`](super::WrongUse): the folder cannot be read, or shows no language, or several.
    pub fn of(folder: &Path) -> Result<Language> {
        let entries = fs::read_dir(folder).map_err(|error| wrong_use(format!("{}: {error}", folder.display())))?;
        let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        let package = fs::read_to_string(folder.join("package.json")).unwrap_or_default();
        let found: Vec<Language> =
            Language::ALL.into_iter().filter(|language| language.shows(&names, &package)).collect();
        let folder = folder.display();
        match found[..] {
            [language] => Ok(language),
            [] => Err(wrong_use(format!(
                "{folder}: this is not a plugin project: there is no Cargo.toml, package.json, pyproject.toml, go.mod, *.c or *.wat\n\
                 help: `sluice plugin new NAME --language ...` creates one"
            ))),
            _ => {
                let names: Vec<&str> = found.iter().map(|language| language.name()).collect();
                let names = names.join(" and of ");
                Err(wrong_use(format!("{folder}: this is a project of {names}\nhelp: choose one with --language")))
            }
        }
    }

    /// Returns whether a folder's file names and the text of its package.json are those of a project in this language.
    fn shows(self, names: &[String], package: &str) -> bool {
        let has = |name: &str| names.iter().any(|other| other == name);
        let has_kind = |extension: &str| names.iter().any(|name| name.ends_with(extension));
        let is_assemblyscript = package.contains("\"assemblyscript\"");
        match self {
            Language::Rust => has("Cargo.toml"),
            Language::Js => has("package.json") && !has("tsconfig.json") && !is_assemblyscript,
            Language::Ts => has("package.json") && has("tsconfig.json") && !is_assemblyscript,
            Language::Assemblyscript => has("package.json") && is_assemblyscript,
            Language::Python => has("pyproject.toml"),
            Language::Go => has("go.mod"),
            Language::C => has_kind(".c"),
            Language::Wat => has_kind(".wat"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Result<Language> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Language::of(folder.path())
    }

    #[test]
    fn a_project_is_known_by_its_own_files() {
        assert_eq!(of(&[("Cargo.toml", "")]).unwrap(), Language::Rust);
        assert_eq!(of(&[("package.json", "{}")]).unwrap(), Language::Js);
        assert_eq!(of(&[("package.json", "{}"), ("tsconfig.json", "{}")]).unwrap(), Language::Ts);
        let assemblyscript = r#"{"devDependencies": {"assemblyscript": "1"}}"#;
        assert_eq!(of(&[("package.json", assemblyscript), ("tsconfig.json", "")]).unwrap(), Language::Assemblyscript);
        assert_eq!(of(&[("pyproject.toml", "")]).unwrap(), Language::Python);
        assert_eq!(of(&[("go.mod", ""), ("plugin.go", "")]).unwrap(), Language::Go);
        assert_eq!(of(&[("plugin.c", "")]).unwrap(), Language::C);
        assert_eq!(of(&[("plugin.wat", "")]).unwrap(), Language::Wat);
    }

    #[test]
    fn a_folder_without_a_language_or_with_two_is_refused() {
        assert!(of(&[]).unwrap_err().to_string().contains("not a plugin project: there is no Cargo.toml"));
        let two = of(&[("Cargo.toml", ""), ("go.mod", "")]).unwrap_err();
        assert!(two.to_string().ends_with("a project of Rust and of Go\nhelp: choose one with --language"), "{two}");
        assert!(two.is::<crate::authoring::WrongUse>());
    }
}
