//! The session's transaction: when it starts, what ends it.

use std::sync::Arc;

use chrono::Utc;
use engine::{
    catalog::{Catalog, CatalogChange},
    client_error::SqlState,
    ids::{TableId, Xid},
    sql::TransactionModes,
    system::TransactionConflict,
    transaction::{HeldLocks, LockMode, Transaction, TransactionError},
};

use crate::{error::Error, session::Session};

/// Where a session is between BEGIN and COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Every statement commits alone.
    Autocommit,
    /// Within a query string of several statements.
    Implicit,
    /// Between BEGIN and its end.
    Block,
    /// In a block after an error: nothing but its end is taken.
    Failed,
}

/// The parameters of a transaction: how it is isolated, and whether it may write.
pub(crate) const TRANSACTION: [&str; 2] = ["transaction_isolation", "transaction_read_only"];
/// What they are when a transaction starts.
pub(crate) const DEFAULT_TRANSACTION: [&str; 2] =
    ["default_transaction_isolation", "default_transaction_read_only"];

/// What ReadyForQuery says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    /// `I`
    Idle,
    /// `T`
    InBlock,
    /// `E`
    Failed,
}

impl Session {
    /// Says that a query string of this many statements follows: more than one share a transaction.
    pub fn begin_query_string(&mut self, statement_count: usize) {
        if statement_count > 1 && self.mode == Mode::Autocommit {
            self.mode = Mode::Implicit;
        }
    }

    /// Ends a query string: commits what its statements share.
    pub async fn end_query_string(&mut self) -> Result<(), Error> {
        if self.mode == Mode::Implicit {
            self.mode = Mode::Autocommit;
            self.commit_current().await?;
        }
        Ok(())
    }

    /// Ends a pipeline of the extended protocol: its statements have committed one by one.
    pub async fn sync(&mut self) -> Result<(), Error> {
        self.end_query_string().await
    }

    /// Says that a statement failed or was cancelled, also while its rows were being read.
    pub fn statement_failed(&mut self) {
        self.abandon();
        self.mode = match self.mode {
            Mode::Autocommit | Mode::Implicit => Mode::Autocommit,
            Mode::Block | Mode::Failed => Mode::Failed,
        };
    }

    /// Returns what ReadyForQuery says.
    pub fn transaction_state(&self) -> TransactionState {
        match self.mode {
            Mode::Autocommit | Mode::Implicit => TransactionState::Idle,
            Mode::Block => TransactionState::InBlock,
            Mode::Failed => TransactionState::Failed,
        }
    }

    /// Returns whether the session takes nothing but the end of its transaction.
    pub(crate) fn has_failed(&self) -> bool {
        self.mode == Mode::Failed
    }

    /// Returns whether an explicit block is open.
    pub(crate) fn in_block(&self) -> bool {
        self.mode == Mode::Block
    }

    /// Returns whether the statement is one of several that commit together.
    pub(crate) fn shares_transaction(&self) -> bool {
        self.mode != Mode::Autocommit
    }

    /// Fails if the statement, called so, is one of several that commit together.
    pub(crate) fn refuse_shared_transaction(&self, what: &str) -> Result<(), Error> {
        let message = match self.mode {
            Mode::Autocommit => return Ok(()),
            Mode::Implicit => {
                format!("{what} cannot be executed from a function or multi-command string")
            }
            Mode::Block | Mode::Failed => {
                format!("{what} cannot run inside a transaction block")
            }
        };
        Err(Error::statement(SqlState::ACTIVE_SQL_TRANSACTION, message))
    }

    /// Returns what the current transaction sees; it starts with the first statement that asks.
    pub(crate) fn catalog(&mut self) -> Arc<Catalog> {
        Arc::clone(self.transaction().catalog())
    }

    /// Returns the current transaction.
    pub(crate) fn transaction(&mut self) -> &mut Transaction {
        let log = Arc::clone(self.leader.log());
        let (locks, pid, temporary) = (&mut self.locks, self.client.pid, &self.temporary);
        let database = self.database;
        let is_block = self.mode != Mode::Autocommit;
        self.transaction.get_or_insert_with(|| {
            let locks = locks.take().unwrap_or_else(|| log.new_locks(pid));
            let begun = match is_block {
                true => log.begin_block(locks, database),
                false => log.begin(locks, database),
            };
            begun.seeing(|catalog| temporary.added_to(catalog))
        })
    }

    /// Returns what the current transaction sees, or would see if it started now: for what must be known
    /// before it starts, and for describing a statement, which starts none.
    pub(crate) fn catalog_now(&self) -> Arc<Catalog> {
        match &self.transaction {
            Some(transaction) => Arc::clone(transaction.catalog()),
            None => self.temporary.added_to(self.leader.log().head().seen_from(self.database)),
        }
    }

    /// Locks a table against other writers until the end of the transaction, waiting for them.
    ///
    /// A transaction that has not started does so after the wait: it sees what the others did.
    pub(crate) async fn lock_table(
        &mut self,
        table: TableId,
        mode: LockMode,
    ) -> Result<(), TransactionError> {
        self.held_locks().acquire(table, mode).await
    }

    /// Returns the number and the locks of the current transaction, or of the one to come: asking
    /// starts none.
    pub(super) fn held_locks(&mut self) -> &mut HeldLocks {
        match &mut self.transaction {
            Some(transaction) => transaction.locks(),
            None => {
                let (log, pid) = (self.leader.log(), self.client.pid);
                self.locks.get_or_insert_with(|| log.new_locks(pid))
            }
        }
    }

