//! ALTER TABLE: a table is defined otherwise while its runs stay as they are.
//!
//! Invariants:
//!
//! * What the manifest knows of a run's columns is in the order of the table's columns: a column that is added
//!   is added there too, one that is dropped goes.
//! * A run never has a column under a name that another column of the table has in runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{
        AnalyzedColumn, Catalog, CatalogError, Column, FormerColumns, SortKey, Table,
        TableConstraint, TableManifest,
    },
    distribution::DistStyle,
    ids::{ColumnId, TableId},
    storage::run::{ColumnStatistics, Run, StatisticsValue},
    types::SqlType,
};

/// One way in which a table is defined otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TableChange {
    /// A new last column; rows that are there have its [`Column::missing`].
    AddColumn(Column),
    /// A column goes. Constraints it is in go with it.
    DropColumn {
        /// The column.
        column: ColumnId,
        /// The views that stand on the table, none of them on the column.
        views: Vec<TableId>,
    },
    /// A column is called otherwise.
    RenameColumn {
        /// The column.
        column: ColumnId,
        /// Its new name.
        name: String,
    },
    /// A column has another length.
    SetType {
        /// The column.
        column: ColumnId,
        /// Its type, of the same Arrow type.
        sql_type: SqlType,
    },
    /// Columns are encoded otherwise.
    SetEncodings(Vec<(ColumnId, String)>),
    /// Whether the table is ENCODE AUTO; columns keep the encodings they have.
    SetEncodeAuto(bool),
    /// Rows go to slices, or are ordered there, in another way; the runs that keep to it come with
    /// [`ReplaceRuns`](crate::catalog::CatalogChange::ReplaceRuns).
    SetLayout {
        /// How rows go to slices.
        dist_style: DistStyle,
        /// How they are ordered.
        sort_key: SortKey,
    },
    /// ANALYZE, or a COPY that keeps statistics up.
    Analyze {
        /// When: microseconds since 1970, UTC.
        at_us: i64,
        /// Rows that had come and gone by then.
        modified_count: u64,
        /// Different values of columns, in what was written before there was `columns`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        distinct_counts: Vec<(ColumnId, u64)>,
        /// What was found out of the columns that were looked at.
        #[serde(default)]
        columns: Vec<AnalyzedColumn>,
    },
    /// Rows came that told how their values are spread: what is known of values covers them, and they count as
    /// modified all the same until ANALYZE.
    AbsorbStatistics {
        /// Rows that came and went since ANALYZE and are covered, those of before included.
        absorbed_count: u64,
        /// What is known with them.
        columns: Vec<AnalyzedColumn>,
    },
    /// A new constraint.
    AddConstraint(TableConstraint),
    /// A constraint goes.
    DropConstraint(String),
}

impl Catalog {
    /// Applies a change to a table.
    pub(super) fn alter(&mut self, id: TableId, change: &TableChange) -> Result<(), CatalogError> {
        match change {
            TableChange::AddColumn(column) => {
                self.remember_columns(id)?;
                self.table_mut(id)?.add_column(column)
            }
            TableChange::DropColumn { column, views } => {
                self.remember_columns(id)?;
                let unknown = self.dependents(id).any(|view| !views.contains(&view.id));
                let table = self.table_mut(id)?;
                if unknown {
                    return Err(CatalogError::ConcurrentlyChanged(table.name.clone()));
                }
                table.drop_column(*column)
            }
            TableChange::RenameColumn { column, name } => {
                self.remember_columns(id)?;
                self.table_mut(id)?.rename_column(*column, name)
            }
            TableChange::SetType { column, sql_type } => {
                self.table_mut(id)?.column_mut(*column)?.sql_type = *sql_type;
                Ok(())
            }
            TableChange::SetEncodings(encodings) => {
                let table = self.table_mut(id)?;
                table.note_encodings();
                for (column, encoding) in encodings {
                    table.column_mut(*column)?.encoding.clone_from(encoding);
                }
                Ok(())
            }
            TableChange::SetEncodeAuto(encode_auto) => {
                let table = self.table_mut(id)?;
                table.note_encodings();
                table.encode_auto = *encode_auto;
                Ok(())
            }
            TableChange::SetLayout { dist_style, sort_key } => {
                let table = self.table_mut(id)?;
                table.dist_style = *dist_style;
                table.sort_key = sort_key.clone();
                Ok(())
            }
            TableChange::Analyze { at_us, modified_count, distinct_counts, columns } => {
                // A table that has gone meanwhile needs none.
                if let Ok(table) = self.table_mut(id) {
                    table.statistics.analyzed(*at_us, *modified_count);
                    table.statistics.learn_all(distinct_counts, columns);
                }
                Ok(())
            }
            TableChange::AbsorbStatistics { absorbed_count, columns } => {
                let known = &mut self.table_mut(id)?.statistics;
                known.absorbed_count = *absorbed_count;
                known.learn(columns);
                Ok(())
            }
            TableChange::AddConstraint(constraint) => {
                self.table_mut(id)?.constraints.push(constraint.clone());
                Ok(())
            }
            TableChange::DropConstraint(name) => {
                self.table_mut(id)?.constraints.retain(|constraint| constraint.name != *name);
                Ok(())
            }
        }
    }

