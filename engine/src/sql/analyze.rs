//! ANALYZE [VERBOSE] [t [(columns)]] [PREDICATE COLUMNS | ALL COLUMNS].

use sqlparser::tokenizer::Token;

use crate::sql::{QualifiedName, SqlError, cursor::Cursor};

/// ANALYZE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analyze {
    /// The table; all of them if there is none.
    pub table: Option<QualifiedName>,
    /// The columns named; empty for all.
    pub columns: Vec<String>,
}

/// Parses what follows ANALYZE. VERBOSE says how much to tell, and which columns queries filter by is not
/// known: then Redshift, too, analyzes all.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Analyze, SqlError> {
    cursor.take("verbose");
    let mut analyze = Analyze { table: None, columns: Vec::new() };
    let all = ["all", "columns"];
    let predicate = ["predicate", "columns"];
    let is_over = *cursor.peek() == Token::EOF || cursor.at_all(&all) || cursor.at_all(&predicate);
    if !is_over {
        analyze.table = Some(cursor.qualified_name()?);
        if *cursor.peek() == Token::LParen {
            analyze.columns = cursor.column_list()?;
        }
    }
    if !cursor.take_all(&predicate) {
        cursor.take_all(&all);
    }
    Ok(analyze)
}
