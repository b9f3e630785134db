//! What every store must do for managed storage, held against each kind.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{memory::InMemory, path::Path};

use super::{
    ManagedStorage, StorageError,
    paths::{ObjectPath, ObjectPrefix, RunPath},
};
use crate::{
    access::S3Profile,
    client_error::{ClientError, SqlState},
    ids::{CommitSeq, RunId, SliceId, TableId},
};

fn open(directory: &tempfile::TempDir) -> Result<Arc<ManagedStorage>, StorageError> {
    let root = directory.path().join("new/root");
    ManagedStorage::open(&format!("file://{}", root.display()), &S3Profile::default(), 1 << 20)
}

async fn check_conformance(storage: Arc<ManagedStorage>) {
    let commit = |seq| ObjectPath::Commit(CommitSeq(seq));
    // Of writers that race exactly one wins, and its bytes stay.
    for seq in 1..4 {
        let writers = (0..16_u8).map(|writer| {
            let storage = Arc::clone(&storage);
            tokio::spawn(async move {
                let bytes = Bytes::from(vec![writer; 1000]);
                (writer, storage.put_if_absent(&commit(seq), bytes).await.unwrap())
            })
        });
        let results = futures::future::join_all(writers.collect::<Vec<_>>()).await;
        let winners = results.into_iter().map(Result::unwrap).filter(|(_, created)| *created);
        let winners = winners.collect::<Vec<_>>();
        assert_eq!(winners.len(), 1);
        let bytes = storage.get(&commit(seq)).await.unwrap();
        assert_eq!(bytes, vec![winners[0].0; 1000]);
    }

    let run = RunPath { table: TableId(7), slice: SliceId(0), run: RunId::random() };
    assert!(storage.put_if_absent(&ObjectPath::Run(run), Bytes::from("x")).await.unwrap());
    assert!(storage.put_if_absent(&commit(10), Bytes::new()).await.unwrap());
    let names = |entries: Vec<super::ObjectEntry>| {
        entries.into_iter().map(|entry| (entry.path, entry.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(
        names(storage.list(ObjectPrefix::Log).await.unwrap()),
        [(commit(1), 1000), (commit(2), 1000), (commit(3), 1000), (commit(10), 0)]
    );
    let tables = names(storage.list(ObjectPrefix::Tables).await.unwrap());
    assert_eq!(tables, [(ObjectPath::Run(run), 1)]);
    assert_eq!(names(storage.list(ObjectPrefix::Table(TableId(70))).await.unwrap()), []);
    assert_eq!(storage.list(ObjectPrefix::All).await.unwrap().len(), 5);

    let missing = storage.get(&ObjectPath::Cluster).await.unwrap_err();
    assert!(matches!(missing, StorageError::NotFound { .. }));
    assert_eq!(missing.sqlstate(), SqlState::DATA_CORRUPTED);

    storage.delete(&commit(2)).await.unwrap();
    storage.delete(&commit(2)).await.unwrap();
    assert!(storage.get(&commit(2)).await.is_err());
    assert!(storage.put_if_absent(&commit(2), Bytes::new()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_conforms() {
    let directory = tempfile::tempdir().unwrap();
    check_conformance(open(&directory).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_object_store_conforms() {
    let store = Arc::new(InMemory::new());
    let storage = ManagedStorage::with_store(store, Path::from("some/prefix"), 1 << 20);
    check_conformance(storage).await;
}

#[test]
fn a_directory_with_other_things_in_it_is_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("new/root");
    std::fs::create_dir_all(root.join("tls")).unwrap();
    drop(open(&directory).unwrap());
    std::fs::write(root.join("thesis.txt"), "not ours").unwrap();
    let error = open(&directory).unwrap_err();
    assert!(error.to_string().contains("holds files but no warehouse"), "{error}");
    assert!(root.join("thesis.txt").exists());
}

#[tokio::test]
async fn a_directory_is_opened_once_and_keeps_its_objects() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(&directory).unwrap();
    let error = open(&directory).unwrap_err();
    assert!(matches!(error, StorageError::Locked { .. }), "{error}");
    assert!(storage.put_if_absent(&ObjectPath::Cluster, Bytes::from("{}")).await.unwrap());
    // As a writer leaves it that is killed before its object has its name.
    let root = directory.path().join("new/root");
    std::fs::create_dir_all(root.join("log/deep")).unwrap();
    let commit = format!("log/{:020}.commit", 3);
    for litter in ["cluster.json#17".to_owned(), format!("{commit}#123")] {
        std::fs::write(root.join(litter), "litter").unwrap();
    }
    for foreign in ["notes#1", "log/deep/notes#1"] {
        std::fs::write(root.join(foreign), "not ours").unwrap();
    }
    drop(storage);

    let storage = open(&directory).unwrap();
    assert_eq!(storage.get(&ObjectPath::Cluster).await.unwrap(), "{}");
    let left = |directory: &str| {
        let entries = std::fs::read_dir(root.join(directory)).unwrap();
        let mut names = entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        names.sort();
        names
    };
    assert_eq!(left(""), [".lock", "cluster.json", "log", "notes#1"]);
    assert_eq!(left("log"), ["deep"]);
    assert_eq!(left("log/deep"), ["notes#1"]);
}

#[test]
fn a_root_that_is_no_root_is_refused() {
    for root in ["", "ftp://host/x", "file://"] {
        let error = ManagedStorage::open(root, &S3Profile::default(), 1 << 20).unwrap_err();
        assert_eq!(error.sqlstate(), SqlState::INVALID_PARAMETER_VALUE, "{root}");
    }
}

#[test]
fn a_full_disk_is_told_apart() {
    let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = object_store::Error::Generic { store: "test", source: Box::new(full()) };
    assert_eq!(StorageError::from_store("x", &error).sqlstate(), SqlState::DISK_FULL);
    assert_eq!(StorageError::from_io("x", &full()).sqlstate(), SqlState::DISK_FULL);
    // Vortex hands on the text of what it wraps.
    let text = std::io::Error::other(std::io::Error::from_raw_os_error(28).to_string());
    assert_eq!(StorageError::write_run("x", &text).sqlstate(), SqlState::DISK_FULL);
    let other = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    assert_eq!(StorageError::from_io("x", &other).sqlstate(), SqlState::IO_ERROR);
}
