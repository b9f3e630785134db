//! VACUUM [FULL | SORT ONLY | DELETE ONLY | REINDEX | RECLUSTER] [table [TO n PERCENT] [BOOST]].

use crate::sql::{SqlError, Vacuum, VacuumKind, cursor::Cursor};

/// Parses what follows VACUUM.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Vacuum, SqlError> {
    let kind = kind(cursor);
    let mut vacuum = Vacuum { kind, table: None, threshold_percent: None, boost: false };
    if cursor.at_end() {
        return match kind {
            VacuumKind::Reindex | VacuumKind::Recluster => Err(cursor.unexpected()),
            _ => Ok(vacuum),
        };
    }
    if cursor.at("to") {
        return Err(cursor.unexpected());
    }
    vacuum.table = Some(cursor.qualified_name()?);
    if cursor.at("to") {
        vacuum.threshold_percent = Some(threshold(cursor, kind)?);
    }
    let position = cursor.position();
    if cursor.take("boost") {
        if kind == VacuumKind::Reindex {
            let message = "BOOST is not supported with VACUUM REINDEX";
            return Err(SqlError::syntax(message, Some(position)));
        }
        vacuum.boost = true;
    }
    Ok(vacuum)
}

fn kind(cursor: &mut Cursor<'_>) -> VacuumKind {
    if cursor.take_all(&["sort", "only"]) {
        VacuumKind::SortOnly
    } else if cursor.take_all(&["delete", "only"]) {
        VacuumKind::DeleteOnly
    } else if cursor.take("reindex") {
        VacuumKind::Reindex
    } else if cursor.take("recluster") {
        VacuumKind::Recluster
    } else {
        cursor.take("full");
        VacuumKind::Full
    }
}

/// Parses TO n PERCENT.
fn threshold(cursor: &mut Cursor<'_>, kind: VacuumKind) -> Result<u8, SqlError> {
    let position = cursor.position();
    if matches!(kind, VacuumKind::Reindex | VacuumKind::Recluster) {
        let message = "TO threshold PERCENT is supported with neither VACUUM REINDEX nor RECLUSTER";
        return Err(SqlError::syntax(message, Some(position)));
    }
    cursor.expect("to")?;
    let position = cursor.position();
    let percent = cursor.unsigned()?;
    cursor.expect("percent")?;
    let valid = u8::try_from(percent).ok().filter(|percent| *percent <= 100);
    valid.ok_or_else(|| {
        let message = "the threshold of VACUUM must be from 0 to 100";
        SqlError::syntax(message, Some(position))
    })
}
