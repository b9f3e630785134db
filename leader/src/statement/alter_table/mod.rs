//! ALTER TABLE: one file for each kind of action.
//!
//! What changes a table's definition alone leaves its runs as they are; what changes where rows lie writes them anew,
//! within the same transaction.

mod append;
mod column;
mod constraint;
mod layout;
mod rename;

use engine::{
    catalog::{CatalogChange, TableChange},
    client_error::SqlState,
    sql::{AlterAction, AlterTable, QualifiedName},
    transaction::LockMode,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::names,
};

pub(super) async fn run(session: &mut Session, alter: &AlterTable) -> Result<Outcome, Error> {
    match &alter.action {
        AlterAction::RenameTo(new_name) => rename::run(session, &alter.name, new_name).await?,
        AlterAction::OwnerTo(owner) => set_owner(session, &alter.name, owner)?,
        AlterAction::AppendFrom { source, ignore_extra, fill_target } => {
            let extra = append::Extra { ignore: *ignore_extra, fill: *fill_target };
            append::run(session, &alter.name, source, extra).await?;
        }
        action => {
            if matches!(action, AlterAction::ColumnType { .. }) && session.in_block() {
                session.refuse_shared_transaction("ALTER TABLE ALTER COLUMN TYPE")?;
            }
            define(session, &alter.name, action).await?;
        }
    }
    Ok(Outcome::done("ALTER TABLE"))
}

/// Changes the definition of a table.
async fn define(
    session: &mut Session,
    name: &QualifiedName,
    action: &AlterAction,
) -> Result<(), Error> {
    let table = names::table_to_write(session, name, LockMode::AccessExclusive).await?;
    let alter = |change: TableChange| CatalogChange::Alter { table: table.id, change };
    let changes = match action {
        AlterAction::AddColumn(definition) => {
            vec![alter(column::add(session, &table, definition).await?)]
        }
        AlterAction::DropColumn { column, cascade } => {
            column::drop(session, &table, column, *cascade).await?
        }
        AlterAction::RenameColumn { column, new_name } => {
            let column = names::column(&table, column)?.id;
            vec![alter(TableChange::RenameColumn { column, name: new_name.clone() })]
        }
        AlterAction::ColumnType { column, sql_type } => {
            vec![alter(column::set_type(session, &table, column, *sql_type).await?)]
        }
        AlterAction::Encode(encodings) => vec![
            alter(column::encode(&table, encodings)?),
            // Whoever chooses one encoding chooses them all.
            alter(TableChange::SetEncodeAuto(false)),
        ],
        AlterAction::EncodeAuto => vec![alter(TableChange::SetEncodeAuto(true))],
        AlterAction::AddConstraint(constraint) => {
            vec![alter(constraint::add(session, &table, constraint)?)]
        }
        AlterAction::DropConstraint { name, cascade } => {
            constraint::drop(session, &table, name, *cascade)?
        }
        AlterAction::Layout { dist_style, dist_key, sort_key } => {
            let asked = layout::Asked { dist_style: *dist_style, dist_key: dist_key.as_deref() };
            layout::change(session, &table, asked, sort_key).await?
        }
        AlterAction::RenameTo(_) | AlterAction::OwnerTo(_) | AlterAction::AppendFrom { .. } => {
            Vec::new()
        }
    };
    session.change(changes)
}

/// OWNER TO: there is one user, who owns everything.
fn set_owner(session: &mut Session, name: &QualifiedName, owner: &str) -> Result<(), Error> {
    let catalog = session.catalog();
    names::relation(session, &catalog, name)?;
    if owner == session.client().user {
        return Ok(());
    }
    let message = format!("user \"{owner}\" does not exist");
    Err(Error::statement(SqlState::UNDEFINED_OBJECT, message))
}
