//! What the HAS_…_PRIVILEGE functions have in common: the checks of their arguments.

use crate::{
    client_error::SqlState,
    functions::definition::error,
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// Fails on a privilege that is not one of these: a list with commas, each with or without
/// WITH GRANT OPTION.
pub(super) fn check_words(words: Option<&Value>, known: &[&str]) -> Result<(), SqlError> {
    let Some(text) = words.and_then(Value::text) else { return Ok(()) };
    for word in text.split(',') {
        let word = word.trim().to_lowercase();
        let bare = word.strip_suffix(" with grant option").unwrap_or(&word);
        if !known.contains(&bare) {
            let message = format!("unrecognized privilege type: \"{text}\"");
            return Err(error(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    }
    Ok(())
}

/// Fails when there is no such user.
pub(super) fn check_user(context: &SystemContext, user: &Value) -> Result<(), SqlError> {
    match user.text() {
        Some(name) if name != context.user => {
            let message = format!("user \"{name}\" does not exist");
            Err(error(SqlState::UNDEFINED_OBJECT, message))
        }
        _ => Ok(()),
    }
}
