//! The node's end of a job: the work goes on while the leader listens, and ends when it does not.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use engine::{
    client_error::SqlState,
    error::{Error, QueryError},
    plan::Planner,
    storage::ManagedStorage,
};
use futures::{StreamExt, stream::BoxStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use super::{Order, Report, copy, merge};
use crate::{
    actions::{self, Actions, answer, parse},
    writes::{END_WRITE, Writes},
};

/// How many reports wait for the network.
const REPORTS_MAX: usize = 16;

/// Does jobs for the leader.
#[derive(Clone)]
pub struct Jobs {
    storage: Arc<ManagedStorage>,
    planner: Planner,
    writes: Writes,
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
    /// Returns who does jobs on runs in this managed storage, in the planner's memory.
    pub(crate) fn new(storage: Arc<ManagedStorage>, planner: Planner, writes: Writes) -> Self {
        Self { storage, planner, writes }
    }

    async fn work(&self, mut orders: Orders, reports: &Reports) -> Result<(), Error> {
        let order = next(&mut orders).await?;
        // Until all is said: what is given up is deleted by then, or soon.
        let _running = order.write().map(|write| self.writes.begin(write)).transpose()?;
        let pending = match order {
            Order::Copy(job) => copy::run(&self.storage, *job, reports).await?,
            Order::Merge(job) => merge::run(&self.storage, &self.planner, *job, reports).await?,
            Order::Keep => return Err(given_up()),
        };
        match next(&mut orders).await? {
            Order::Keep => pending.keep(),
            Order::Copy(_) | Order::Merge(_) => return Err(given_up()),
        }
        reports.say(&Report::Kept).await
    }
}

#[async_trait]
impl Actions for Jobs {
    async fn act(&self, action: &str, body: Bytes) -> Result<Bytes, Error> {
        match action {
            END_WRITE => answer(&self.writes.end(parse(&body)?)),
            other => Err(actions::unknown(other)),
        }
    }

    fn exchange(&self, orders: Orders) -> BoxStream<'static, Result<Bytes, Error>> {
        let jobs = self.clone();
        let (sender, receiver) = mpsc::channel(REPORTS_MAX);
        let job = AbortOnDropHandle::new(tokio::spawn(async move {
            let reports = Reports { sender };
            if let Err(error) = jobs.work(orders, &reports).await {
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

async fn next(orders: &mut Orders) -> Result<Order, Error> {
    parse(&orders.next().await.ok_or_else(given_up)??)
}

fn given_up() -> Error {
    QueryError::new(SqlState::PROTOCOL_VIOLATION, "the leader gave a job up").into()
}
