//! The node clients talk to: wire, sessions, statements.

mod connection;
pub mod server;
mod tls;
