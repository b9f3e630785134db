//! Format strings of numbers: "Numeric format strings" of Redshift's documentation.
//!
//! `9` a digit, `0` a digit with leading zeros, `.` and `D` the point, `,` and `G` a group separator, `S`
//! `MI` `PL` `SG` signs, `PR` angle brackets around a negative number, `$` and `L` the currency, `RN` Roman
//! numerals, `FM` without padding.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Digit { zero: bool },
    Point,
    Group,
    Sign,
    Minus,
    Plus,
    Currency,
    Literal(char),
}

/// A format string, read once.
#[derive(Debug, Clone, Default)]
pub(super) struct NumberTemplate {
    pieces: Vec<Piece>,
    brackets: bool,
    unpadded: bool,
    roman: Option<bool>,
}

/// The width Roman numerals are shown in.
const ROMAN_WIDTH: usize = 15;

impl NumberTemplate {
    /// Reads a format string; fails with the character that means nothing.
    pub(super) fn parse(text: &str) -> Result<Self, char> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let word = rest.get(..2).unwrap_or_default().to_ascii_uppercase();
            let length = match (word.as_str(), first.to_ascii_uppercase()) {
                ("FM", _) => {
                    template.unpadded = true;
                    2
                }
                ("PR", _) => {
                    template.brackets = true;
                    2
                }
                ("RN", _) => {
                    template.roman = Some(first.is_uppercase());
                    2
                }
                ("MI", _) => template.push(Piece::Minus, 2),
                ("PL", _) => template.push(Piece::Plus, 2),
                ("SG", _) => template.push(Piece::Sign, 2),
                (_, '9') => template.push(Piece::Digit { zero: false }, 1),
                (_, '0') => template.push(Piece::Digit { zero: true }, 1),
                (_, '.' | 'D') => template.push(Piece::Point, 1),
                (_, ',' | 'G') => template.push(Piece::Group, 1),
                (_, 'S') => template.push(Piece::Sign, 1),
                (_, '$' | 'L') => template.push(Piece::Currency, 1),
                (_, c) if c.is_alphanumeric() => return Err(first),
                _ => template.push(Piece::Literal(first), first.len_utf8()),
            };
            rest = &rest[length..];
        }
        Ok(template)
    }

    fn push(&mut self, piece: Piece, length: usize) -> usize {
        self.pieces.push(piece);
        length
    }

    fn digits(&self) -> (usize, usize) {
        let is_digit = |piece: &&Piece| matches!(piece, Piece::Digit { .. });
        match self.pieces.iter().position(|piece| *piece == Piece::Point) {
            Some(point) => (
                self.pieces[..point].iter().filter(is_digit).count(),
                self.pieces[point..].iter().filter(is_digit).count(),
            ),
            None => (self.pieces.iter().filter(is_digit).count(), 0),
        }
    }

    /// Returns how many digits there can be in all, and how many of them after the point.
    pub(super) fn precision(&self) -> (usize, usize) {
        let (whole, fraction) = self.digits();
        (whole + fraction, fraction)
    }

    /// Reads a number, in units of its last digit after the point; `None` if the text is no number of
    /// that form. Group separators, blanks and the currency may be where they want, a sign before or
    /// behind the digits.
    pub(super) fn read(&self, text: &str, scale: usize) -> Option<i128> {
        let (whole_digits, _) = self.digits();
        let text = text.trim();
        let bracketed = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        let mut is_negative = bracketed.is_some();
        let (mut digits, mut fraction) = (String::new(), None::<usize>);
        for c in bracketed.unwrap_or(text).chars() {
            match c {
                '0'..='9' => {
                    digits.push(c);
                    fraction = fraction.map(|count| count + 1);
                }
                '.' if fraction.is_none() && scale > 0 => fraction = Some(0),
                '-' if !is_negative => is_negative = true,
                ',' | ' ' | '$' | '+' => {}
                c if self.pieces.contains(&Piece::Literal(c)) => {}
                _ => return None,
            }
        }
        let fraction = fraction.unwrap_or(0);
        let whole = digits.len() - fraction;
        if digits.is_empty() || whole > whole_digits {
            return None;
        }
        // Digits behind those of the format are cut.
        digits.truncate(whole + fraction.min(scale));
        let power = u32::try_from(scale.saturating_sub(fraction)).ok()?;
        let number = digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(power)?)?;
        Some(if is_negative { -number } else { number })
    }

    /// Shows a number of that scale, rounded to the digits there are.
    pub(super) fn show(&self, value: i128, scale: u8) -> String {
        if let Some(upper) = self.roman {
            return self.roman(rounded(value, scale, 0), upper);
        }
        let (whole_digits, fraction_digits) = self.digits();
        let digits = rounded(value, scale, fraction_digits).unsigned_abs().to_string();
        let digits = format!("{digits:0>width$}", width = fraction_digits + 1);
        let (whole, fraction) = digits.split_at(digits.len() - fraction_digits);
        let is_negative = value < 0 && digits.bytes().any(|digit| digit != b'0');
        // A zero before a point is shown only where the format says 0.
        let whole = if whole == "0" && fraction_digits > 0 { "" } else { whole };
        let too_long = whole.len() > whole_digits;
        let whole = format!("{whole:>whole_digits$}");
        let shown = self.filled(&whole, fraction, too_long, is_negative);
        self.signed(shown, is_negative)
    }

    /// Puts digits in their places; `\u{1}` marks where a sign of the number itself goes.
    fn filled(&self, whole: &str, fraction: &str, too_long: bool, is_negative: bool) -> String {
        let mut digits = whole.chars().chain(fraction.chars());
        let mut shown = String::new();
        let mut started = false;
        for piece in &self.pieces {
            match piece {
                Piece::Digit { .. } if too_long => {
                    self.start(&mut shown, &mut started);
                    shown.push('#');
                }
                Piece::Digit { zero } => match digits.next().unwrap_or(' ') {
                    ' ' if *zero || started => {
                        self.start(&mut shown, &mut started);
                        shown.push('0');
                    }
                    ' ' if self.unpadded => {}
                    ' ' => shown.push(' '),
                    digit => {
                        self.start(&mut shown, &mut started);
                        shown.push(digit);
                    }
                },
                Piece::Point => {
                    self.start(&mut shown, &mut started);
                    shown.push('.');
                }
                Piece::Group if started => shown.push(','),
                Piece::Group if self.unpadded => {}
                Piece::Group => shown.push(' '),
                Piece::Minus => shown.push(if is_negative { '-' } else { ' ' }),
                Piece::Plus => shown.push(if is_negative { ' ' } else { '+' }),
                Piece::Sign if started => shown.push(if is_negative { '-' } else { '+' }),
                // Before the digits a sign stands right at the first of them.
                Piece::Sign => {}
                Piece::Currency => shown.push('$'),
                Piece::Literal(c) => shown.push(*c),
            }
        }
        shown
    }

    fn start(&self, shown: &mut String, started: &mut bool) {
        if !*started {
            *started = true;
            shown.push('\u{1}');
        }
    }

    fn signed(&self, shown: String, is_negative: bool) -> String {
        let signs = |piece: &Piece| matches!(piece, Piece::Sign | Piece::Minus | Piece::Plus);
        let first_digit = self.pieces.iter().position(|p| matches!(p, Piece::Digit { .. }));
        let sign_at = self.pieces.iter().position(|piece| *piece == Piece::Sign);
        let leading_sign = sign_at.zip(first_digit).is_some_and(|(sign, digit)| sign < digit);
        let sign = match (self.brackets, leading_sign, self.pieces.iter().any(signs)) {
            (true, ..) if is_negative => "<",
            (_, true, _) if is_negative => "-",
            (_, true, _) => "+",
            (_, _, true) => "",
            _ if is_negative => "-",
            _ if self.unpadded => "",
            _ => " ",
        };
        let Some(at) = shown.find('\u{1}') else { return shown };
        // A blank sign stands before the padding, which is the same to see.
        let mut text = format!("{}{sign}{}", &shown[..at], &shown[at + 1..]);
        if self.brackets {
            text.push(if is_negative { '>' } else { ' ' });
        }
        if self.unpadded { without_trailing_zeros(&self.pieces, text) } else { text }
    }

    fn roman(&self, number: i128, upper: bool) -> String {
        const NUMERALS: [(i128, &str); 13] = [
            (1000, "M"),
            (900, "CM"),
            (500, "D"),
            (400, "CD"),
            (100, "C"),
            (90, "XC"),
            (50, "L"),
            (40, "XL"),
            (10, "X"),
            (9, "IX"),
            (5, "V"),
            (4, "IV"),
            (1, "I"),
        ];
        if !(1..4000).contains(&number) {
            return "#".repeat(ROMAN_WIDTH);
        }
        let mut rest = number;
        let mut text = String::new();
        for (value, numeral) in NUMERALS {
            while rest >= value {
                text.push_str(numeral);
                rest -= value;
            }
        }
        let text = if upper { text } else { text.to_lowercase() };
        if self.unpadded { text } else { format!("{text:>ROMAN_WIDTH$}") }
    }
}