    /// Returns what a view is to know of the tables it stands on.
    pub fn former_columns(&self, tables: &[TableId]) -> Vec<FormerColumns> {
        let tables = tables.iter().filter_map(|id| self.table_by_id(*id));
        tables.map(|table| table.former_columns()).collect()
    }

    /// Tells the views that do not know yet what columns their table has.
    fn remember_columns(&mut self, id: TableId) -> Result<(), CatalogError> {
        let columns = self.table_mut(id)?.former_columns();
        let views = Arc::make_mut(&mut self.views)
            .values_mut()
            .filter(|view| view.depends_on.contains(&id));
        for view in views.filter(|view| view.made_of.iter().all(|known| known.table != id)) {
            Arc::make_mut(view).made_of.push(columns.clone());
        }
        Ok(())
    }

    /// Returns whether all of these columns are still there.
    pub(super) fn has_columns(&self, former: &FormerColumns) -> bool {
        let table = self.table_by_id(former.table);
        table.is_some_and(|table| {
            former.columns.iter().all(|(column, _)| table.position(*column).is_some())
        })
    }
}

impl Table {
    fn former_columns(&self) -> FormerColumns {
        let columns = self.columns.iter().map(|column| (column.id, column.name.clone()));
        FormerColumns { table: self.id, columns: columns.collect() }
    }

    fn column_mut(&mut self, id: ColumnId) -> Result<&mut Column, CatalogError> {
        let column = self.columns.iter_mut().find(|column| column.id == id);
        column.ok_or_else(|| CatalogError::ConcurrentlyChanged(self.name.clone()))
    }

    fn add_column(&mut self, column: &Column) -> Result<(), CatalogError> {
        self.require_free_name(&column.name)?;
        self.columns.push(column.clone());
        let added = |run: &Run| constant_statistics(column.missing.as_ref(), run.row_count);
        self.edit_runs(|run| run.columns.push(added(run)));
        Ok(())
    }

    fn drop_column(&mut self, id: ColumnId) -> Result<(), CatalogError> {
        let Some(position) = self.position(id) else {
            return Err(CatalogError::ConcurrentlyChanged(self.name.clone()));
        };
        self.columns.remove(position);
        self.statistics.forget(id);
        self.constraints.retain(|constraint| !constraint.columns.contains(&id));
        self.dropped_column_max = self.dropped_column_max.max(id.0);
        self.has_stray_columns = true;
        self.edit_runs(|run| {
            // A run of which nothing is known has no statistics at all.
            if position < run.columns.len() {
                run.columns.remove(position);
            }
        });
        Ok(())
    }

    fn rename_column(&mut self, id: ColumnId, name: &str) -> Result<(), CatalogError> {
        self.require_free_name(name)?;
        let column = self.column_mut(id)?;
        column.stored_as = column.stored_names().to_vec();
        name.clone_into(&mut column.name);
        Ok(())
    }

    fn require_free_name(&self, name: &str) -> Result<(), CatalogError> {
        match self.column(name) {
            None => Ok(()),
            Some(_) => Err(CatalogError::DuplicateColumn {
                table: self.name.clone(),
                column: name.to_owned(),
            }),
        }
    }

    /// Tells the runs that do not know by which encodings they were written: by those of now, before they change.
    fn note_encodings(&mut self) {
        let is_unknown = |column: &ColumnStatistics| column.bytes > 0 && column.encoding.is_none();
        let knows_all =
            |run: &Arc<Run>| run.inline.is_some() || !run.columns.iter().any(is_unknown);
        if self.manifest.runs.iter().all(knows_all) {
            return;
        }
        let encodings: Vec<_> = self.columns.iter().map(|column| self.encoding(column)).collect();
        self.edit_runs(|run| {
            if run.inline.is_some() {
                return;
            }
            for (column, encoding) in run.columns.iter_mut().zip(&encodings) {
                if is_unknown(column) {
                    column.encoding = Some(*encoding);
                }
            }
        });
    }

    fn edit_runs(&mut self, edit: impl Fn(&mut Run)) {
        let mut runs = self.manifest.runs.clone();
        runs.iter_mut().for_each(|run| edit(Arc::make_mut(run)));
        self.manifest = Arc::new(TableManifest { runs });
    }
}

