//! DATE_PART and EXTRACT of parts that DataFusion does not know or counts otherwise.
//!
//! "The EXTRACT function returns integers for the specified date part only"; "the DATE_PART function
//! returns the complete seconds portion of the timestamp". See "Date parts for date or timestamp
//! functions".

use std::sync::Arc;

use chrono::{Datelike, Timelike};
use datafusion::{
    arrow::{
        array::ArrayRef,
        datatypes::{DataType, Float64Type, Int32Type},
    },
    common::ScalarValue,
    error::Result,
    functions::datetime,
    logical_expr::{
        Expr, ScalarUDF, cast,
        planner::{ExprPlanner, PlannerResult},
    },
};

use crate::types::SqlType;

use super::{
    arguments::Arguments,
    date::{DAY_MICROS, calendar, out_of_range},
    date_parts::DatePart,
    function::{
        Definition,
        Kind::{Text, Time, Timestamp},
        ScalarFunction, form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        // The first is the one by which it travels to other nodes: DataFusion's own is used too.
        names: &["pgdate_part", "date_part", "datepart"],
        forms: &[
            form(&[Text, Timestamp], SqlType::DoublePrecision, date_part),
            form(&[Text, Time], SqlType::DoublePrecision, date_part),
        ],
    },
    EXTRACT,
    Definition { names: &["date_part_year"], forms: &[form(&[Timestamp], SqlType::Integer, year)] },
];

const EXTRACT: Definition = Definition {
    names: &["extract"],
    forms: &[
        form(&[Text, Timestamp], SqlType::Integer, extract),
        form(&[Text, Time], SqlType::Integer, extract),
    ],
};

/// Returns the functions of DataFusion's that plans have beside ours of the same name.
pub(crate) fn beside_ours() -> [Arc<ScalarUDF>; 1] {
    [datetime::date_part()]
}

/// Plans `EXTRACT(part FROM x)`: by DataFusion where it counts alike, because its optimizer turns a
/// comparison with a year into one with dates.
#[derive(Debug)]
pub(crate) struct ExtractByPart;

impl ExprPlanner for ExtractByPart {
    fn plan_extract(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let [Expr::Literal(name, _), source] = arguments.as_slice() else {
            return Ok(PlannerResult::Original(arguments));
        };
        let part = DatePart::parse(name.try_as_str().flatten().unwrap_or_default())?;
        let source = source.clone();
        let by_datafusion = |name: &str, source| {
            let name = Expr::Literal(ScalarValue::from(name), None);
            datetime::date_part().call(vec![name, source])
        };
        Ok(PlannerResult::Planned(match part {
            DatePart::Year => by_datafusion("year", source),
            DatePart::Quarter => by_datafusion("quarter", source),
            DatePart::Month => by_datafusion("month", source),
            DatePart::Week => by_datafusion("week", source),
            DatePart::Day => by_datafusion("day", source),
            DatePart::DayOfYear => by_datafusion("doy", source),
            DatePart::DayOfWeek => by_datafusion("dow", source),
            DatePart::Hour => by_datafusion("hour", source),
            DatePart::Minute => by_datafusion("minute", source),
            DatePart::Epoch => cast(by_datafusion("epoch", source), DataType::Int64),
            _ => {
                let name = Expr::Literal(name.clone(), None);
                ScalarFunction::udf(&EXTRACT).call(vec![name, source])
            }
        }))
    }
}

/// Returns the whole number that a part of a moment is.
fn number(part: DatePart, micros: i64) -> Result<i64> {
    let moment = calendar(micros)?;
    let year = i64::from(moment.year());
    let of_day = micros.rem_euclid(DAY_MICROS);
    Ok(match part {
        DatePart::Millennium => (year - 1).div_euclid(1000) + 1,
        DatePart::Century => (year - 1).div_euclid(100) + 1,
        DatePart::Decade => year.div_euclid(10),
        DatePart::Epoch => micros.div_euclid(1_000_000),
        DatePart::Year => year,
        DatePart::Quarter => i64::from(moment.month0() / 3 + 1),
        DatePart::Month => moment.month().into(),
        DatePart::Week => moment.iso_week().week().into(),
        DatePart::DayOfWeek => moment.weekday().num_days_from_sunday().into(),
        DatePart::IsoDayOfWeek => moment.weekday().number_from_monday().into(),
        DatePart::DayOfYear => moment.ordinal().into(),
        DatePart::Day => moment.day().into(),
        DatePart::Hour => moment.hour().into(),
        DatePart::Minute => moment.minute().into(),
        DatePart::Second => moment.second().into(),
        DatePart::Millisecond => of_day % 1_000_000 / 1_000,
        DatePart::Microsecond => of_day % 1_000_000,
        // Moments are kept and shown in UTC.
        DatePart::Timezone => 0,
    })
}

fn date_part(a: &Arguments) -> Result<ArrayRef> {
    let parts = a.primitives::<Float64Type>(|row| {
        let (part, micros) = (a.text(0, row)?, a.micros(1, row)?);
        Some(DatePart::parse(part).and_then(|part| {
            let seconds = (micros.rem_euclid(60_000_000)) as f64 / 1e6;
            Ok(match part {
                DatePart::Second => seconds,
                DatePart::Epoch => micros as f64 / 1e6,
                part => number(part, micros)? as f64,
            })
        }))
    })?;
    Ok(Arc::new(parts))
}

fn extract(a: &Arguments) -> Result<ArrayRef> {
    let parts = a.primitives::<Int32Type>(|row| {
        let (part, micros) = (a.text(0, row)?, a.micros(1, row)?);
        let number = DatePart::parse(part).and_then(|part| number(part, micros));
        Some(number.and_then(|number| i32::try_from(number).map_err(|_| out_of_range())))
    })?;
    Ok(Arc::new(parts))
}

fn year(a: &Arguments) -> Result<ArrayRef> {
    let years =
        a.primitives::<Int32Type>(|row| Some(calendar(a.micros(0, row)?).map(|date| date.year())))?;
    Ok(Arc::new(years))
}
