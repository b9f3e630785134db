//! How much of its machine this process may use: of the memory all, or less where a control group says so, as in a
//! container, or what an operator says.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use engine::execution::SpillFolder;

use crate::byte_size::ByteSize;

/// Where the control groups of version 2 are, below the root; version 1 has a folder for memory in it.
const CGROUPS: &str = "sys/fs/cgroup";

/// Less would not do for a scan of a wide table.
const BYTES_MIN: u64 = 32 << 20;
/// The share of the memory there is that queries may take together; caches and results need the rest.
const QUERY_PERCENT: usize = 60;
/// What queries may take together where nobody says how much memory there is.
const QUERY_FALLBACK: usize = 4 << 30;
/// The share of the memory there is that blocks of tables may take.
const BLOCK_CACHE_PERCENT: usize = 10;
/// What blocks of tables may take where nobody says how much memory there is.
const BLOCK_CACHE_FALLBACK: usize = 256 << 20;
/// What files of queries that spill may take where nobody says more or less.
const SPILL_BYTES_DEFAULT: u64 = 100 << 30;

/// What a process may use of its machine.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Resources {
    /// The memory that this process may use: most of it for queries, a tenth for blocks of tables
    /// [default: the machine's]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// The folder for what queries write to disk that do not fit in memory [default: the system's for temporary files]
    #[arg(long, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
    /// How large that may become [default: 100GB]
    #[arg(long, value_name = "SIZE")]
    pub spill_limit: Option<ByteSize>,
}

impl Resources {
    /// Returns these, and the others where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            memory: self.memory.or(others.memory),
            spill_dir: self.spill_dir.or(others.spill_dir),
            spill_limit: self.spill_limit.or(others.spill_limit),
        }
    }

    /// Returns what is wrong with them: the setting and a message.
    pub(crate) fn mistake(&self) -> Option<(&'static str, String)> {
        let is_little = self.memory.is_some_and(|memory| memory.0 < BYTES_MIN);
        is_little.then(|| ("memory", format!("must be {}MB at least", BYTES_MIN >> 20)))
    }

    /// Returns what each of so many processes on this machine may use.
    #[must_use]
    pub fn shared_by(&self, processes: usize) -> Self {
        let each = |bytes: usize| ByteSize((bytes / processes.max(1)) as u64);
        Self { memory: self.bytes().map(each), ..self.clone() }
    }

    /// Returns how much memory queries may take together.
    pub fn query_memory_bytes_max(&self) -> usize {
        self.bytes().map_or(QUERY_FALLBACK, |bytes| bytes / 100 * QUERY_PERCENT)
    }

    /// Returns how much memory blocks of tables may take once they are read.
    pub fn block_cache_bytes_max(&self) -> usize {
        self.bytes().map_or(BLOCK_CACHE_FALLBACK, |bytes| bytes / 100 * BLOCK_CACHE_PERCENT)
    }

    /// Makes the folder that the process spills to.
    pub fn spill_folder(&self) -> io::Result<SpillFolder> {
        let folder = self.spill_dir.clone().unwrap_or_else(env::temp_dir);
        let bytes_max = self.spill_limit.map_or(SPILL_BYTES_DEFAULT, |limit| limit.0);
        SpillFolder::open(&folder, bytes_max)
    }

    fn bytes(&self) -> Option<usize> {
        match self.memory {
            Some(memory) => Some(usize::try_from(memory.0).unwrap_or(usize::MAX)),
            None => bytes_max(Path::new("/")),
        }
    }
}

/// Returns the bytes this process may use, by the files below `root`, which is `/`; `None` where
/// nothing is said.
fn bytes_max(root: &Path) -> Option<usize> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let membership = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let groups = membership.lines().filter_map(|line| {
        // hierarchy:controllers:path
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            return lowest_limit(&root.join(CGROUPS), path, "memory.max");
        }
        let memory = controllers.split(',').any(|controller| controller == "memory");
        let folder = root.join(CGROUPS).join("memory");
        memory.then(|| lowest_limit(&folder, path, "memory.limit_in_bytes"))?
    });
    groups.chain(total(&meminfo)).min()
}

/// Returns the lowest limit of a group and of those it is in. A container that sees its own group as
/// the root has none of the folders of `path`.
fn lowest_limit(root: &Path, path: &str, file: &str) -> Option<usize> {
    let folders = Path::new(path).ancestors().map(|group| root.join(group).join(file));
    // Version 2 writes `max` where there is no limit.
    folders.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<usize> {
        let root = tempfile::tempdir().unwrap();
        let meminfo = ("proc/meminfo", "MemTotal:       16 kB\nMemFree: 1 kB");
        for (path, content) in files.iter().chain([&meminfo]) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        bytes_max(root.path())
    }

    #[test]
    fn without_a_limit_all_of_the_machine_may_be_used() {
        assert_eq!(machine(&[]), Some(16384));
        let unlimited = [("proc/self/cgroup", "0::/"), ("sys/fs/cgroup/memory.max", "max\n")];
        assert_eq!(machine(&unlimited), Some(16384));
        assert_eq!(bytes_max(tempfile::tempdir().unwrap().path()), None);
    }

    #[test]
    fn what_an_operator_says_counts() {
        let memory = Some(ByteSize(3000 << 20));
        let said = Resources { memory, ..Resources::default() };
        assert_eq!(said.query_memory_bytes_max(), 1800 << 20);
        assert_eq!(said.block_cache_bytes_max(), 300 << 20);
        let each = said.shared_by(3);
        assert_eq!(each.memory, Some(ByteSize(1000 << 20)));
        assert!(each.mistake().is_none() && said.shared_by(1000).mistake().is_some());
        let file = Resources { spill_limit: Some(ByteSize(1)), ..said };
        let flags = Resources { memory: each.memory, ..Resources::default() };
        let both = flags.or(file);
        assert_eq!((both.memory, both.spill_limit), (each.memory, Some(ByteSize(1))));
    }

    #[test]
    fn a_group_is_limited_by_those_around_it() {
        let version_2 = [
            ("proc/self/cgroup", "0::/a.slice/b.scope\n"),
            ("sys/fs/cgroup/a.slice/memory.max", "4096\n"),
            ("sys/fs/cgroup/a.slice/b.scope/memory.max", "8192\n"),
        ];
        assert_eq!(machine(&version_2), Some(4096));
        let version_1 = [
            ("proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/docker/1\n0::/"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "8192\n"),
        ];
        assert_eq!(machine(&version_1), Some(8192), "the folder of the container is not seen");
    }
}
