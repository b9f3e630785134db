//! ALTER TABLE t action, of tables; RENAME TO and OWNER TO of views as well.

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{
        ColumnDefinition, Constraint, DistStyleName, QualifiedName, SortKeyClause, SqlError,
        TableAttributes, column_definition, constraint, create_table::Draft, cursor::Cursor,
        data_type, table_attributes,
    },
    types::SqlType,
};

/// ALTER TABLE.
#[derive(Debug, Clone)]
pub struct AlterTable {
    /// The table or view.
    pub name: QualifiedName,
    /// What is done to it.
    pub action: AlterAction,
}

/// What ALTER TABLE does.
#[derive(Debug, Clone)]
pub enum AlterAction {
    /// RENAME TO: its new name, in the same schema.
    RenameTo(String),
    /// RENAME COLUMN.
    RenameColumn {
        /// The column.
        column: String,
        /// What it is to be called.
        new_name: String,
    },
    /// ADD [COLUMN].
    AddColumn(Box<ColumnDefinition>),
    /// DROP [COLUMN].
    DropColumn {
        /// The column.
        column: String,
        /// CASCADE.
        cascade: bool,
    },
    /// ADD table_constraint.
    AddConstraint(Constraint),
    /// DROP CONSTRAINT.
    DropConstraint {
        /// The constraint.
        name: String,
        /// CASCADE.
        cascade: bool,
    },
    /// OWNER TO user.
    OwnerTo(String),
    /// ALTER COLUMN … TYPE.
    ColumnType {
        /// The column.
        column: String,
        /// Its new type.
        sql_type: SqlType,
    },
    /// ALTER COLUMN … ENCODE, …: columns and their encodings, lower case as written.
    Encode(Vec<(String, String)>),
    /// ALTER ENCODE AUTO.
    EncodeAuto,
    /// ALTER DISTSTYLE, ALTER DISTKEY, ALTER SORTKEY: one of each at most.
    Layout {
        /// DISTSTYLE.
        dist_style: Option<DistStyleName>,
        /// DISTKEY; then the style is KEY.
        dist_key: Option<String>,
        /// SORTKEY.
        sort_key: SortKeyClause,
    },
    /// APPEND FROM.
    AppendFrom {
        /// The table whose rows are moved.
        source: QualifiedName,
        /// IGNOREEXTRA: columns that only the source has are dropped.
        ignore_extra: bool,
        /// FILLTARGET: columns that only the target has get their default.
        fill_target: bool,
    },
}

/// Parses ALTER TABLE.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<AlterTable, SqlError> {
    cursor.expect("alter")?;
    cursor.expect("table")?;
    let name = cursor.qualified_name()?;
    let action = action(cursor, &name)?;
    Ok(AlterTable { name, action })
}

fn action(cursor: &mut Cursor<'_>, table: &QualifiedName) -> Result<AlterAction, SqlError> {
    let position = cursor.position();
    if cursor.take_all(&["rename", "to"]) {
        return cursor.identifier().map(AlterAction::RenameTo);
    }
    if cursor.take("rename") {
        cursor.take("column");
        let column = cursor.identifier()?;
        cursor.expect("to")?;
        return Ok(AlterAction::RenameColumn { column, new_name: cursor.identifier()? });
    }
    if cursor.take("add") {
        return add(cursor, table);
    }
    if cursor.take_all(&["drop", "constraint"]) {
        let name = cursor.identifier()?;
        return Ok(AlterAction::DropConstraint { name, cascade: cascade(cursor) });
    }
    if cursor.at_all(&["drop", "partition"]) || cursor.at("partition") {
        return Err(external(position));
    }
    if cursor.take("drop") {
        cursor.take("column");
        let column = cursor.identifier()?;
        return Ok(AlterAction::DropColumn { column, cascade: cascade(cursor) });
    }
    if cursor.take_all(&["owner", "to"]) {
        return cursor.identifier().map(AlterAction::OwnerTo);
    }
    if cursor.take_all(&["append", "from"]) {
        let source = cursor.qualified_name()?;
        let word = cursor.take_one_of(&["ignoreextra", "filltarget"]);
        let (ignore_extra, fill_target) = (word == Some("ignoreextra"), word == Some("filltarget"));
        return Ok(AlterAction::AppendFrom { source, ignore_extra, fill_target });
    }
    if cursor.at("set") {
        return Err(external(position));
    }
    if cursor.at("row") {
        let message = "ALTER TABLE … ROW LEVEL SECURITY is not supported";
        return Err(
            SqlError::unsupported(message, Some(position)).with_hint("Filter the rows in a view.")
        );
    }
    if cursor.at("alter") {
        return alter(cursor);
    }
    Err(cursor.unexpected())
}

