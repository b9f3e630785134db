//! COPY: files on an object store become rows of a table, all or nothing.
//!
//! ```text
//!  list files ─▶ read, parse, convert ─▶ route by distribution key ─▶ sort, encode ─▶ commit
//!   (leader)       (streams of files)          (any slice)              (owner)      (leader)
//! ```
//!
//! Invariants:
//!
//! * Nothing is visible before the commit; the runs of a failed COPY are deleted.
//! * Rejected rows are recorded before the statement answers, whether it fails or not.

use std::sync::Arc;

use chrono::Utc;
use engine::{
    catalog::{CatalogChange, Table},
    client_error::SqlState,
    copy::{self, CopyColumn, CopyError, CopyOptions, CopyTarget, LoadErrors},
    distribution::{AutoStyle, DistStyle},
    ids::QueryId,
    sql::copy::CopyStatement,
    system::{Event, LoadErrorEvent, LoadFinished},
};
use futures::{StreamExt, TryStreamExt};

use crate::{
    error::Error,
    session::{LastCopy, Outcome, Session},
    statement::{names, write},
};

/// A load of more than this makes an AUTO table EVEN: one copy on one slice is for small tables.
const AUTO_ALL_BYTES_MAX: u64 = 8 << 20;

pub(super) async fn run(session: &mut Session, copy: &CopyStatement) -> Result<Outcome, Error> {
    let options = Arc::new(CopyOptions::check(copy)?);
    let catalog = session.catalog();
    let mut table = names::table(session, &catalog, &copy.table)?;
    let given = given_columns(&table, copy)?;
    let files = copy::source::list(&options, session.leader().s3()).await?;
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    if bytes > AUTO_ALL_BYTES_MAX && table.dist_style == DistStyle::Auto(AutoStyle::All) {
        let style = DistStyle::Auto(AutoStyle::Even);
        session.change(vec![CatalogChange::SetDistStyle { table: table.id, style }])?;
        table = names::table(session, &session.catalog(), &copy.table)?;
    }
    let query_id = session.leader().new_query_id();
    let rejected = Arc::new(LoadErrors::new(&options));
    let target = Arc::new(target(&table, &given));
    let stream_count = session.leader().log().slice_count() as usize;
    let started_us = Utc::now().timestamp_micros();
    let streams = copy::read(files, Arc::clone(&options), target, Arc::clone(&rejected), stream_count);
    let streams = streams.into_iter().map(|rows| rows.map_err(Into::into).boxed()).collect();
    let loaded = write::append(session, &table, &given, streams).await;
    record_errors(session, &table, query_id, started_us, &rejected);
    let row_count = match loaded {
        Ok(row_count) if !rejected.too_many() => row_count,
        Ok(_) => return Err(CopyError::too_many(&table.name).into()),
        Err(error) => return Err(error),
    };
    finish(session, &table, query_id, started_us, row_count, &rejected);
    Ok(Outcome::done("COPY"))
}
