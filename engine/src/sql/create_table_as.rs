//! CREATE TABLE t [(columns)] [attributes] AS query.

use crate::sql::{
    CreateTableAs, QualifiedName, SqlError, TableAttributes, cursor::Cursor, query,
    table_attributes,
};

/// What comes before the attributes.
pub(super) struct Head {
    pub(super) name: QualifiedName,
    pub(super) temporary: bool,
    pub(super) if_not_exists: bool,
    pub(super) columns: Vec<String>,
}

/// Parses from the attributes on.
pub(super) fn parse(cursor: &mut Cursor<'_>, head: Head) -> Result<CreateTableAs, SqlError> {
    let mut attributes = TableAttributes::default();
    let start = cursor.position();
    table_attributes::parse(cursor, &mut attributes)?;
    cursor.expect("as")?;
    if !query::starts(cursor) {
        return Err(cursor.unexpected());
    }
    table_attributes::check(&attributes, start)?;
    let query = cursor.query()?;
    let Head { name, temporary, if_not_exists, columns } = head;
    Ok(CreateTableAs { name, temporary, if_not_exists, columns, attributes, query })
}