/// Returns the error of an action that is for external tables only.
fn external(position: usize) -> SqlError {
    SqlError::unsupported("ALTER TABLE of external tables is not supported", Some(position))
        .with_hint("There are no external tables.")
}

fn cascade(cursor: &mut Cursor<'_>) -> bool {
    cursor.take_one_of(&["cascade", "restrict"]) == Some("cascade")
}

/// Parses what follows ADD: a constraint or a column.
fn add(cursor: &mut Cursor<'_>, table: &QualifiedName) -> Result<AlterAction, SqlError> {
    let position = cursor.position();
    if cursor.at("partition") || cursor.at_all(&["if", "not", "exists", "partition"]) {
        return Err(external(position));
    }
    if let Some(constraint) = constraint::of_table(cursor)? {
        return Ok(AlterAction::AddConstraint(constraint));
    }
    cursor.take("column");
    let mut draft = Draft::default();
    column_definition::parse(cursor, &mut draft, table)?;
    let Some(column) = draft.columns.pop() else { return Err(cursor.unexpected()) };
    let sorts_or_distributes = draft.attributes != TableAttributes::default();
    let refused = if sorts_or_distributes {
        "DISTKEY or SORTKEY"
    } else if !draft.constraints.is_empty() {
        "UNIQUE, PRIMARY KEY or REFERENCES"
    } else if column.identity.is_some() {
        "IDENTITY"
    } else {
        return Ok(AlterAction::AddColumn(Box::new(column)));
    };
    let message = format!("ALTER TABLE ADD COLUMN cannot add a column with {refused}");
    Err(SqlError::unsupported(message, Some(position)).with_hint(
        "Redshift takes DEFAULT, ENCODE and NOT NULL here; see also ALTER TABLE ADD constraint.",
    ))
}

/// Parses `ALTER …, ALTER …`: encodings, or one distribution and one sort key.
fn alter(cursor: &mut Cursor<'_>) -> Result<AlterAction, SqlError> {
    let mut encodings: Vec<(String, String)> = Vec::new();
    let mut attributes = TableAttributes::default();
    loop {
        cursor.expect("alter")?;
        let position = cursor.position();
        if cursor.take_all(&["encode", "auto"]) {
            return Ok(AlterAction::EncodeAuto);
        }
        if cursor.at("diststyle") || cursor.at("distkey") || at_sort_key(cursor) {
            table_attributes::altered(cursor, &mut attributes)?;
        } else {
            cursor.take("column");
            let column = cursor.identifier()?;
            if cursor.take("type") {
                return Ok(AlterAction::ColumnType { column, sql_type: data_type::parse(cursor)? });
            }
            cursor.expect("encode")?;
            if encodings.iter().any(|(known, _)| *known == column) {
                let message = format!("column \"{column}\" specified more than once");
                return Err(SqlError {
                    sqlstate: SqlState::DUPLICATE_COLUMN,
                    message,
                    hint: None,
                    position: Some(position),
                });
            }
            encodings.push((column, cursor.identifier()?));
        }
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if attributes == TableAttributes::default() {
        return Ok(AlterAction::Encode(encodings));
    }
    if !encodings.is_empty() {
        let message = "ALTER TABLE cannot change encodings together with keys";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("Send two statements."));
    }
    let (dist_style, dist_key) = (attributes.dist_style, attributes.dist_key);
    Ok(AlterAction::Layout { dist_style, dist_key, sort_key: attributes.sort_key })
}

fn at_sort_key(cursor: &Cursor<'_>) -> bool {
    cursor.at("sortkey")
        || cursor.at_all(&["compound", "sortkey"])
        || cursor.at_all(&["interleaved", "sortkey"])
}
