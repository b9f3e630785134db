//! One client's connection.
//!
//! ```text
//!  socket ─▶ reader task ─▶ channel ─▶ connection task ─▶ Session ─▶ rows
//!               │ end of file              │  ▲                       │
//!               └──────── lost ────────────┼──┘                       │
//!                                          └────── Output ◀───────────┘
//! ```
//!
//! The reader is a task of its own, so that the end of a connection stops the statement that runs
//! for it. All else is one task, which owns the session: there are no locks.

mod authentication;
mod cancel;
mod error_response;
mod extended_query;
mod frontend;
mod numeric;
mod output;
mod parameter;
mod row_encoder;
mod rows;
mod simple_query;
mod startup;

use std::{
    any::Any, collections::HashMap, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc,
    time::Duration,
};

use bytes::BytesMut;
use engine::{
    client_error::{ClientError, SqlState},
    transaction::TransactionError,
};
use futures::FutureExt;
use pgwire::messages::{
    response::{ReadyForQuery, TransactionStatus},
    startup::ParameterStatus,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadHalf},
    net::TcpStream,
    sync::{Semaphore, mpsc},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    error::Error,
    leader::Leader,
    session::{Prepared, Session, TransactionState},
};

pub(crate) use authentication::Authenticator;
pub(crate) use cancel::CancelRegistry;

use cancel::{Interrupt, Registration, Stop};
use error_response::{Severity, error_response, notice_response};
use extended_query::Portal;
use frontend::{Frame, FrameError, Frontend};
use output::Output;
use startup::Started;

/// How long a client may take until it is known.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the last words to a client may take.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many messages are read ahead of the one that is worked on.
const FRAMES_AHEAD: usize = 16;

/// A socket with or without TLS.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}
/// A socket of either kind.
pub(crate) type BoxedSocket = Box<dyn Socket>;

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) leader: Arc<Leader>,
    pub(crate) authenticator: Authenticator,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) require_ssl: bool,
    /// One permit per connection that is in.
    pub(crate) places: Arc<Semaphore>,
    /// Cancelled when the server is to stop: idle connections end.
    pub(crate) shutdown: CancellationToken,
    /// Cancelled when its patience is at an end: running statements end too.
    pub(crate) kill: CancellationToken,
}

/// Why a message could not be answered.
enum Failure {
    /// An error of the statement: the client is told and goes on.
    Statement(Error),
    /// It was stopped.
    Stopped(Stop),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// The connection ends.
struct Closed;

/// Serves one connection from its first byte to its last.
pub(crate) async fn serve(tcp: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let started = tokio::select! {
        started = tokio::time::timeout(STARTUP_TIMEOUT, startup::start(tcp, peer, &shared)) => started,
        () = shared.kill.cancelled() => return,
    };
    match started {
        Ok(Some((socket, started))) => Connection::new(socket, started, shared).run().await,
        Ok(None) => {}
        Err(_) => tracing::debug!(%peer, "start-up took too long"),
    }
}

/// A client that is in.
struct Connection {
    shared: Arc<Shared>,
    session: Session,
    output: Output,
    frames: mpsc::Receiver<Result<Frame, FrameError>>,
    interrupt: Interrupt,
    cancel: Registration,
    statements: HashMap<String, Arc<PreparedStatement>>,
    portals: HashMap<String, Portal>,
    /// After an error of the extended protocol, everything up to Sync is passed over.
    skips_to_sync: bool,
    _place: tokio::sync::OwnedSemaphorePermit,
    _reader: AbortOnDropHandle<()>,
}

/// A prepared statement with the types its client declared.
struct PreparedStatement {
    prepared: Prepared,
    declared_oids: Vec<u32>,
}

impl Connection {
    fn new(socket: BoxedSocket, started: Started, shared: Arc<Shared>) -> Self {
        let Started { session, unread, greeting, cancel, place } = started;
        let (reader, writer) = tokio::io::split(socket);
        let lost = CancellationToken::new();
        let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
        let reader = tokio::spawn(read_frames(reader, unread, sender, lost.clone()));
        let mut output = Output::new(writer);
        output.buffer().extend_from_slice(&greeting);
        let killed = cancel.slot().killed();
        Self {
            interrupt: Interrupt { statement: CancellationToken::new(), lost, killed },
            shared,
            session,
            output,
            frames,
            cancel,
            statements: HashMap::new(),
            portals: HashMap::new(),
            skips_to_sync: false,
            _place: place,
            _reader: AbortOnDropHandle::new(reader),
        }
    }

    async fn run(mut self) {
        if self.ready().await.is_ok() {
            while self.next().await.is_ok() {}
        }
        self.portals.clear();
        // Nobody waits for its locks while it takes its leave.
        self.session.statement_failed();
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, self.output.close()).await;
        tracing::info!("disconnected");
    }

