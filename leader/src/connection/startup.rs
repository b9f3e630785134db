//! From the first byte to ReadyForQuery: TLS, the start-up packet, authentication, the session.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use bytes::{Buf, Bytes, BytesMut};
use engine::{client_error::SqlState, ids::Pid};
use pgwire::messages::{
    Message,
    startup::{
        Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    BoxedSocket, Shared,
    error_response::{Severity, error_response},
    frontend::Body,
};
use crate::{
    error::Error,
    session::{ClientIdentity, Session},
};

const SSL_REQUEST: i32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: i32 = 80_877_104;
const CANCEL_REQUEST: i32 = 80_877_102;
const PROTOCOL_MAJOR: i32 = 3;
/// In full, as libpq expects it, although the documentation says that it is the minor version.
const PROTOCOL_3_0: i32 = PROTOCOL_MAJOR << 16;
const REFUSED: u8 = b'N';
const TLS_ACCEPTED: u8 = b'S';
/// As PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
const PACKET_BYTES_MAX: usize = 10_000;
/// The length word and the code after it.
const HEADER_BYTES: usize = 8;
/// A client asks for TLS and GSS once each; more is not a client.
const REQUESTS_MAX: usize = 3;
/// Protocol options, which no parameter of a session is.
const PROTOCOL_OPTION_PREFIX: &str = "_pq_.";

/// Why there is no session.
pub(crate) enum Refusal {
    /// The client is gone, or wanted something else (a cancel), or speaks something else.
    Lost,
    /// The client is told.
    Error(Error),
}

/// A client that is in.
pub(crate) struct Started {
    pub(crate) session: Session,
    /// What it sent beyond its start-up.
    pub(crate) unread: BytesMut,
    /// What the client is sent with the first ReadyForQuery.
    pub(crate) greeting: BytesMut,
    pub(crate) cancel: super::cancel::Registration,
    /// Its place among the connections.
    pub(crate) place: tokio::sync::OwnedSemaphorePermit,
}

/// What the start-up packet says.
#[derive(Debug)]
pub(crate) struct StartupPacket {
    minor_version: u16,
    parameters: BTreeMap<String, String>,
}

impl StartupPacket {
    /// Returns the user, whom every client must name.
    pub(crate) fn user(&self) -> Result<&str, Refusal> {
        let user = self.parameters.get("user").filter(|user| !user.is_empty());
        user.map(String::as_str).ok_or_else(|| {
            let message = "no PostgreSQL user name specified in startup packet";
            refused(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message)
        })
    }

    /// Returns whether it has any of these parameters.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.parameters.contains_key(*name))
    }

    /// Returns the database; PostgreSQL's default is the user's name.
    fn database<'a>(&'a self, user: &'a str) -> &'a str {
        let database = self.parameters.get("database").filter(|database| !database.is_empty());
        database.map_or(user, String::as_str)
    }

    /// Returns the parameters for the session: those of the packet, then those of its `options`.
    fn session_parameters(&self) -> Vec<(String, String)> {
        let of_packet = self.parameters.iter().filter(|(name, _)| {
            !["user", "database", "options", "replication"].contains(&name.as_str())
                && !name.starts_with(PROTOCOL_OPTION_PREFIX)
        });
        let mut parameters: Vec<_> =
            of_packet.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(options) = self.parameters.get("options") {
            parameters.extend(parse_options(options));
        }
        parameters
    }

    fn parse(minor_version: u16, body: Bytes) -> Result<Self, Refusal> {
        let mut body = Body(body);
        let mut parameters = BTreeMap::new();
        loop {
            let name = body.text().map_err(Refusal::Error)?;
            if name.is_empty() {
                return Ok(Self { minor_version, parameters });
            }
            parameters.insert(name, body.text().map_err(Refusal::Error)?);
        }
    }
}

enum FirstPacket {
    Tls,
    Gss,
    Cancel(Pid, i32),
    Startup(StartupPacket),
}

