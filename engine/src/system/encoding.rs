//! Numbers of column encodings: `pg_attribute.attencodingtype`, which only `format_encoding` reads.

/// The encodings; a name's number is its position. `none` is what Redshift calls RAW there.
const ENCODINGS: &[&str] = &[
    "none",
    "bytedict",
    "delta",
    "delta32k",
    "lzo",
    "mostly8",
    "mostly16",
    "mostly32",
    "runlength",
    "text255",
    "text32k",
    "zstd",
    "az64",
    "auto",
];

/// Returns the number of an encoding; a name that is not known counts as `none`.
pub(crate) fn number(name: &str) -> i16 {
    let position = ENCODINGS.iter().position(|known| *known == name);
    position.and_then(|position| i16::try_from(position).ok()).unwrap_or(0)
}

/// Returns the name of an encoding.
pub(crate) fn name(number: i64) -> Option<&'static str> {
    usize::try_from(number).ok().and_then(|position| ENCODINGS.get(position)).copied()
}

/// Returns an encoding's name as the catalogue's views show it: RAW is `none` there.
pub(crate) fn shown(name: &str) -> &str {
    if name == "raw" { "none" } else { name }
}
