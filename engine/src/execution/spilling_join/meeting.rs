//! Partitions that wait for each other.

use std::sync::Arc;

use tokio::sync::watch;

/// Where a number of partitions arrive, each once.
#[derive(Debug)]
pub(super) struct Meeting {
    count: usize,
    arrived: watch::Sender<Arrived>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Arrived {
    count: usize,
    /// Some have come to say that they do not take part, or were given up.
    some_left: bool,
}

impl Meeting {
    pub(super) fn of(count: usize) -> Self {
        Self { count, arrived: watch::Sender::new(Arrived::default()) }
    }

    /// Returns the place of one that is expected: it leaves when that is dropped, so that nobody waits for one that has
    /// gone.
    pub(super) fn seat(self: &Arc<Self>) -> Seat {
        Seat(Some(Arc::clone(self)))
    }

    fn arrive(&self, takes_part: bool) {
        self.arrived.send_modify(|arrived| {
            arrived.count += 1;
            arrived.some_left |= !takes_part;
        });
    }
}

/// One that is expected.
pub(super) struct Seat(Option<Arc<Meeting>>);

impl Seat {
    /// Comes, and returns when all have, with whether all of them took part.
    pub(super) async fn all_take_part(mut self) -> bool {
        let Some(meeting) = self.0.take() else { return false };
        meeting.arrive(true);
        let mut arrived = meeting.arrived.subscribe();
        let all = arrived.wait_for(|arrived| arrived.count == meeting.count).await;
        all.is_ok_and(|arrived| !arrived.some_left)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(meeting) = self.0.take() {
            meeting.arrive(false);
        }
    }
}
