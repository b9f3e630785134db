//! What one session can do to another; the leader knows how.

use std::fmt::Debug;

use crate::ids::Pid;

/// Reaches the sessions there are.
pub trait SessionControl: Debug + Send + Sync {
    /// Cancels what a session runs, if it runs anything; its client is told `message`, or Redshift's words. Returns
    /// whether there is such a session.
    fn cancel_statement(&self, pid: Pid, message: Option<&str>) -> bool;

    /// Ends a session: its work is undone and its locks are released. Returns whether there was one.
    fn terminate(&self, pid: Pid) -> bool;
}