    /// Changes the catalogue within the current transaction.
    pub(crate) fn change(&mut self, changes: Vec<CatalogChange>) -> Result<(), Error> {
        Ok(self.transaction().change(changes)?)
    }

    /// Ends a statement: what it changed is committed, unless a block goes on.
    pub(crate) async fn statement_done(&mut self) -> Result<(), Error> {
        match self.mode {
            Mode::Autocommit => self.commit_current().await,
            // Sooner than at its end, a transaction is told that it cannot commit.
            Mode::Implicit | Mode::Block | Mode::Failed => match &self.transaction {
                Some(transaction) => Ok(transaction.check_serializable()?),
                None => Ok(()),
            },
        }
    }

    /// BEGIN.
    pub(crate) fn begin(&mut self, modes: &TransactionModes) -> Result<(), Error> {
        if self.mode == Mode::Block {
            let message = "there is already a transaction in progress";
            self.notice("WARNING", SqlState::ACTIVE_SQL_TRANSACTION, message);
        } else {
            self.mode = Mode::Block;
            for (name, default) in TRANSACTION.into_iter().zip(DEFAULT_TRANSACTION) {
                let default = self.parameters().get(default).map(str::to_owned);
                self.set_parameter(name, default.as_deref(), true)?;
            }
        }
        self.set_modes(modes, TRANSACTION, true)
    }

    /// Gives the parameters of these names what the modes say of isolation and of writing.
    pub(crate) fn set_modes(
        &mut self,
        modes: &TransactionModes,
        [isolation, read_only]: [&str; 2],
        local: bool,
    ) -> Result<(), Error> {
        if let Some(level) = modes.isolation {
            self.set_parameter(isolation, Some(level), local)?;
        }
        if let Some(value) = modes.read_only {
            self.set_parameter(read_only, Some(if value { "on" } else { "off" }), local)?;
        }
        Ok(())
    }

    /// Returns whether the current transaction may write nothing.
    pub(crate) fn is_read_only(&self) -> bool {
        let [_, of_block] = TRANSACTION;
        let [_, of_others] = DEFAULT_TRANSACTION;
        let name = if self.in_block() { of_block } else { of_others };
        // `readonly` is what Redshift's drivers set for a connection.
        [name, "readonly"].iter().any(|name| self.parameters().get(name) == Some("on"))
    }

    /// COMMIT; returns its tag, which is ROLLBACK after an error.
    pub(crate) async fn commit(&mut self) -> Result<&'static str, Error> {
        match self.mode {
            Mode::Failed => {
                self.rollback();
                Ok("ROLLBACK")
            }
            Mode::Block | Mode::Implicit => {
                self.mode = Mode::Autocommit;
                self.commit_current().await?;
                Ok("COMMIT")
            }
            Mode::Autocommit => {
                self.warn_no_transaction();
                Ok("COMMIT")
            }
        }
    }

    /// ROLLBACK.
    pub(crate) fn rollback(&mut self) {
        if self.mode == Mode::Autocommit {
            self.warn_no_transaction();
        }
        self.mode = Mode::Autocommit;
        self.abandon();
    }

    fn warn_no_transaction(&mut self) {
        let message = "there is no transaction in progress";
        self.notice("WARNING", SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
    }

    /// Commits the current transaction, whatever the mode: TRUNCATE does so within a block.
    pub(crate) async fn commit_current(&mut self) -> Result<(), Error> {
        self.restore_local_parameters();
        self.locks = None;
        let Some(mut transaction) = self.transaction.take() else { return Ok(()) };
        let written = transaction.written_objects();
        let (xid, start_us) = (transaction.xid(), transaction.started_us());
        let temporary = self.temporary.take_from(&mut transaction);
        match self.leader.log().commit(transaction).await {
            Ok(_) => {
                let gone = self.temporary.committed(temporary);
                self.leader.delete_objects(gone);
                Ok(())
            }
            Err(error) => {
                // Else a record may name these objects.
                if error.is_refusal() {
                    self.leader.delete_objects(written);
                }
                let error = Error::from(engine::error::Error::from(error));
                self.record_conflict(&error, xid, start_us);
                Err(error)
            }
        }
    }

    /// Records that a statement failed, if that is because of what other transactions did.
    pub(crate) fn note_conflict(&self, error: &Error) {
        if let Some(transaction) = &self.transaction {
            self.record_conflict(error, transaction.xid(), transaction.started_us());
        }
    }

    fn record_conflict(&self, error: &Error, xid: Xid, start_us: i64) {
        let Error::Engine(engine::error::Error::Transaction(
            TransactionError::SerializableIsolation { table, .. },
        )) = error
        else {
            return;
        };
        self.leader.events().transaction_conflict(TransactionConflict {
            xid,
            pid: self.client.pid,
            start_us,
            abort_us: Utc::now().timestamp_micros(),
            table: *table,
        });
    }

    /// Forgets the current transaction and what it wrote.
    pub(super) fn abandon(&mut self) {
        self.restore_local_parameters();
        self.locks = None;
        if let Some(transaction) = self.transaction.take() {
            self.leader.delete_objects(transaction.written_objects());
        }
    }

    fn restore_local_parameters(&mut self) {
        for (name, before) in std::mem::take(&mut self.local_parameters).into_iter().rev() {
            drop(self.set_parameter(&name, Some(&before), false));
        }
    }
}
