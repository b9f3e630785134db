//! Folders that a running server may change while they are looked at.

use std::{fs, io, path::Path, path::PathBuf};

use anyhow::{Context, Result};

/// Returns the files below a folder, sorted.
///
/// What is removed meanwhile is left out: a server collects garbage and removes empty folders at
/// any time.
///
/// # Errors
///
/// A folder that cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("read {}", next.display()))?,
        };
        for entry in entries {
            let path = entry?.path();
            match fs::symlink_metadata(&path) {
                Ok(known) if known.is_dir() => folders.push(path),
                Ok(_) => found.push(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns how many bytes the files below a folder have; one that is gone meanwhile has none.
///
/// # Errors
///
/// A folder that cannot be read.
pub fn bytes_below(folder: &Path) -> Result<u64> {
    let files = files_below(folder)?;
    Ok(files.iter().filter_map(|file| fs::metadata(file).ok()).map(|known| known.len()).sum())
}

/// Copies what is in a folder, of which no server is running, to another, which is created.
///
/// # Errors
///
/// A file that cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let target = to.join(file.strip_prefix(from)?);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, &target).with_context(|| file.display().to_string())?;
    }
    Ok(())
}
