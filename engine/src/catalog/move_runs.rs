//! ALTER TABLE APPEND: the runs of one table become another's, and no row is copied.
//!
//! A moved run stays where it is ([`Run::home`]) and keeps its columns' names: the target's columns are known by
//! these too from then on.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    catalog::{Catalog, CatalogError, Column, Table, TableManifest, alter::constant_statistics},
    distribution::DistStyle,
    ids::{ColumnId, TableId},
    storage::run::Run,
};

impl Table {
    /// Returns whether runs of `source` could be runs of this table. `columns` are the source's for each column of
    /// this table; a column without one has its [`Column::missing`] in all rows.
    ///
    /// No name may mean one column in one run and another in the next, nor may a run lack a column that
    /// the other table fills with another value.
    pub fn can_take_runs(&self, source: &Self, columns: &[Option<ColumnId>]) -> bool {
        let (target_names, source_names) = (names(&self.columns), names(&source.columns));
        let fits = |(target, id): (&Column, &Option<ColumnId>)| {
            let Some(id) = id else {
                return target.stored_names().iter().all(|name| !source_names.contains(name));
            };
            let Some(position) = source.position(*id) else { return false };
            let source = &source.columns[position];
            let (here, there) = (target.stored_names(), source.stored_names());
            let is_new = |name: &&String| !here.contains(name);
            let is_old = |name: &&String| !there.contains(name);
            target.missing == source.missing
                && here.iter().filter(is_old).all(|name| !source_names.contains(name))
                && there
                    .iter()
                    .filter(is_new)
                    .all(|name| !target_names.contains(name) && !self.has_stray_columns)
        };
        !source.has_stray_columns
            && self.is_distributed_as(source, columns)
            && self.columns.len() == columns.len()
            && self.columns.iter().zip(columns).all(fits)
    }
}

impl Table {
    fn is_distributed_as(&self, source: &Self, columns: &[Option<ColumnId>]) -> bool {
        match (self.dist_style.effective(), source.dist_style.effective()) {
            (DistStyle::Key(key), DistStyle::Key(source_key)) => {
                let taken = self.position(key).and_then(|position| *columns.get(position)?);
                taken == Some(source_key)
            }
            (style, source_style) => style == source_style,
        }
    }
}

fn names(columns: &[Column]) -> BTreeSet<&String> {
    columns.iter().flat_map(Column::stored_names).collect()
}

impl Catalog {
    pub(super) fn move_runs(
        &mut self,
        source: TableId,
        target: TableId,
        columns: &[Option<ColumnId>],
    ) -> Result<(), CatalogError> {
        let from = Arc::clone(self.table_mut(source).map(|table| &table.manifest)?);
        let Some(emptied) = self.table_by_id(source).map(Arc::clone) else {
            return Err(CatalogError::ConcurrentlyDropped(source.to_string()));
        };
        let table = self.table_mut(target)?;
        if !table.can_take_runs(&emptied, columns) {
            return Err(CatalogError::ConcurrentlyChanged(table.name.clone()));
        }
        let positions: Vec<Option<usize>> =
            columns.iter().map(|column| emptied.position((*column)?)).collect();
        for (column, position) in table.columns.iter_mut().zip(&positions) {
            let Some(position) = position else { continue };
            let new = emptied.columns[*position].stored_names().iter();
            let mut known = column.stored_names().to_vec();
            known.extend(new.filter(|name| !column.stored_names().contains(name)).cloned());
            if known != column.stored_names() {
                column.stored_as = known;
            }
        }
        let taken = emptied.columns.iter().map(|column| Some(column.id));
        table.has_stray_columns |= taken.clone().any(|column| !columns.contains(&column));
        let moved =
            from.runs.iter().map(|run| Arc::new(moved(run, source, &positions, &table.columns)));
        let runs = table.manifest.runs.iter().cloned().chain(moved).collect();
        table.manifest = Arc::new(TableManifest { runs });
        table.statistics.modified_count += from.row_count();
        let emptied = self.table_mut(source)?;
        emptied.statistics.modified_count += from.row_count();
        emptied.manifest = Arc::default();
        Ok(())
    }
}

fn moved(run: &Run, source: TableId, positions: &[Option<usize>], columns: &[Column]) -> Run {
    let statistics = positions.iter().zip(columns).map(|(position, column)| match position {
        Some(position) => run.columns.get(*position).cloned().unwrap_or_default(),
        None => constant_statistics(column.missing.as_ref(), run.row_count),
    });
    Run { home: run.home.or(Some(source)), columns: statistics.collect(), ..run.clone() }
}
