//! DELETE: the rows are found by a query and named in delete vectors; no run is written anew.

use compute::addresses::SecondMatch;
use datafusion::common::ScalarValue;
use engine::{sql::Delete, types::SqlType};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{BoundPlan, Description, select, target::Target},
};

pub(super) async fn run(
    session: &mut Session,
    delete: &Delete,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let target = Target::lock(session, &delete.target).await?;
    if takes_all(delete) {
        let row_count = target.delete_all(session)?;
        return Ok(Outcome::done(format!("DELETE {row_count}")));
    }
    let query = target.query(&delete.target, Vec::new());
    let plan = target.bind(&query, parameters).await?;
    // A row that matches several rows of USING is deleted once.
    let rows = target.find(session, &plan, SecondMatch::Ignored).await?;
    let row_count = target.delete(session, rows).await?;
    Ok(Outcome::done(format!("DELETE {row_count}")))
}

/// Returns the plan that finds the rows: what EXPLAIN shows.
pub(super) async fn plan(
    session: &mut Session,
    delete: &Delete,
    parameters: &[ScalarValue],
) -> Result<BoundPlan, Error> {
    let target = Target::describe(session, &delete.target)?;
    let plan = target.bind(&target.query(&delete.target, Vec::new()), parameters).await?;
    Ok(target.bound(plan))
}

/// Returns the types of the parameters.
pub(super) async fn describe(
    session: &mut Session,
    delete: &Delete,
    given_types: &[Option<SqlType>],
) -> Result<Description, Error> {
    let target = Target::describe(session, &delete.target)?;
    let plan = target.bind(&target.query(&delete.target, Vec::new()), &[]).await?;
    let types = select::parameter_types(&plan, given_types)?;
    Ok((types, None))
}

/// Returns whether nothing limits the rows.
fn takes_all(delete: &Delete) -> bool {
    match delete.target.source.body.as_ref() {
        sqlparser::ast::SetExpr::Select(select) => {
            select.from.is_empty() && select.selection.is_none()
        }
        _ => false,
    }
}
