//! The links of the pages in a package: each leads to a file that is in the package, too.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run;

/// Fewer pages than this are a sign that they lie elsewhere.
const PAGES: usize = 40;

/// Looks at all pages below a folder.
///
/// # Errors
/// Names every link that leads nowhere.
pub fn check(folder: &Path) -> Result<()> {
    let (mut pages, mut dead) = (0, Vec::new());
    look(folder, &mut pages, &mut dead)?;
    if pages < PAGES {
        bail!("{} has {pages} pages", folder.display());
    }
    if !dead.is_empty() {
        bail!("links that lead to nothing in the package (`DOCUMENTS` says what is):\n{}", dead.join("\n"));
    }
    run::say("pages", &format!("{pages}, and every link leads to a file"));
    Ok(())
}

fn look(folder: &Path, pages: &mut usize, dead: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            look(&path, pages, dead)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            *pages += 1;
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let leads_nowhere = |link: &&str| !folder.join(link).exists();
            dead.extend(links(&text).filter(leads_nowhere).map(|link| format!("{}: {link}", path.display())));
        }
    }
    Ok(())
}

/// Where links to files lead, without the sections behind `#`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let mut is_block = false;
    let lines = text.lines().filter(move |line| {
        is_block ^= line.trim_start().starts_with("```");
        !is_block
    });
    let targets = lines.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).filter_map(|target| target.split('#').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_those_to_files_outside_of_blocks() {
        let text =
            "[a](b.md), [c](../d/e.md#part) [f](https://example.com/g) [h](#i)\n```text\n[j](k.md)\n```\n![l](m.svg)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "../d/e.md", "", "m.svg"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named_with_its_page() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("docs")).expect("a folder");
        fs::write(folder.path().join("README.md"), "[there](docs/page.md) [here](#here)").expect("a page");
        fs::write(folder.path().join("docs/page.md"), "[gone](../plugins/jq/README.md)").expect("a page");
        let (mut pages, mut dead) = (0, Vec::new());
        look(folder.path(), &mut pages, &mut dead).expect("pages can be read");
        assert_eq!((pages, dead.len()), (2, 1), "{dead:?}");
        assert!(dead[0].ends_with("docs/page.md: ../plugins/jq/README.md"), "{dead:?}");
    }
}