    /// Waits for a message and answers it.
    async fn next(&mut self) -> Result<(), Closed> {
        let frame = tokio::select! {
            biased;
            () = self.shared.shutdown.cancelled() => {
                self.say_goodbye();
                return Err(Closed);
            }
            () = self.interrupt.killed.cancelled() => {
                self.say_goodbye();
                return Err(Closed);
            }
            frame = self.frames.recv() => frame,
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(FrameError::Protocol(message))) => {
                let error = Error::statement(SqlState::PROTOCOL_VIOLATION, message);
                self.output.push(&error_response(Severity::Fatal, &error));
                return Err(Closed);
            }
            Some(Err(FrameError::Lost)) | None => return Err(Closed),
        };
        let is_query = frame.tag == b'Q';
        let is_extended = b"PBDECS".contains(&frame.tag);
        if self.skips_to_sync && !b"SX".contains(&frame.tag) {
            return Ok(());
        }
        self.interrupt.statement = self.cancel.slot().begin();
        let answered = self.answer(frame).await;
        self.cancel.slot().end();
        match answered {
            Ok(Answered::Next) => Ok(()),
            Ok(Answered::Terminate) => Err(Closed),
            Err(failure) => {
                self.report(failure)?;
                if is_query {
                    self.ready().await
                } else {
                    self.skips_to_sync |= is_extended;
                    // A client may wait for this without having sent Sync.
                    self.output.flush(&self.interrupt.without_cancel()).await.map_err(|_| Closed)
                }
            }
        }
    }

    async fn answer(&mut self, frame: Frame) -> Result<Answered, Failure> {
        match Frontend::decode(frame)? {
            Frontend::Query { sql } => {
                self.query(&sql).await?;
                self.finish().await
            }
            Frontend::Parse { name, sql, type_oids } => {
                self.parse(name, &sql, type_oids).await?;
                Ok(Answered::Next)
            }
            Frontend::Bind(bind) => {
                self.bind(bind)?;
                Ok(Answered::Next)
            }
            Frontend::Describe { target, name } => {
                self.describe(target, &name)?;
                Ok(Answered::Next)
            }
            Frontend::Execute { portal, row_limit } => {
                self.execute(&portal, row_limit).await?;
                Ok(Answered::Next)
            }
            Frontend::Close { target, name } => {
                self.close(target, &name);
                Ok(Answered::Next)
            }
            Frontend::Flush => {
                self.output.flush(&self.interrupt.without_cancel()).await?;
                Ok(Answered::Next)
            }
            Frontend::Sync => {
                if let Err(failure) = self.sync().await
                    && self.report(failure).is_err()
                {
                    return Ok(Answered::Terminate);
                }
                self.finish().await
            }
            Frontend::Copy => Ok(Answered::Next),
            Frontend::Terminate => Ok(Answered::Terminate),
        }
    }

    async fn finish(&mut self) -> Result<Answered, Failure> {
        Ok(if self.ready().await.is_ok() { Answered::Next } else { Answered::Terminate })
    }

    /// Says that the next query may come.
    async fn ready(&mut self) -> Result<(), Closed> {
        self.push_notices();
        let status = match self.session.transaction_state() {
            TransactionState::Idle => TransactionStatus::Idle,
            TransactionState::InBlock => TransactionStatus::Transaction,
            TransactionState::Failed => TransactionStatus::Error,
        };
        self.output.push(&ReadyForQuery::new(status));
        self.output.flush(&self.interrupt.without_cancel()).await.map_err(|stop| {
            if stop == Stop::Killed {
                self.say_goodbye();
            }
            Closed
        })
    }

    /// Tells the client and the session of a failure.
    fn report(&mut self, failure: Failure) -> Result<(), Closed> {
        self.push_notices();
        let error = match failure {
            Failure::Statement(error) => error,
            Failure::Stopped(Stop::Canceled) => {
                let message = self.cancel.slot().message(self.session.query());
                Error::statement(SqlState::QUERY_CANCELED, message)
            }
            Failure::Stopped(Stop::Lost) => {
                self.session.statement_failed();
                return Err(Closed);
            }
            Failure::Stopped(Stop::Killed) => {
                self.session.statement_failed();
                self.say_goodbye();
                return Err(Closed);
            }
        };
        tracing::debug!(sqlstate = %error.sqlstate(), "statement failed");
        self.output.push(&error_response(Severity::Error, &error));
        self.session.statement_failed();
        Ok(())
    }

    fn say_goodbye(&mut self) {
        let error = if self.shared.leader.log().is_fenced() {
            engine::error::Error::from(TransactionError::Fenced).into()
        } else {
            let message = "terminating connection due to administrator command";
            Error::statement(SqlState::ADMIN_SHUTDOWN, message)
        };
        self.output.push(&error_response(Severity::Fatal, &error));
    }

    /// Sends what statements said beside their answers.
    fn push_notices(&mut self) {
        for notice in self.session.take_notices() {
            self.output.push(&notice_response(notice));
        }
        for (name, value) in self.session.take_parameter_changes() {
            self.output.push(&ParameterStatus::new(name, value));
        }
    }
}

enum Answered {
    Next,
    Terminate,
}

/// Reads messages until the client ends the connection.
async fn read_frames(
    mut socket: ReadHalf<BoxedSocket>,
    mut buffer: BytesMut,
    frames: mpsc::Sender<Result<Frame, FrameError>>,
    lost: CancellationToken,
) {
    loop {
        let frame = frontend::read_frame(&mut socket, &mut buffer, frontend::FRAME_BYTES_MAX).await;
        match frame {
            Err(FrameError::Lost) => break,
            Err(protocol) => {
                drop(frames.send(Err(protocol)).await);
                return;
            }
            Ok(frame) => {
                if frames.send(Ok(frame)).await.is_err() {
                    return;
                }
            }
        }
    }
    lost.cancel();
}

/// Runs work until it is done or stopped. Stopping drops it; a panic in it is its error.
async fn guarded<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        stop = interrupt.stopped() => Err(stop.into()),
        result = AssertUnwindSafe(work).catch_unwind() => match result {
            Ok(result) => Ok(result?),
            Err(panic) => Err(panicked(panic.as_ref()).into()),
        },
    }
}

/// Runs a commit to its end, whoever wants it stopped: only then is it known how it went. A panic in
/// it is its error.
async fn uninterrupted<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => Ok(result?),
        Err(panic) => Err(panicked(panic.as_ref()).into()),
    }
}

/// Runs work that does not wait; a panic in it is its error.
fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::statement(SqlState::INTERNAL_ERROR, format!("a statement panicked: {text}"))
}
