//! A statement that runs: from its start to its last row it is the session's query, then it is an
//! event.

use std::sync::Arc;

use chrono::Utc;
use datafusion::{
    execution::SendableRecordBatchStream,
    physical_plan::{ExecutionPlan, stream::RecordBatchStreamAdapter},
};
use engine::{
    catalog::SUPERUSER,
    plan::{Planner, explain::ExecutedPlan},
    sql,
    system::{EventLog, QueryExecuted, StatementFinished, StatementKind},
    transaction::Transaction,
};
use futures::StreamExt;

use crate::session::{Session, SessionRegistry};

/// How much of `query_group` is kept.
const LABEL_BYTES_MAX: usize = 30;

/// Records its statement when dropped: as aborted, unless it was completed.
pub(crate) struct RunningStatement {
    events: Arc<EventLog>,
    sessions: Arc<SessionRegistry>,
    event: Option<StatementFinished>,
    planner: Planner,
    plan: Option<Arc<dyn ExecutionPlan>>,
}

impl Session {
    /// Says that a statement starts.
    pub(crate) fn start_statement(&mut self, kind: StatementKind, text: &str) -> RunningStatement {
        self.query = self.leader.new_query_id();
        // Of a statement that was cancelled.
        *self.plan.lock() = None;
        let text = sql::redact::redact(text);
        let shown = text.clone();
        self.leader.sessions().update(self.client.pid, |info| info.query = Some(shown));
        let xid = match kind {
            StatementKind::Query | StatementKind::Ddl => Some(self.held_locks().xid()),
            // BEGIN and SET start no transaction.
            StatementKind::Utility => self.transaction.as_ref().map(Transaction::xid),
        };
        let start_us = Utc::now().timestamp_micros();
        let event = StatementFinished {
            kind,
            query: self.query,
            xid,
            pid: self.client.pid,
            user: SUPERUSER,
            database: self.client.database.clone(),
            text,
            start_us,
            end_us: start_us,
            aborted: false,
            label: self.label(),
        };
        RunningStatement {
            events: Arc::clone(self.leader.events()),
            sessions: Arc::clone(self.leader.sessions()),
            event: Some(event),
            planner: self.leader.planner().clone(),
            plan: None,
        }
    }

    /// Says which plan the statement runs, for the system's tables.
    pub(crate) fn note_plan(&self, plan: &Arc<dyn ExecutionPlan>) {
        *self.plan.lock() = Some(Arc::clone(plan));
    }

    /// Returns the plan that the statement runs; the session forgets it.
    pub(crate) fn take_plan(&self) -> Option<Arc<dyn ExecutionPlan>> {
        self.plan.lock().take()
    }

    fn label(&self) -> String {
        match self.parameters.get("query_group") {
            None | Some("" | "unset") => "default".to_owned(),
            Some(label) => {
                label.get(..label.floor_char_boundary(LABEL_BYTES_MAX)).unwrap_or(label).to_owned()
            }
        }
    }
}

impl RunningStatement {
    /// Says which plan its rows come from: what that did is recorded at the end.
    pub(crate) fn runs(&mut self, plan: Option<Arc<dyn ExecutionPlan>>) {
        self.plan = plan;
    }

    /// Records that the statement is done.
    pub(crate) fn complete(mut self) {
        self.finish(false);
    }

    /// Records nothing: what is wrong was found before the statement ran.
    pub(crate) fn forget(mut self) {
        if let Some(event) = self.event.take() {
            self.sessions.update(event.pid, |info| info.query = None);
        }
    }

    /// Goes on until the last row is read.
    pub(crate) fn until_read(self, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let stream = futures::stream::unfold((rows, self), |(mut rows, running)| async move {
            match rows.next().await {
                Some(batch) => Some((batch, (rows, running))),
                None => {
                    running.complete();
                    None
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, stream))
    }

    fn executed(&self, plan: Arc<dyn ExecutionPlan>) -> Option<ExecutedPlan> {
        match self.planner.told(plan) {
            Ok(plan) => ExecutedPlan::of(&plan),
            Err(error) => {
                tracing::warn!(%error, "a plan that has run is not in the system's tables");
                None
            }
        }
    }

    fn finish(&mut self, aborted: bool) {
        if let Some(event) = self.event.take() {
            self.sessions.update(event.pid, |info| info.query = None);
            let end_us = Utc::now().timestamp_micros();
            let plan = self.plan.take().filter(|_| !aborted);
            if let Some(plan) = plan.and_then(|plan| self.executed(plan)) {
                self.events.query_executed(QueryExecuted {
                    query: event.query,
                    xid: event.xid,
                    pid: event.pid,
                    user: event.user,
                    start_us: event.start_us,
                    end_us,
                    plan: Arc::new(plan),
                });
            }
            self.events.statement_finished(StatementFinished { end_us, aborted, ..event });
        }
    }
}

impl Drop for RunningStatement {
    fn drop(&mut self) {
        self.finish(true);
    }
}
