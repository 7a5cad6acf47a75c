//! The program `sluice`.

fn main() -> std::process::ExitCode {
    sluicebox::cli::main()
}
