//! Statement: one variant per statement, each with its own struct. What the parser promises the
//! rest of the system.

use std::sync::Arc;

use sqlparser::ast;

use crate::{
    sql::{
        alter_table::AlterTable,
        analyze::Analyze,
        analyze_compression::AnalyzeCompression,
        copy::CopyStatement,
        row_change::{Delete, Insert, Merge, Update},
    },
    types::SqlType,
};

/// A possibly schema-qualified name, folded as Redshift folds it (lower case).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QualifiedName {
    /// The database of a three-part name.
    pub database: Option<String>,
    /// The schema, if one was written.
    pub schema: Option<String>,
    /// The object's own name.
    pub name: String,
}

impl std::fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(database) = &self.database {
            write!(f, "{database}.")?;
        }
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// One statement of a query string.
#[derive(Debug, Clone)]
pub struct ParsedStatement {
    /// What it says.
    pub statement: Statement,
    /// Its own text, without the semicolon.
    pub text: String,
    /// The whole query string it is part of: places in that are what errors point at.
    pub source: Arc<str>,
    /// Where its text starts in the query string: characters, from 0.
    pub offset: usize,
}

/// A statement, parsed and folded, not yet bound to anything.
#[derive(Debug, Clone)]
pub enum Statement {
    /// SELECT, VALUES, WITH, set operations.
    Query(Box<ast::Query>),
    /// EXPLAIN [ANALYZE] [VERBOSE] of a query, INSERT, UPDATE, DELETE or CREATE TABLE AS.
    Explain(Explain),
    /// INSERT INTO … VALUES | query | DEFAULT VALUES.
    Insert(Insert),
    /// DELETE [FROM] … [USING …] [WHERE …].
    Delete(Delete),
    /// UPDATE … SET … [FROM …] [WHERE …].
    Update(Update),
    /// MERGE INTO … USING … ON … .
    Merge(Box<Merge>),
    /// LOCK [TABLE].
    Lock(Vec<QualifiedName>),
    /// CREATE [TEMP] TABLE with column definitions or LIKE.
    CreateTable(CreateTable),
    /// CREATE TABLE … AS query.
    CreateTableAs(CreateTableAs),
    /// CREATE [OR REPLACE] VIEW … AS query.
    CreateView(CreateView),
    /// CREATE SCHEMA.
    CreateSchema(CreateSchema),
    /// ALTER TABLE.
    AlterTable(AlterTable),
    /// CREATE DATABASE.
    CreateDatabase(CreateDatabase),
    /// ALTER DATABASE.
    AlterDatabase(AlterDatabase),
    /// DROP DATABASE.
    DropDatabase(String),
    /// DROP TABLE | VIEW | SCHEMA.
    Drop(Drop),
    /// TRUNCATE [TABLE].
    Truncate(QualifiedName),
    /// ANALYZE.
    Analyze(Analyze),
    /// ANALYZE COMPRESSION.
    AnalyzeCompression(AnalyzeCompression),
    /// VACUUM.
    Vacuum(Vacuum),
    /// CANCEL process ['message'].
    Cancel(Cancel),
    /// COPY … FROM 's3://…'.
    Copy(CopyStatement),
    /// BEGIN, START TRANSACTION.
    Begin(TransactionModes),
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// SET [SESSION | LOCAL] name {TO | =} value | DEFAULT.
    Set(Set),
    /// SET TRANSACTION, or SET SESSION CHARACTERISTICS AS TRANSACTION.
    SetTransaction {
        /// What they say.
        modes: TransactionModes,
        /// SESSION CHARACTERISTICS: for the transactions to come.
        session: bool,
    },
    /// SHOW name | ALL; the name may have several words (`transaction isolation level`).
    Show(String),
    /// RESET name | ALL.
    Reset(String),
    /// DEALLOCATE [PREPARE] name | ALL.
    Deallocate(Option<String>),
    /// DISCARD ALL.
    DiscardAll,
}

impl Statement {
    /// Returns whether the statement answers with rows.
    pub fn returns_rows(&self) -> bool {
        matches!(
            self,
            Self::Query(_) | Self::Explain(_) | Self::Show(_) | Self::AnalyzeCompression(_)
        )
    }
}

