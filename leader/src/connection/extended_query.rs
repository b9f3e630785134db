//! The extended protocol: prepared statements, portals, and rows in parts.

use std::{collections::hash_map::Entry, sync::Arc};

use datafusion::common::ScalarValue;
use engine::{client_error::SqlState, sql::Statement};
use pgwire::messages::{
    data::{NoData, ParameterDescription},
    extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended},
    response::{CommandComplete, EmptyQueryResponse},
};

use super::{
    Connection, Failure, PreparedStatement, caught,
    frontend::{Bind, Target},
    guarded, parameter,
    row_encoder::RowEncoder,
    rows::{Rows, Sent},
    uninterrupted,
};
use crate::{
    error::Error,
    session::{Outcome, TransactionState},
};

/// OIDs of Parse that leave the type to be inferred.
const UNSPECIFIED_OIDS: [u32; 2] = [0, 705];

/// A prepared statement with its parameters.
pub(super) struct Portal {
    statement: Arc<PreparedStatement>,
    parameters: Vec<ScalarValue>,
    result_formats: Vec<i16>,
    progress: Progress,
}

/// How far a portal has run.
enum Progress {
    NotStarted,
    /// Its rows are being read.
    Reading(Rows),
    /// All rows are read; the tag says of each further part that it has none.
    Read(String),
    /// It has done what it does.
    Done,
}

