//! SHOW parameter | ALL.

use sqlparser::tokenizer::Token;

use crate::sql::{SqlError, cursor::Cursor, set};

/// Redshift's other SHOW commands, and the table that has their answer.
const METADATA: &[(&[&str], &str)] = &[
    (&["databases"], "pg_database"),
    (&["schemas"], "pg_namespace"),
    (&["tables"], "information_schema.tables"),
    (&["columns"], "information_schema.columns"),
    (&["constraints"], "pg_constraint"),
    (&["table"], "pg_table_def"),
    (&["external"], "pg_table_def"),
    (&["view"], "pg_views"),
    (&["grants"], "information_schema.tables"),
    (&["column"], "information_schema.columns"),
    (&["procedures"], "pg_proc"),
    (&["procedure"], "pg_proc"),
    (&["functions"], "pg_proc"),
    (&["parameters"], "pg_proc"),
    (&["model"], "pg_proc"),
    (&["datashares"], "pg_database"),
];

/// Parses what follows SHOW; returns the parameter's name, lower case.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    for words in ["transaction isolation level", "time zone", "session authorization"] {
        let parts: Vec<&str> = words.split(' ').collect();
        if cursor.take_all(&parts) {
            return Ok(words.to_owned());
        }
    }
    if cursor.take("all") {
        return Ok("all".to_owned());
    }
    // A parameter stands alone; a command goes on.
    let goes_on = !matches!(cursor.peek_nth(1), Token::EOF | Token::Period);
    if let Some((words, table)) = METADATA.iter().find(|(words, _)| cursor.at_all(words)) {
        if goes_on || matches!(words[0], "databases" | "datashares") {
            let name = words[0].to_uppercase();
            let message = format!("SHOW {name} is not supported");
            return Err(SqlError::unsupported(message, Some(cursor.position()))
                .with_hint(format!("Query {table}.")));
        }
    }
    set::parameter_name(cursor)
}