/// Brings a connection up to a session, or tells the client why not.
pub(crate) async fn start(
    tcp: TcpStream,
    peer: SocketAddr,
    shared: &Shared,
) -> Option<(BoxedSocket, Started)> {
    let mut socket: BoxedSocket = Box::new(tcp);
    let mut secure = false;
    for _ in 0..REQUESTS_MAX {
        let refusal = match read_packet(&mut socket).await {
            Ok(FirstPacket::Tls) if secure => return None,
            Ok(FirstPacket::Tls) => match &shared.tls {
                Some(tls) => {
                    socket.write_all(&[TLS_ACCEPTED]).await.ok()?;
                    let accepted = tls.accept(socket).await;
                    socket = Box::new(accepted.inspect_err(log_handshake).ok()?);
                    secure = true;
                    continue;
                }
                None => {
                    socket.write_all(&[REFUSED]).await.ok()?;
                    continue;
                }
            },
            Ok(FirstPacket::Gss) => {
                socket.write_all(&[REFUSED]).await.ok()?;
                continue;
            }
            Ok(FirstPacket::Cancel(pid, secret)) => {
                shared.leader.cancels().cancel(pid, secret);
                // A client that came by TLS waits for its end.
                let _ = socket.shutdown().await;
                return None;
            }
            Ok(FirstPacket::Startup(packet)) => {
                match open(&mut socket, &packet, peer, secure, shared).await {
                    Ok(started) => return Some((socket, started)),
                    Err(refusal) => refusal,
                }
            }
            Err(refusal) => refusal,
        };
        if let Refusal::Error(error) = refusal {
            refuse(&mut socket, &error).await;
        }
        return None;
    }
    None
}

fn log_handshake(error: &std::io::Error) {
    tracing::debug!(%error, "TLS handshake failed");
}

fn refused(sqlstate: SqlState, message: impl Into<String>) -> Refusal {
    Refusal::Error(Error::statement(sqlstate, message))
}

/// Sends the reason and closes.
pub(crate) async fn refuse(socket: &mut BoxedSocket, error: &Error) {
    let mut bytes = BytesMut::new();
    if error_response(Severity::Fatal, error).encode(&mut bytes).is_ok() {
        let _ = socket.write_all(&bytes).await;
    }
    let _ = socket.shutdown().await;
}

/// Reads one of the packets that have no kind byte. Exactly its bytes are read: what follows may be
/// a TLS handshake.
async fn read_packet(socket: &mut BoxedSocket) -> Result<FirstPacket, Refusal> {
    let mut header = [0_u8; HEADER_BYTES];
    socket.read_exact(&mut header).await.map_err(|_| Refusal::Lost)?;
    let mut header = &header[..];
    let length = header.get_u32() as usize;
    let code = header.get_i32();
    if !(HEADER_BYTES..=PACKET_BYTES_MAX).contains(&length) {
        // Not PostgreSQL's protocol, so there is no way to answer.
        tracing::debug!(length, "invalid length of startup packet");
        return Err(Refusal::Lost);
    }
    let mut body = vec![0; length - HEADER_BYTES];
    socket.read_exact(&mut body).await.map_err(|_| Refusal::Lost)?;
    let mut body = Bytes::from(body);
    match code {
        SSL_REQUEST => Ok(FirstPacket::Tls),
        GSS_ENCRYPTION_REQUEST => Ok(FirstPacket::Gss),
        // The key is four bytes: longer ones are only for clients that were given one.
        CANCEL_REQUEST if body.len() == 8 => {
            Ok(FirstPacket::Cancel(Pid(body.get_i32()), body.get_i32()))
        }
        CANCEL_REQUEST => Err(Refusal::Lost),
        version if version >> 16 == PROTOCOL_MAJOR => {
            StartupPacket::parse((version & 0xffff) as u16, body).map(FirstPacket::Startup)
        }
        version => {
            let (major, minor) = (version >> 16, version & 0xffff);
            let message =
                format!("unsupported frontend protocol {major}.{minor}: server supports 3.0");
            Err(refused(SqlState::FEATURE_NOT_SUPPORTED, message))
        }
    }
}

