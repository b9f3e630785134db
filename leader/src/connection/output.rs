//! What is on its way to a client: messages gathered in a buffer and sent with backpressure.

use bytes::BytesMut;
use pgwire::messages::Message;
use tokio::io::{AsyncWriteExt, WriteHalf};

use super::{
    BoxedSocket,
    cancel::{Interrupt, Stop},
};

/// How many bytes are gathered before they are sent.
pub(crate) const SEND_BYTES: usize = 64 << 10;
/// A buffer that one large row made bigger than this is given back.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The sending half of a connection.
pub(crate) struct Output {
    socket: WriteHalf<BoxedSocket>,
    buffer: BytesMut,
}

impl Output {
    /// Returns an output with nothing in it.
    pub(crate) fn new(socket: WriteHalf<BoxedSocket>) -> Self {
        Self { socket, buffer: BytesMut::with_capacity(READY_BYTES) }
    }

    /// Appends a message.
    pub(crate) fn push(&mut self, message: &impl Message) {
        let start = self.buffer.len();
        if let Err(error) = message.encode(&mut self.buffer) {
            // Half a message would put the client out of step.
            self.buffer.truncate(start);
            tracing::error!(%error, "message not sent");
        }
    }

    /// Returns the buffer, for rows that are encoded straight into it.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Returns whether it is time to send.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= SEND_BYTES
    }

    /// Sends all there is. What is not sent when it is interrupted stays, so that the client never
    /// gets half a message.
    pub(crate) async fn flush(&mut self, interrupt: &Interrupt) -> Result<(), Stop> {
        let send = async {
            self.socket.write_all_buf(&mut self.buffer).await?;
            self.socket.flush().await
        };
        tokio::select! {
            biased;
            sent = send => sent.map_err(|_| Stop::Lost)?,
            stop = interrupt.stopped() => return Err(stop),
        }
        if self.buffer.capacity() > KEPT_BYTES_MAX {
            self.buffer = BytesMut::with_capacity(READY_BYTES);
        }
        Ok(())
    }

    /// Says goodbye; failure no longer matters.
    pub(crate) async fn close(&mut self) {
        let _ = self.socket.write_all_buf(&mut self.buffer).await;
        let _ = self.socket.shutdown().await;
    }
}

/// What a connection that waits keeps.
const READY_BYTES: usize = 4 << 10;
