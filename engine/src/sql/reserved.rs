//! Reserved words.

/// Those that PostgreSQL and Redshift both reserve.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "minus",
    "natural",
    "new",
    "not",
    "notnull",
    "null",
    "off",
    "offset",
    "old",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "verbose",
    "when",
    "where",
    "with",
];

/// Those that only Redshift reserves. They are taken as names, as PostgreSQL takes them, but written
/// in quotes, so that Redshift reads what is written here.
const RESERVED_BY_REDSHIFT: &[&str] = &[
    "authorization",
    "backup",
    "binary",
    "credentials",
    "delta",
    "disable",
    "enable",
    "encode",
    "encrypt",
    "explicit",
    "identity",
    "ignore",
    "language",
    "nulls",
    "open",
    "parallel",
    "partition",
    "percent",
    "permissions",
    "raw",
    "snapshot",
    "sysdate",
    "system",
    "tag",
    "timestamp",
    "top",
    "truncatecolumns",
    "wallet",
    "without",
];

/// Returns whether a lower-case word is no name unless it is quoted.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word).is_ok()
}

/// Returns whether a lower-case word needs quotes to be a name everywhere.
pub(crate) fn needs_quotes(word: &str) -> bool {
    is_reserved(word) || RESERVED_BY_REDSHIFT.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted() {
        assert!(RESERVED.is_sorted());
        assert!(RESERVED_BY_REDSHIFT.is_sorted());
    }
}
