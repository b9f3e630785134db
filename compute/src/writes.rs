//! The writes that a node works on, and those that are over: of these it begins nothing any more.
//!
//! A write is what one statement has nodes write. The leader deletes what there is of one that has failed; what a
//! node says of it here tells the leader when nothing more can come.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion_distributed::grpc::BoxCloneSyncChannel;
use engine::{
    client_error::SqlState,
    error::{Error, QueryError},
    ids::WriteId,
};
use parking_lot::Mutex;

use crate::actions::ask;

/// [`WriteId`] → whether the node still works on it; it begins nothing of it from then on.
pub(crate) const END_WRITE: &str = "blueshift.end-write";

/// How long it is remembered that a write is over: longer than what was sent to a node before may be on its way.
const REMEMBERED_TIME: Duration = Duration::from_secs(3600);

/// The writes of one node. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// How many pieces of plans and jobs work on each.
    running: HashMap<WriteId, usize>,
    over: HashMap<WriteId, Instant>,
}

/// Something that works on a write, until this is dropped.
#[derive(Debug)]
pub(crate) struct RunningWrite {
    writes: Writes,
    id: WriteId,
}

impl Writes {
    /// Says that something of a write is done.
    ///
    /// Errors: the write is over.
    pub(crate) fn begin(&self, id: WriteId) -> Result<RunningWrite, Error> {
        let mut state = self.0.lock();
        if state.over.contains_key(&id) {
            let message = "the statement that rows were to be written for is over";
            return Err(QueryError::new(SqlState::PROTOCOL_VIOLATION, message).into());
        }
        *state.running.entry(id).or_default() += 1;
        Ok(RunningWrite { writes: self.clone(), id })
    }

    /// Says that a write is over; returns whether something of it still runs.
    pub(crate) fn end(&self, id: WriteId) -> bool {
        let mut state = self.0.lock();
        let now = Instant::now();
        state.over.retain(|_, at| now.duration_since(*at) < REMEMBERED_TIME);
        state.over.insert(id, now);
        state.running.contains_key(&id)
    }
}

impl Drop for RunningWrite {
    fn drop(&mut self) {
        let mut state = self.writes.0.lock();
        if let Some(count) = state.running.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                state.running.remove(&self.id);
            }
        }
    }
}

/// Tells a node that a write is over; returns whether it still works on it.
///
/// Errors: the node does not answer.
pub async fn end(channel: BoxCloneSyncChannel, id: WriteId) -> Result<bool, Error> {
    ask(channel, END_WRITE, &id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_write_that_is_over_nothing_begins() {
        let (writes, id) = (Writes::default(), WriteId::random());
        let (first, second) = (writes.begin(id).unwrap(), writes.begin(id).unwrap());
        drop(first);
        assert!(writes.end(id), "the second still runs");
        drop(second);
        assert!(!writes.end(id));
        assert!(writes.begin(id).is_err());
        assert!(writes.begin(WriteId::random()).is_ok(), "another is not over");
    }
}
