//! Who the client is. SCRAM-SHA-256 for everybody but Redshift's own drivers, which get MD5: the
//! JDBC driver has no SCRAM and the Python driver's does not work.

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use engine::client_error::SqlState;
use pgwire::{
    api::auth::{
        Password,
        md5pass::hash_md5_password,
        sasl::{
            SCRAM_SHA_256_METHOD,
            scram::{SCRAM_ITERATIONS, ScramServerAuth, gen_salted_password},
        },
    },
    messages::{Message, startup::Authentication as Request},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{
    frontend::{Body, FRAME_BYTES_MAX_UNAUTHENTICATED, FrameError, read_frame},
    startup::{Refusal, StartupPacket},
};
use crate::{error::Error, leader::Authentication};

/// The parameters by which Redshift's drivers are known.
const REDSHIFT_DRIVER_PARAMETERS: &[&str] = &["driver_version", "client_protocol_version"];
/// The message that carries a password or a SCRAM step.
const PASSWORD_TAG: u8 = b'p';
const FLUSH_TAG: u8 = b'H';
const SALT_BYTES: usize = 16;
const SALTED_PASSWORD_BYTES: usize = 32;

/// Who may connect, with what is computed once for all connections.
pub(crate) struct Authenticator {
    settings: Authentication,
    scram: Option<Password>,
}

impl Authenticator {
    /// Returns an authenticator for these settings.
    pub(crate) fn new(settings: Authentication) -> Self {
        let scram = settings.password.as_ref().map(|password| {
            let salt: [u8; SALT_BYTES] = rand::random();
            let salted = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
            Password::new(Some(salt.to_vec()), salted)
        });
        Self { settings, scram }
    }

    /// Asks the client who it is; returns when it has proved it.
    ///
    /// What was read beyond its answers is left in `unread`.
    pub(crate) async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut S,
        unread: &mut BytesMut,
        packet: &StartupPacket,
        peer: IpAddr,
    ) -> Result<(), Refusal> {
        let user = packet.user()?;
        let known = user == self.settings.superuser;
        let Some(password) = &self.settings.password else {
            return self.trust(user, known, peer);
        };
        let socket = &mut Incoming { socket, unread };
        let proved = if packet.has_any(REDSHIFT_DRIVER_PARAMETERS) {
            md5(socket, user, password).await?
        } else {
            self.scram(socket, known).await?
        };
        if proved && known { Ok(()) } else { Err(Refusal::Error(wrong_password(user))) }
    }

    /// Without a password only this machine is served.
    fn trust(&self, user: &str, known: bool, peer: IpAddr) -> Result<(), Refusal> {
        if !peer.to_canonical().is_loopback() {
            return Err(Refusal::Error(Error::Statement {
                sqlstate: SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                message: format!("no password is configured, so host \"{peer}\" is not served"),
                hint: Some("Start the server with a password to serve other hosts.".to_owned()),
            }));
        }
        if known {
            return Ok(());
        }
        Err(Refusal::Error(Error::Statement {
            sqlstate: SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            message: format!("password authentication failed for user \"{user}\""),
            hint: Some(format!("The only user is \"{}\".", self.settings.superuser)),
        }))
    }

    /// Runs SCRAM-SHA-256; returns whether the password was right.
    ///
    /// An unknown user goes the same way with a password nobody has, so that neither the messages
    /// nor the time tell whether a user exists.
    async fn scram<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut Incoming<'_, S>,
        known: bool,
    ) -> Result<bool, Refusal> {
        let expected = match &self.scram {
            Some(password) if known => password.clone(),
            other => {
                let salt = other.as_ref().and_then(Password::salt).unwrap_or_default().to_vec();
                Password::new(Some(salt), rand::random::<[u8; SALTED_PASSWORD_BYTES]>().to_vec())
            }
        };
        send(socket, &Request::SASL(vec![SCRAM_SHA_256_METHOD.to_owned()])).await?;
        let mut first = receive(socket).await?;
        if first.text().map_err(Refusal::Error)? != SCRAM_SHA_256_METHOD {
            return Err(protocol_violation("client selected an invalid SASL mechanism"));
        }
        let first = first.value().map_err(Refusal::Error)?.unwrap_or_default();
        let malformed = |_| protocol_violation("malformed SCRAM message");
        let (challenge, verifier) =
            ScramServerAuth::new().on_client_first_message(&first, expected).map_err(malformed)?;
        send(socket, &Request::SASLContinue(Bytes::from(challenge))).await?;
        let last = receive(socket).await?;
        match verifier.on_client_final_message(&last.0) {
            Ok(signature) => {
                send(socket, &Request::SASLFinal(Bytes::from(signature))).await?;
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }
}

/// Runs MD5; returns whether the password was right.
async fn md5<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Incoming<'_, S>,
    user: &str,
    password: &str,
) -> Result<bool, Refusal> {
    let salt: [u8; 4] = rand::random();
    send(socket, &Request::MD5Password(salt.to_vec())).await?;
    let answer = receive(socket).await?.text().map_err(Refusal::Error)?;
    let expected = hash_md5_password(user, password, &salt);
    Ok(same(answer.as_bytes(), expected.as_bytes()))
}

/// Compares in a time that does not depend on where the difference is.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (l, r)| difference | (l ^ r)) == 0
}

fn wrong_password(user: &str) -> Error {
    let message = format!("password authentication failed for user \"{user}\"");
    Error::statement(SqlState::INVALID_PASSWORD, message)
}

fn protocol_violation(message: &str) -> Refusal {
    Refusal::Error(Error::statement(SqlState::PROTOCOL_VIOLATION, message))
}

/// A socket, and what was read from it but not used yet.
struct Incoming<'a, S> {
    socket: &'a mut S,
    unread: &'a mut BytesMut,
}

async fn send<S: AsyncWrite + Unpin>(
    Incoming { socket, .. }: &mut Incoming<'_, S>,
    request: &Request,
) -> Result<(), Refusal> {
    let mut bytes = BytesMut::new();
    request.encode(&mut bytes).map_err(|error| protocol_violation(&error.to_string()))?;
    socket.write_all(&bytes).await.map_err(|_| Refusal::Lost)?;
    socket.flush().await.map_err(|_| Refusal::Lost)
}

/// Receives one answer. Redshift's Python driver sends a Flush behind each: there is nothing to flush.
async fn receive<S: AsyncRead + Unpin>(from: &mut Incoming<'_, S>) -> Result<Body, Refusal> {
    loop {
        let frame = read_frame(from.socket, from.unread, FRAME_BYTES_MAX_UNAUTHENTICATED).await;
        match frame {
            Ok(frame) if frame.tag == FLUSH_TAG => {}
            Ok(frame) if frame.tag == PASSWORD_TAG => return Ok(Body(frame.body)),
            Ok(_) => return Err(protocol_violation("expected a password response")),
            Err(FrameError::Lost) => return Err(Refusal::Lost),
            Err(FrameError::Protocol(message)) => return Err(protocol_violation(&message)),
        }
    }
}
