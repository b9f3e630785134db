//! Constraints of all tables, numbered: what `pg_constraint`, `information_schema` and
//! `pg_get_constraintdef` show.

use std::sync::Arc;

use crate::{
    catalog::{Catalog, Table, TableConstraint, TableConstraintKind},
    ids::ColumnId,
};

/// Where the OIDs of constraints start. They count through one version of the catalogue: nothing
/// durable refers to them.
const FIRST_CONSTRAINT_OID: u32 = 1 << 30;

/// A constraint and its table.
#[derive(Debug, Clone)]
pub(crate) struct NumberedConstraint<'a> {
    pub(crate) oid: u32,
    pub(crate) table: &'a Arc<Table>,
    pub(crate) constraint: &'a TableConstraint,
}

/// Returns all constraints.
pub(crate) fn all(catalog: &Catalog) -> impl Iterator<Item = NumberedConstraint<'_>> {
    let constraints = catalog
        .tables()
        .flat_map(|table| table.constraints.iter().map(move |constraint| (table, constraint)));
    (FIRST_CONSTRAINT_OID..).zip(constraints).map(|(oid, (table, constraint))| NumberedConstraint {
        oid,
        table,
        constraint,
    })
}

impl NumberedConstraint<'_> {
    /// Returns the constraint as `pg_get_constraintdef` prints it.
    pub(crate) fn definition(&self, catalog: &Catalog) -> String {
        let own = names(self.table, &self.constraint.columns);
        match &self.constraint.kind {
            TableConstraintKind::PrimaryKey => format!("PRIMARY KEY ({own})"),
            TableConstraintKind::Unique => format!("UNIQUE ({own})"),
            TableConstraintKind::ForeignKey { table, columns } => {
                let Some(target) = catalog.table_by_id(*table) else {
                    return format!("FOREIGN KEY ({own}) REFERENCES {table}");
                };
                let name = crate::system::identifier::quote(&target.name);
                format!("FOREIGN KEY ({own}) REFERENCES {name}({})", names(target, columns))
            }
        }
    }
}

fn names(table: &Table, columns: &[ColumnId]) -> String {
    let names = columns.iter().filter_map(|id| table.position(*id)).filter_map(|position| {
        table.columns.get(position).map(|column| crate::system::identifier::quote(&column.name))
    });
    names.collect::<Vec<_>>().join(", ")
}
