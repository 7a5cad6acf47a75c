//! `sluice plugin new`: a small project that builds, with a test and a README.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use super::language::Language;
use super::usage::wrong_use;

// `TEMPLATES`: the files of `LANGUAGE/common` and `LANGUAGE/KIND`, and those of `all/` for every language.
// `SDKS`: a project gets a copy of its language's, so that it builds without a registry that has it.
include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// What a new plugin does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// It keeps some records and drops the others.
    Filter,
    /// It changes records.
    #[default]
    Transform,
    /// It sends some records to another output.
    Route,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Filter => "filter",
            Kind::Transform => "transform",
            Kind::Route => "route",
        }
    }
}

impl Language {
    /// The folders of its templates and of its SDK.
    fn folders(self) -> Option<(&'static str, &'static str)> {
        match self {
            Language::Rust => Some(("rust", "rust")),
            Language::Js => Some(("js", "js")),
            Language::Ts => Some(("ts", "js")),
            Language::Python => Some(("python", "python")),
            Language::Go => Some(("go", "go")),
            Language::C => Some(("c", "c")),
            Language::Assemblyscript => Some(("assemblyscript", "assemblyscript")),
            Language::Wat => None,
        }
    }
}

/// Creates a project in `parent/name`, and returns its folder.
///
/// # Errors
/// [`WrongUse`](super::WrongUse): the name is not one for a plugin, or exists. Otherwise a file cannot be written.
pub fn create(parent: &Path, name: &str, language: Language, kind: Kind) -> Result<PathBuf> {
    check_name(name, "plugin", "mask-email")?;
    let (templates, sdk) = language.folders().context("there is no template for this language")?;
    let folder = parent.join(name);
    if folder.exists() {
        return Err(wrong_use(format!("{}: exists already; choose another name, or remove it", folder.display())));
    }
    let names = Names { name, language, kind };
    for part in ["all/common".to_owned(), format!("all/{}", kind.name())] {
        names.write(&part, &folder)?;
    }
    for part in [format!("{templates}/common"), format!("{templates}/{}", kind.name())] {
        names.write(&part, &folder)?;
    }
    for (path, bytes) in below(SDKS, sdk) {
        write(&folder.join("sdk").join(path), bytes)?;
    }
    Ok(folder)
}

/// A name becomes that of a file, and a plugin's that of a package and of a module in every language. `what` it names,
/// with an example of such a name.
pub(super) fn check_name(name: &str, what: &str, example: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_plain);
    if !is_name || name.ends_with('-') || name.contains("--") {
        let message = "use lower-case letters, digits and single hyphens, and begin with a letter, as in";
        return Err(wrong_use(format!("{name:?} is not a name for a {what}: {message} {example}")));
    }
    Ok(())
}

/// What replaces the marks in templates.
struct Names<'a> {
    name: &'a str,
    language: Language,
    kind: Kind,
}

impl Names<'_> {
    fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", self.name)
            .replace("{{name_snake}}", &self.name.replace('-', "_"))
            .replace("{{language}}", self.language.name())
            .replace("{{kind}}", self.kind.name())
    }

    /// Writes a folder of templates.
    fn write(&self, part: &str, folder: &Path) -> Result<()> {
        for (path, bytes) in below(TEMPLATES, part) {
            let text = std::str::from_utf8(bytes).with_context(|| format!("{part}/{path}: not text"))?;
            // In the repository a file whose name begins with a dot would be hidden, and a go.mod would be taken for
            // its own.
            let path = path.replace("__name__", self.name).replace("dot-", ".").replace(".template", "");
            write(&folder.join(path), self.fill(text).as_bytes())?;
        }
        Ok(())
    }
}

/// The files of a list that lie in a folder, with their paths in it.
fn below<'a>(
    files: &'a [(&'static str, &'static [u8])],
    folder: &'a str,
) -> impl Iterator<Item = (&'static str, &'static [u8])> + 'a {
    files.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder)?.strip_prefix('/')?, *bytes)))
}

/// Writes a file, and makes the folder that it lies in.
pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: [Language; 7] = [
        Language::Rust,
        Language::Js,
        Language::Ts,
        Language::Python,
        Language::Go,
        Language::C,
        Language::Assemblyscript,
    ];

    #[test]
    fn a_new_project_is_one_of_its_language_and_has_no_mark_left() {
        for language in NEW {
            for kind in [Kind::Filter, Kind::Transform, Kind::Route] {
                let parent = tempfile::tempdir().unwrap();
                let folder = create(parent.path(), "my-plugin", language, kind).unwrap();
                assert_eq!(Language::of(&folder).unwrap(), language);
                for file in ["README.md", "pipeline.yaml", "tests.yaml", "records.txt", ".gitignore"] {
                    let text = fs::read_to_string(folder.join(file)).unwrap();
                    assert!(!text.contains("{{name"), "{language:?} {file}");
                }
                assert!(folder.join("sdk").join("README.md").exists(), "{language:?}");
            }
        }
    }

    #[test]
    fn every_link_in_a_new_project_leads_to_a_file_in_it() {
        let mut checked = 0;
        for language in NEW {
            let parent = tempfile::tempdir().unwrap();
            let project = create(parent.path(), "my-plugin", language, Kind::Route).unwrap().canonicalize().unwrap();
            let mut folders = vec![project.clone()];
            while let Some(folder) = folders.pop() {
                for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                    if path.is_dir() {
                        folders.push(path);
                    } else if path.extension().is_some_and(|is| is == "md") {
                        let text = fs::read_to_string(&path).unwrap();
                        for link in links(&text) {
                            let target = folder.join(link).canonicalize();
                            let leads = target.is_ok_and(|target| target.starts_with(&project));
                            assert!(leads, "{language:?}: {}: the link {link} leaves the project", path.display());
                        }
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked >= 2 * NEW.len(), "a project has a README of its own and one of its SDK: {checked}");
    }

    #[test]
    fn links_to_files_are_found_in_markdown() {
        let text = "[a](b.md) and [c](../d.md#part), [e](https://example.com), [f](#g) and `x[0](y)`\n";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "../d.md"]);
    }

    /// The files that a Markdown text links to, as written.
    fn links(text: &str) -> impl Iterator<Item = &str> {
        let outside_code = text.split('`').step_by(2);
        let targets = outside_code.flat_map(|text| text.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
        let files = targets.map(|target| target.split('#').next().unwrap_or_default());
        files.filter(|file| !file.is_empty() && !file.contains("://"))
    }

    #[test]
    fn what_is_there_is_not_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("mine")).unwrap();
        let error = create(parent.path(), "mine", Language::Go, Kind::Filter).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
    }

    #[test]
    fn a_name_has_to_be_one_in_every_language() {
        for name in ["", "Upper", "9lives", "a b", "../up", "a--b", "a-", "é"] {
            let error = create(Path::new("/nowhere"), name, Language::Go, Kind::Filter).unwrap_err().to_string();
            assert!(error.contains("not a name for a plugin"), "{name}: {error}");
        }
    }
}
