//! `spatten-gen`: see the library for everything.

fn main() -> std::process::ExitCode {
    spatten_gen::cli::main()
}
