//! ALTER TABLE … ALTER DISTSTYLE, ALTER DISTKEY, ALTER SORTKEY: rows go to other slices, or in another order.
//!
//! ```text
//!  runs of the table ─▶ scan ─▶ route, sort ─▶ new runs ─┬─▶ one commit: the layout, old runs out, new ones in
//!                                                       └─▶ who reads the old version keeps its runs
//! ```

use std::sync::Arc;

use engine::{
    catalog::{CatalogChange, SortKey, Table, TableChange},
    distribution::DistStyle,
    ids::ColumnId,
    sql::{DistStyleName, SortKeyClause},
    write::ColumnSource,
};

use crate::{
    error::Error,
    session::Session,
    statement::{auto_distribution, names, table_definition as definition, write},
};

/// What the statement says of distribution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) dist_style: Option<DistStyleName>,
    pub(super) dist_key: Option<&'a str>,
}

pub(super) async fn change(
    session: &mut Session,
    table: &Arc<Table>,
    asked: Asked<'_>,
    sort_key: &SortKeyClause,
) -> Result<Vec<CatalogChange>, Error> {
    let dist_style = dist_style(table, asked)?;
    let sort_key = new_sort_key(table, sort_key)?;
    let mut altered = (**table).clone();
    (altered.dist_style, altered.sort_key) = (dist_style, sort_key.clone());
    let layout = TableChange::SetLayout { dist_style, sort_key };
    let mut changes = vec![CatalogChange::Alter { table: table.id, change: layout }];
    // Redshift leaves the columns of a sort key uncompressed.
    let raw =
        altered.sort_key.columns().iter().map(|id| (*id, "none".to_owned())).collect::<Vec<_>>();
    if !raw.is_empty() && altered.sort_key != table.sort_key {
        for column in
            altered.columns.iter_mut().filter(|c| altered.sort_key.columns().contains(&c.id))
        {
            "none".clone_into(&mut column.encoding);
        }
        let change = TableChange::SetEncodings(raw);
        changes.push(CatalogChange::Alter { table: table.id, change });
    }
    if !table.manifest.runs.is_empty() && moves_rows(table, &altered) {
        changes.push(rewrite(session, table, &altered).await?);
    }
    Ok(changes)
}

fn dist_style(table: &Table, asked: Asked<'_>) -> Result<DistStyle, Error> {
    let Some(style) = asked.dist_style else { return Ok(table.dist_style) };
    if matches!(table.sort_key, SortKey::Interleaved(_)) {
        return Err(Error::unsupported(
            "ALTER DISTSTYLE of a table with an interleaved sort key",
            "Alter the sort key to a compound one first.",
        ));
    }
    Ok(match (style, asked.dist_key) {
        (DistStyleName::Key, Some(key)) => DistStyle::Key(names::column(table, key)?.id),
        (DistStyleName::Even, _) => DistStyle::Even,
        (DistStyleName::All, _) => DistStyle::All,
        (DistStyleName::Auto | DistStyleName::Key, _) => {
            DistStyle::Auto(auto_distribution::style(table, table.manifest.bytes()))
        }
    })
}

fn new_sort_key(table: &Table, clause: &SortKeyClause) -> Result<SortKey, Error> {
    match clause {
        SortKeyClause::Unspecified => Ok(table.sort_key.clone()),
        SortKeyClause::None => Ok(SortKey::Compound(Vec::new())),
        SortKeyClause::Auto => Ok(match table.sort_key.columns() {
            [] => SortKey::Auto,
            columns => SortKey::AutoCompound(columns.to_vec()),
        }),
        SortKeyClause::Compound(names) => {
            let id = |name: &String| definition::column_id(&table.columns, name);
            names.iter().map(id).collect::<Result<Vec<ColumnId>, _>>().map(SortKey::Compound)
        }
        SortKeyClause::Interleaved(_) => Err(Error::unsupported(
            "ALTER TABLE ALTER INTERLEAVED SORTKEY",
            "Alter the sort key to a compound one, or create the table anew.",
        )),
    }
}

/// Returns whether runs of the table are not runs of the altered one.
fn moves_rows(table: &Table, altered: &Table) -> bool {
    let is_distributed = table.dist_style.effective() == altered.dist_style.effective();
    let is_sorted = table.sort_key.order_columns().starts_with(altered.sort_key.order_columns());
    !(is_distributed && is_sorted)
}

/// Writes all rows anew as the altered table wants them.
async fn rewrite(
    session: &mut Session,
    table: &Arc<Table>,
    altered: &Table,
) -> Result<CatalogChange, Error> {
    names::check_unchanged(session, table)?;
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    let plan = planning.scan(table, (0..table.columns.len()).collect())?;
    let streams = write::streams_of(planning.physical(&plan).await?, &planning)?;
    let sources = (0..table.columns.len()).map(ColumnSource::Given).collect();
    let written = write::write(session, altered, sources, streams, false).await?;
    let removed = table.manifest.runs.iter().map(|run| run.id).collect();
    Ok(CatalogChange::ReplaceRuns { table: table.id, removed, added: written.runs })
}
