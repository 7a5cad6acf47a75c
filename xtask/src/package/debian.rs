//! The Debian package: the stage below `/usr`, a systemd unit, a user, and `/etc/sluicebox`.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::stage::Stage;
use super::{GLIBC, version};
use crate::run;
use crate::workspace::Workspace;

const DESCRIPTION: &str = "\
stream processor for Kafka with sandboxed WebAssembly plugins
 Sluicebox consumes Kafka topics in a consumer group, runs every record through
 a chain of sandboxed WebAssembly plugins, and produces the results to Kafka
 topics. Records that fail go to a dead-letter queue, where they can be
 inspected and replayed.
";

const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: sluicebox

Files: *
Copyright: 2026 the Sluicebox contributors
License: Apache-2.0
 On Debian systems the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0. What is linked into the program, with
 versions and licences, is in /usr/share/doc/sluicebox/sbom.cdx.json.
";

/// Makes the package.
pub fn package(workspace: &Workspace, stage: &Stage, out: &Path) -> Result<PathBuf> {
    let root = out.join("debian");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| root.display().to_string())?;
    }
    let usr = root.join("usr");
    fs::create_dir_all(&usr)?;
    for folder in ["bin", "lib", "share"] {
        run::run(Command::new("cp").arg("--recursive").arg(stage.root().join(folder)).arg(&usr))?;
    }
    move_completions(&usr)?;
    let maintainer = maintainer(workspace)?;
    documents(workspace, &usr.join("share"), &maintainer)?;
    configuration(workspace, &root)?;
    control(workspace, &root, &maintainer)?;
    let file = out.join(format!("sluicebox_{}_amd64.deb", version()));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zxz", "--build"]).arg(&root).arg(&file);
    // The same commit makes the same package.
    run::run(build.env("SOURCE_DATE_EPOCH", last_commit(workspace, "%ct")?))?;
    Ok(file)
}

/// Debian's zsh looks elsewhere.
fn move_completions(usr: &Path) -> Result<()> {
    let (from, to) = (usr.join("share/zsh/site-functions"), usr.join("share/zsh/vendor-completions"));
    fs::rename(&from, &to).with_context(|| from.display().to_string())
}

/// Documents as Debian wants them: compressed manual pages and changelog, a copyright file.
fn documents(workspace: &Workspace, share: &Path, maintainer: &str) -> Result<()> {
    let folder = share.join("doc/sluicebox");
    fs::remove_file(folder.join("LICENSE"))?;
    fs::write(folder.join("copyright"), COPYRIGHT)?;
    let readme = folder.join("README.md");
    fs::write(&readme, fs::read_to_string(&readme)?.replace("](LICENSE)", "](copyright)"))?;
    let date = last_commit(workspace, "%aD")?;
    let changelog = format!(
        "sluicebox ({}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {maintainer}  {date}\n",
        version()
    );
    fs::write(folder.join("changelog"), changelog)?;
    let mut compress = Command::new("gzip");
    compress.args(["-n", "-9"]).arg(folder.join("changelog"));
    for page in fs::read_dir(share.join("man/man1"))? {
        compress.arg(page?.path());
    }
    run::run(&mut compress)?;
    let overrides = share.join("lintian/overrides");
    fs::create_dir_all(&overrides)?;
    fs::copy(workspace.root.join("deploy/debian/lintian-overrides"), overrides.join("sluicebox"))?;
    Ok(())
}

/// The unit, the user and the folders of the administrator.
fn configuration(workspace: &Workspace, root: &Path) -> Result<()> {
    let deploy = workspace.root.join("deploy/systemd");
    for (from, to) in [
        ("sluicebox.service", "usr/lib/systemd/system/sluicebox.service"),
        ("sluicebox.sysusers", "usr/lib/sysusers.d/sluicebox.conf"),
        ("environment", "etc/sluicebox/environment"),
    ] {
        let to = root.join(to);
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        fs::copy(deploy.join(from), &to).with_context(|| from)?;
    }
    for folder in ["pipelines", "plugins"] {
        fs::create_dir_all(root.join("etc/sluicebox").join(folder))?;
    }
    Ok(())
}

/// What dpkg reads.
fn control(workspace: &Workspace, root: &Path, maintainer: &str) -> Result<()> {
    let size = run::output(Command::new("du").args(["--summarize", "--block-size=1K"]).arg(root))?;
    let kilobytes = size.split_whitespace().next().context("du says nothing")?;
    let folder = root.join("DEBIAN");
    fs::create_dir_all(&folder)?;
    let control = format!(
        "Package: sluicebox\nVersion: {}\nArchitecture: amd64\nMaintainer: {maintainer}\nSection: net\nPriority: optional\n\
         Depends: libc6 (>= {GLIBC}), libgcc-s1\nRecommends: ca-certificates\n\
         Installed-Size: {kilobytes}\nDescription: {DESCRIPTION}",
        version()
    );
    fs::write(folder.join("control"), control)?;
    fs::write(folder.join("conffiles"), "/etc/sluicebox/environment\n")?;
    for name in ["postinst", "prerm", "postrm"] {
        let file = folder.join(name);
        fs::copy(workspace.root.join("deploy/debian").join(name), &file).with_context(|| name)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Whoever makes the package: as Debian's tools have it from the environment, else the author of the last commit.
fn maintainer(workspace: &Workspace) -> Result<String> {
    if let (Ok(name), Ok(address)) = (env::var("DEBFULLNAME"), env::var("DEBEMAIL")) {
        return Ok(format!("{name} <{address}>"));
    }
    last_commit(workspace, "%an <%ae>").context("set DEBFULLNAME and DEBEMAIL to name the package's maintainer")
}

/// Something of the last commit, in git's format.
fn last_commit(workspace: &Workspace, format: &str) -> Result<String> {
    let mut log = Command::new("git");
    log.current_dir(&workspace.root).args(["log", "-1", &format!("--format={format}")]);
    Ok(run::output(&mut log)?.trim().to_owned())
}
