//! How much memory this process may use: the machine's, or less where a control group says so, as in
//! a container.

use std::{fs, path::Path};

/// Where the control groups of version 2 are, below the root; version 1 has a folder for memory in it.
const CGROUPS: &str = "sys/fs/cgroup";

/// Returns the bytes this process may use, by the files below `root`, which is `/`; `None` where
/// nothing is said.
pub(crate) fn bytes_max(root: &Path) -> Option<usize> {
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
