//! Sizes as operators write them: `2GB`, `1.5 GB`, `512MB`. Units are powers of 1024, as in PostgreSQL's settings.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// Each with its number of bytes, as a power of two.
const UNITS: [(&str, u32); 5] = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.trim().to_uppercase();
        let unit = UNITS.iter().find_map(|(unit, power)| Some((upper.strip_suffix(unit)?, power)));
        let size = unit.and_then(|(number, power)| {
            let number: f64 = number.trim_end().parse().ok()?;
            let bytes = number * 2_f64.powi(i32::try_from(*power).ok()?);
            (bytes.is_finite() && bytes >= 0.0).then_some(Self(bytes as u64))
        });
        size.ok_or_else(|| format!("\"{text}\" is no size: write 512MB or 2GB"))
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for ByteSize {
    /// Prints what [`Self::from_str`] reads as the same size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit() {
        let bytes = |text: &str| text.parse::<ByteSize>().map(|size| size.0);
        assert_eq!(bytes("2GB"), Ok(2 << 30));
        assert_eq!(bytes("1.5 gb"), Ok(3 << 29));
        assert_eq!(bytes("100kb"), Ok(100 << 10));
        assert_eq!(bytes(&ByteSize(12_345).to_string()), Ok(12_345));
        for wrong in ["2", "GB", "-1MB", "nanGB", "infTB", "two GB", ""] {
            assert!(bytes(wrong).unwrap_err().contains("is no size"), "{wrong}");
        }
    }
}
