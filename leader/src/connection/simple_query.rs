//! The simple protocol: a string of statements, each answered as soon as it has run.

use engine::sql::{ParsedStatement, Statement};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use super::{
    Connection, Failure, caught, guarded,
    row_encoder::RowEncoder,
    rows::{Rows, Sent},
    uninterrupted,
};
use crate::session::Outcome;

impl Connection {
    /// Answers a query string up to, not including, ReadyForQuery.
    pub(super) async fn query(&mut self, sql: &str) -> Result<(), Failure> {
        self.portals.remove("");
        let statements = caught(|| self.session.parse(sql))?;
        if statements.is_empty() {
            self.output.push(&EmptyQueryResponse::new());
            return Ok(());
        }
        self.session.begin_query_string(statements.len());
        let last = statements.len() - 1;
        for (index, statement) in statements.iter().enumerate() {
            let answer = self.run_statement(statement).await?;
            if index == last {
                // Before the last statement is said to be complete, all of them must be committed.
                uninterrupted(self.session.end_query_string()).await?;
            }
            self.push_notices();
            match answer {
                Some(tag) => self.output.push(&CommandComplete::new(tag)),
                None => self.output.push(&EmptyQueryResponse::new()),
            }
        }
        Ok(())
    }

    /// Runs one statement and sends its rows; returns its command tag, `None` for an empty one.
    async fn run_statement(
        &mut self,
        statement: &ParsedStatement,
    ) -> Result<Option<String>, Failure> {
        let run = self.session.run(statement);
        let outcome = match statement.statement {
            Statement::Commit => uninterrupted(run).await?,
            _ => guarded(&self.interrupt, run).await?,
        };
        match outcome {
            Outcome::Empty => Ok(None),
            Outcome::Done { tag } => {
                self.forget_deallocated(&statement.statement)?;
                Ok(Some(tag))
            }
            Outcome::Rows { schema, batches, tag } => {
                let mut rows = Rows::new(batches, RowEncoder::new(&schema, &[])?, tag);
                self.output.push(&rows.encoder().description());
                let sent = rows.send(None, &mut self.output, &self.interrupt).await?;
                let row_count = if let Sent::All(row_count) = sent { row_count } else { 0 };
                Ok(Some(rows.tag(row_count)))
            }
        }
    }
}
