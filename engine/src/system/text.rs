//! Text cut to what the CHAR columns of STL tables hold.

/// Returns at most `bytes_max` bytes of a text, whole characters only.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text).to_owned()
}

/// Bytes of a statement's text in one row of `STL_QUERYTEXT` and its like.
const PIECE_BYTES: usize = 200;

/// Returns a statement's text as rows hold it: in pieces, line ends written as `\n`.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let text = text.replace('\n', "\\n");
    let (mut pieces, mut rest) = (Vec::new(), text.as_str());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_come_in_pieces_of_whole_characters() {
        let text = format!("select\n'{}'", "ä".repeat(100));
        let pieces = pieces(&text);
        assert_eq!(pieces.iter().map(String::len).collect::<Vec<_>>(), [199, 11]);
        assert_eq!(pieces.concat(), text.replace('\n', "\\n"));
    }
}
