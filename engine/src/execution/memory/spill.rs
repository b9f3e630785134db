//! The folder of a process that its queries spill to.
//!
//! A folder of its own for each process, `blueshift-spill-…`, with a lock that ends with the process: who starts in the
//! same place removes the folders of those that were killed.
//!
//! A file is not kept open between being written and being read: an exchange that spills makes many.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use datafusion::{
    error::{DataFusionError, Result},
    execution::{SpillFile, SpillWriter, TempFileFactory, memory_pool::human_readable_size},
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tempfile::TempDir;
use tokio_util::io::ReaderStream;

/// What a process's folder is called, before what is drawn at random.
const PREFIX: &str = "blueshift-spill-";
/// The file in it that is locked while the process lives.
const LOCK: &str = "lock";
/// Bytes of one read or write.
const BUFFER_BYTES: usize = 128 << 10;

/// Where the queries of a process spill to.
#[derive(Debug)]
pub struct SpillFolder {
    /// Removed when this is dropped.
    folder: TempDir,
    bytes_max: u64,
    bytes: AtomicU64,
    files: AtomicU64,
    next: AtomicU64,
    _lock: File,
}

impl SpillFolder {
    /// Makes a folder in `parent` for files of so many bytes together, and removes those of processes that are gone.
    pub fn open(parent: &Path, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        remove_abandoned(parent)?;
        let (folder, lock) = loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            let lock = File::create(folder.path().join(LOCK))?;
            lock.lock()?;
            // Before it was locked, another process may have taken it for one that nobody has any more.
            if folder.path().join(LOCK).exists() {
                break (folder, lock);
            }
        };
        let [bytes, files, next] = [0; 3].map(AtomicU64::new);
        Ok(Self { folder, bytes_max, bytes, files, next, _lock: lock })
    }

    /// Removes the folder, whoever still uses it.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(self.folder.path()) {
            tracing::warn!(folder = %self.folder.path().display(), %error, "cannot be removed");
        }
    }

    /// Returns how many files there are, and their bytes.
    pub(super) fn held(&self) -> (u64, u64) {
        (self.files.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.bytes_max {
            return Ok(());
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let limit = human_readable_size(usize::try_from(self.bytes_max).unwrap_or(usize::MAX));
        let message =
            format!("the files of queries that spill would exceed their limit of {limit}");
        Err(io::Error::new(io::ErrorKind::StorageFull, message))
    }
}

/// A folder whose lock can be had has no process any more.
fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // One without a lock is being made right now, or being removed.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok()
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(folder = %entry.path().display(), %error, "cannot be removed");
        }
    }
    Ok(())
}

/// Makes the files of a folder.
pub(super) struct Spills(pub(super) Arc<SpillFolder>);

impl TempFileFactory for Spills {
    fn create_temp_file(&self, _description: &str) -> Result<Arc<dyn SpillFile>> {
        let folder = Arc::clone(&self.0);
        let name = folder.next.fetch_add(1, Ordering::Relaxed).to_string();
        let path = folder.folder.path().join(name);
        folder.files.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Spilled(Arc::new(OnDisk { folder, path, bytes: AtomicU64::new(0) }))))
    }
}

/// A file; whoever writes or reads it holds it.
#[derive(Debug)]
struct OnDisk {
    folder: Arc<SpillFolder>,
    path: PathBuf,
    bytes: AtomicU64,
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        self.folder.files.fetch_sub(1, Ordering::Relaxed);
        self.folder.bytes.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        match fs::remove_file(&self.path) {
            // Nothing was written.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "a file of a query that spilled is left"),
            Ok(()) => {}
        }
    }
}

struct Spilled(Arc<OnDisk>);

impl SpillFile for Spilled {
    fn path(&self) -> Option<&Path> {
        Some(&self.0.path)
    }

    fn size(&self) -> Option<u64> {
        Some(self.0.bytes.load(Ordering::Relaxed))
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let file = Arc::clone(&self.0);
        let opened = async move {
            let reader = tokio::fs::File::open(&file.path).await?;
            let chunks = ReaderStream::with_capacity(reader, BUFFER_BYTES);
            Ok::<_, io::Error>(chunks.inspect(move |_| {
                let _held = &file;
            }))
        };
        Ok(stream::once(opened).try_flatten().map_err(DataFusionError::from).boxed())
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        let file = OpenOptions::new().create(true).append(true).open(&self.0.path)?;
        let counted = Counted { file, on_disk: Arc::clone(&self.0) };
        Ok(Box::new(Writer(BufWriter::with_capacity(BUFFER_BYTES, counted))))
    }
}

/// Writes what the folder has room for.
struct Counted {
    file: File,
    on_disk: Arc<OnDisk>,
}

impl Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.on_disk.folder.take(buffer.len() as u64)?;
        self.on_disk.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.file.write_all(buffer)?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct Writer(BufWriter<Counted>);

impl Write for Writer {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[tokio::test]
    async fn a_file_is_there_until_nobody_reads_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Arc::new(SpillFolder::open(parent.path(), 1 << 20).unwrap());
        let file = Spills(Arc::clone(&folder)).create_temp_file("a test").unwrap();
        let mut writer = file.open_writer().unwrap();
        writer.write_all(&[7; 300_000]).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let mut read = file.read_stream().unwrap();
        drop(file);
        let mut bytes = read.try_next().await.unwrap().unwrap().len();
        assert_eq!(files(folder.folder.path()), 2, "it is being read");
        while let Some(chunk) = read.try_next().await.unwrap() {
            assert!(chunk.iter().all(|byte| *byte == 7));
            bytes += chunk.len();
        }
        drop(read);
        assert_eq!(bytes, 300_000);
        assert_eq!((folder.bytes.load(Ordering::Relaxed), files(folder.folder.path())), (0, 1));
        drop(folder);
        assert_eq!(files(parent.path()), 0);
    }

    #[test]
    fn the_folder_is_bounded() {
        let parent = tempfile::tempdir().unwrap();
        let spills = Spills(Arc::new(SpillFolder::open(parent.path(), 1000).unwrap()));
        let [one, other] = ["one", "other"].map(|name| spills.create_temp_file(name).unwrap());
        let mut writer = one.open_writer().unwrap();
        writer.write_all(&[7; 800]).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let mut writer = other.open_writer().unwrap();
        writer.write_all(&[7; 800]).unwrap();
        let error = writer.finish().unwrap_err().to_string();
        assert!(error.contains("exceed their limit of 1000"), "{error}");
        drop(one);
        writer.finish().unwrap();
    }

    #[test]
    fn what_a_killed_process_left_is_removed_by_the_next() {
        let parent = tempfile::tempdir().unwrap();
        let killed = parent.path().join("blueshift-spill-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(killed.join("0"), "rows").unwrap();
        fs::write(parent.path().join("another's"), "").unwrap();
        let alive = SpillFolder::open(parent.path(), 1000).unwrap();
        let second = SpillFolder::open(parent.path(), 1000).unwrap();
        assert!(!killed.exists());
        assert!(alive.folder.path().exists() && second.folder.path().exists());
        assert_eq!(files(parent.path()), 3);
    }
}