impl Connection {
    pub(super) async fn parse(
        &mut self,
        name: String,
        sql: &str,
        type_oids: Vec<u32>,
    ) -> Result<(), Failure> {
        if !name.is_empty() && self.statements.contains_key(&name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(failure(SqlState::DUPLICATE_PREPARED_STATEMENT, message));
        }
        // The unnamed one lasts until the next Parse, also one that fails.
        self.statements.remove("");
        let mut parsed = caught(|| self.session.parse(sql))?;
        if parsed.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(failure(SqlState::SYNTAX_ERROR, message));
        }
        let declared = type_oids.iter().map(|oid| parameter::declared_type(*oid));
        let declared = declared.collect::<Result<Vec<_>, _>>()?;
        let prepare = self.session.prepare(parsed.pop(), &declared);
        let prepared = guarded(&self.interrupt, prepare).await?;
        let statement = PreparedStatement { prepared, declared_oids: type_oids };
        self.statements.insert(name, Arc::new(statement));
        self.output.push(&ParseComplete::new());
        Ok(())
    }

    pub(super) fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let statement = self.statement(&bind.statement)?;
        let parameters = caught(|| parameter::decode(&bind, &statement.prepared.parameter_types))?;
        if let Some(schema) = &statement.prepared.result_schema {
            RowEncoder::new(schema, &bind.result_formats)?;
        }
        let portal = Portal {
            statement,
            parameters,
            result_formats: bind.result_formats,
            progress: Progress::NotStarted,
        };
        match self.portals.entry(bind.portal) {
            Entry::Occupied(taken) if !taken.key().is_empty() => {
                let message = format!("cursor \"{}\" already exists", taken.key());
                return Err(failure(DUPLICATE_CURSOR, message));
            }
            Entry::Occupied(mut unnamed) => {
                unnamed.insert(portal);
            }
            Entry::Vacant(place) => {
                place.insert(portal);
            }
        }
        self.output.push(&BindComplete::new());
        Ok(())
    }

    pub(super) fn describe(&mut self, target: Target, name: &str) -> Result<(), Failure> {
        let (statement, formats) = match target {
            Target::Statement => {
                let statement = self.statement(name)?;
                self.output.push(&ParameterDescription::new(statement.parameter_oids()));
                (statement, &[][..])
            }
            Target::Portal => {
                let portal = self.portals.get(name).ok_or_else(|| unknown_portal(name))?;
                (Arc::clone(&portal.statement), portal.result_formats.as_slice())
            }
        };
        match &statement.prepared.result_schema {
            Some(schema) => {
                let description = RowEncoder::new(schema, formats)?.description();
                self.output.push(&description);
            }
            None => self.output.push(&NoData::new()),
        }
        Ok(())
    }

    pub(super) async fn execute(&mut self, name: &str, row_limit: i32) -> Result<(), Failure> {
        let portal = self.portals.get_mut(name).ok_or_else(|| unknown_portal(name))?;
        let limit = u64::try_from(row_limit).ok().filter(|limit| *limit > 0);
        if matches!(portal.progress, Progress::NotStarted) {
            // Whatever comes of it, it runs once.
            portal.progress = Progress::Done;
            let parameters = std::mem::take(&mut portal.parameters);
            let statement = Arc::clone(&portal.statement);
            let prepared = &statement.prepared;
            let run = self.session.run_prepared(prepared, parameters);
            let is_commit = prepared
                .statement
                .as_ref()
                .is_some_and(|parsed| matches!(parsed.statement, Statement::Commit));
            let outcome = if is_commit {
                uninterrupted(run).await?
            } else {
                guarded(&self.interrupt, run).await?
            };
            match outcome {
                Outcome::Empty => {
                    self.output.push(&EmptyQueryResponse::new());
                    return Ok(());
                }
                Outcome::Done { tag } => {
                    if let Some(statement) = &prepared.statement {
                        self.forget_deallocated(&statement.statement)?;
                    }
                    self.push_notices();
                    self.output.push(&CommandComplete::new(tag));
                    return Ok(());
                }
                Outcome::Rows { schema, batches, tag } => {
                    // The client decodes by what Describe said.
                    let described = prepared.result_schema.as_ref().unwrap_or(&schema);
                    if described.fields().len() != schema.fields().len() {
                        let message = "cached plan must not change result type";
                        return Err(failure(SqlState::FEATURE_NOT_SUPPORTED, message));
                    }
                    let schema = described;
                    let encoder = RowEncoder::new(schema, &portal.result_formats)?;
                    portal.progress = Progress::Reading(Rows::new(batches, encoder, tag));
                }
            }
        }
        match &mut portal.progress {
            Progress::Reading(rows) => {
                match rows.send(limit, &mut self.output, &self.interrupt).await {
                    Ok(Sent::Limit) => self.output.push(&PortalSuspended::new()),
                    Ok(Sent::All(row_count)) => {
                        let tag = rows.tag(row_count);
                        portal.progress = Progress::Read(rows.tag(0));
                        self.push_notices();
                        self.output.push(&CommandComplete::new(tag));
                    }
                    Err(failure) => {
                        portal.progress = Progress::Done;
                        return Err(failure);
                    }
                }
            }
            Progress::Read(tag) => self.output.push(&CommandComplete::new(tag.clone())),
            Progress::NotStarted | Progress::Done => {
                let message = format!("portal \"{name}\" cannot be run anymore");
                return Err(failure(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
            }
        }
        Ok(())
    }

    /// DEALLOCATE and DISCARD ALL are about what the connection keeps.
    pub(super) fn forget_deallocated(&mut self, statement: &Statement) -> Result<(), Failure> {
        match statement {
            Statement::Deallocate(Some(name)) => {
                self.statement(name)?;
                self.statements.remove(name);
            }
            Statement::Deallocate(None) => self.statements.clear(),
            Statement::DiscardAll => {
                self.statements.clear();
                self.portals.clear();
            }
            _ => {}
        }
        Ok(())
    }

    /// Closing what does not exist is no error.
    pub(super) fn close(&mut self, target: Target, name: &str) {
        match target {
            Target::Statement => drop(self.statements.remove(name)),
            Target::Portal => drop(self.portals.remove(name)),
        }
        self.output.push(&CloseComplete::new());
    }

    /// Ends a pipeline, and with it what errors made it skip.
    pub(super) async fn sync(&mut self) -> Result<(), Failure> {
        self.skips_to_sync = false;
        let synced = uninterrupted(self.session.sync()).await;
        if self.session.transaction_state() == TransactionState::Idle {
            self.portals.clear();
        }
        synced
    }

    fn statement(&self, name: &str) -> Result<Arc<PreparedStatement>, Failure> {
        self.statements.get(name).map(Arc::clone).ok_or_else(|| {
            let message = if name.is_empty() {
                "unnamed prepared statement does not exist".to_owned()
            } else {
                format!("prepared statement \"{name}\" does not exist")
            };
            failure(SqlState::INVALID_SQL_STATEMENT_NAME, message)
        })
    }
}

impl PreparedStatement {
    /// Returns the types of the parameters: as declared, else as inferred.
    fn parameter_oids(&self) -> Vec<u32> {
        let inferred = self.prepared.parameter_types.iter().enumerate();
        inferred
            .map(|(index, sql_type)| {
                let declared = self.declared_oids.get(index).copied();
                declared
                    .filter(|oid| !UNSPECIFIED_OIDS.contains(oid))
                    .unwrap_or_else(|| sql_type.oid())
            })
            .collect()
    }
}

/// `duplicate_cursor`.
const DUPLICATE_CURSOR: SqlState = SqlState("42P03");

fn failure(sqlstate: SqlState, message: impl Into<String>) -> Failure {
    Failure::Statement(Error::statement(sqlstate, message))
}

fn unknown_portal(name: &str) -> Failure {
    failure(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}