/// Returns what is known of a column that has one value in all rows.
pub(super) fn constant_statistics(
    value: Option<&StatisticsValue>,
    row_count: u64,
) -> ColumnStatistics {
    let trailing_blanks = matches!(value, Some(StatisticsValue::Text(text)) if text.ends_with(' '));
    ColumnStatistics {
        min: value.cloned(),
        max: value.cloned(),
        null_count: if value.is_some() { 0 } else { row_count },
        distinct_count: u64::from(value.is_some()),
        trailing_blanks,
        ..ColumnStatistics::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{CatalogChange, PUBLIC_SCHEMA, SUPERUSER, TableStatistics},
        ids::{RunId, SliceId},
        storage::encoding::Encoding,
    };

    const T: TableId = TableId(100_001);

    fn column(id: u16, name: &str) -> Column {
        Column {
            id: ColumnId(id),
            name: name.to_owned(),
            sql_type: SqlType::Integer,
            nullable: true,
            default: None,
            identity: None,
            encoding: "az64".to_owned(),
            stored_as: Vec::new(),
            missing: None,
        }
    }

    fn catalog() -> Catalog {
        let known = |max: i64| ColumnStatistics {
            max: Some(StatisticsValue::Integer(max)),
            ..ColumnStatistics::default()
        };
        let run = Run {
            id: RunId(1),
            slice: SliceId(0),
            home: None,
            row_count: 9,
            bytes: 1,
            columns: vec![known(1), known(2)],
            checksum: None,
            is_full: false,
            deletes: Vec::new(),
            inline: None,
        };
        let table = Table {
            id: T,
            schema: PUBLIC_SCHEMA,
            name: "t".to_owned(),
            owner: SUPERUSER,
            columns: vec![column(1, "a"), column(2, "b")],
            dropped_column_max: 0,
            has_stray_columns: false,
            dist_style: DistStyle::Even,
            sort_key: SortKey::Auto,
            encode_auto: true,
            constraints: Vec::new(),
            created_at_us: 0,
            statistics: TableStatistics::default(),
            manifest: Arc::new(TableManifest { runs: vec![Arc::new(run)] }),
        };
        let mut catalog = Catalog::default();
        catalog.apply(&CatalogChange::CreateTable(Arc::new(table))).unwrap();
        catalog
    }

    fn alter(catalog: &mut Catalog, change: TableChange) -> Result<(), CatalogError> {
        catalog.apply(&CatalogChange::Alter { table: T, change })
    }

    #[test]
    fn statistics_stay_beside_their_columns() {
        let mut catalog = catalog();
        let mut added = column(3, "c");
        added.missing = Some(StatisticsValue::Integer(7));
        alter(&mut catalog, TableChange::AddColumn(added)).unwrap();
        let drop = TableChange::DropColumn { column: ColumnId(1), views: Vec::new() };
        alter(&mut catalog, drop).unwrap();
        let table = catalog.table_by_id(T).unwrap();
        let maxima: Vec<_> = table.manifest.runs[0].columns.iter().map(|c| c.max.clone()).collect();
        assert_eq!(maxima, [2, 7].map(|max| Some(StatisticsValue::Integer(max))));
        assert_eq!(table.manifest.runs[0].columns[1].null_count, 0);
    }

    #[test]
    fn a_run_that_does_not_know_its_encodings_is_told_before_they_change() {
        let mut catalog = catalog();
        let table = catalog.table_mut(T).unwrap();
        table.encode_auto = false;
        table.edit_runs(|run| run.columns[0].bytes = 10);
        let run = Arc::clone(&table.manifest.runs[0]);
        assert!(!table.has_other_encodings(&run));
        let encodings = vec![(ColumnId(1), "zstd".to_owned()), (ColumnId(2), "raw".to_owned())];
        alter(&mut catalog, TableChange::SetEncodings(encodings)).unwrap();
        let table = catalog.table_by_id(T).unwrap();
        let run = Arc::clone(&table.manifest.runs[0]);
        assert_eq!(run.columns[0].encoding, Some(Encoding::Sampled));
        // The other column takes no bytes of the run: it is not in it.
        assert_eq!(run.columns[1].encoding, None);
        assert!(table.has_other_encodings(&run));
        alter(&mut catalog, TableChange::SetEncodeAuto(true)).unwrap();
        assert!(!catalog.table_by_id(T).unwrap().has_other_encodings(&run));
    }

    #[test]
    fn an_id_is_never_given_twice() {
        let mut catalog = catalog();
        let drop = TableChange::DropColumn { column: ColumnId(2), views: Vec::new() };
        alter(&mut catalog, drop).unwrap();
        assert_eq!(catalog.table_by_id(T).unwrap().new_column_id(), Some(ColumnId(3)));
    }

    #[test]
    fn a_renamed_column_keeps_its_name_in_runs() {
        let mut catalog = catalog();
        for name in ["x", "y"] {
            let change = TableChange::RenameColumn { column: ColumnId(1), name: name.to_owned() };
            alter(&mut catalog, change).unwrap();
        }
        let table = catalog.table_by_id(T).unwrap();
        assert_eq!(table.columns[0].stored_names(), ["a"]);
        assert_eq!(table.stored_schema().field(0).name(), "a");
        let taken = TableChange::RenameColumn { column: ColumnId(1), name: "b".to_owned() };
        assert!(matches!(alter(&mut catalog, taken), Err(CatalogError::DuplicateColumn { .. })));
    }
}
