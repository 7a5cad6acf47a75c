//! A PostgreSQL server of the test's own: in a folder of its own, reached by a socket in it, ended with the test.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MISSING: &str = "PostgreSQL is missing: apt-get install postgresql";

/// Evaluates an expression on a row: `=` and the text, `0` for NULL, `!` and the error.
const SETUP: &str = "
CREATE FUNCTION ask(expression text, row_id int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    EXECUTE 'SELECT (' || expression || ')::text FROM facts WHERE id = $1' INTO result USING row_id;
    RETURN coalesce('=' || result, '0');
EXCEPTION WHEN OTHERS THEN
    RETURN '!' || SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE jobs (id int, row_id int, expression text);
";

/// The server. It ends when this is dropped.
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
}

impl Server {
    /// Starts one, in a folder that is called after the test.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed or does not start.
    pub fn start(name: &str) -> Server {
        let programs = programs();
        let folder = std::env::temp_dir().join(format!("json-sql-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder for temporary files can be written to");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder));
        }
        let server = Server { folder, programs };
        let data = server.folder.join("data");
        let mut initdb = server.own("initdb");
        initdb.args(["--username", "oracle", "--auth", "trust", "--no-sync", "--encoding", "UTF8"]);
        run(initdb.args(["--locale", "C.UTF-8", "--pgdata"]).arg(&data));
        let options = format!(
            "-k {} -c listen_addresses= -c fsync=off -c jit=off -c synchronous_commit=off -c full_page_writes=off",
            server.folder.display()
        );
        let mut start = server.own("pg_ctl");
        start.arg("--pgdata").arg(&data).arg("--log").arg(server.folder.join("log")).args(["--options", &options]);
        run(start.args(["--wait", "start"]));
        server.script(SETUP);
        server
    }

    /// Runs a script, and gives what it writes.
    pub fn script(&self, script: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--username", "oracle", "--dbname", "postgres"]);
        psql.args(["--set", "ON_ERROR_STOP=1", "--host"]).arg(&self.folder);
        psql.env("PGOPTIONS", "-c timezone=UTC -c client_min_messages=error");
        let mut child = psql
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        let mut input = child.stdin.take().expect("the input is piped");
        let output = std::thread::scope(|scope| {
            scope.spawn(move || input.write_all(script.as_bytes()).expect("psql reads its input"));
            child.wait_with_output().expect("psql ends")
        });
        assert!(output.status.success(), "psql failed");
        String::from_utf8(output.stdout).expect("the database is UTF-8")
    }

    /// A program of the server's, run as a user who is not root: it refuses to be.
    fn own(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir(&self.folder);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        let stopped = self.own("pg_ctl").arg("--pgdata").arg(&data).args(["--mode", "immediate", "stop"]).status();
        if stopped.is_ok_and(|status| status.success()) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id is there");
    id.stdout.starts_with(b"0\n")
}

/// The folder of `initdb` and `pg_ctl`, which Debian keeps out of the path: that of the newest version.
fn programs() -> PathBuf {
    let has_programs = |folder: &Path| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .map(|entry| (entry.file_name().to_string_lossy().parse().unwrap_or(0), entry.path().join("bin")))
        .collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path);
    let mut all = folders.into_iter().rev().map(|(_, folder)| folder).chain(on_path);
    all.find(|folder| has_programs(folder)).unwrap_or_else(|| panic!("{MISSING}"))
}

fn run(command: &mut Command) {
    let name = command.get_program().to_owned();
    let status = command.status().unwrap_or_else(|error| panic!("{}: {error}", Path::new(&name).display()));
    let args: Vec<&OsStr> = command.get_args().collect();
    assert!(status.success(), "{} {args:?} failed", Path::new(&name).display());
}
