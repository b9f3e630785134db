//! A connection: tokio-postgres, with the notices kept and the errors as text.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use tokio::task::JoinHandle;
use tokio_postgres::{
    AsyncMessage, CancelToken, Config, NoTls, SimpleQueryMessage,
    error::{DbError, ErrorPosition},
};

/// How long connecting may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);

/// A statement or a connection that failed, as a client sees it.
///
/// Printed as `SQLSTATE: message [at POSITION]`, with detail and hint on lines of their own.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The five-character code; `08006` when the connection itself failed.
    pub sqlstate: String,
    /// The primary message.
    pub message: String,
    /// Characters from 1.
    pub position: Option<u32>,
    /// What more there is to say.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.sqlstate, self.message)?;
        if let Some(position) = self.position {
            write!(f, " [at {position}]")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, "\nDETAIL: {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nHINT: {hint}")?;
        }
        Ok(())
    }
}

impl From<&DbError> for Failure {
    fn from(error: &DbError) -> Self {
        let position = match error.position() {
            Some(ErrorPosition::Original(position)) => Some(*position),
            Some(ErrorPosition::Internal { .. }) | None => None,
        };
        Self {
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            position,
            detail: error.detail().map(ToOwned::to_owned),
            hint: error.hint().map(ToOwned::to_owned),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(error) => error.into(),
            None => connection_failure(&error),
        }
    }
}

fn connection_failure(error: &dyn std::error::Error) -> Failure {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    Failure { sqlstate: "08006".to_owned(), message, position: None, detail: None, hint: None }
}

/// What a statement answered with; NULL is `None`.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The names of the columns; absent when the statement returns no rows.
    pub columns: Option<Vec<String>>,
    /// The rows.
    pub rows: Vec<Vec<Option<String>>>,
    /// The count of the command tag.
    pub count: u64,
}

/// A connection as `awsuser` to the database `dev`.
pub struct Client {
    client: tokio_postgres::Client,
    notices: Arc<Mutex<Vec<DbError>>>,
    /// Why the server has ended the connection.
    last_words: Arc<Mutex<Option<Failure>>>,
    connection: JoinHandle<()>,
}

impl Client {
    /// Connects to a server on the loopback interface.
    pub async fn connect(port: u16, password: Option<&str>) -> Result<Self, Failure> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("awsuser").dbname("dev");
        config.application_name("sql-tests").connect_timeout(CONNECT_WAIT_MAX);
        if let Some(password) = password {
            config.password(password);
        }
        Self::connect_with(&config).await
    }

    /// Connects as a configuration says.
    pub async fn connect_with(config: &Config) -> Result<Self, Failure> {
        let connecting = tokio::time::timeout(CONNECT_WAIT_MAX, config.connect(NoTls));
        let (client, mut connection) =
            connecting.await.map_err(|elapsed| connection_failure(&elapsed))??;
        let notices = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&notices);
        let last_words = Arc::new(Mutex::new(None));
        let last = Arc::clone(&last_words);
        let connection = tokio::spawn(async move {
            let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(message) = messages.next().await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => {
                        kept.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let words = &mut *last.lock().unwrap_or_else(PoisonError::into_inner);
                        *words = Some(error.into());
                        break;
                    }
                }
            }
        });
        Ok(Self { client, notices, last_words, connection })
    }

    /// Runs a query string by the simple protocol; the answer is that of its last statement.
    pub async fn run(&self, sql: &str) -> Result<Answer, Failure> {
        let mut answer = Answer::default();
        for message in self.client.simple_query(sql).await.map_err(|error| self.failure(error))? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    answer.columns = Some(columns.iter().map(|c| c.name().to_owned()).collect());
                    answer.rows.clear();
                }
                SimpleQueryMessage::Row(row) => {
                    let values = (0..row.len()).map(|i| row.get(i).map(ToOwned::to_owned));
                    answer.rows.push(values.collect());
                }
                SimpleQueryMessage::CommandComplete(count) => answer.count = count,
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Returns what a client is told: of a connection that is closed, what the server said before.
    fn failure(&self, error: tokio_postgres::Error) -> Failure {
        let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last_words {
            Some(words) if error.is_closed() => words.clone(),
            _ => error.into(),
        }
    }

    /// Runs a query and returns its only value.
    pub async fn value(&self, sql: &str) -> anyhow::Result<String> {
        let answer = self.run(sql).await?;
        match answer.rows.as_slice() {
            [row] if row.len() == 1 => Ok(row[0].clone().unwrap_or_else(|| "NULL".to_owned())),
            rows => anyhow::bail!("{} rows instead of one value: {sql}", rows.len()),
        }
    }

    /// Runs a query and returns its only value as a number.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.value(sql).await?.parse()?)
    }

    /// Returns the notices since the last call: severity and message.
    pub fn take_notices(&self) -> Vec<(String, String)> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *notices);
        taken.iter().map(|n| (n.severity().to_owned(), n.message().to_owned())).collect()
    }

    /// Returns what a cancel request is sent with.
    pub fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Returns the driver's own handle: the extended protocol.
    pub fn driver(&self) -> &tokio_postgres::Client {
        &self.client
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
