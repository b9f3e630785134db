//! The leader's end of a job.

use arrow_flight::{FlightData, flight_service_client::FlightServiceClient};
use bytes::Bytes;
use datafusion_distributed::grpc::BoxCloneSyncChannel;
use engine::{
    client_error::SqlState,
    error::{Error, QueryError},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{CopyJob, MergeJob, Order, Report};
use crate::{
    actions::{answer, parse},
    reported,
};

/// A job, its beginning and its end.
const ORDERS_MAX: usize = 2;

/// A node at work. When this is dropped before [`Self::keep`], the node gives the job up and deletes what it has
/// written.
#[derive(Debug)]
pub struct NodeAtWork {
    orders: mpsc::Sender<FlightData>,
    reports: Streaming<FlightData>,
}

impl NodeAtWork {
    /// Gives a node its share of a COPY.
    ///
    /// Errors here and below: the node's own, with its SQLSTATE; 58000 if it is gone.
    pub async fn copy(channel: BoxCloneSyncChannel, job: CopyJob) -> Result<Self, Error> {
        Self::begin(channel, Order::Copy(Box::new(job))).await
    }

    /// Gives a node runs to merge.
    pub async fn merge(channel: BoxCloneSyncChannel, job: MergeJob) -> Result<Self, Error> {
        Self::begin(channel, Order::Merge(Box::new(job))).await
    }

    async fn begin(channel: BoxCloneSyncChannel, job: Order) -> Result<Self, Error> {
        let (orders, sent) = mpsc::channel(ORDERS_MAX);
        say(&orders, &job).await?;
        let mut client = FlightServiceClient::new(channel)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        let reports = client.do_exchange(ReceiverStream::new(sent)).await.map_err(failed)?;
        Ok(Self { orders, reports: reports.into_inner() })
    }

    /// Returns what the node says next.
    pub async fn report(&mut self) -> Result<Report, Error> {
        match self.reports.message().await.map_err(failed)? {
            Some(report) => parse(&report.app_metadata),
            None => Err(ended()),
        }
    }

    /// Takes what the node has written over. On an error it is unknown whether the node has deleted it.
    pub async fn keep(mut self) -> Result<(), Error> {
        say(&self.orders, &Order::Keep).await?;
        match self.report().await? {
            Report::Kept => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

async fn say(orders: &mpsc::Sender<FlightData>, order: &Order) -> Result<(), Error> {
    let app_metadata: Bytes = answer(order)?;
    let message = FlightData { app_metadata, ..FlightData::default() };
    orders.send(message).await.map_err(|_| ended())
}

fn failed(status: Status) -> Error {
    match reported::decoded(status.message()) {
        Some(error) => error.into(),
        None => reported::lost(&status),
    }
}

/// Returns the error of a node that says what nobody asked it.
pub fn unexpected() -> Error {
    let message = "a node of the cluster says what nobody has asked it";
    QueryError::new(SqlState::PROTOCOL_VIOLATION, message).into()
}

fn ended() -> Error {
    reported::lost(&Status::unavailable("it ended its work early"))
}