/// EXPLAIN.
#[derive(Debug, Clone)]
pub struct Explain {
    /// Run it and print what happened.
    pub analyze: bool,
    /// Print more.
    pub verbose: bool,
    /// In whose words.
    pub format: ExplainFormat,
    /// The statement explained.
    pub statement: Box<Statement>,
}

/// In whose words a plan is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExplainFormat {
    /// Redshift's.
    #[default]
    Text,
    /// DataFusion's own: every operator.
    DataFusion,
}

/// VACUUM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuum {
    /// What it does.
    pub kind: VacuumKind,
    /// The table; `None` for all.
    pub table: Option<QualifiedName>,
    /// TO n PERCENT: from 0 to 100.
    pub threshold_percent: Option<u8>,
    /// BOOST.
    pub boost: bool,
}

/// The forms of VACUUM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VacuumKind {
    /// FULL, or nothing.
    Full,
    /// SORT ONLY
    SortOnly,
    /// DELETE ONLY
    DeleteOnly,
    /// REINDEX
    Reindex,
    /// RECLUSTER
    Recluster,
}

/// The attributes of a table that decide where its rows lie, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableAttributes {
    /// DISTSTYLE.
    pub dist_style: Option<DistStyleName>,
    /// DISTKEY, from a column attribute or from the table attribute.
    pub dist_key: Option<String>,
    /// SORTKEY.
    pub sort_key: SortKeyClause,
    /// ENCODE AUTO was written.
    pub encode_auto: bool,
    /// BACKUP YES | NO.
    pub backup: Option<bool>,
}

/// DISTSTYLE's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistStyleName {
    /// AUTO
    Auto,
    /// EVEN
    Even,
    /// KEY
    Key,
    /// ALL
    All,
}

/// SORTKEY's forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SortKeyClause {
    /// Not written.
    #[default]
    Unspecified,
    /// SORTKEY AUTO
    Auto,
    /// SORTKEY NONE (ALTER TABLE only).
    None,
    /// [COMPOUND] SORTKEY (…)
    Compound(Vec<String>),
    /// INTERLEAVED SORTKEY (…)
    Interleaved(Vec<String>),
}

/// CREATE TABLE.
#[derive(Debug, Clone)]
pub struct CreateTable {
    /// Its name; `#name` is a temporary table.
    pub name: QualifiedName,
    /// TEMP, TEMPORARY, or a name that starts with `#`.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// LIKE parent [INCLUDING DEFAULTS]; then `columns` is empty.
    pub like: Option<LikeClause>,
    /// The columns.
    pub columns: Vec<ColumnDefinition>,
    /// PRIMARY KEY, UNIQUE, FOREIGN KEY: informational, from columns and table constraints.
    pub constraints: Vec<Constraint>,
    /// DISTSTYLE, SORTKEY and their kin.
    pub attributes: TableAttributes,
}

/// LIKE in CREATE TABLE.
#[derive(Debug, Clone)]
pub struct LikeClause {
    /// The table copied.
    pub parent: QualifiedName,
    /// INCLUDING DEFAULTS.
    pub including_defaults: bool,
}

/// A column of CREATE TABLE.
#[derive(Debug, Clone)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: String,
    /// Its type.
    pub sql_type: SqlType,
    /// NOT NULL was written, or it is part of the primary key, or it is an identity.
    pub not_null: bool,
    /// DEFAULT expression.
    pub default: Option<ast::Expr>,
    /// IDENTITY(seed, step).
    pub identity: Option<IdentityClause>,
    /// ENCODE, lower case as `format_encoding` prints it (`az64`, `lzo`, `raw`…).
    pub encoding: Option<String>,
}

/// IDENTITY(seed, step).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityClause {
    /// The first value.
    pub seed: i64,
    /// The distance between values.
    pub step: i64,
    /// GENERATED BY DEFAULT AS IDENTITY: a value given is taken.
    pub by_default: bool,
}

