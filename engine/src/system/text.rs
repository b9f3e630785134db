//! Text cut to what a CHAR column of an STL table holds.

/// Returns at most `bytes_max` bytes of a text, whole characters only.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text).to_owned()
}
