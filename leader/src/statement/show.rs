//! SHOW name, SHOW ALL.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, StringViewArray},
    datatypes::{Schema, SchemaRef},
};
use engine::types::SqlType;

use crate::{
    error::Error,
    session::{Outcome, RowsTag, Session},
    statement::explain::rows_of,
};

const TEXT: SqlType = SqlType::Varchar { length: engine::types::VARCHAR_LENGTH_MAX };

pub(super) fn run(session: &mut Session, name: &str) -> Result<Outcome, Error> {
    if name == "all" {
        let all: Vec<(&str, &str)> = session.parameters().all().collect();
        let names: StringViewArray = all.iter().map(|(name, _)| Some(*name)).collect();
        let values: StringViewArray = all.iter().map(|(_, value)| Some(*value)).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(values)];
        return rows_of(schema(name), columns, RowsTag::Show);
    }
    let value = session.parameters().get(name);
    let value = value.ok_or_else(|| Error::UnknownParameter(name.to_owned()))?;
    let column: ArrayRef = Arc::new(StringViewArray::from(vec![value]));
    rows_of(schema(name), vec![column], RowsTag::Show)
}

/// Returns the columns of a SHOW.
pub(super) fn schema(name: &str) -> SchemaRef {
    let fields = if name == "all" {
        vec![TEXT.field("name", false), TEXT.field("setting", false)]
    } else {
        vec![TEXT.field(column_name(name), false)]
    };
    Arc::new(Schema::new(fields))
}

fn column_name(name: &str) -> String {
    match name {
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "time zone" => "TimeZone".to_owned(),
        name => name.to_owned(),
    }
}
