//! The program `twostep`.

fn main() -> std::process::ExitCode {
    twostep::cli::run()
}
