//! What a client sends: bytes → frames → messages.
//!
//! pgwire's own decoders trust the counts inside a message and panic on a short one, so frontend
//! messages are read here, every step checked; what we send is encoded by pgwire.

use bytes::{Buf, Bytes, BytesMut};
use engine::client_error::SqlState;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::Error;

/// The longest message after start-up. Redshift's longest statement is 16 MB; one value may be as
/// long again, and many are bound at once.
pub(crate) const FRAME_BYTES_MAX: usize = 256 << 20;
/// The longest message before the client is known: a password or a SCRAM step.
pub(crate) const FRAME_BYTES_MAX_UNAUTHENTICATED: usize = 10_000;
/// A length word counts itself.
const LENGTH_WORD: usize = 4;
/// The bytes a read makes room for.
const READ_BYTES: usize = 8 << 10;

/// A message, not yet understood.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The byte that names its kind.
    pub(crate) tag: u8,
    /// All after the length word.
    pub(crate) body: Bytes,
}

/// Why there is no next frame.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// The client is gone.
    Lost,
    /// What it sends is not the protocol.
    Protocol(String),
}

/// Reads the next frame. Memory grows only with what has arrived, whatever a length word claims.
pub(crate) async fn read_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    bytes_max: usize,
) -> Result<Frame, FrameError> {
    loop {
        if let Some(frame) = take_frame(buffer, bytes_max)? {
            return Ok(frame);
        }
        buffer.reserve(READ_BYTES);
        match reader.read_buf(buffer).await {
            Ok(0) | Err(_) => return Err(FrameError::Lost),
            Ok(_) => {}
        }
    }
}

