//! The sessions there are: what `STV_SESSIONS` and `pg_stat_activity` show.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

use engine::{ids::Pid, system::SessionInfo};
use parking_lot::Mutex;

/// All sessions of the leader, by pid.
#[derive(Debug, Default)]
pub struct SessionRegistry {
    last_pid: AtomicI32,
    sessions: Mutex<BTreeMap<Pid, SessionInfo>>,
}

/// Takes its session out of the registry when dropped.
#[derive(Debug)]
pub(super) struct Registration {
    registry: Arc<SessionRegistry>,
    pid: Pid,
}

impl SessionRegistry {
    /// Returns a pid that no open session has.
    pub fn new_pid(&self) -> Pid {
        Pid(self.last_pid.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & i32::MAX)
    }

    /// Returns a copy of what is known of every session.
    pub fn list(&self) -> Vec<SessionInfo> {
        self.sessions.lock().values().cloned().collect()
    }

    /// Changes what is known of a session.
    pub(super) fn update(&self, pid: Pid, change: impl FnOnce(&mut SessionInfo)) {
        if let Some(info) = self.sessions.lock().get_mut(&pid) {
            change(info);
        }
    }

    pub(super) fn register(self: &Arc<Self>, info: SessionInfo) -> Registration {
        let pid = info.pid;
        self.sessions.lock().insert(pid, info);
        Registration { registry: Arc::clone(self), pid }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.sessions.lock().remove(&self.pid);
    }
}
