//! COPY: files on an object store become rows of a table, all or nothing.
//!
//! ```text
//!  list files ─▶ read, parse, convert ─▶ route by distribution key ─▶ sort, encode ─▶ commit
//!   (leader)    └───────── in this process, or by compute nodes, each its share ────┘ (leader)
//! ```
//!
//! Invariants:
//!
//! * Nothing is visible before the commit; the runs of a failed COPY are deleted.
//! * Rejected rows are recorded before the statement answers, whether it fails or not.

use std::{collections::HashMap, sync::Arc};

use chrono::Utc;
use compute::{
    append::{Append, Writer},
    jobs::CopyJob,
};
use engine::{
    catalog::{CatalogChange, CatalogError, SUPERUSER, Table},
    client_error::SqlState,
    copy::{
        self, CopyColumn, CopyError, CopyFile, CopyOptions, CopyShare, CopyTarget, FileCounts,
        LoadLog,
    },
    distribution::{AutoStyle, DistStyle},
    ids::{QueryId, SliceId},
    sql::copy::{CopyStatement, FileFormat},
    system::{LoadError, LoadFinished},
    transaction::LockMode,
};
use futures::{StreamExt, TryStreamExt};
use url::Url;

use crate::{
    cluster::{copies::Copy, lost_nodes::ClusterNodes},
    error::Error,
    session::{LastCopy, Outcome, Session},
    statement::{
        analyze, auto_distribution, names,
        write::{self, Upkeep},
    },
};

pub(super) async fn run(session: &mut Session, copy: &CopyStatement) -> Result<Outcome, Error> {
    let options = Arc::new(CopyOptions::check(copy)?);
    let table = names::table_to_write(session, &copy.table, LockMode::ShareRowExclusive).await?;
    let given = given_columns(&table, copy)?;
    let files = copy::source::list(&options, session.leader().s3()).await?;
    let table = spread_if_large(session, table, copy, &files)?;
    let mut load = Load {
        query: session.query(),
        started_us: Utc::now().timestamp_micros(),
        log: Arc::new(LoadLog::new(&options)),
        files,
        readers: HashMap::new(),
        options,
        table,
    };
    let loaded = load.rows(session, &given).await;
    load.record_errors(session, loaded.is_ok());
    if load.log.too_many() {
        return Err(CopyError::too_many(&load.table.name).into());
    }
    let row_count = loaded?;
    if !load.options.no_load && load.updates_statistics() && !write::can_be_kept_up(&load.table) {
        analyze::all_columns(session, load.table.id).await?;
    }
    load.finish(session, row_count);
    Ok(Outcome::done("COPY"))
}

/// Returns the positions of the columns that the files hold, in their order.
fn given_columns(table: &Table, copy: &CopyStatement) -> Result<Vec<usize>, Error> {
    if copy.columns.is_empty() {
        // An IDENTITY column is in the files only when it is named.
        let columns = table.columns.iter().enumerate().filter(|(_, c)| c.identity.is_none());
        return Ok(columns.map(|(position, _)| position).collect());
    }
    let given = names::column_positions(table, &copy.columns)?;
    for position in &given {
        let column = &table.columns[*position];
        if column.identity.is_some_and(|identity| !identity.by_default) {
            return Err(Error::unsupported(
                format!("COPY into the identity column \"{}\" (EXPLICIT_IDS)", column.name),
                "Leave the column out of the column list.",
            ));
        }
    }
    Ok(given)
}

/// An AUTO table that gets large loses its one copy: from now on rows go to all slices.
fn spread_if_large(
    session: &mut Session,
    table: Arc<Table>,
    copy: &CopyStatement,
    files: &[CopyFile],
) -> Result<Arc<Table>, Error> {
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    if table.dist_style != DistStyle::Auto(AutoStyle::All) {
        return Ok(table);
    }
    let style = match auto_distribution::style(&table, bytes) {
        AutoStyle::All => return Ok(table),
        // Rows that are there would have to move: those of EVEN may be anywhere.
        AutoStyle::Key(_) if !table.manifest.runs.is_empty() => AutoStyle::Even,
        style => style,
    };
    let style = DistStyle::Auto(style);
    session.change(vec![CatalogChange::SetDistStyle { table: table.id, style }])?;
    let catalog = session.catalog();
    names::table(session, &catalog, &copy.table)
}

/// One load.
struct Load {
    query: QueryId,
    started_us: i64,
    table: Arc<Table>,
    files: Vec<CopyFile>,
    /// By URL and where the part of the file begins, a slice of the node that reads it; slice 0 if none is named.
    readers: HashMap<(String, u64), SliceId>,
    options: Arc<CopyOptions>,
    log: Arc<LoadLog>,
}

impl Load {
    /// Reads the files and writes their rows; returns how many there are.
    async fn rows(&mut self, session: &mut Session, given: &[usize]) -> Result<u64, Error> {
        let target = self.target(given)?;
        let upkeep = if self.updates_statistics() { Upkeep::Analyze } else { Upkeep::None };
        let leader = Arc::clone(session.leader());
        if let Some(nodes) = leader.compute_nodes() {
            let jobs = self.jobs(session, nodes, &target, (given, upkeep)).await?;
            let (table_name, log) = (&self.table.name, &self.log);
            let append = jobs.first().and_then(|(_, job)| job.append.as_ref());
            let write = append.map(Append::written);
            let copy = Copy { nodes, write, table_name, log };
            let written = copy.run(jobs).await?;
            return write::record(session, &self.table, written, upkeep);
        }
        let streams = copy::read(
            self.files.clone(),
            Arc::clone(&self.options),
            Arc::new(target),
            Arc::clone(&self.log),
            leader.log().slice_count() as usize,
        );
        if self.options.no_load {
            return Ok(copy::count(streams).await?);
        }
        let streams = streams.into_iter().map(|rows| rows.map_err(Into::into).boxed()).collect();
        write::append(session, &self.table, given, streams, upkeep).await
    }

