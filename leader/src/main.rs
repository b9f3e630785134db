//! `blueshift`: one binary for everything.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use leader::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Plans are trees that are walked recursively: as deep as the deepest statement that is let in. Only
/// what is used of a stack takes memory.
const STACK_BYTES: usize = 128 << 20;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Who closed stderr does not want to know.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: cli::Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()?;
    let result = runtime.block_on(cli::run(arguments));
    // What still runs on a blocking thread is not worth waiting for.
    runtime.shutdown_background();
    result
}
