//! Types of casts, spelled as DataFusion knows them: `pg_catalog.int4`, `CHARACTER VARYING(5)`,
//! `FLOAT` (eight bytes), `NUMERIC` (18,0), microseconds; `x::regclass` becomes `regclass(x)`,
//! `x::varchar(3)` `varchar(x::varchar, 3)`, `CONVERT(type, x)` a cast.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo, VisitorMut,
};

use super::{Refused, call, catalog_name, take};

/// Object types: as functions, because a name must be looked up in the catalogue.
const REGISTERED: &[&str] = &[
    "regclass",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
];

/// Types that Redshift has and Blueshift has not.
const UNSUPPORTED: &[&str] = &["super", "varbyte", "geometry", "geography", "hllsketch", "timetz"];

pub(super) struct PlainTypes;

impl VisitorMut for PlainTypes {
    type Break = Refused;

    /// After what is inside: a cast that became a call would be visited again.
    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        if let Err(refused) = convert(expr) {
            return ControlFlow::Break(refused);
        }
        match expr {
            ast::Expr::Cast { expr: inner, data_type, .. } => {
                if let Some(name) = registered(data_type) {
                    *expr = call(name, vec![take(inner)]);
                    return ControlFlow::Continue(());
                }
                let length = length_of(data_type);
                if let Err(refused) = plain(data_type) {
                    return ControlFlow::Break(refused);
                }
                if let Some((name, length)) = length {
                    let length = ast::Value::Number(length.to_string(), false);
                    *expr = call(name, vec![take(expr), ast::Expr::value(length)]);
                }
                ControlFlow::Continue(())
            }
            ast::Expr::TypedString(typed) => {
                plain(&mut typed.data_type).map_or_else(ControlFlow::Break, ControlFlow::Continue)
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// `CONVERT(type, x)` is `CAST(x AS type)`.
fn convert(expr: &mut ast::Expr) -> Result<(), Refused> {
    let ast::Expr::Convert { is_try, expr: inner, data_type, styles, .. } = expr else {
        return Ok(());
    };
    let Some(data_type) = data_type.take().filter(|_| styles.is_empty()) else {
        let hint = "CONVERT takes a type and a value.";
        return Err(Refused::unsupported("this form of CONVERT is not supported", hint, None));
    };
    let kind = if *is_try { ast::CastKind::TryCast } else { ast::CastKind::Cast };
    *expr = ast::Expr::Cast {
        kind,
        expr: Box::new(take(inner)),
        data_type,
        array: false,
        format: None,
    };
    Ok(())
}

/// Returns the function that cuts a text to a type's length, and the length.
fn length_of(data_type: &DataType) -> Option<(&'static str, u64)> {
    let (name, length) = match data_type {
        DataType::Varchar(Some(length))
        | DataType::CharacterVarying(Some(length))
        | DataType::CharVarying(Some(length))
        | DataType::Nvarchar(Some(length)) => ("varchar", Some(*length)),
        DataType::Char(length) | DataType::Character(length) => ("bpchar", *length),
        DataType::Custom(name, modifiers) => {
            let length = modifiers.first().and_then(|modifier| modifier.trim().parse().ok())?;
            return match catalog_name(name)? {
                "varchar" => Some(("varchar", length)),
                "bpchar" | "nchar" | "char" => Some(("bpchar", length)),
                _ => None,
            };
        }
        _ => return None,
    };
    match length {
        None => Some((name, 1)),
        Some(CharacterLength::IntegerLength { length, .. }) => Some((name, length)),
        Some(CharacterLength::Max) => None,
    }
}

fn registered(data_type: &DataType) -> Option<&'static str> {
    let name = match data_type {
        DataType::Regclass => "regclass",
        DataType::Custom(name, _) => catalog_name(name)?,
        _ => return None,
    };
    REGISTERED.iter().copied().find(|registered| *registered == name)
}

fn plain(data_type: &mut DataType) -> Result<(), Refused> {
    let plain = match data_type {
        DataType::Custom(name, modifiers) => match catalog_name(name) {
            Some(name) => match of_name(name, modifiers)? {
                Some(plain) => plain,
                None => return Ok(()),
            },
            None => return Ok(()),
        },
        DataType::Char(_)
        | DataType::Character(_)
        | DataType::Varchar(_)
        | DataType::CharacterVarying(_)
        | DataType::CharVarying(_)
        | DataType::Nvarchar(_) => DataType::Varchar(None),
        DataType::Dec(info) | DataType::Numeric(info) | DataType::Decimal(info) => decimal(*info),
        DataType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => DataType::Real,
        DataType::Float(_) => DataType::DoublePrecision,
        DataType::Timestamp(None, zone) => DataType::Timestamp(Some(6), *zone),
        DataType::Time(Some(_), zone) => DataType::Time(None, *zone),
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ) => return plain(element),
        _ => return Ok(()),
    };
    *data_type = plain;
    Ok(())
}

/// NUMERIC without a precision is (18,0), as in Redshift.
fn decimal(info: ExactNumberInfo) -> DataType {
    DataType::Decimal(match info {
        ExactNumberInfo::None => ExactNumberInfo::PrecisionAndScale(18, 0),
        ExactNumberInfo::Precision(precision) => ExactNumberInfo::PrecisionAndScale(precision, 0),
        info => info,
    })
}

/// Returns the type of a name that sqlparser has no word for, or that had `pg_catalog.` before it.
fn of_name(name: &str, modifiers: &[String]) -> Result<Option<DataType>, Refused> {
    if UNSUPPORTED.contains(&name) {
        let message = format!("the type {} is not supported", name.to_uppercase());
        return Err(Refused::unsupported(message, "Use VARCHAR and text.", None));
    }
    let length = modifiers.first().and_then(|modifier| modifier.parse().ok());
    let length = length.map(|length| CharacterLength::IntegerLength { length, unit: None });
    Ok(Some(match name {
        "bool" | "boolean" => DataType::Boolean,
        "int2" | "smallint" => DataType::SmallInt(None),
        "int4" | "int" | "integer" => DataType::Integer(None),
        "int8" | "bigint" | "oid" | "xid" | "cid" => DataType::BigInt(None),
        "float4" | "real" => DataType::Real,
        "float8" => DataType::DoublePrecision,
        "text" | "varchar" | "bpchar" | "char" | "name" | "unknown" | "cstring" | "aclitem"
        | "pg_node_tree" => DataType::Varchar(length),
        "date" => DataType::Date,
        "timestamp" => DataType::Timestamp(Some(6), TimezoneInfo::None),
        "timestamptz" => DataType::Timestamp(Some(6), TimezoneInfo::Tz),
        "time" => DataType::Time(None, TimezoneInfo::None),
        "interval" => DataType::Interval { fields: None, precision: None },
        "numeric" | "decimal" => {
            let mut numbers = modifiers.iter().map(|modifier| modifier.trim().parse().ok());
            match (numbers.next().flatten(), numbers.next().flatten()) {
                (Some(precision), scale) => {
                    let scale = scale.and_then(|scale: u64| i64::try_from(scale).ok());
                    DataType::Decimal(ExactNumberInfo::PrecisionAndScale(
                        precision,
                        scale.unwrap_or(0),
                    ))
                }
                (None, _) => DataType::Decimal(ExactNumberInfo::PrecisionAndScale(18, 0)),
            }
        }
        _ => return Ok(None),
    }))
}
