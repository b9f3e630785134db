//! JSON in VARCHAR: JSON_EXTRACT_PATH_TEXT and its neighbours ("JSON functions").

use std::sync::Arc;

use datafusion::{
    arrow::{array::ArrayRef, datatypes::Int32Type},
    error::Result,
};
use serde_json::Value;

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::SqlType,
};

use super::{
    arguments::Arguments,
    function::{
        Definition,
        Kind::{Boolean, Integer, Text},
        TEXT, form,
    },
};

/// The family. A path is at most five levels deep.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["json_extract_path_text"],
        forms: &[
            form(&[Text, Text], TEXT, at_path),
            form(&[Text, Text, Boolean], TEXT, at_path),
            form(&[Text, Text, Text], TEXT, at_path),
            form(&[Text, Text, Text, Boolean], TEXT, at_path),
            form(&[Text, Text, Text, Text], TEXT, at_path),
            form(&[Text, Text, Text, Text, Boolean], TEXT, at_path),
            form(&[Text, Text, Text, Text, Text], TEXT, at_path),
            form(&[Text, Text, Text, Text, Text, Boolean], TEXT, at_path),
            form(&[Text, Text, Text, Text, Text, Text], TEXT, at_path),
            form(&[Text, Text, Text, Text, Text, Text, Boolean], TEXT, at_path),
        ],
    },
    Definition {
        names: &["json_extract_array_element_text"],
        forms: &[
            form(&[Text, Integer], TEXT, element),
            form(&[Text, Integer, Boolean], TEXT, element),
        ],
    },
    Definition {
        names: &["json_array_length"],
        forms: &[
            form(&[Text], SqlType::Integer, array_length),
            form(&[Text, Boolean], SqlType::Integer, array_length),
        ],
    },
    Definition {
        names: &["is_valid_json"],
        forms: &[form(&[Text], SqlType::Boolean, |a| is_valid(a, Value::is_object))],
    },
    Definition {
        names: &["is_valid_json_array"],
        forms: &[form(&[Text], SqlType::Boolean, |a| is_valid(a, Value::is_array))],
    },
];

/// Parses a text; what is no JSON is NULL if the call says so, else an error.
fn parse(text: &str, null_if_invalid: bool) -> Option<Result<Value>> {
    match serde_json::from_str(text) {
        Ok(value) => Some(Ok(value)),
        Err(_) if null_if_invalid => None,
        Err(reason) => {
            let message = format!("JSON parsing error: {reason}");
            Some(Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message))))
        }
    }
}

/// Returns a value as text: a string without its quotes, JSON's null as NULL.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn at_path(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| {
        let last = a.len() - 1;
        let flag = a.boolean(last, row);
        let path_end = if flag.is_some() { last } else { a.len() };
        let parsed = match parse(a.text(0, row)?, flag.unwrap_or(false))? {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        };
        let mut value = &parsed;
        for argument in 1..path_end {
            value = value.get(a.text(argument, row)?)?;
        }
        shown(value).map(Ok)
    })
}

/// Counts from 0.
fn element(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| {
        let flag = a.boolean(2, row).unwrap_or(false);
        let parsed = match parse(a.text(0, row)?, flag)? {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        };
        let position = usize::try_from(a.integer(1, row)?).ok()?;
        shown(parsed.get(position)?).map(Ok)
    })
}

fn array_length(a: &Arguments) -> Result<ArrayRef> {
    let lengths = a.primitives::<Int32Type>(|row| {
        let flag = a.boolean(1, row).unwrap_or(false);
        let parsed = match parse(a.text(0, row)?, flag)? {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        };
        match parsed.as_array() {
            Some(elements) => i32::try_from(elements.len()).ok().map(Ok),
            None if flag => None,
            None => {
                let message = "JSON_ARRAY_LENGTH takes a JSON array";
                Some(Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message))))
            }
        }
    })?;
    Ok(Arc::new(lengths))
}

fn is_valid(a: &Arguments, is_kind: fn(&Value) -> bool) -> Result<ArrayRef> {
    a.booleans(|row| Some(serde_json::from_str(a.text(0, row)?).is_ok_and(|value| is_kind(&value))))
}
