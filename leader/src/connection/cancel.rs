//! What stops a statement: the client's CancelRequest, another session's CANCEL or PG_TERMINATE_BACKEND, the end of its
//! connection, the end of ours.

use std::{collections::HashMap, sync::Arc};

use engine::{
    ids::{Pid, QueryId},
    system::SessionControl,
};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Why a statement is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The user wants it.
    Canceled,
    /// There is nobody to answer to.
    Lost,
    /// The server goes down and has waited long enough, or another session wants the end of this one.
    Killed,
}

/// What the work of one connection watches.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    /// Cancelled by a CancelRequest or by CANCEL; one per message.
    pub(crate) statement: CancellationToken,
    /// Cancelled when the client's side of the connection ends.
    pub(crate) lost: CancellationToken,
    /// Cancelled when the server's patience ends, or by PG_TERMINATE_BACKEND.
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

/// The part of a connection that others can reach.
#[derive(Debug)]
pub(crate) struct CancelSlot {
    secret: i32,
    statement: Mutex<Cancellable>,
    killed: CancellationToken,
}

/// The statement of a connection.
#[derive(Debug, Default)]
struct Cancellable {
    /// While it runs.
    token: Option<CancellationToken>,
    canceled: Option<Canceled>,
}

/// Who wanted the end of a statement.
#[derive(Debug)]
enum Canceled {
    /// The client.
    ByClient,
    /// Another session, with words for the client.
    BySession(Option<String>),
}

impl CancelSlot {
    /// Starts a message's work: from now on a CancelRequest is for it.
    pub(crate) fn begin(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.statement.lock() = Cancellable { token: Some(token.clone()), canceled: None };
        token
    }

    /// Ends it: a CancelRequest that comes now has nothing to cancel.
    pub(crate) fn end(&self) {
        self.statement.lock().token = None;
    }

    /// Returns what is cancelled when the connection is to end.
    pub(crate) fn killed(&self) -> CancellationToken {
        self.killed.clone()
    }

    /// Returns what the client of the statement is told that was cancelled last.
    pub(crate) fn message(&self, query: QueryId) -> String {
        match &self.statement.lock().canceled {
            Some(Canceled::BySession(Some(message))) => message.clone(),
            Some(Canceled::BySession(None)) => {
                format!("Query ({query}) cancelled on user's request")
            }
            Some(Canceled::ByClient) | None => "canceling statement due to user request".to_owned(),
        }
    }

    /// Cancels the statement, if one runs that is not cancelled already.
    fn cancel(&self, canceled: Canceled) {
        let mut statement = self.statement.lock();
        if let Some(token) = &statement.token
            && !token.is_cancelled()
        {
            token.cancel();
            statement.canceled = Some(canceled);
        }
    }
}

/// Every connection that can be cancelled.
#[derive(Debug, Default)]
pub(crate) struct CancelRegistry {
    slots: Mutex<HashMap<Pid, Arc<CancelSlot>>>,
}

impl CancelRegistry {
    /// Registers a connection, which ends with `kill` at the latest; returns it with the secret its client is told.
    pub(crate) fn register(
        self: &Arc<Self>,
        pid: Pid,
        kill: &CancellationToken,
    ) -> (Registration, i32) {
        let (secret, killed) = (rand::random(), kill.child_token());
        let slot = Arc::new(CancelSlot { secret, statement: Mutex::default(), killed });
        self.slots.lock().insert(pid, Arc::clone(&slot));
        (Registration { registry: Arc::clone(self), pid, slot }, secret)
    }

    /// Cancels what the connection runs, if the secret is right. There is no answer either way.
    pub(crate) fn cancel(&self, pid: Pid, secret: i32) {
        match self.slot(pid) {
            Some(slot) if slot.secret == secret => slot.cancel(Canceled::ByClient),
            _ => tracing::info!(%pid, "cancel request for no connection, or with a wrong key"),
        }
    }

    fn slot(&self, pid: Pid) -> Option<Arc<CancelSlot>> {
        self.slots.lock().get(&pid).map(Arc::clone)
    }
}

impl SessionControl for CancelRegistry {
    fn cancel_statement(&self, pid: Pid, message: Option<&str>) -> bool {
        let slot = self.slot(pid);
        if let Some(slot) = &slot {
            slot.cancel(Canceled::BySession(message.map(str::to_owned)));
        }
        slot.is_some()
    }

    fn terminate(&self, pid: Pid) -> bool {
        let slot = self.slot(pid);
        if let Some(slot) = &slot {
            slot.killed.cancel();
        }
        slot.is_some()
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
        let (registration, secret) = registry.register(Pid(7), &CancellationToken::new());
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
