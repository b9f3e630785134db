//! The node clients talk to: wire, sessions, statements.

pub mod byte_size;
pub mod cli;
pub mod cluster;
mod connection;
pub mod error;
pub mod leader;
pub mod logging;
pub mod memory;
pub mod quickstart;
pub mod s3;
pub mod server;
pub mod session;
pub mod settings;
pub mod standalone;
mod statement;
mod tls;
mod vacuum;
