//! Abbreviations of time zones: each is one offset, summer or winter.

/// Abbreviations and their hours east of Greenwich ("Time zone abbreviations").
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("wet", 0),
    ("bst", 1),
    ("cet", 1),
    ("mez", 1),
    ("west", 1),
    ("cest", 2),
    ("mesz", 2),
    ("eet", 2),
    ("eest", 3),
    ("msk", 3),
    ("ast", -4),
    ("adt", -3),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
    ("akst", -9),
    ("akdt", -8),
    ("hst", -10),
    ("jst", 9),
    ("kst", 9),
    ("sgt", 8),
];

/// Returns the seconds east of Greenwich.
pub(crate) fn abbreviated(name: &str) -> Option<i32> {
    let found = ABBREVIATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, hours)| hours * 3600)
}
