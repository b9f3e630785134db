//! What a warehouse *is*: types, SQL, catalogue, storage, planning, operators. Opens no socket.
//!
//! The modules in reading order; each imports only those above it.

pub mod chance;
pub mod client_error;
pub mod ids;

pub mod types;

pub mod access;
pub mod distribution;
pub mod sql;
pub mod storage;

pub mod catalog;

pub mod transaction;

pub mod copy;
pub mod write;

pub mod execution;
pub mod system;

pub mod check;
pub mod functions;
pub mod vacuum;

pub mod plan;

pub mod error;
