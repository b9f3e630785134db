//! Zone maps for the system tables that show them: they are read from the runs, and only when asked for.
//! Small runs in the log have none; theirs are made of their rows.

use std::{collections::HashMap, sync::Arc};

use datafusion::error::{DataFusionError, Result};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    plan::planner::QueryContext,
    storage::{StorageError, paths::ObjectPath},
    system::SystemContext,
};

/// Zone maps that are read at a time.
const READS_AT_A_TIME: usize = 16;

/// Returns what system tables are asked about, with the zone maps of all tables.
pub(super) async fn with_zone_maps(context: &QueryContext) -> Result<Arc<SystemContext>> {
    let tables = context.catalog.tables();
    let runs: Vec<_> = tables
        .flat_map(|table| {
            table.manifest.runs.iter().map(|run| (table.run_path(run), Arc::clone(run)))
        })
        .collect();
    let reads = runs.into_iter().map(|(path, run)| {
        let storage = Arc::clone(&context.storage);
        async move {
            let zones = match &run.inline {
                Some(inline) => Arc::new(inline.zone_map()?),
                None => {
                    storage.zone_map(&storage.location(&ObjectPath::Run(path)), run.bytes).await?
                }
            };
            Ok::<_, StorageError>((path.run, zones))
        }
    });
    let zone_maps: HashMap<_, _> = stream::iter(reads)
        .buffer_unordered(READS_AT_A_TIME)
        .try_collect()
        .await
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(Arc::new(SystemContext { zone_maps: Arc::new(zone_maps), ..(*context.system).clone() }))
}
