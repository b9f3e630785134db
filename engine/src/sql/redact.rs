//! Takes credentials out of SQL text before it is logged or stored.
//!
//! It works on text alone, so that a statement that does not parse is redacted too: what follows a
//! keyword that introduces a secret, and what follows the name of a secret inside a literal.

/// The keywords that a secret literal follows.
const KEYWORDS: [&str; 6] = [
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
    "CREDENTIALS",
    "MASTER_SYMMETRIC_KEY",
    "PASSWORD",
];

/// The names of secrets inside `CREDENTIALS '…'`, wherever that literal stands.
const NAMES: [&str; 5] = [
    "aws_access_key_id=",
    "aws_secret_access_key=",
    "aws_session_token=",
    "token=",
    "master_symmetric_key=",
];

/// What a secret is shown as.
const MASK: &str = "***";

/// Returns the text with `'***'` in place of every secret.
pub fn redact(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    // The keyword that came last, if only blanks, AS, WITH and comments have come since.
    let mut secret_next = false;
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token_length(rest));
        rest = after;
        if token.starts_with('\'') {
            let named = names_a_secret(token);
            let follows_keyword = std::mem::take(&mut secret_next);
            let shown = match named || (follows_keyword && !names_a_role(token)) {
                true => format!("'{MASK}'"),
                false => token.to_owned(),
            };
            out.push_str(&shown);
            continue;
        }
        let is_word = token.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_word {
            let keyword = KEYWORDS.iter().any(|keyword| token.eq_ignore_ascii_case(keyword));
            secret_next = keyword || (secret_next && token.eq_ignore_ascii_case("AS"));
        } else if !token.trim_start().is_empty()
            && !token.starts_with("--")
            && !token.starts_with("/*")
        {
            // `secret_access_key = 'x'` is wrong SQL with a right secret.
            secret_next &= token == "=";
        }
        out.push_str(token);
    }
    out
}

fn names_a_role(literal: &str) -> bool {
    literal.get(1..14).is_some_and(|start| start.eq_ignore_ascii_case("aws_iam_role="))
}

fn names_a_secret(literal: &str) -> bool {
    let lower = literal.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.contains(name))
}

/// Returns the length of the token at the start of the text: a literal, a comment, a word, or one
/// character.
fn token_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let to = |found: Option<usize>, more: usize| found.map_or(text.len(), |at| at + more);
    match bytes[0] {
        b'\'' => literal_length(bytes),
        b'"' => to(text[1..].find('"'), 2),
        b'-' if bytes.get(1) == Some(&b'-') => to(text.find('\n'), 1),
        b'/' if bytes.get(1) == Some(&b'*') => to(text[2..].find("*/"), 4),
        _ => {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let word = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
            if word > 0 {
                return word;
            }
            text.chars().next().map_or(text.len(), char::len_utf8)
        }
    }
}

/// A literal ends at a quote that is neither doubled nor escaped; an open one at the end of the text.
fn literal_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn secrets_are_masked_and_the_rest_is_kept() {
        for (sql, expected) in [
            (
                "copy t from 's3://b/p' access_key_id 'AKIA' SECRET_ACCESS_KEY as 'x''y' csv",
                "copy t from 's3://b/p' access_key_id '***' SECRET_ACCESS_KEY as '***' csv",
            ),
            (
                "copy t from 's3://b' credentials 'aws_access_key_id=a;aws_secret_access_key=b' gzip",
                "copy t from 's3://b' credentials '***' gzip",
            ),
            (
                "copy t from 's3://b' credentials as 'aws_iam_role=arn:aws:iam::1:role/r'",
                "copy t from 's3://b' credentials as 'aws_iam_role=arn:aws:iam::1:role/r'",
            ),
            (
                "copy t from 's3://b' credentials -- hm\n 'secret",
                "copy t from 's3://b' credentials -- hm\n '***'",
            ),
            (
                "copy t frm 's3' secret_access_key = 'x'",
                "copy t frm 's3' secret_access_key = '***'",
            ),
            ("create user u password 'p' createdb", "create user u password '***' createdb"),
            ("select 'it''s', \"a'b\" -- 'x", "select 'it''s', \"a'b\" -- 'x"),
            ("select password from t where x = 'é'", "select password from t where x = 'é'"),
            ("copy 'aws_secret_access_key=zzz", "copy '***'"),
        ] {
            assert_eq!(redact(sql), expected);
        }
    }
}
