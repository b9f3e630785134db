//! Statements that Redshift or PostgreSQL has and Blueshift has not yet: refused by name, with what
//! works instead.

use crate::sql::{SqlError, cursor::Cursor};

/// First words, the name to call the statement by, and what to do instead. Longer ones come first.
const UNSUPPORTED: &[(&[&str], &str, &str)] = &[
    (&["unload"], "UNLOAD", "Run the SELECT and save its rows on the client."),
    (&["grant"], "GRANT", "There is one user, who may do everything."),
    (&["revoke"], "REVOKE", "There is one user, who may do everything."),
    (&["call"], "CALL", "Send the statements of the procedure one by one."),
    (&["declare"], "DECLARE CURSOR", "Fetch the query's rows in portions through your driver."),
    (&["fetch"], "FETCH", "Fetch the query's rows in portions through your driver."),
    (&["move"], "MOVE", "Fetch the query's rows in portions through your driver."),
    (&["close"], "CLOSE", "Fetch the query's rows in portions through your driver."),
    (&["comment"], "COMMENT ON", "Keep the comment with the statement that creates the table."),
    (&["prepare"], "PREPARE", "Prepare the statement through your driver."),
    (&["execute"], "EXECUTE", "Prepare the statement through your driver."),
    (&["savepoint"], "SAVEPOINT", "COMMIT or ROLLBACK the whole transaction."),
    (&["release"], "RELEASE SAVEPOINT", "COMMIT or ROLLBACK the whole transaction."),
    (&["refresh"], "REFRESH MATERIALIZED VIEW", "Create the table again by CREATE TABLE AS."),
    (&["attach"], "ATTACH", "Leave it out: there is one user, who may do everything."),
    (&["detach"], "DETACH", "Leave it out: there is one user, who may do everything."),
    (&["use"], "USE", "Connect to the other database."),
    (&["listen"], "LISTEN", "Poll a table."),
    (&["unlisten"], "UNLISTEN", "Leave it out."),
    (&["notify"], "NOTIFY", "Insert into a table that others poll."),
    (&["checkpoint"], "CHECKPOINT", "Leave it out: a commit is durable."),
    (&["cluster"], "CLUSTER", "Declare a SORTKEY."),
    (&["reindex"], "REINDEX", "Leave it out: there are no indexes."),
    (&["reassign"], "REASSIGN OWNED", "There is one user, who owns everything."),
    (&["do"], "DO", "Send the statements one by one."),
    (&["load"], "LOAD", "Leave it out: there are no loadable modules."),
    (&["import"], "IMPORT FOREIGN SCHEMA", "COPY the data from S3."),
    (&["security"], "SECURITY LABEL", "Leave it out."),
    (&["table"], "TABLE", "Say SELECT * FROM the table."),
    (&["alter"], "ALTER", "Drop the object and create it again."),
    (&["create", "external"], "CREATE EXTERNAL", "Load the files by COPY."),
    (
        &["create", "materialized"],
        "CREATE MATERIALIZED VIEW",
        "Use CREATE VIEW, or CREATE TABLE AS.",
    ),
    (&["create", "user"], "CREATE USER", "There is one user; its name and password are settings."),
    (&["create", "role"], "CREATE ROLE", "There is one user, who may do everything."),
    (&["create", "group"], "CREATE GROUP", "There is one user, who may do everything."),
    (
        &["create", "index"],
        "CREATE INDEX",
        "Declare a SORTKEY: blocks that cannot match are skipped.",
    ),
    (
        &["create", "unique", "index"],
        "CREATE UNIQUE INDEX",
        "Declare a SORTKEY: blocks that cannot match are skipped.",
    ),
    (&["create", "sequence"], "CREATE SEQUENCE", "Declare an IDENTITY column."),
    (
        &["create", "function"],
        "CREATE FUNCTION",
        "Write the expression out, or put it into a view.",
    ),
    (
        &["create", "or", "replace", "function"],
        "CREATE FUNCTION",
        "Write the expression out, or put it into a view.",
    ),
    (&["create", "procedure"], "CREATE PROCEDURE", "Send the statements one by one."),
    (
        &["create", "or", "replace", "procedure"],
        "CREATE PROCEDURE",
        "Send the statements one by one.",
    ),
    (&["create", "type"], "CREATE TYPE", "Use the built-in types."),
    (&["create", "domain"], "CREATE DOMAIN", "Use the built-in types."),
    (
        &["create", "trigger"],
        "CREATE TRIGGER",
        "Run the statement after the one that would trigger it.",
    ),
    (&["create", "extension"], "CREATE EXTENSION", "Leave it out."),
    (&["create", "cast"], "CREATE CAST", "Write the conversion out."),
    (&["create", "operator"], "CREATE OPERATOR", "Write the expression out."),
    (&["create", "aggregate"], "CREATE AGGREGATE", "Write the expression out."),
    (&["create", "language"], "CREATE LANGUAGE", "Leave it out."),
    (&["create", "rule"], "CREATE RULE", "Use CREATE VIEW."),
    (&["create", "library"], "CREATE LIBRARY", "Write the expression out in SQL."),
    (&["create", "model"], "CREATE MODEL", "Train the model outside and load its results."),
    (&["create", "datashare"], "CREATE DATASHARE", "Export the data to S3."),
    (
        &["create", "identity"],
        "CREATE IDENTITY PROVIDER",
        "There is one user; its name and password are settings.",
    ),
    (&["create", "rls"], "CREATE RLS POLICY", "Filter the rows in a view."),
    (&["create", "masking"], "CREATE MASKING POLICY", "Mask the columns in a view."),
    (
        &["drop", "materialized"],
        "DROP MATERIALIZED VIEW",
        "There are none; use DROP VIEW or DROP TABLE.",
    ),
    (&["drop", "user"], "DROP USER", "There is one user."),
    (&["drop", "role"], "DROP ROLE", "There is one user."),
    (&["drop", "group"], "DROP GROUP", "There is one user."),
    (&["drop", "index"], "DROP INDEX", "There are no indexes."),
    (&["drop", "sequence"], "DROP SEQUENCE", "There are no sequences."),
    (&["drop", "function"], "DROP FUNCTION", "There are no user-defined functions."),
    (&["drop", "procedure"], "DROP PROCEDURE", "There are no procedures."),
    (&["drop", "type"], "DROP TYPE", "There are no user-defined types."),
    (&["drop", "extension"], "DROP EXTENSION", "There are no extensions."),
    (&["drop", "trigger"], "DROP TRIGGER", "There are no triggers."),
    (&["drop", "owned"], "DROP OWNED", "Use DROP SCHEMA … CASCADE."),
    (&["drop", "library"], "DROP LIBRARY", "There are no libraries."),
    (&["drop", "model"], "DROP MODEL", "There are no models."),
    (&["drop", "datashare"], "DROP DATASHARE", "There are no datashares."),
    (&["drop", "identity"], "DROP IDENTITY PROVIDER", "There are none."),
    (&["drop", "rls"], "DROP RLS POLICY", "There are none."),
    (&["drop", "masking"], "DROP MASKING POLICY", "There are none."),
    (&["drop", "external"], "DROP EXTERNAL", "There are no external tables."),
];

/// Fails with 0A000 if such a statement comes next.
pub(super) fn check(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    let Some((_, name, hint)) = UNSUPPORTED.iter().find(|(words, ..)| cursor.at_all(words)) else {
        return Ok(());
    };
    let position = Some(cursor.position());
    Err(SqlError::unsupported(format!("{name} is not supported yet"), position).with_hint(*hint))
}
