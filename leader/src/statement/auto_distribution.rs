//! DISTSTYLE AUTO: a small table is copied whole, a larger one is spread over the slices by its primary key,
//! or EVEN without one ("Distribution styles" of Redshift's documentation).
//!
//! ```text
//!  CREATE TABLE ─▶ AUTO(ALL) ─┬─ a large COPY, before its rows are written ─▶ AUTO(KEY), AUTO(EVEN)
//!                             └─ grown row by row: in the background, as ALTER DISTSTYLE AUTO does it
//! ```

use std::sync::Arc;

use engine::{
    catalog::{Table, TableConstraintKind},
    distribution::{AutoStyle, DistStyle},
    sql::{AlterAction, AlterTable, DistStyleName, QualifiedName, SortKeyClause},
};

use crate::{
    error::Error,
    leader::Leader,
    session::{ClientIdentity, Session},
};

use super::alter_table;

/// A table with more than this is spread: one copy on one slice is for small tables.
const ALL_BYTES_MAX: u64 = 8 << 20;

/// Returns what AUTO means for a table of this size.
pub(super) fn style(table: &Table, bytes: u64) -> AutoStyle {
    if bytes <= ALL_BYTES_MAX {
        return AutoStyle::All;
    }
    if let DistStyle::Key(key) = table.dist_style.effective() {
        return AutoStyle::Key(key);
    }
    let mut constraints = table.constraints.iter();
    let primary = constraints.find(|one| one.kind == TableConstraintKind::PrimaryKey);
    match primary.and_then(|primary| primary.columns.first()) {
        Some(column) => AutoStyle::Key(*column),
        None => AutoStyle::Even,
    }
}

/// Returns whether a table has become too large for one copy on one slice.
pub(crate) fn is_outgrown(table: &Table) -> bool {
    table.dist_style == DistStyle::Auto(AutoStyle::All)
        && style(table, table.manifest.bytes()) != AutoStyle::All
}

/// Spreads a table over the slices. Its writers wait meanwhile.
pub(crate) async fn spread(
    leader: &Arc<Leader>,
    client: ClientIdentity,
    table: &Table,
) -> Result<(), Error> {
    let head = leader.log().head();
    let Some(schema) = head.schema_by_id(table.schema) else { return Ok(()) };
    let alter = AlterTable {
        name: QualifiedName {
            database: None,
            schema: Some(schema.name.clone()),
            name: table.name.clone(),
        },
        action: AlterAction::Layout {
            dist_style: Some(DistStyleName::Auto),
            dist_key: None,
            sort_key: SortKeyClause::Unspecified,
        },
    };
    let mut session = Session::open(leader, client)?;
    alter_table::run(&mut session, &alter).await?;
    session.commit_current().await
}