/// A constraint Redshift keeps for the planner and never enforces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// CONSTRAINT name.
    pub name: Option<String>,
    /// Its kind.
    pub kind: ConstraintKind,
    /// Its columns.
    pub columns: Vec<String>,
}

/// The kinds of [`Constraint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConstraintKind {
    /// PRIMARY KEY
    PrimaryKey,
    /// UNIQUE
    Unique,
    /// FOREIGN KEY … REFERENCES
    ForeignKey {
        /// The table referred to.
        table: QualifiedName,
        /// Its columns; empty for its primary key.
        columns: Vec<String>,
    },
}

/// CREATE TABLE AS.
#[derive(Debug, Clone)]
pub struct CreateTableAs {
    /// Its name.
    pub name: QualifiedName,
    /// TEMP, TEMPORARY, or `#name`.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Column names; empty for the query's.
    pub columns: Vec<String>,
    /// DISTSTYLE, SORTKEY and their kin.
    pub attributes: TableAttributes,
    /// The rows.
    pub query: Box<ast::Query>,
}

/// CREATE VIEW.
#[derive(Debug, Clone)]
pub struct CreateView {
    /// Its name.
    pub name: QualifiedName,
    /// OR REPLACE.
    pub or_replace: bool,
    /// Column names; empty for the query's.
    pub columns: Vec<String>,
    /// The query.
    pub query: Box<ast::Query>,
    /// The query's text as written, kept as the view's definition.
    pub definition: String,
    /// WITH NO SCHEMA BINDING.
    pub no_schema_binding: bool,
}

/// CREATE SCHEMA.
#[derive(Debug, Clone)]
pub struct CreateSchema {
    /// Its name.
    pub name: String,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// AUTHORIZATION user.
    pub authorization: Option<String>,
}

/// CREATE DATABASE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDatabase {
    /// Its name.
    pub name: String,
    /// OWNER.
    pub owner: Option<String>,
    /// CONNECTION LIMIT; none is UNLIMITED.
    pub connection_limit: Option<u32>,
    /// ISOLATION LEVEL SERIALIZABLE; SNAPSHOT otherwise.
    pub serializable: bool,
}

/// ALTER DATABASE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlterDatabase {
    /// Its name.
    pub name: String,
    /// What changes.
    pub action: AlterDatabaseAction,
}

/// What ALTER DATABASE changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlterDatabaseAction {
    /// RENAME TO.
    Rename(String),
    /// OWNER TO.
    Owner(String),
    /// CONNECTION LIMIT; none is UNLIMITED.
    ConnectionLimit(Option<u32>),
    /// COLLATE CASE_SENSITIVE, as all databases are.
    CaseSensitive,
    /// ISOLATION LEVEL.
    Isolation {
        /// SERIALIZABLE; SNAPSHOT otherwise.
        serializable: bool,
    },
}

/// CANCEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// The process id of the session whose statement is to end.
    pub process: u64,
    /// What its client is told.
    pub message: Option<String>,
}

/// DROP.
#[derive(Debug, Clone)]
pub struct Drop {
    /// What kind of thing.
    pub kind: DropKind,
    /// Which; a schema's name is in `name`.
    pub names: Vec<QualifiedName>,
    /// IF EXISTS.
    pub if_exists: bool,
    /// CASCADE.
    pub cascade: bool,
}

/// What DROP drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropKind {
    /// DROP TABLE
    Table,
    /// DROP VIEW
    View,
    /// DROP SCHEMA
    Schema,
}

/// What a list of transaction modes said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionModes {
    /// ISOLATION LEVEL, lower case. Every level is run as the one there is, as Redshift does.
    pub isolation: Option<&'static str>,
    /// READ ONLY or READ WRITE.
    pub read_only: Option<bool>,
}

/// SET.
#[derive(Debug, Clone)]
pub struct Set {
    /// The parameter, lower case (`search_path`, `timezone`, `a.b`).
    pub name: String,
    /// The values as text; `None` for DEFAULT.
    pub values: Option<Vec<String>>,
    /// SET LOCAL: until the end of the transaction.
    pub local: bool,
}
