//! Objects that no version of the catalogue needs any more, and when they may go.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use crate::{catalog::Catalog, ids::CommitSeq, storage::paths::ObjectPath};

/// Keeps count of the versions that readers still hold.
///
/// Invariant: an object is given out for deletion only when every version in which it was live has been
/// dropped by all its readers.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    /// Published versions, oldest first.
    versions: VecDeque<(CommitSeq, Weak<Catalog>)>,
    /// Objects that went, with the version that no longer has them.
    gone: VecDeque<(CommitSeq, ObjectPath)>,
}

impl Garbage {
    /// Notes that a version was published.
    pub(super) fn published(&mut self, catalog: &Arc<Catalog>) {
        self.versions.push_back((catalog.version, Arc::downgrade(catalog)));
    }

    /// Notes that an object is not in `version` nor in any that follows.
    pub(super) fn gone_in(&mut self, version: CommitSeq, object: ObjectPath) {
        self.gone.push_back((version, object));
    }

    /// Returns whether no object waits.
    pub(super) fn is_empty(&self) -> bool {
        self.gone.is_empty()
    }

    /// Returns the objects that nobody can reach any more.
    pub(super) fn collect(&mut self) -> Vec<ObjectPath> {
        while self.versions.len() > 1
            && self.versions.front().is_some_and(|(_, held)| held.strong_count() == 0)
        {
            self.versions.pop_front();
        }
        let Some((oldest, _)) = self.versions.front() else { return Vec::new() };
        let mut free = Vec::new();
        while self.gone.front().is_some_and(|(version, _)| version <= oldest) {
            free.extend(self.gone.pop_front().map(|(_, object)| object));
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{RunId, SliceId, TableId},
        storage::paths::RunPath,
    };

    fn version(number: u64) -> Arc<Catalog> {
        let mut catalog = Catalog::default();
        catalog.version = CommitSeq(number);
        Arc::new(catalog)
    }

    #[test]
    fn a_reader_of_an_old_version_keeps_its_objects() {
        let run = RunPath { table: TableId(1), slice: SliceId(0), run: RunId(9) };
        let run = ObjectPath::Run(run);
        let mut garbage = Garbage::default();
        let (first, second) = (version(1), version(2));
        garbage.published(&first);
        garbage.published(&second);
        garbage.gone_in(CommitSeq(2), run.clone());
        assert!(garbage.collect().is_empty());
        drop(first);
        assert_eq!(garbage.collect(), vec![run]);
        assert!(garbage.collect().is_empty());
    }
}
