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

/// How far the OID of a key's index is from that of the key.
const INDEX_OID_OFFSET: u32 = 1 << 29;

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
    /// Returns the OID of a key's index. There is none to scan; psql and drivers find keys by their indexes.
    pub(crate) fn index_oid(&self) -> Option<u32> {
        match self.constraint.kind {
            TableConstraintKind::PrimaryKey | TableConstraintKind::Unique => {
                Some(self.oid + INDEX_OID_OFFSET)
            }
            TableConstraintKind::ForeignKey { .. } => None,
        }
    }

    /// Returns the key's index as `pg_get_indexdef` prints it; of one column only that, counted from 1.
    pub(crate) fn index_definition(&self, schema: &str, column: usize) -> Option<String> {
        if let Some(position) = column.checked_sub(1) {
            let id = self.constraint.columns.get(position)?;
            return Some(names(self.table, std::slice::from_ref(id)));
        }
        let quote = crate::system::identifier::quote;
        let (index, table) = (quote(&self.constraint.name), quote(&self.table.name));
        let columns = names(self.table, &self.constraint.columns);
        let schema = quote(schema);
        Some(format!("CREATE UNIQUE INDEX {index} ON {schema}.{table} USING btree ({columns})"))
    }

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
