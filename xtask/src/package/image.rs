//! The OCI image, without docker: an empty root with the program, its plugins and four of Debian's packages, as an OCI
//! layout in a tar file, which `podman load`, `docker load`, `skopeo` and `crane` read.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::stage::Stage;
use super::{pack, version};
use crate::run;

/// What the program needs of a system: the C library, its unwinder, root certificates and time zones.
const PACKAGES: [&str; 4] = ["libc6", "libgcc-s1", "ca-certificates", "tzdata"];
/// Parts of them that nothing in the image reads: converters of character sets, scripts, and the like.
const REMOVED: [&str; 8] = [
    "etc/ld.so.conf.d",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/audit",
    "usr/sbin",
    "usr/share/lintian",
    "usr/share/man",
    "usr/share/doc-base",
    "usr/share/zoneinfo/right",
];
/// Where the plugins lie compiled, so that no start compiles them.
pub const COMPILED: &str = "/usr/lib/sluicebox/compiled";
/// The user without rights that the program runs as.
const USER: &str = "65532:65532";
const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";

/// An image.
pub struct Image {
    /// Its files, as a root directory.
    pub root: PathBuf,
    /// The OCI layout, packed.
    pub archive: PathBuf,
}

/// Makes the image.
pub fn package(stage: &Stage, out: &Path) -> Result<Image> {
    let (root, layout) = (out.join("image"), out.join("oci"));
    for folder in [&root, &layout] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(folder)?;
    }
    system(&root, &out.join("debian-packages"))?;
    program(stage, &root)?;
    compile(stage, &root)?;
    let archive = out.join(format!("sluicebox-{}-x86_64.oci.tar", version()));
    write_layout(&root, &layout)?;
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--create", "--file"]);
    run::run(tar.arg(&archive).arg("--directory").arg(&layout).args(["oci-layout", "index.json", "blobs"]))?;
    Ok(Image { root, archive })
}

/// Debian's packages, unpacked; the certificates in the one file that OpenSSL reads.
fn system(root: &Path, downloads: &Path) -> Result<()> {
    fs::create_dir_all(downloads)?;
    run::run(Command::new("apt-get").current_dir(downloads).args(["--quiet", "download"]).args(PACKAGES))?;
    for entry in fs::read_dir(downloads)? {
        run::run(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(root))?;
    }
    merge_usr(root)?;
    for path in REMOVED {
        let path = root.join(path);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
        }
    }
    let bundle = root.join("etc/ssl/certs/ca-certificates.crt");
    fs::create_dir_all(bundle.parent().context("a file lies in a folder")?)?;
    let mut certificates = Vec::new();
    let folder = root.join("usr/share/ca-certificates/mozilla");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    for file in files {
        certificates.extend(fs::read(&file).with_context(|| file.display().to_string())?);
    }
    fs::write(&bundle, certificates)?;
    // A copy is enough.
    fs::remove_dir_all(root.join("usr/share/ca-certificates"))?;
    fs::write(root.join("etc/passwd"), PASSWD)?;
    fs::write(root.join("etc/group"), GROUP)?;
    Ok(())
}

/// Packages of before the merge of `/lib` into `/usr/lib` have files in both.
fn merge_usr(root: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        let (old, new) = (root.join(name), root.join("usr").join(name));
        if old.is_symlink() || (!old.exists() && !new.exists()) {
            continue;
        }
        fs::create_dir_all(&new)?;
        if old.exists() {
            run::run(Command::new("cp").args(["--archive", "--no-target-directory"]).arg(&old).arg(&new))?;
            fs::remove_dir_all(&old)?;
        }
        symlink(Path::new("usr").join(name), &old).with_context(|| old.display().to_string())?;
    }
    Ok(())
}

/// The program, its plugins, and the folders that are mounted over.
fn program(stage: &Stage, root: &Path) -> Result<()> {
    for folder in ["usr/bin", "usr/lib", "etc/sluicebox/pipelines", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(folder))?;
    }
    // Whoever the program runs as: volumes that are mounted here take these rights over.
    for folder in ["tmp", "var/cache/sluicebox"] {
        fs::create_dir_all(root.join(folder))?;
        fs::set_permissions(root.join(folder), fs::Permissions::from_mode(0o1777))?;
    }
    fs::copy(stage.root().join("bin/sluice"), root.join("usr/bin/sluice"))?;
    let (from, to) = (stage.root().join("lib/sluicebox"), root.join("usr/lib"));
    run::run(Command::new("cp").arg("--recursive").arg(from).arg(to))?;
    let documents = root.join("usr/share/doc/sluicebox");
    fs::create_dir_all(&documents)?;
    for name in ["LICENSE", "sbom.cdx.json"] {
        fs::copy(stage.root().join("share/doc/sluicebox").join(name), documents.join(name))?;
    }
    Ok(())
}

