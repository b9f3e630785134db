//! An error on its way from one node to another, where only texts arrive.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    client_error::{ClientError, SqlState},
    error::{Error, QueryError},
};

/// What tells such a text from any other.
const MARK: &str = "\u{1}blueshift error ";

/// An error with all that a client is shown of it; displayed, a text that [`Self::parse`] understands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CarriedError {
    sqlstate: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<usize>,
}

impl CarriedError {
    /// Returns what travels of an error.
    pub fn of(error: &Error) -> Self {
        Self {
            sqlstate: error.sqlstate().to_string(),
            message: error.to_string(),
            detail: error.detail(),
            hint: error.hint(),
            position: error.position(),
        }
    }

    /// Returns the error that a text of another node is; `None` of a text that is no such error.
    pub fn parse(text: &str) -> Option<QueryError> {
        let (_, carried) = text.split_once(MARK)?;
        // Whoever passed the text on may have put something behind it.
        let mut carried = serde_json::Deserializer::from_str(carried).into_iter::<Self>();
        let carried = carried.next()?.ok()?;
        Some(QueryError {
            sqlstate: SqlState::of_code(&carried.sqlstate)?,
            message: carried.message,
            detail: carried.detail,
            hint: carried.hint,
            line_column: None,
            position: carried.position,
        })
    }
}

impl fmt::Display for CarriedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let carried = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        write!(f, "{MARK}{carried}")
    }
}

impl std::error::Error for CarriedError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_arrives_as_it_left() {
        let error =
            QueryError::new(SqlState::DIVISION_BY_ZERO, "Divide by zero.").with_hint("Don't.");
        let text = CarriedError::of(&error.clone().into()).to_string();
        let arrived = CarriedError::parse(&format!("External error: {text}\nat a node")).unwrap();
        assert_eq!(arrived.sqlstate, error.sqlstate);
        assert_eq!((arrived.message, arrived.hint), (error.message, error.hint));
        assert!(CarriedError::parse("Divide by zero.").is_none());
    }
}