/// Authenticates the client and opens its session.
async fn open(
    socket: &mut BoxedSocket,
    packet: &StartupPacket,
    peer: SocketAddr,
    secure: bool,
    shared: &Shared,
) -> Result<Started, Refusal> {
    let user = packet.user()?;
    let database = packet.database(user);
    if shared.require_ssl && !secure {
        let message = format!(
            "no pg_hba.conf entry for host \"{}\", user \"{user}\", database \"{database}\", SSL off",
            peer.ip()
        );
        return Err(Refusal::Error(Error::Statement {
            sqlstate: SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            message,
            hint: Some("This server requires TLS: connect with sslmode=require.".to_owned()),
        }));
    }
    if packet.minor_version > 0 {
        negotiate(socket, packet).await?;
    }
    let mut unread = BytesMut::new();
    shared.authenticator.authenticate(socket, &mut unread, packet, peer.ip()).await?;
    if shared.shutdown.is_cancelled() {
        let message = "the database system is shutting down";
        return Err(refused(SqlState::CANNOT_CONNECT_NOW, message));
    }
    let place = Arc::clone(&shared.places)
        .try_acquire_owned()
        .map_err(|_| refused(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already"))?;
    let startup_parameters = packet.session_parameters();
    let application_name = startup_parameters
        .iter()
        .rfind(|(name, _)| name == "application_name")
        .map_or_else(String::new, |(_, value)| value.clone());
    let pid = shared.leader.sessions().new_pid();
    let identity = ClientIdentity {
        pid,
        user: user.to_owned(),
        database: database.to_owned(),
        application_name,
        remote: peer.to_string(),
        startup_parameters,
    };
    let session = Session::open(&shared.leader, identity).map_err(Refusal::Error)?;
    let (cancel, secret) = shared.leader.cancels().register(pid, &shared.kill);
    let greeting = greet(&session, pid, secret).map_err(Refusal::Error)?;
    tracing::Span::current().record("pid", pid.0);
    tracing::info!(%user, %database, %peer, secure, "connected");
    Ok(Started { session, unread, greeting, cancel, place })
}

/// Tells a client that asked for a newer protocol that it gets 3.0.
async fn negotiate(socket: &mut BoxedSocket, packet: &StartupPacket) -> Result<(), Refusal> {
    let options = packet.parameters.keys().filter(|name| name.starts_with(PROTOCOL_OPTION_PREFIX));
    let message = NegotiateProtocolVersion::new(PROTOCOL_3_0, options.cloned().collect());
    let mut bytes = BytesMut::new();
    message
        .encode(&mut bytes)
        .map_err(|error| refused(SqlState::PROTOCOL_VIOLATION, error.to_string()))?;
    socket.write_all(&bytes).await.map_err(|_| Refusal::Lost)
}

/// Returns AuthenticationOk, the session's parameters and the key for cancelling. There is no
/// `server_protocol_version` among them, so Redshift's drivers speak plain PostgreSQL.
fn greet(session: &Session, pid: Pid, secret: i32) -> Result<BytesMut, Error> {
    let mut bytes = BytesMut::new();
    let failed = |error: pgwire::error::PgWireError| {
        Error::statement(SqlState::PROTOCOL_VIOLATION, error.to_string())
    };
    Authentication::Ok.encode(&mut bytes).map_err(failed)?;
    for (name, value) in session.parameters_for_startup() {
        ParameterStatus::new(name, value).encode(&mut bytes).map_err(failed)?;
    }
    BackendKeyData::new(pid.0, SecretKey::I32(secret)).encode(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Reads `-c name=value`, `-cname=value` and `--name=value`; a backslash takes the next character
/// as it is.
fn parse_options(options: &str) -> Vec<(String, String)> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    let mut parameters = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--") {
            Some(setting) => Some(setting.to_owned()),
            None if word == "-c" => words.next(),
            None => word.strip_prefix("-c").map(str::to_owned),
        };
        if let Some((name, value)) = setting.as_deref().and_then(|setting| setting.split_once('='))
        {
            parameters.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_set_parameters() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            parse_options(r"-c search_path=a,\ b -cquery_group=x --statement-timeout=5 -e"),
            [pair("search_path", "a, b"), pair("query_group", "x"), pair("statement_timeout", "5")]
        );
        assert!(parse_options("").is_empty());
    }
}
