//! Identifiers as SQL text.

use crate::sql::needs_quotes;

/// Returns an identifier, in double quotes where it needs them.
pub(crate) fn quote(name: &str) -> String {
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|c| c == '_' || c.is_ascii_lowercase());
    let plain = starts_well
        && characters.all(|c| c == '_' || c == '$' || c.is_ascii_lowercase() || c.is_ascii_digit());
    if plain && !needs_quotes(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Splits a possibly qualified name into its folded parts (`public."T"` → `public`, `t`): Redshift
/// folds quoted names too.
pub(crate) fn split(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    let mut characters = text.trim().chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            character => part.extend(character.to_lowercase()),
        }
    }
    parts.push(part);
    (!quoted && parts.iter().all(|part| !part.is_empty())).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_what_needs_it() {
        assert_eq!(quote("lineitem"), "lineitem");
        assert_eq!(quote("user"), "\"user\"");
        assert_eq!(quote("two words"), "\"two words\"");
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn splits_qualified_names() {
        let parts = |text| split(text).map(|parts| parts.join("|"));
        assert_eq!(parts("public.\"T.x\""), Some("public|t.x".to_owned()));
        assert_eq!(parts("PG_CLASS"), Some("pg_class".to_owned()));
        assert_eq!(parts("\"open"), None);
    }
}
