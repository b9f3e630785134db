//! Behaviour, through the wire, as text: the harness of the tests in `tests/`.
//!
//! ```text
//!  slt/**/*.slt ──▶ slt ──▶ client ──(PostgreSQL protocol)──▶ blueshift serve   (cluster)
//!                                                                 │ HTTP, SigV4
//!                            load_files ──(folder)──▶ blueshift s3 ◀┘           (s3)
//! ```
//!
//! Invariants:
//!
//! * Every server is the real binary in a process of its own, on a free port of the loopback
//!   interface, with its data in a temporary folder, and it is killed when its handle is dropped.
//! * Waiting is bounded everywhere: a server that hangs fails a test, it does not stop the run.

pub mod answers;
pub mod client;
pub mod cluster;
pub mod faulty_proxy;
pub mod folder;
pub mod load_files;
pub mod process;
pub mod s3;
pub mod slt;
pub mod source;
pub mod tpch;
pub mod warehouse;
