//! argv → cli → exit code.

fn main() -> std::process::ExitCode {
    xmrt::cli::main()
}
