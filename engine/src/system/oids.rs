//! OIDs of what the catalogue numbers by rule rather than by counter.

use crate::{ids::TableId, system::table::WELL_KNOWN_OIDS};

/// The OID of `pg_default`.
pub(crate) const DEFAULT_TABLESPACE: u32 = 1663;

/// Added to a view's OID for the OID of its `_RETURN` rule.
const REWRITE_OFFSET: u32 = 1 << 30;

/// Returns the OID of the rule that holds a view's query.
pub(crate) fn rewrite_oid(view: TableId) -> u32 {
    view.0 | REWRITE_OFFSET
}

/// Returns the OID of a catalogue table that `classid` columns refer to; 0 for any other.
pub(crate) fn well_known(name: &str) -> u32 {
    WELL_KNOWN_OIDS.iter().find(|(known, _)| *known == name).map_or(0, |(_, oid)| *oid)
}
