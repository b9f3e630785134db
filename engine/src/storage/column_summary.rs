//! What is known of a column of many rows: the different values it has, and how they are spread. Summaries of two
//! sets of rows make one of both.

use arrow::{
    array::{Array, ArrayRef},
    compute::concat,
    datatypes::{DataType, Schema},
    error::ArrowError,
};
use serde::{Deserialize, Serialize};

use super::{
    DistinctEstimator, RowSample,
    value_statistics::{ValueStatistics, correlation},
};

/// What is known of one column of some rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// The rows.
    pub row_count: u64,
    /// Its different values, seen in all rows.
    pub distinct: DistinctEstimator,
    /// How they are spread, seen in a sample.
    pub values: ValueStatistics,
}

impl ColumnSummary {
    /// Returns what is known of the columns of rows that were sampled in several parts, each in its own order.
    pub fn of_rows(
        schema: &Schema,
        mut samples: Vec<RowSample>,
        distinct: Vec<DistinctEstimator>,
    ) -> Result<Vec<Self>, ArrowError> {
        RowSample::align(&mut samples)?;
        let row_count = samples.iter().map(RowSample::seen).sum();
        let columns = schema.fields().iter().zip(distinct).enumerate();
        let summaries = columns.map(|(at, (field, distinct))| {
            let values = column(field.data_type(), &samples, at)?;
            let width = width_bytes(field.data_type(), &samples, at);
            let values = ValueStatistics::of_sample(&values, width)?;
            let correlation = correlation_within(field.data_type(), &samples, at)?;
            let values = ValueStatistics { correlation, ..values };
            Ok(Self { row_count, distinct, values })
        });
        summaries.collect()
    }

    /// Returns what is known of its rows and those of another one together.
    pub fn merged(&self, other: &Self) -> Self {
        let mut distinct = self.distinct.clone();
        distinct.merge(&other.distinct);
        Self {
            row_count: self.row_count + other.row_count,
            distinct,
            values: self.values.merged(&other.values, [self.row_count, other.row_count]),
        }
    }
}

/// Returns the correlation of values and rows within the parts, on average.
fn correlation_within(
    data_type: &DataType,
    samples: &[RowSample],
    at: usize,
) -> Result<Option<f64>, ArrowError> {
    let (mut sum, mut rows) = (0.0, 0.0);
    for sample in samples {
        let column = column(data_type, std::slice::from_ref(sample), at)?;
        if let Some(correlation) = correlation(&column)? {
            sum += correlation * column.len() as f64;
            rows += column.len() as f64;
        }
    }
    Ok((rows > 0.0).then(|| sum / rows))
}

fn column(data_type: &DataType, samples: &[RowSample], at: usize) -> Result<ArrayRef, ArrowError> {
    let parts = samples.iter().flat_map(RowSample::rows).map(|rows| rows.column(at).as_ref());
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        return Ok(arrow::array::new_empty_array(data_type));
    }
    concat(&parts)
}

/// Returns the bytes of a value, on average.
fn width_bytes(data_type: &DataType, samples: &[RowSample], at: usize) -> f64 {
    if *data_type == DataType::Utf8View {
        let rows = samples.iter().map(|sample| sample.seen() as f64).sum::<f64>().max(1.0);
        let bytes = samples.iter().map(|s| s.average_text_bytes(at) * s.seen() as f64);
        return bytes.sum::<f64>() / rows;
    }
    data_type.primitive_width().map_or(1.0, |bytes| bytes as f64)
}
