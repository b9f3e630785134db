//! How an error looks to a client of the PostgreSQL protocol.
//!
//! Every module's `error.rs` builds on this: the SQLSTATE stands beside the variant that needs it,
//! and one file of the leader turns it into the wire's fields.

mod sqlstate;

pub use sqlstate::SqlState;

/// An error that a client can be shown.
pub trait ClientError: std::error::Error + Send + Sync + 'static {
    /// Returns the five-character code that drivers decide on.
    fn sqlstate(&self) -> SqlState;

    /// Returns what more there is to say, as sentences.
    fn detail(&self) -> Option<String> {
        None
    }

    /// Returns what the user can do about it, as sentences.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Returns the place in the statement that the error belongs to: characters, from 1.
    fn position(&self) -> Option<usize> {
        None
    }
}
