//! Requests between nodes that are no plans: Flight actions and exchanges with JSON bodies.

use std::sync::Arc;

use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, Result as ActionResult, SchemaResult,
    Ticket,
    flight_service_client::FlightServiceClient,
    flight_service_server::{FlightService, FlightServiceServer},
};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion_distributed::grpc::BoxCloneSyncChannel;
use engine::{
    client_error::{ClientError, SqlState},
    error::{Error, QueryError},
};
use futures::{StreamExt, stream, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::reported;

/// Who answers actions.
#[async_trait]
pub trait Actions: Send + Sync + 'static {
    /// Answers one; the bodies are JSON.
    async fn act(&self, action: &str, body: Bytes) -> Result<Bytes, Error>;

    /// Answers messages by messages; dropped when the other end is gone.
    fn exchange(
        &self,
        _messages: BoxStream<'static, Result<Bytes, Error>>,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        stream::iter([Err(unknown("exchange"))]).boxed()
    }
}

/// Returns the service that hands actions to `actions`.
pub fn service(actions: Arc<dyn Actions>) -> FlightServiceServer<impl FlightService> {
    FlightServiceServer::new(ActionService { actions })
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

/// Asks another node.
///
/// Errors: the other's own, with its SQLSTATE; 08006 where it could not be reached.
pub async fn ask<Q: Serialize, A: DeserializeOwned>(
    channel: BoxCloneSyncChannel,
    action: &str,
    question: &Q,
) -> Result<A, Error> {
    let body = serde_json::to_vec(question).map_err(malformed)?;
    let action = Action { r#type: action.to_owned(), body: body.into() };
    let mut client = FlightServiceClient::new(channel)
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX);
    let mut answers = client.do_action(action).await.map_err(refused)?.into_inner();
    match answers.message().await.map_err(refused)? {
        Some(answer) => serde_json::from_slice(&answer.body).map_err(malformed),
        None => Err(QueryError::new(SqlState::PROTOCOL_VIOLATION, "a node gave no answer").into()),
    }
}

/// Reads the body of a request.
pub fn parse<Q: DeserializeOwned>(body: &[u8]) -> Result<Q, Error> {
    serde_json::from_slice(body).map_err(malformed)
}

/// Writes the body of an answer.
pub fn answer<A: Serialize>(answer: &A) -> Result<Bytes, Error> {
    serde_json::to_vec(answer).map(Bytes::from).map_err(malformed)
}

/// Returns the error of an action that nobody knows.
pub fn unknown(action: &str) -> Error {
    let message = format!("no action \"{action}\"");
    QueryError::new(SqlState::PROTOCOL_VIOLATION, message).into()
}

fn malformed(error: serde_json::Error) -> Error {
    QueryError::new(SqlState::PROTOCOL_VIOLATION, format!("a message between nodes: {error}"))
        .into()
}

fn refused(status: Status) -> Error {
    if let Some(error) = reported::decoded(status.message()) {
        return error.into();
    }
    let sqlstate = match status.code() {
        Code::Unauthenticated => SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        _ => SqlState::CONNECTION_FAILURE,
    };
    QueryError::new(sqlstate, format!("a node of the cluster: {}", status.message())).into()
}

struct ActionService {
    actions: Arc<dyn Actions>,
}

/// Of Flight only actions and exchanges are used: rows travel with the distributed engine.
#[async_trait]
impl FlightService for ActionService {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoActionStream = BoxStream<'static, Result<ActionResult, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let Action { r#type, body } = request.into_inner();
        match self.actions.act(&r#type, body).await {
            Ok(body) => Ok(Response::new(stream::iter([Ok(ActionResult { body })]).boxed())),
            Err(error) => {
                tracing::debug!(action = r#type, %error, sqlstate = %error.sqlstate(), "refused");
                Err(carried(&error))
            }
        }
    }

    async fn handshake(
        &self,
        _: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        Err(actions_only())
    }

    async fn list_flights(
        &self,
        _: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(actions_only())
    }

    async fn get_flight_info(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        Err(actions_only())
    }

    async fn poll_flight_info(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        Err(actions_only())
    }

    async fn get_schema(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        Err(actions_only())
    }

    async fn do_get(&self, _: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        Err(actions_only())
    }

    async fn do_put(
        &self,
        _: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        Err(actions_only())
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let messages = request.into_inner().map(|message| match message {
            Ok(message) => Ok(message.app_metadata),
            Err(status) => Err(refused(status)),
        });
        let answers = self.actions.exchange(messages.boxed()).map(|answer| match answer {
            Ok(app_metadata) => Ok(FlightData { app_metadata, ..FlightData::default() }),
            Err(error) => Err(carried(&error)),
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn list_actions(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        Err(actions_only())
    }
}

fn carried(error: &Error) -> Status {
    Status::new(Code::Unknown, reported::encoded(error))
}

fn actions_only() -> Status {
    Status::unimplemented("nodes answer actions and exchanges only")
}
