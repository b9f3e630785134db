//! What can be wrong with the text of a statement.

use crate::client_error::{ClientError, SqlState};

/// An error found while parsing.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// PostgreSQL's code.
    pub sqlstate: SqlState,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
    /// Where in the query string: characters, from 1.
    pub position: Option<usize>,
}

impl SqlError {
    /// Returns a syntax error (42601).
    pub fn syntax(message: impl Into<String>, position: Option<usize>) -> Self {
        Self { sqlstate: SqlState::SYNTAX_ERROR, message: message.into(), hint: None, position }
    }

    /// Returns the refusal of something that is not there yet (0A000).
    pub fn unsupported(message: impl Into<String>, position: Option<usize>) -> Self {
        let sqlstate = SqlState::FEATURE_NOT_SUPPORTED;
        Self { sqlstate, message: message.into(), hint: None, position }
    }

    /// Adds what to do instead.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl ClientError for SqlError {
    fn sqlstate(&self) -> SqlState {
        self.sqlstate
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn position(&self) -> Option<usize> {
        self.position
    }
}
