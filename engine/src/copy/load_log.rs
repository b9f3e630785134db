//! What all streams of a load say of it: the lines they scanned, and the rows they rejected.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::options::CopyOptions;

/// How many rejected rows are kept; MAXERROR cannot be higher.
const KEPT_MAX: usize = 100_000;
/// How much of a line or a field is kept, in bytes.
const RAW_BYTES_MAX: usize = 1024;

/// A rejected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadError {
    /// The file's URL.
    pub file: String,
    /// The line it starts on, from 1, headers counted.
    pub line_number: i64,
    /// The column at fault; empty when it is the line.
    pub column_name: String,
    /// The column's type, as `pg_type.typname`.
    pub sql_type: String,
    /// The length of the column's type, if it has one.
    pub col_length: Option<u32>,
    /// Where in the line the field starts: bytes, from 0.
    pub position: i32,
    /// The line, at most 1024 bytes.
    pub raw_line: String,
    /// The field, at most 1024 bytes.
    pub raw_field_value: String,
    /// Redshift's code, see its load error reference.
    pub err_code: i32,
    /// What is wrong.
    pub err_reason: String,
}

/// What is known of one file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// The lines scanned, headers counted; rows of a Parquet file.
    pub lines: u64,
    /// The rows rejected.
    pub errors: u64,
}

/// What a node has to say of its share of a load since it last said something.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct LoadReport {
    files: HashMap<String, FileCounts>,
    rejected: Vec<LoadError>,
    /// More than there are in `rejected`, if they were too many to keep.
    rejected_count: u64,
}

impl LoadReport {
    /// Returns whether there is nothing new.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.rejected.is_empty() && self.rejected_count == 0
    }
}

/// The scanned lines and rejected rows of one load.
#[derive(Debug)]
pub struct LoadLog {
    /// By URL.
    files: Mutex<HashMap<String, FileCounts>>,
    kept: Mutex<Vec<LoadError>>,
    rejected: AtomicU64,
    /// Those of them that were taken.
    reported: AtomicU64,
    /// The load fails with this many; see MAXERROR.
    failing_count: u64,
}

impl LoadLog {
    /// Returns an empty log with the options' MAXERROR.
    pub fn new(options: &CopyOptions) -> Self {
        let failing_count = match options.ignore_all_errors {
            true => u64::MAX,
            // 0 and 1 both fail on the first error.
            false => options.error_max.max(1),
        };
        Self {
            files: Mutex::default(),
            kept: Mutex::default(),
            rejected: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            failing_count,
        }
    }

    /// Records lines that were read, whether their rows were taken or not.
    pub(super) fn scanned(&self, file: &str, lines: u64) {
        self.count(file, |counts| counts.lines += lines);
    }

    fn count(&self, file: &str, change: impl FnOnce(&mut FileCounts)) {
        let mut files = self.files.lock();
        match files.get_mut(file) {
            Some(counts) => change(counts),
            None => change(files.entry(file.to_owned()).or_default()),
        }
    }

    /// Returns what is known of a file.
    pub fn file(&self, url: &str) -> FileCounts {
        self.files.lock().get(url).copied().unwrap_or_default()
    }

    /// Records a rejected row.
    pub fn reject(&self, error: LoadError) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        self.count(&error.file, |counts| counts.errors += 1);
        let mut kept = self.kept.lock();
        if kept.len() < KEPT_MAX {
            kept.push(error);
        }
    }

    /// Takes what was recorded since the last time; the count of rejected rows goes on.
    pub fn take(&self) -> LoadReport {
        let rejected_count = self.rejected_count();
        let rejected_count = rejected_count - self.reported.swap(rejected_count, Ordering::Relaxed);
        let files = std::mem::take(&mut *self.files.lock());
        let rejected = std::mem::take(&mut *self.kept.lock());
        LoadReport { files, rejected, rejected_count }
    }

    /// Adds what a node took from the log of its share. No more rows are kept than make the load fail.
    pub fn absorb(&self, report: LoadReport) {
        for (url, more) in report.files {
            self.count(&url, |counts| {
                counts.lines += more.lines;
                counts.errors += more.errors;
            });
        }
        let mut kept = self.kept.lock();
        let kept_max = KEPT_MAX.min(usize::try_from(self.failing_count).unwrap_or(KEPT_MAX));
        let free = kept_max.saturating_sub(kept.len());
        kept.extend(report.rejected.into_iter().take(free));
        self.rejected.fetch_add(report.rejected_count, Ordering::Relaxed);
    }

    /// Returns whether the load has failed.
    pub fn too_many(&self) -> bool {
        self.rejected_count() >= self.failing_count
    }

    /// Returns the number of rejected rows.
    pub fn rejected_count(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Returns the rejected rows by file and line.
    pub fn rows(&self) -> Vec<LoadError> {
        let mut rows = self.kept.lock().clone();
        rows.sort_by(|a, b| (&a.file, a.line_number).cmp(&(&b.file, b.line_number)));
        rows
    }
}

/// Returns the first bytes as text; bytes that are no UTF-8 are replaced.
pub(super) fn raw_text(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(RAW_BYTES_MAX)];
    let text = String::from_utf8_lossy(cut);
    let mut end = text.len().min(RAW_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