fn take_frame(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Frame>, FrameError> {
    let Some(&tag) = buffer.first() else { return Ok(None) };
    if !b"QPBEDCHSXpFdcf".contains(&tag) {
        return Err(FrameError::Protocol(format!("invalid frontend message type {tag}")));
    }
    let Some(mut word) = buffer.get(1..1 + LENGTH_WORD) else { return Ok(None) };
    let length = word.get_u32() as usize;
    if length < LENGTH_WORD || length > bytes_max {
        return Err(FrameError::Protocol("invalid message length".to_owned()));
    }
    if buffer.len() < 1 + length {
        return Ok(None);
    }
    buffer.advance(1 + LENGTH_WORD);
    Ok(Some(Frame { tag, body: buffer.split_to(length - LENGTH_WORD).freeze() }))
}

/// What Describe and Close are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

/// A message of a client that is known.
#[derive(Debug)]
pub(crate) enum Frontend {
    Query {
        sql: String,
    },
    Parse {
        name: String,
        sql: String,
        type_oids: Vec<u32>,
    },
    Bind(Bind),
    Describe {
        target: Target,
        name: String,
    },
    Execute {
        portal: String,
        row_limit: i32,
    },
    Close {
        target: Target,
        name: String,
    },
    Flush,
    Sync,
    Terminate,
    /// CopyData, CopyDone, CopyFail: left over from a COPY that failed, to be ignored.
    Copy,
}

/// The parameters of a statement and the forms of its results.
#[derive(Debug)]
pub(crate) struct Bind {
    pub(crate) portal: String,
    pub(crate) statement: String,
    pub(crate) parameter_formats: Vec<i16>,
    pub(crate) parameters: Vec<Option<Bytes>>,
    pub(crate) result_formats: Vec<i16>,
}

impl Frontend {
    /// Understands a frame.
    pub(crate) fn decode(frame: Frame) -> Result<Self, Error> {
        let mut body = Body(frame.body);
        let message = match frame.tag {
            b'Q' => Self::Query { sql: body.text()? },
            b'P' => Self::Parse {
                name: body.text()?,
                sql: body.text()?,
                type_oids: body.list(Body::oid)?,
            },
            b'B' => Self::Bind(Bind {
                portal: body.text()?,
                statement: body.text()?,
                parameter_formats: body.list(Body::int16)?,
                parameters: body.list(Body::value)?,
                result_formats: body.list(Body::int16)?,
            }),
            b'D' => Self::Describe { target: body.target()?, name: body.text()? },
            b'E' => Self::Execute { portal: body.text()?, row_limit: body.int32()? },
            b'C' => Self::Close { target: body.target()?, name: body.text()? },
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            b'd' | b'c' | b'f' => Self::Copy,
            tag => {
                let message = format!("unexpected frontend message type {tag}");
                return Err(Error::statement(SqlState::PROTOCOL_VIOLATION, message));
            }
        };
        Ok(message)
    }
}

/// The rest of a message's body; every read is checked.
pub(crate) struct Body(pub(crate) Bytes);

impl Body {
    fn short() -> Error {
        Error::statement(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message")
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Error> {
        if self.0.len() < length { Err(Self::short()) } else { Ok(self.0.split_to(length)) }
    }

    /// Takes a string that a zero byte ends.
    pub(crate) fn text(&mut self) -> Result<String, Error> {
        let end = memchr::memchr(0, &self.0).ok_or_else(|| {
            Error::statement(SqlState::PROTOCOL_VIOLATION, "invalid string in message")
        })?;
        let text = self.take(end)?;
        self.0.advance(1);
        String::from_utf8(text.into()).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            let message = format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}");
            Error::statement(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
        })
    }

    fn int16(&mut self) -> Result<i16, Error> {
        Ok(self.take(2)?.get_i16())
    }

    /// Takes a four-byte integer.
    pub(crate) fn int32(&mut self) -> Result<i32, Error> {
        Ok(self.take(4)?.get_i32())
    }

    fn oid(&mut self) -> Result<u32, Error> {
        Ok(self.take(4)?.get_u32())
    }

    /// Takes a value behind its length; -1 is NULL.
    pub(crate) fn value(&mut self) -> Result<Option<Bytes>, Error> {
        match self.int32()? {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| Self::short())?).map(Some),
        }
    }

    fn target(&mut self) -> Result<Target, Error> {
        match self.take(1)?[0] {
            b'S' => Ok(Target::Statement),
            b'P' => Ok(Target::Portal),
            byte => {
                let message = format!("invalid DESCRIBE or CLOSE message subtype {byte}");
                Err(Error::statement(SqlState::PROTOCOL_VIOLATION, message))
            }
        }
    }

    /// Takes a list behind its count.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let count = self.take(2)?.get_u16();
        (0..count).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(tag: u8, body: &'static [u8]) -> Frame {
        Frame { tag, body: Bytes::from_static(body) }
    }

    #[tokio::test]
    async fn a_huge_length_word_is_refused_before_memory_is_taken() {
        let mut buffer = BytesMut::new();
        let mut bytes: &[u8] = &[b'Q', 0x7f, 0xff, 0xff, 0xff, 0];
        let error = read_frame(&mut bytes, &mut buffer, FRAME_BYTES_MAX).await.unwrap_err();
        assert!(matches!(error, FrameError::Protocol(_)));
        let mut bytes: &[u8] = &[b'Q', 0, 0, 0, 3, 0];
        let error =
            read_frame(&mut bytes, &mut BytesMut::new(), FRAME_BYTES_MAX).await.unwrap_err();
        assert!(matches!(error, FrameError::Protocol(_)));
    }

    #[test]
    fn short_messages_are_errors_and_never_panics() {
        for tag in b"QPBEDCHSXdcf" {
            for body in [
                &b""[..],
                b"\0",
                b"a\0",
                b"\0\0",
                b"\0\0\xff\xff",
                b"\0\0\0\0\0\x01\x7f\xff\xff\xff",
            ] {
                let _ = Frontend::decode(frame(*tag, body));
            }
        }
        assert!(Frontend::decode(frame(b'Q', b"select 1")).is_err());
        assert!(Frontend::decode(frame(b'Q', b"\xff\0")).is_err());
    }
}
