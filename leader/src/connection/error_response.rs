//! Errors and notices as the wire's fields. No other file knows these letters.

use engine::client_error::{ClientError, SqlState};
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::session::Notice;

const SEVERITY: u8 = b'S';
const SEVERITY_UNTRANSLATED: u8 = b'V';
const CODE: u8 = b'C';
const MESSAGE: u8 = b'M';
const DETAIL: u8 = b'D';
const HINT: u8 = b'H';
const POSITION: u8 = b'P';

/// How much of the connection an error takes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// A statement.
    Error,
    /// The connection.
    Fatal,
}

/// Returns the message for an error. One that is our own fault is logged here, once.
pub(crate) fn error_response(severity: Severity, error: &dyn ClientError) -> ErrorResponse {
    if error.sqlstate() == SqlState::INTERNAL_ERROR {
        tracing::error!(error = %error, detail = error.detail(), "internal error");
    }
    let severity = match severity {
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    };
    let mut fields = vec![
        (SEVERITY, severity.to_owned()),
        (SEVERITY_UNTRANSLATED, severity.to_owned()),
        (CODE, error.sqlstate().to_string()),
        (MESSAGE, on_the_wire(error.to_string())),
    ];
    fields.extend(error.detail().map(|detail| (DETAIL, on_the_wire(detail))));
    fields.extend(error.hint().map(|hint| (HINT, on_the_wire(hint))));
    fields.extend(error.position().map(|position| (POSITION, position.to_string())));
    ErrorResponse::new(fields)
}

/// Returns the message for a notice.
pub(crate) fn notice_response(notice: Notice) -> NoticeResponse {
    let severity = notice.severity.to_string();
    let mut fields = vec![
        (SEVERITY, severity.clone()),
        (SEVERITY_UNTRANSLATED, severity),
        (CODE, notice.sqlstate.to_string()),
        (MESSAGE, on_the_wire(notice.message)),
    ];
    fields.extend(notice.detail.map(|detail| (DETAIL, on_the_wire(detail))));
    fields.extend(notice.hint.map(|hint| (HINT, on_the_wire(hint))));
    NoticeResponse::new(fields)
}

/// A zero byte would end the field.
fn on_the_wire(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn an_error_keeps_its_code_and_hint() {
        let error = Error::unsupported("LOCK", "Leave it out.");
        let fields = error_response(Severity::Error, &error).fields;
        assert!(fields.contains(&(CODE, "0A000".to_owned())));
        assert!(fields.contains(&(HINT, "Leave it out.".to_owned())));
        assert!(fields.contains(&(SEVERITY, "ERROR".to_owned())));
    }
}
