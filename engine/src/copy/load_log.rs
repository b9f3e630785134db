//! What all streams of a load say of it: the lines they scanned, and the rows they rejected.

use std::{
    collections::{BTreeMap, HashMap},
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
    /// The line it starts on, from 1 at the offset, headers counted; [`LoadLog::rows`] makes it the file's.
    pub line_number: i64,
    /// Where the part of the file begins that it was found in; `None` if the file is not divided.
    pub offset: Option<u64>,
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

/// The line number of a row of a file of which not all parts before it were read.
const UNKNOWN_LINE: i64 = -1;

/// What is known of one file, or of a part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// The lines scanned, headers counted; rows of a Parquet file.
    pub lines: u64,
    /// The rows rejected.
    pub errors: u64,
}

/// What is known of the parts of a file, by where they begin; of a file that is not divided one begins at 0.
type Parts = BTreeMap<u64, FileCounts>;

/// What a node has to say of its share of a load since it last said something.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct LoadReport {
    files: HashMap<String, Parts>,
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
    files: Mutex<HashMap<String, Parts>>,
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
    pub(super) fn scanned(&self, file: &str, offset: Option<u64>, lines: u64) {
        self.count(file, offset.unwrap_or(0), |counts| counts.lines += lines);
    }

    fn count(&self, file: &str, offset: u64, change: impl FnOnce(&mut FileCounts)) {
        let mut files = self.files.lock();
        let parts = match files.get_mut(file) {
            Some(parts) => parts,
            None => files.entry(file.to_owned()).or_default(),
        };
        change(parts.entry(offset).or_default());
    }

    /// Returns what is known of the parts of a file, by where they begin; one, if it is not divided.
    pub fn file(&self, url: &str) -> Vec<(u64, FileCounts)> {
        let files = self.files.lock();
        match files.get(url) {
            Some(parts) => parts.iter().map(|(offset, counts)| (*offset, *counts)).collect(),
            None => vec![Default::default()],
        }
    }

    /// Records a rejected row.
    pub fn reject(&self, error: LoadError) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        self.count(&error.file, error.offset.unwrap_or(0), |counts| counts.errors += 1);
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
        let parts =
            report.files.iter().flat_map(|(url, parts)| parts.iter().map(move |p| (url, p)));
        for (url, (offset, more)) in parts {
            self.count(url, *offset, |counts| {
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

    /// Returns the rejected rows by file and line. Of files that are divided all lines before a row are known if all parts
    /// were read to their ends.
    pub fn rows(&self, all_is_read: bool) -> Vec<LoadError> {
        let mut rows = self.kept.lock().clone();
        let place = |row: &LoadError| (row.offset, row.line_number);
        rows.sort_by(|a, b| (&a.file, place(a)).cmp(&(&b.file, place(b))));
        let files = self.files.lock();
        for row in &mut rows {
            let Some(offset) = row.offset.filter(|offset| *offset > 0) else { continue };
            let before = files.get(&row.file).into_iter().flat_map(|parts| parts.range(..offset));
            let before: u64 = before.map(|(_, counts)| counts.lines).sum();
            row.line_number = match all_is_read {
                // The line that the part begins in counts as one before.
                true => row.line_number + i64::try_from(before).unwrap_or(0) - 1,
                false => UNKNOWN_LINE,
            };
        }
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
