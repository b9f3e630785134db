//! The node clients talk to: wire, sessions, statements.