/// With FM the digits of a `9` after the point are left out where they are zeros.
fn without_trailing_zeros(pieces: &[Piece], text: String) -> String {
    let zeros = pieces.iter().rev().take_while(|p| **p == Piece::Digit { zero: false }).count();
    let after_point = pieces.iter().position(|piece| *piece == Piece::Point);
    match after_point {
        Some(_) if text.contains('.') => {
            let cut = text.bytes().rev().take(zeros).take_while(|byte| *byte == b'0').count();
            text[..text.len() - cut].to_owned()
        }
        _ => text,
    }
}

/// Rounds half away from zero.
fn rounded(value: i128, scale: u8, digits: usize) -> i128 {
    let scale = usize::from(scale);
    if digits >= scale {
        let power = u32::try_from(digits - scale).unwrap_or(0);
        return value.saturating_mul(10_i128.saturating_pow(power));
    }
    let power = 10_i128.saturating_pow(u32::try_from(scale - digits).unwrap_or(0));
    let half = power / 2 * value.signum();
    (value + half) / power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: i128, scale: u8, format: &str) -> String {
        NumberTemplate::parse(format).unwrap().show(value, scale)
    }

    #[test]
    fn the_examples_of_the_documentation_hold() {
        assert_eq!(shown(-1258, 1, "999D99S"), "125.80-");
        assert_eq!(shown(-12_588, 2, "$S999D99"), "$-125.88");
        assert_eq!(shown(-12_588, 2, "$999D99PR"), "$<125.88>");
        assert_eq!(shown(125, 0, "RN").trim(), "CXXV");
        assert_eq!(shown(61_880, 2, "rn"), "          dcxix");
        assert_eq!(shown(61_880, 2, "l99999D99"), "$   618.80");
        assert_eq!(shown(975, 2, "l99999D99"), "$     9.75");
    }

    #[test]
    fn padding_groups_and_overflow_are_postgresqls() {
        assert_eq!(shown(1_234_567, 0, "9,999,999"), " 1,234,567");
        assert_eq!(shown(12, 0, "9,999"), "    12");
        assert_eq!(shown(12, 0, "0000"), " 0012");
        assert_eq!(shown(12, 0, "FM0000"), "0012");
        assert_eq!(shown(12345, 0, "999"), " ###");
        assert_eq!(shown(10, 2, "99.99"), "   .10");
        assert_eq!(shown(1250, 2, "FM999.999"), "12.5");
        assert_eq!(shown(0, 0, "999"), "   0");
    }
}
