//! A column of CREATE TABLE: name, type, attributes in any order.

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{
        ColumnDefinition, Constraint, ConstraintKind, IdentityClause, SqlError, create_table,
        cursor::Cursor, data_type,
    },
    types::SqlType,
};

/// The encodings that ENCODE knows.
const ENCODINGS: &[&str] = &[
    "raw",
    "az64",
    "bytedict",
    "delta",
    "delta32k",
    "lzo",
    "mostly8",
    "mostly16",
    "mostly32",
    "runlength",
    "text255",
    "text32k",
    "zstd",
    "auto",
];

/// A column and what its attributes say about the table.
pub(super) struct ParsedColumn {
    pub(super) definition: ColumnDefinition,
    pub(super) dist_key: bool,
    pub(super) sort_key: bool,
    pub(super) constraints: Vec<Constraint>,
}

/// Takes a column definition.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<ParsedColumn, SqlError> {
    let name = cursor.identifier()?;
    let sql_type = data_type::parse(cursor)?;
    let mut column = ParsedColumn {
        definition: ColumnDefinition {
            name,
            sql_type,
            not_null: false,
            default: None,
            identity: None,
            encoding: None,
        },
        dist_key: false,
        sort_key: false,
        constraints: Vec::new(),
    };
    while !matches!(cursor.peek(), None | Some(Token::Comma | Token::RParen)) {
        column.attribute(cursor)?;
    }
    Ok(column)
}

impl ParsedColumn {
    fn attribute(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
        let start = cursor.clone();
        if cursor.take("default") {
            let tokens = cursor.tokens_until(starts_attribute);
            self.definition.default = Some(cursor.expression_of(tokens)?);
        } else if cursor.is("identity") {
            cursor.advance();
            self.identity(&start, cursor, false)?;
        } else if cursor.take_all(&["generated", "by", "default", "as", "identity"]) {
            self.identity(&start, cursor, true)?;
        } else if cursor.take("encode") {
            self.definition.encoding = encoding(cursor)?;
        } else if cursor.take("distkey") {
            self.dist_key = true;
        } else if cursor.take("sortkey") {
            self.sort_key = true;
        } else if cursor.take_all(&["not", "null"]) {
            self.definition.not_null = true;
        } else if cursor.take("null") {
            // Nullable is what a column is anyway.
        } else if cursor.take_all(&["primary", "key"]) {
            self.definition.not_null = true;
            self.constrain(ConstraintKind::PrimaryKey);
        } else if cursor.take("unique") {
            self.constrain(ConstraintKind::Unique);
        } else if cursor.take("references") {
            let kind = create_table::references(cursor)?;
            self.constrain(kind);
        } else if cursor.take("collate") {
            collation(&start, cursor)?;
        } else if cursor.take("constraint") {
            // A name for the attribute that follows; Redshift keeps none for columns.
            cursor.identifier()?;
        } else {
            return Err(cursor.unexpected());
        }
        Ok(())
    }

    fn constrain(&mut self, kind: ConstraintKind) {
        let columns = vec![self.definition.name.clone()];
        self.constraints.push(Constraint { name: None, kind, columns });
    }

    fn identity(
        &mut self,
        start: &Cursor<'_>,
        cursor: &mut Cursor<'_>,
        by_default: bool,
    ) -> Result<(), SqlError> {
        cursor.expect_token(&Token::LParen)?;
        let seed = cursor.integer()?;
        cursor.expect_token(&Token::Comma)?;
        let step = cursor.integer()?;
        cursor.expect_token(&Token::RParen)?;
        let whole = matches!(self.definition.sql_type, SqlType::Integer | SqlType::BigInt);
        if !whole || step == 0 {
            let message = "an IDENTITY column must be INTEGER or BIGINT and its step not 0";
            return Err(SqlError {
                sqlstate: SqlState::INVALID_TABLE_DEFINITION,
                message: message.to_owned(),
                hint: None,
                position: start.position(),
            });
        }
        self.definition.not_null = true;
        self.definition.identity = Some(IdentityClause { seed, step, by_default });
        Ok(())
    }
}

/// Returns whether the tokens of a DEFAULT end here.
fn starts_attribute(cursor: &Cursor<'_>) -> bool {
    const WORDS: &[&str] = &[
        "encode",
        "distkey",
        "sortkey",
        "unique",
        "primary",
        "references",
        "collate",
        "identity",
        "generated",
        "constraint",
        "default",
    ];
    matches!(cursor.peek(), Some(Token::Comma | Token::RParen))
        || cursor.are("not", "null")
        || WORDS.iter().any(|word| cursor.is(word))
}

fn encoding(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    let start = cursor.clone();
    let name = cursor.word()?;
    if !ENCODINGS.contains(&name.as_str()) {
        return Err(SqlError {
            sqlstate: SqlState::UNDEFINED_OBJECT,
            message: format!("encoding \"{name}\" does not exist"),
            hint: Some(format!("The encodings are {}.", ENCODINGS.join(", "))),
            position: start.position(),
        });
    }
    Ok((name != "auto").then_some(name))
}

fn collation(start: &Cursor<'_>, cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    if cursor.take("case_sensitive") || cursor.take("cs") {
        return Ok(());
    }
    if cursor.is("case_insensitive") || cursor.is("ci") {
        let instead = "Compare with LOWER() or ILIKE.";
        return Err(start.unsupported("COLLATE CASE_INSENSITIVE", instead));
    }
    Err(cursor.unexpected())
}
