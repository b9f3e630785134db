//! Rows of a query over the target of DELETE, UPDATE or MERGE: addresses are taken off and noted, values go on.
//!
//! ```text
//!  $run, $position, values …  ─▶ values … of the rows that are written
//!      └─ noted, each once
//! ```

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::{UInt32Type, UInt64Type},
};
use datafusion::error::DataFusionError;
use engine::{
    client_error::SqlState,
    error::{Error, QueryError},
    write::DeletedRows,
};
use futures::{StreamExt, stream::BoxStream};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The columns of an address: they come first in every query over a target.
pub const ADDRESS_COLUMNS: usize = 2;

/// What happens to a row of the target that is found a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecondMatch {
    /// It was dealt with the first time.
    Ignored,
    /// It is an error: nobody could say which of the two counts.
    Refused,
}

/// The rows of a target, and what is done with them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct TargetRows {
    /// The runs of the target.
    pub run_count: usize,
    /// What happens to one that is found twice.
    pub second_match: SecondMatch,
    /// Whether the values of a row with an address are wanted.
    pub keeps_matched: bool,
}

/// Takes the addresses off rows, and notes them.
#[derive(Debug, Clone)]
pub struct Addresses {
    rows: Arc<Mutex<DeletedRows>>,
    target: TargetRows,
}

impl Addresses {
    /// Returns what has noted nothing yet.
    pub fn new(target: TargetRows) -> Self {
        Self { rows: Arc::new(Mutex::new(DeletedRows::none_of(target.run_count))), target }
    }

    /// Returns the values of the rows, without addresses; these are noted as the rows go by.
    pub fn take_off(
        &self,
        streams: Vec<BoxStream<'static, Result<RecordBatch, Error>>>,
    ) -> Vec<BoxStream<'static, Result<RecordBatch, Error>>> {
        let streams = streams.into_iter().map(|rows| {
            let addresses = self.clone();
            rows.map(move |batch| addresses.note(&batch?)).boxed()
        });
        streams.collect()
    }

    /// Notes what was noted elsewhere.
    ///
    /// Errors: a row that is noted already, where that is refused.
    pub fn add(&self, others: &DeletedRows) -> Result<(), Error> {
        let are_new = self.rows.lock().extend(others);
        match self.target.second_match {
            SecondMatch::Refused if !are_new => Err(several_matches()),
            SecondMatch::Refused | SecondMatch::Ignored => Ok(()),
        }
    }

    /// Returns the rows whose addresses were noted, after the last one went by.
    pub fn into_rows(self) -> DeletedRows {
        std::mem::replace(&mut self.rows.lock(), DeletedRows::none_of(0))
    }

    fn note(&self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let (Some(runs), Some(positions)) = (
            batch.column(0).as_primitive_opt::<UInt32Type>(),
            batch.column(1).as_primitive_opt::<UInt64Type>(),
        ) else {
            return Err(DataFusionError::Internal("a row has no address".to_owned()).into());
        };
        let mut wanted = Vec::with_capacity(batch.num_rows());
        {
            let mut rows = self.rows.lock();
            for row in 0..batch.num_rows() {
                if runs.is_null(row) {
                    wanted.push(true);
                    continue;
                }
                let is_first = rows.insert(runs.value(row), positions.value(row));
                if !is_first && self.target.second_match == SecondMatch::Refused {
                    return Err(several_matches());
                }
                wanted.push(is_first && self.target.keeps_matched);
            }
        }
        let values: Vec<usize> = (ADDRESS_COLUMNS..batch.num_columns()).collect();
        let values = batch.project(&values).map_err(DataFusionError::from)?;
        if wanted.iter().all(|wanted| *wanted) {
            return Ok(values);
        }
        let values = filter_record_batch(&values, &BooleanArray::from(wanted));
        Ok(values.map_err(DataFusionError::from)?)
    }
}

fn several_matches() -> Error {
    let message = "Found multiple matches to update the same tuple.";
    QueryError::new(SqlState::CARDINALITY_VIOLATION, message).into()
}