    /// Returns what is known of the columns that the files hold.
    fn target(&self, given: &[usize]) -> Result<CopyTarget, Error> {
        let columns = given.iter().map(|position| {
            let column = self.table.columns.get(*position).ok_or_else(|| {
                let (table, column) = (self.table.name.clone(), position.to_string());
                CatalogError::UndefinedColumn { table, column }
            })?;
            let (name, nullable) = (column.name.clone(), column.nullable);
            Ok(CopyColumn { name, sql_type: column.sql_type, nullable })
        });
        let columns = columns.collect::<Result<_, CatalogError>>()?;
        Ok(CopyTarget { table_name: self.table.name.clone(), columns })
    }

    /// Returns what each compute node is to do.
    async fn jobs(
        &mut self,
        session: &mut Session,
        nodes: &ClusterNodes,
        target: &CopyTarget,
        (given, upkeep): (&[usize], Upkeep),
    ) -> Result<Vec<(Url, CopyJob)>, Error> {
        let append = match self.options.no_load {
            true => None,
            false => Some(write::append_of_nodes(session, &self.table, given, upkeep).await?),
        };
        let leader = session.leader();
        let nodes = nodes.in_turn(self.query)?;
        let slice_count = leader.log().slice_count();
        let slices_each = slice_count.div_ceil(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
        let shares = CopyShare::deal(&self.files, &self.options, target, leader.s3(), nodes.len())?;
        // As many streams as there are slices: a single file keeps all of its node busy.
        let stream_count = (slice_count as usize).div_ceil(shares.len().max(1));
        let count = shares.len();
        let mut jobs = Vec::with_capacity(count);
        for (index, ((place, node), share)) in nodes.into_iter().zip(shares).enumerate() {
            let slice = SliceId((place * slices_each).min(slice_count.saturating_sub(1)));
            let parts = share.parts().map(|(url, offset)| ((url.to_owned(), offset), slice));
            self.readers.extend(parts);
            let (append, writer) = (append.clone(), Writer { index, count });
            jobs.push((node, CopyJob { share, append, writer, stream_count }));
        }
        Ok(jobs)
    }

    fn reader(&self, url: &str, offset: u64) -> SliceId {
        self.readers.get(&(url.to_owned(), offset)).copied().unwrap_or(SliceId(0))
    }

    /// STATUPDATE: what is known of the table's values is to cover the rows that are loaded.
    fn updates_statistics(&self) -> bool {
        let was_empty = self.table.manifest.row_count() == 0;
        self.options.stat_update.unwrap_or(was_empty)
    }

    /// Records the rows that were refused: what STL_LOAD_ERRORS shows.
    fn record_errors(&self, session: &Session, all_is_read: bool) {
        let pid = session.client().pid;
        let rows = self.log.rows(all_is_read).into_iter().map(|row| LoadError {
            user: SUPERUSER,
            slice: self.reader(&row.file, row.offset.unwrap_or(0)),
            table: self.table.id,
            start_us: self.started_us,
            pid,
            query: self.query,
            filename: row.file,
            line_number: row.line_number,
            column: row.column_name,
            column_type: row.sql_type,
            column_length: row.col_length.map(|length| length.to_string()).unwrap_or_default(),
            position: row.position,
            raw_line: row.raw_line,
            raw_field_value: row.raw_field_value,
            error_code: row.err_code,
            error_reason: row.err_reason,
            is_partial: row.offset.is_some(),
            start_offset: row.offset.unwrap_or(0),
        });
        session.leader().events().load_errors(rows);
    }

    /// Says how much was loaded, and records it.
    fn finish(&self, session: &mut Session, row_count: u64) {
        let name = &self.table.name;
        let refused = self.log.rejected_count();
        if refused > 0 {
            let message = format!(
                "Load into table '{name}' completed, {refused} record(s) could not be loaded.  \
                 Check 'stl_load_errors' system table for details."
            );
            session.notice("INFO", SqlState("00000"), message);
        }
        let done = if self.options.no_load { "checked" } else { "loaded" };
        let message = format!(
            "Load into table '{name}' completed, {row_count} record(s) {done} successfully."
        );
        session.notice("INFO", SqlState("00000"), message);
        session.set_last_copy(LastCopy { query_id: Some(self.query), row_count });
        if self.options.no_load {
            return;
        }
        let finished_us = Utc::now().timestamp_micros();
        let file_format = match self.options.format {
            FileFormat::Text => "Text",
            FileFormat::Csv => "CSV",
            FileFormat::Parquet => "Parquet",
        };
        let parts = self.files.iter().map(|file| (file, self.log.file(&file.url)));
        let parts = parts.flat_map(|(file, parts)| {
            let is_partial = parts.len() > 1;
            parts.into_iter().map(move |(offset, counts)| (file, offset, counts, is_partial))
        });
        let files = parts.map(|(file, start_offset, counts, is_partial)| {
            let FileCounts { lines, errors } = counts;
            LoadFinished {
                user: SUPERUSER,
                query: self.query,
                slice: self.reader(&file.url, start_offset),
                is_partial,
                start_offset,
                filename: file.url.clone(),
                lines_scanned: lines,
                errors,
                finished_us,
                file_format: file_format.to_owned(),
            }
        });
        session.leader().events().load_finished(files);
    }
}
