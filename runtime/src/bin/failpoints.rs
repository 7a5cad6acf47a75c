//! The program `sluice` in a build where tests can let it crash; see `failpoint.rs` in the library.

fn main() -> std::process::ExitCode {
    sluicebox::cli::main()
}
