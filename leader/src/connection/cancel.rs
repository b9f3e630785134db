//! What stops a statement: the client's CancelRequest, the end of its connection, the end of ours.

use std::{collections::HashMap, sync::Arc};

use engine::ids::Pid;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Why a statement is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The user wants it.
    Canceled,
    /// There is nobody to answer to.
    Lost,
    /// The server goes down and has waited long enough.
    Killed,
}

/// What the work of one connection watches.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    /// Cancelled by a CancelRequest; one per message.
    pub(crate) statement: CancellationToken,
    /// Cancelled when the client's side of the connection ends.
    pub(crate) lost: CancellationToken,
    /// Cancelled when the server's patience ends.
    pub(crate) killed: CancellationToken,
}

impl Interrupt {
    /// Waits for a reason to stop.
    pub(crate) async fn stopped(&self) -> Stop {
        tokio::select! {
            () = self.lost.cancelled() => Stop::Lost,
            () = self.killed.cancelled() => Stop::Killed,
            () = self.statement.cancelled() => Stop::Canceled,
        }
    }

    /// Returns the same without the user's cancel: what follows an error must still be sent.
    pub(crate) fn without_cancel(&self) -> Self {
        Self { statement: CancellationToken::new(), ..self.clone() }
    }
}

/// The part of a connection that a CancelRequest can reach.
#[derive(Debug)]
pub(crate) struct CancelSlot {
    secret: i32,
    statement: Mutex<Option<CancellationToken>>,
}

impl CancelSlot {
    /// Starts a message's work: from now on a CancelRequest is for it.
    pub(crate) fn begin(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.statement.lock() = Some(token.clone());
        token
    }

    /// Ends it: a CancelRequest that comes now has nothing to cancel.
    pub(crate) fn end(&self) {
        *self.statement.lock() = None;
    }
}

/// Every connection that can be cancelled.
#[derive(Debug, Default)]
pub(crate) struct CancelRegistry {
    slots: Mutex<HashMap<Pid, Arc<CancelSlot>>>,
}

impl CancelRegistry {
    /// Registers a connection; returns it with the secret its client is told.
    pub(crate) fn register(self: &Arc<Self>, pid: Pid) -> (Registration, i32) {
        let secret = rand::random();
        let slot = Arc::new(CancelSlot { secret, statement: Mutex::default() });
        self.slots.lock().insert(pid, Arc::clone(&slot));
        (Registration { registry: Arc::clone(self), pid, slot }, secret)
    }

    /// Cancels what the connection runs, if the secret is right. There is no answer either way.
    pub(crate) fn cancel(&self, pid: Pid, secret: i32) {
        let slot = self.slots.lock().get(&pid).map(Arc::clone);
        match slot {
            Some(slot) if slot.secret == secret => {
                if let Some(token) = &*slot.statement.lock() {
                    token.cancel();
                }
            }
            _ => tracing::info!(%pid, "cancel request for no connection, or with a wrong key"),
        }
    }
}

/// A connection's place in the registry, left when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<CancelRegistry>,
    pid: Pid,
    slot: Arc<CancelSlot>,
}

impl Registration {
    /// Returns what a CancelRequest reaches.
    pub(crate) fn slot(&self) -> &CancelSlot {
        &self.slot
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.slots.lock().remove(&self.pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_secret_cancels_and_only_what_runs() {
        let registry = Arc::new(CancelRegistry::default());
        let (registration, secret) = registry.register(Pid(7));
        registry.cancel(Pid(7), secret);
        let token = registration.slot().begin();
        registry.cancel(Pid(7), secret.wrapping_add(1));
        assert!(!token.is_cancelled());
        registry.cancel(Pid(7), secret);
        assert!(token.is_cancelled());
        drop(registration);
        assert!(registry.slots.lock().is_empty());
    }
}
