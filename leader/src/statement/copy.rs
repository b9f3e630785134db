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
    catalog::{CatalogChange, CatalogError, SUPERUSER, Table},
    client_error::SqlState,
    copy::{self, CopyColumn, CopyError, CopyFile, CopyOptions, CopyTarget, FileCounts, LoadLog},
    distribution::{AutoStyle, DistStyle},
    ids::{QueryId, SliceId},
    sql::copy::{CopyStatement, FileFormat},
    system::{LoadError, LoadFinished},
    transaction::LockMode,
};
use futures::{StreamExt, TryStreamExt};

use crate::{
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
    let load = Load {
        query: session.query(),
        started_us: Utc::now().timestamp_micros(),
        log: Arc::new(LoadLog::new(&options)),
        files: files.clone(),
        options,
        table,
    };
    let loaded = load.rows(session, &given).await;
    load.record_errors(session);
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
    options: Arc<CopyOptions>,
    log: Arc<LoadLog>,
}

impl Load {
    /// Reads the files and writes their rows; returns how many there are.
    async fn rows(&self, session: &mut Session, given: &[usize]) -> Result<u64, Error> {
        let mut columns = Vec::with_capacity(given.len());
        for position in given {
            let column = self.table.columns.get(*position).ok_or_else(|| {
                let (table, column) = (self.table.name.clone(), position.to_string());
                CatalogError::UndefinedColumn { table, column }
            })?;
            columns.push(CopyColumn {
                name: column.name.clone(),
                sql_type: column.sql_type,
                nullable: column.nullable,
            });
        }
        let target = CopyTarget { table_name: self.table.name.clone(), columns };
        let streams = copy::read(
            self.files.clone(),
            Arc::clone(&self.options),
            Arc::new(target),
            Arc::clone(&self.log),
            session.leader().log().slice_count() as usize,
        );
        if self.options.no_load {
            let mut row_count = 0;
            for mut rows in streams {
                while let Some(batch) = rows.try_next().await? {
                    row_count += batch.num_rows() as u64;
                }
            }
            return Ok(row_count);
        }
        let streams = streams.into_iter().map(|rows| rows.map_err(Into::into).boxed()).collect();
        let upkeep = if self.updates_statistics() { Upkeep::Analyze } else { Upkeep::None };
        write::append(session, &self.table, given, streams, upkeep).await
    }

    /// STATUPDATE: what is known of the table's values is to cover the rows that are loaded.
    fn updates_statistics(&self) -> bool {
        let was_empty = self.table.manifest.row_count() == 0;
        self.options.stat_update.unwrap_or(was_empty)
    }

    /// Records the rows that were refused: what STL_LOAD_ERRORS shows.
    fn record_errors(&self, session: &Session) {
        let pid = session.client().pid;
        let rows = self.log.rows().into_iter().map(|row| LoadError {
            user: SUPERUSER,
            slice: SliceId(0),
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
            is_partial: false,
            start_offset: 0,
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
        let files = self.files.iter().map(|file| {
            let FileCounts { lines, errors } = self.log.file(&file.url);
            LoadFinished {
                user: SUPERUSER,
                query: self.query,
                slice: SliceId(0),
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
