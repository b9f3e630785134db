//! A share of a COPY: files are read and parsed here, and their rows written to runs of whatever slices own them.
//!
//! A run is an object that any node can write, so that no row goes to another node.

use std::{sync::Arc, time::Duration};

use engine::{
    copy::{self, CopyRows, CopyShare, LoadLog},
    error::Error,
    storage::{
        ManagedStorage, PendingObjects,
        paths::{ObjectPath, RunPath},
        run::Run,
    },
};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};

use super::{Report, asked::Reports};
use crate::{
    append::{Append, Writer},
    load::Loaded,
};

/// How often rows that were refused are reported: soon enough to end a load that has too many of them.
const LOG_INTERVAL: Duration = Duration::from_millis(50);

/// What a node has to do for a COPY.
#[derive(Debug, Serialize, Deserialize)]
pub struct CopyJob {
    /// The files.
    pub share: CopyShare,
    /// How their rows are written; NOLOAD only counts them.
    pub append: Option<Append>,
    /// Which of the nodes that share the COPY this one is.
    pub writer: Writer,
    /// How many streams read them side by side.
    pub stream_count: usize,
}

/// Does it; what was written goes with what is returned, unless that is kept.
pub(super) async fn run(
    storage: &Arc<ManagedStorage>,
    job: CopyJob,
    reports: &Reports,
) -> Result<PendingObjects, Error> {
    let table = job.append.as_ref().map(|append| append.written().1);
    let log = Arc::new(LoadLog::new(job.share.options()));
    let streams = job.share.read(&log, job.stream_count)?;
    let loading = load(storage, (job.append, job.writer), streams);
    tokio::pin!(loading);
    let mut ticks = interval(LOG_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let loaded = loop {
        tokio::select! {
            loaded = &mut loading => break loaded,
            _ = ticks.tick() => say_log(&log, reports).await?,
        }
    };
    // Whether it failed or not, and before the leader is told.
    say_log(&log, reports).await?;
    let loaded = loaded?;
    let mut pending = PendingObjects::new(Arc::clone(storage));
    if let Some(table) = table {
        let objects = loaded.runs.iter().filter(|run| run.inline.is_none());
        let path = |run: &Run| RunPath { table, slice: run.slice, run: run.id };
        pending.extend(objects.map(|run| ObjectPath::Run(path(run))));
    }
    reports.say(&Report::Written(loaded)).await?;
    Ok(pending)
}

async fn load(
    storage: &Arc<ManagedStorage>,
    (append, writer): (Option<Append>, Writer),
    streams: Vec<CopyRows>,
) -> Result<Loaded, Error> {
    let Some(append) = append else {
        return Ok(Loaded { row_count: copy::count(streams).await?, ..Loaded::default() });
    };
    let streams = streams.into_iter().map(|rows| rows.map_err(Error::from).boxed()).collect();
    append.write(storage, streams, writer).await
}

async fn say_log(log: &LoadLog, reports: &Reports) -> Result<(), Error> {
    let report = log.take();
    match report.is_empty() {
        true => Ok(()),
        false => reports.say(&Report::Log(report)).await,
    }
}
