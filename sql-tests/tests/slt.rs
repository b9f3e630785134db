//! Every `.slt` file on every cluster shape, as a test of its own: `1x2::copy/manifest.slt`.
//!
//! Each test has a warehouse of its own, so that no file sees another's tables or events; the S3
//! endpoint with the files to load is shared, nobody writes to it.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use sql_tests::{
    cluster::{Cluster, SHAPES, Shape},
    load_files,
    s3::S3Endpoint,
    slt,
};

/// What a file says of which a cluster does not have the answers yet (`docs/cluster.md`).
const ONE_PROCESS_ONLY: &str = "\n# In one process only: ";

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let endpoint: Arc<OnceLock<Result<S3Endpoint, String>>> = Arc::default();
    let mut trials = Vec::new();
    for file in slt::files(&folder)? {
        let is_for_one_process = fs::read_to_string(folder.join(&file))?.contains(ONE_PROCESS_ONLY);
        let shapes = SHAPES.iter().filter(|shape| shape.node_count == 1 || !is_for_one_process);
        for &shape in shapes {
            let path = folder.join(&file);
            let name = format!("{shape}::{}", file.display());
            let endpoint = Arc::clone(&endpoint);
            let test =
                move || run(&path, shape, &endpoint).map_err(|e| Failed::from(format!("{e:#}")));
            trials.push(Trial::test(name, test));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` below runs no destructors: the endpoint is stopped here.
    if let Some(endpoint) = Arc::into_inner(endpoint) {
        drop(endpoint);
    }
    conclusion.exit()
}

fn run(path: &Path, shape: Shape, endpoint: &OnceLock<Result<S3Endpoint, String>>) -> Result<()> {
    let endpoint = endpoint
        .get_or_init(|| start_endpoint().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut cluster = Cluster::of_shape(shape, endpoint.address())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let port = cluster.port();
    let outcome = runtime.block_on(slt::run_file(path, port));
    let log = cluster.process().log();
    outcome.with_context(|| format!("server's log:\n{log}\n"))
}

fn start_endpoint() -> Result<S3Endpoint> {
    let endpoint = S3Endpoint::start()?;
    load_files::write(&endpoint.bucket("sql-tests")?)?;
    Ok(endpoint)
}
