//! The node's end of a job: the work goes on while the leader listens, and ends when it does not.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use engine::{
    client_error::SqlState,
    error::{Error, QueryError},
    storage::ManagedStorage,
};
use futures::{StreamExt, stream::BoxStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use super::{Order, Report, copy};
use crate::actions::{self, Actions, answer, parse};

/// How many reports wait for the network.
const REPORTS_MAX: usize = 16;

/// Does jobs for the leader.
pub struct Jobs {
    storage: Arc<ManagedStorage>,
}

/// Orders as they arrive.
type Orders = BoxStream<'static, Result<Bytes, Error>>;

/// Where a job says how it stands.
pub(super) struct Reports {
    sender: mpsc::Sender<Result<Bytes, Error>>,
}

impl Reports {
    /// Errors: the leader no longer listens.
    pub(super) async fn say(&self, report: &Report) -> Result<(), Error> {
        self.sender.send(Ok(answer(report)?)).await.map_err(|_| given_up())
    }
}

impl Jobs {
    /// Returns who does jobs on runs in this managed storage.
    pub fn new(storage: Arc<ManagedStorage>) -> Self {
        Self { storage }
    }
}

#[async_trait]
impl Actions for Jobs {
    async fn act(&self, action: &str, _body: Bytes) -> Result<Bytes, Error> {
        Err(actions::unknown(action))
    }

    fn exchange(&self, orders: Orders) -> BoxStream<'static, Result<Bytes, Error>> {
        let storage = Arc::clone(&self.storage);
        let (sender, receiver) = mpsc::channel(REPORTS_MAX);
        let job = AbortOnDropHandle::new(tokio::spawn(async move {
            let reports = Reports { sender };
            if let Err(error) = work(&storage, orders, &reports).await {
                // A leader that is gone needs no answer.
                let _gone = reports.sender.send(Err(error)).await;
            }
        }));
        let reports = ReceiverStream::new(receiver).map(move |report| {
            let _ = &job;
            report
        });
        reports.boxed()
    }
}

async fn work(
    storage: &Arc<ManagedStorage>,
    mut orders: Orders,
    reports: &Reports,
) -> Result<(), Error> {
    let pending = match next(&mut orders).await? {
        Order::Copy(job) => copy::run(storage, *job, reports).await?,
        Order::Keep => return Err(given_up()),
    };
    match next(&mut orders).await? {
        Order::Keep => pending.keep(),
        Order::Copy(_) => return Err(given_up()),
    }
    reports.say(&Report::Kept).await
}

async fn next(orders: &mut Orders) -> Result<Order, Error> {
    parse(&orders.next().await.ok_or_else(given_up)??)
}

fn given_up() -> Error {
    QueryError::new(SqlState::PROTOCOL_VIOLATION, "the leader gave a job up").into()
}
