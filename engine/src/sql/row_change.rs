//! What INSERT, DELETE, UPDATE and MERGE say.

use sqlparser::ast;

use super::statement::QualifiedName;

/// INSERT.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The target.
    pub table: QualifiedName,
    /// The columns named, in order; empty for all.
    pub columns: Vec<String>,
    /// The rows.
    pub source: InsertSource,
}

/// Where the rows of an INSERT come from.
#[derive(Debug, Clone)]
pub enum InsertSource {
    /// VALUES lists; `None` stands for DEFAULT.
    Values(Vec<Vec<Option<ast::Expr>>>),
    /// A query.
    Query(Box<ast::Query>),
    /// DEFAULT VALUES.
    DefaultValues,
}

/// The table that DELETE, UPDATE or MERGE changes, and what its rows are looked for with.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table.
    pub table: QualifiedName,
    /// What it is called in the statement, if not by its name.
    pub alias: Option<String>,
    /// `[WITH …] SELECT FROM … WHERE …` with an empty select list: USING of DELETE, FROM of UPDATE, the
    /// source of MERGE; the condition. The target is not among the tables.
    pub source: Box<ast::Query>,
}

/// DELETE.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Which rows.
    pub target: Target,
}

/// UPDATE.
#[derive(Debug, Clone)]
pub struct Update {
    /// Which rows.
    pub target: Target,
    /// SET, in order.
    pub assignments: Vec<Assignment>,
}

/// `column = value` of SET.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The column.
    pub column: String,
    /// Its new value; `None` stands for DEFAULT.
    pub value: Option<ast::Expr>,
}

/// MERGE.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The target; the source's condition is ON.
    pub target: Target,
    /// What happens to rows.
    pub action: MergeAction,
}

/// What MERGE does.
#[derive(Debug, Clone)]
pub enum MergeAction {
    /// The clauses WHEN MATCHED and WHEN NOT MATCHED.
    When {
        /// What happens to rows of the target that match.
        matched: MergeMatched,
        /// The row that is inserted for a row of the source without a match.
        not_matched: MergeInsert,
    },
    /// REMOVE DUPLICATES: rows of the target that match give way to the rows of the source.
    RemoveDuplicates,
}

/// WHEN MATCHED THEN.
#[derive(Debug, Clone)]
pub enum MergeMatched {
    /// UPDATE SET.
    Update(Vec<Assignment>),
    /// DELETE.
    Delete,
}

/// WHEN NOT MATCHED THEN INSERT.
#[derive(Debug, Clone)]
pub struct MergeInsert {
    /// The columns named, in order; empty for all.
    pub columns: Vec<String>,
    /// VALUES; `None` stands for DEFAULT.
    pub values: Vec<Option<ast::Expr>>,
}