/// The plugins, compiled by the very program that loads them, for any processor of the level x86-64-v2.
fn compile(stage: &Stage, root: &Path) -> Result<()> {
    let plugins = stage.root().join("lib/sluicebox/plugins");
    let mut sluice = Command::new(stage.root().join("bin/sluice"));
    sluice.args(["plugin", "compile"]).arg(plugins);
    run::run(sluice.arg("--to").arg(root.join(COMPILED.trim_start_matches('/'))))
}

/// Writes the image as the OCI image layout: one layer, its configuration, a manifest, an index.
fn write_layout(root: &Path, layout: &Path) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let (plain, packed) = (layout.join("layer.tar"), layout.join("layer.tar.gz"));
    pack(root, ".", &packed)?;
    run::run(Command::new("sh").args(["-c", "gzip -dc \"$1\" > \"$2\"", "sh"]).arg(&packed).arg(&plain))?;
    let diff = sha256(&plain)?;
    fs::remove_file(&plain)?;
    let layer = Blob::keep(&packed, &blobs)?;
    let config = format!(
        "{{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{{\"User\":\"{USER}\",\
         \"Entrypoint\":[\"/usr/bin/sluice\"],\"Cmd\":[\"run\",\"/etc/sluicebox/pipelines\"],\
         \"Env\":[\"PATH=/usr/bin\",\"SLUICE_CACHE_DIR=/var/cache/sluicebox/compiled\",\
         \"SLUICE_CACHE_TRUST=parents\",\"SLUICE_PRECOMPILED_DIR={COMPILED}\",\
         \"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\"],\"StopSignal\":\"SIGTERM\",\"WorkingDir\":\"/\",\
         \"Labels\":{{\"org.opencontainers.image.title\":\"sluicebox\",\"org.opencontainers.image.version\":\"{}\",\
         \"org.opencontainers.image.licenses\":\"Apache-2.0\"}}}},\
         \"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"sha256:{diff}\"]}},\"history\":[{{\"created_by\":\"cargo xtask package\"}}]}}",
        version()
    );
    let config = Blob::write(&config, layout, &blobs)?;
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{},\"layers\":[{}]}}",
        config.descriptor("application/vnd.oci.image.config.v1+json", ""),
        layer.descriptor("application/vnd.oci.image.layer.v1.tar+gzip", "")
    );
    let manifest = Blob::write(&manifest, layout, &blobs)?;
    let name = format!(
        ",\"platform\":{{\"architecture\":\"amd64\",\"os\":\"linux\"}},\"annotations\":{{\"io.containerd.image.name\":\
         \"localhost/sluicebox:{0}\",\"org.opencontainers.image.ref.name\":\"{0}\"}}",
        version()
    );
    let index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{}]}}",
        manifest.descriptor("application/vnd.oci.image.manifest.v1+json", &name)
    );
    fs::write(layout.join("index.json"), index)?;
    fs::write(layout.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}")?;
    Ok(())
}

/// A file that is known by the sum of its bytes.
struct Blob {
    digest: String,
    size: u64,
}

impl Blob {
    /// Moves a file to the blobs.
    fn keep(file: &Path, blobs: &Path) -> Result<Blob> {
        let digest = sha256(file)?;
        let size = File::open(file)?.metadata()?.len();
        fs::rename(file, blobs.join(&digest))?;
        Ok(Blob { digest, size })
    }

    /// Writes a text to the blobs.
    fn write(text: &str, layout: &Path, blobs: &Path) -> Result<Blob> {
        let file = layout.join("text");
        fs::write(&file, text)?;
        Blob::keep(&file, blobs)
    }

    fn descriptor(&self, media_type: &str, more: &str) -> String {
        let Blob { digest, size } = self;
        format!("{{\"mediaType\":\"{media_type}\",\"digest\":\"sha256:{digest}\",\"size\":{size}{more}}}")
    }
}

fn sha256(file: &Path) -> Result<String> {
    let line = run::output(Command::new("sha256sum").arg(file))?;
    Ok(line.split_whitespace().next().context("sha256sum says nothing")?.to_owned())
}
