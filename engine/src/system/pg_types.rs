//! Types as `pg_type` and `format_type` know them: those of values, and those only the catalogue uses.

/// A row of `pg_type`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PgType {
    pub(crate) oid: u32,
    /// `typname`: `int4`
    pub(crate) name: &'static str,
    /// What `format_type` prints: `integer`
    pub(crate) display: &'static str,
    pub(crate) length: i16,
    pub(crate) category: &'static str,
    /// The type of an array's elements; 0 for a scalar.
    pub(crate) element: u32,
}

impl PgType {
    /// Returns `typtype`: `p` for a pseudo-type, else `b`.
    pub(crate) fn kind(&self) -> &'static str {
        if self.category == "P" { "p" } else { "b" }
    }
}

const fn scalar(
    oid: u32,
    name: &'static str,
    display: &'static str,
    length: i16,
    category: &'static str,
) -> PgType {
    PgType { oid, name, display, length, category, element: 0 }
}

const fn array(oid: u32, name: &'static str, display: &'static str, element: u32) -> PgType {
    PgType { oid, name, display, length: -1, category: "A", element }
}

/// All types, by OID.
pub(crate) const ALL: &[PgType] = &[
    scalar(16, "bool", "boolean", 1, "B"),
    scalar(17, "bytea", "bytea", -1, "U"),
    scalar(18, "char", "\"char\"", 1, "S"),
    scalar(19, "name", "name", 128, "S"),
    scalar(20, "int8", "bigint", 8, "N"),
    scalar(21, "int2", "smallint", 2, "N"),
    array(22, "int2vector", "int2vector", 21),
    scalar(23, "int4", "integer", 4, "N"),
    scalar(24, "regproc", "regproc", 4, "N"),
    scalar(25, "text", "text", -1, "S"),
    scalar(26, "oid", "oid", 4, "N"),
    scalar(28, "xid", "xid", 4, "U"),
    array(30, "oidvector", "oidvector", 26),
    scalar(700, "float4", "real", 4, "N"),
    scalar(701, "float8", "double precision", 8, "N"),
    scalar(705, "unknown", "unknown", -2, "X"),
    array(1000, "_bool", "boolean[]", 16),
    array(1002, "_char", "\"char\"[]", 18),
    array(1003, "_name", "name[]", 19),
    array(1005, "_int2", "smallint[]", 21),
    array(1007, "_int4", "integer[]", 23),
    array(1009, "_text", "text[]", 25),
    array(1014, "_bpchar", "character[]", 1042),
    array(1015, "_varchar", "character varying[]", 1043),
    array(1016, "_int8", "bigint[]", 20),
    array(1021, "_float4", "real[]", 700),
    array(1022, "_float8", "double precision[]", 701),
    array(1028, "_oid", "oid[]", 26),
    scalar(1033, "aclitem", "aclitem", 12, "U"),
    array(1034, "_aclitem", "aclitem[]", 1033),
    scalar(1042, "bpchar", "character", -1, "S"),
    scalar(1043, "varchar", "character varying", -1, "S"),
    scalar(1082, "date", "date", 4, "D"),
    scalar(1083, "time", "time without time zone", 8, "D"),
    scalar(1114, "timestamp", "timestamp without time zone", 8, "D"),
    array(1115, "_timestamp", "timestamp without time zone[]", 1114),
    array(1182, "_date", "date[]", 1082),
    array(1183, "_time", "time without time zone[]", 1083),
    scalar(1184, "timestamptz", "timestamp with time zone", 8, "D"),
    array(1185, "_timestamptz", "timestamp with time zone[]", 1184),
    scalar(1186, "interval", "interval", 16, "T"),
    array(1231, "_numeric", "numeric[]", 1700),
    scalar(1266, "timetz", "time with time zone", 12, "D"),
    scalar(1700, "numeric", "numeric", -1, "N"),
    scalar(2205, "regclass", "regclass", 4, "N"),
    scalar(2206, "regtype", "regtype", 4, "N"),
    scalar(2249, "record", "record", -1, "P"),
    scalar(2276, "any", "\"any\"", 4, "P"),
    scalar(2278, "void", "void", 4, "P"),
    scalar(2279, "trigger", "trigger", 4, "P"),
];

/// Returns the type with this OID.
pub(crate) fn by_oid(oid: i64) -> Option<&'static PgType> {
    ALL.iter().find(|pg_type| i64::from(pg_type.oid) == oid)
}

/// Returns the type of this name, either form of it.
pub(crate) fn by_name(name: &str) -> Option<&'static PgType> {
    ALL.iter()
        .find(|pg_type| pg_type.display == name)
        .or_else(|| ALL.iter().find(|pg_type| pg_type.name == name))
}

/// Returns the OID of the array type of a type; 0 for none.
pub(crate) fn array_of(oid: u32) -> u32 {
    // The vectors of old catalogues are arrays too, but not what `typarray` means.
    let array = ALL.iter().find(|pg_type| pg_type.element == oid && pg_type.oid >= 1000);
    array.filter(|_| oid != 0).map_or(0, |pg_type| pg_type.oid)
}

/// Returns what `format_type` prints.
pub(crate) fn format(oid: i64, typmod: Option<i64>) -> String {
    let Some(pg_type) = by_oid(oid) else {
        return if oid == 0 { "-".to_owned() } else { "???".to_owned() };
    };
    let Some(modifier) = typmod.filter(|typmod| *typmod >= 4).map(|typmod| typmod - 4) else {
        // `character` alone would mean CHAR(1) to whoever reads it back.
        let bare_char = pg_type.oid == 1042 && typmod.is_some();
        return if bare_char { "bpchar".to_owned() } else { pg_type.display.to_owned() };
    };
    match pg_type.oid {
        1042 | 1043 => format!("{}({modifier})", pg_type.display),
        1700 => format!("numeric({},{})", modifier >> 16, modifier & 0xffff),
        _ => pg_type.display.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_types_as_postgresql_does() {
        assert_eq!(format(1043, Some(29)), "character varying(25)");
        assert_eq!(format(1700, Some(((15 << 16) | 2) + 4)), "numeric(15,2)");
        assert_eq!(format(23, Some(-1)), "integer");
        assert_eq!(format(1042, Some(-1)), "bpchar");
        assert_eq!(format(4711, None), "???");
        assert_eq!(array_of(21), 1005);
    }
}
