//! Values as PostgreSQL prints them: numbers, days and moments, into a buffer on the stack.

use chrono_free::{civil_from_days, split_micros};

/// Microseconds of a day.
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The text of one value that is not text itself.
pub struct TextBuffer {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl TextBuffer {
    /// The longest is a DECIMAL: 38 digits, a sign, a point and a zero before it.
    const CAPACITY: usize = 64;

    /// Returns an empty buffer.
    pub fn new() -> Self {
        Self { bytes: [0; Self::CAPACITY], length: 0 }
    }

    /// Returns the text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn push_all(&mut self, text: &[u8]) {
        let end = self.length + text.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(text);
            self.length = end;
        }
    }

    fn push_integer(&mut self, value: impl itoa::Integer) {
        self.push_all(itoa::Buffer::new().format(value).as_bytes());
    }

    fn push_two_digits(&mut self, value: u32) {
        let value = (value % 100) as u8;
        self.push_all(&[b'0' + value / 10, b'0' + value % 10]);
    }

    /// Appends digits with zeros before them up to a width.
    fn push_padded(&mut self, digits: &[u8], width: usize) {
        for _ in digits.len()..width {
            self.push(b'0');
        }
        self.push_all(digits);
    }
}

impl Default for TextBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes an exact number with all digits of its scale.
pub fn decimal(value: i128, scale: u32, out: &mut TextBuffer) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    let mut buffer = itoa::Buffer::new();
    // Most values fit 64 bits, whose division is several times faster.
    let digits = match u64::try_from(magnitude) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(magnitude),
    }
    .as_bytes();
    let scale = scale as usize;
    if scale == 0 {
        out.push_all(digits);
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.push_all(whole);
        out.push(b'.');
        out.push_all(fraction);
    } else {
        out.push_all(b"0.");
        out.push_padded(digits, scale);
    }
}

/// Writes the shortest text that reads back as the same eight-byte float.
pub fn float8(value: f64, out: &mut TextBuffer) {
    match special_float(value) {
        Some(text) => out.push_all(text),
        None => shortest(ryu::Buffer::new().format_finite(value), 15, out),
    }
}

/// Writes the shortest text that reads back as the same four-byte float.
pub fn float4(value: f32, out: &mut TextBuffer) {
    match special_float(f64::from(value)) {
        Some(text) => out.push_all(text),
        None => shortest(ryu::Buffer::new().format_finite(value), 6, out),
    }
}

fn special_float(value: f64) -> Option<&'static [u8]> {
    if value.is_nan() {
        Some(b"NaN")
    } else if value == f64::INFINITY {
        Some(b"Infinity")
    } else if value == f64::NEG_INFINITY {
        Some(b"-Infinity")
    } else if value == 0.0 {
        Some(if value.is_sign_negative() { b"-0" } else { b"0" })
    } else {
        None
    }
}

/// Rewrites the shortest digits the way PostgreSQL places the point: an exponent below 10⁻⁴ and
/// from 10 to the `plain_digits` on, else none.
fn shortest(text: &str, plain_digits: i32, out: &mut TextBuffer) {
    let mut digits = [0_u8; 24];
    let mut count = 0_usize;
    let mut point = None;
    let mut exponent = 0_i32;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'-' => out.push(b'-'),
            b'.' => point = Some(count),
            b'e' => {
                exponent = text[index + 1..].parse().unwrap_or(0);
                break;
            }
            _ => {
                if let Some(place) = digits.get_mut(count) {
                    *place = byte;
                    count += 1;
                }
            }
        }
    }
    let point = i32::try_from(point.unwrap_or(count)).unwrap_or(0);
    let leading = digits[..count].iter().take_while(|digit| **digit == b'0').count();
    let trailing = digits[leading..count].iter().rev().take_while(|digit| **digit == b'0').count();
    let digits = &digits[leading..count - trailing];
    let exponent = exponent + point - 1 - i32::try_from(leading).unwrap_or(0);
    if exponent < -4 || exponent >= plain_digits {
        out.push_all(&digits[..1]);
        if digits.len() > 1 {
            out.push(b'.');
            out.push_all(&digits[1..]);
        }
        out.push(b'e');
        out.push(if exponent < 0 { b'-' } else { b'+' });
        out.push_padded(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes(), 2);
    } else if exponent < 0 {
        out.push_all(b"0.");
        out.push_padded(digits, digits.len() + usize::try_from(-exponent - 1).unwrap_or(0));
    } else {
        let whole = usize::try_from(exponent + 1).unwrap_or(0);
        if digits.len() <= whole {
            out.push_all(digits);
            for _ in digits.len()..whole {
                out.push(b'0');
            }
        } else {
            out.push_all(&digits[..whole]);
            out.push(b'.');
            out.push_all(&digits[whole..]);
        }
    }
}

/// Writes an integer.
pub fn integer(value: impl itoa::Integer, out: &mut TextBuffer) {
    out.push_integer(value);
}

/// Writes a day, given as days since 1970-01-01.
pub fn date(days: i32, out: &mut TextBuffer) {
    let before_christ = push_date(i64::from(days), out);
    push_era(before_christ, out);
}

/// Writes a time of day, given as microseconds since midnight.
pub fn time(micros: i64, out: &mut TextBuffer) {
    push_time(micros, out);
}

/// Writes a moment, given as microseconds since 1970-01-01; with the zone's offset if it has one.
pub fn timestamp(micros: i64, utc: bool, out: &mut TextBuffer) {
    let (days, micros_of_day) = split_micros(micros);
    let before_christ = push_date(days, out);
    out.push(b' ');
    push_time(micros_of_day, out);
    if utc {
        out.push_all(b"+00");
    }
    push_era(before_christ, out);
}

/// Writes an interval: `1 year 2 mons -3 days +04:05:06.7`.
pub fn interval(months: i32, days: i32, micros: i64, out: &mut TextBuffer) {
    let mut written = Interval { out, is_empty: true, is_negative: false };
    written.part(months / 12, "year");
    written.part(months % 12, "mon");
    written.part(days, "day");
    if micros != 0 || written.is_empty {
        written.sign(micros < 0, micros > 0);
        push_time(micros.saturating_abs(), written.out);
    }
}

/// Writes the time between two moments: whole days, then the rest.
pub fn duration(micros: i64, out: &mut TextBuffer) {
    let days = i32::try_from(micros / MICROS_PER_DAY).unwrap_or(i32::MAX);
    interval(0, days, micros % MICROS_PER_DAY, out);
}

struct Interval<'a> {
    out: &'a mut TextBuffer,
    is_empty: bool,
    /// The part before is negative: a positive one shows its sign then.
    is_negative: bool,
}

impl Interval<'_> {
    fn part(&mut self, count: i32, unit: &str) {
        if count == 0 {
            return;
        }
        self.sign(false, count > 0);
        self.out.push_integer(count);
        self.out.push(b' ');
        self.out.push_all(unit.as_bytes());
        if count != 1 {
            self.out.push(b's');
        }
        self.is_negative = count < 0;
        self.is_empty = false;
    }

    fn sign(&mut self, minus: bool, plus: bool) {
        if !self.is_empty {
            self.out.push(b' ');
        }
        if minus {
            self.out.push(b'-');
        } else if plus && self.is_negative {
            self.out.push(b'+');
        }
    }
}

/// Writes year, month and day; returns whether the year is before year 1.
fn push_date(days: i64, out: &mut TextBuffer) -> bool {
    let (year, month, day) = civil_from_days(days);
    let before_christ = year <= 0;
    // There is no year 0: the one before year 1 is 1 BC.
    let shown = if before_christ { 1 - year } else { year };
    out.push_padded(itoa::Buffer::new().format(shown).as_bytes(), 4);
    out.push(b'-');
    out.push_two_digits(month);
    out.push(b'-');
    out.push_two_digits(day);
    before_christ
}

fn push_era(before_christ: bool, out: &mut TextBuffer) {
    if before_christ {
        out.push_all(b" BC");
    }
}

fn push_time(micros: i64, out: &mut TextBuffer) {
    let seconds = micros.div_euclid(1_000_000);
    let fraction = u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0);
    let clock = |value: i64| u32::try_from(value).unwrap_or(0);
    out.push_two_digits(clock(seconds / 3600));
    out.push(b':');
    out.push_two_digits(clock(seconds / 60 % 60));
    out.push(b':');
    out.push_two_digits(clock(seconds % 60));
    if fraction != 0 {
        out.push(b'.');
        let mut digits = [0_u8; 6];
        let mut rest = fraction;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
        out.push_all(&digits[..digits.len() - trailing]);
    }
}

/// The calendar, for every day 64 bits of microseconds can name (chrono's stops short of that).
mod chrono_free {
    use super::MICROS_PER_DAY;

    /// Splits microseconds since 1970-01-01 into days and microseconds of the day.
    pub(super) fn split_micros(micros: i64) -> (i64, i64) {
        (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY))
    }

    /// Returns year (0 is 1 BC), month and day of a number of days since 1970-01-01.
    ///
    /// Counts in eras of 400 years that start on 1 March, so that the leap day comes last.
    pub(super) fn civil_from_days(days: i64) -> (i64, u32, u32) {
        const DAYS_PER_ERA: i64 = 146_097;
        let shifted = days + 719_468;
        let era = shifted.div_euclid(DAYS_PER_ERA);
        let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut TextBuffer)) -> String {
        let mut out = TextBuffer::new();
        write(&mut out);
        String::from_utf8(out.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn floats_are_printed_as_postgresql_prints_them() {
        for (value, expected) in [
            (1e20, "1e+20"),
            (1e15, "1e+15"),
            (1e14, "100000000000000"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.2345678901234568e20, "1.2345678901234568e+20"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (-0.0, "-0"),
            (123.0, "123"),
            (1200.25, "1200.25"),
        ] {
            assert_eq!(text(|out| float8(value, out)), expected);
        }
        assert_eq!(text(|out| float4(1e6, out)), "1e+06");
        assert_eq!(text(|out| float4(100_000.0, out)), "100000");
        assert_eq!(text(|out| float4(0.1, out)), "0.1");
    }

    #[test]
    fn intervals_are_printed_as_postgresql_prints_them() {
        const HOUR: i64 = 3_600_000_000;
        assert_eq!(text(|out| interval(14, 0, 0, out)), "1 year 2 mons");
        assert_eq!(text(|out| interval(0, 1, 2 * HOUR, out)), "1 day 02:00:00");
        assert_eq!(text(|out| interval(-1, 3, -1_500_000, out)), "-1 mons +3 days -00:00:01.5");
        assert_eq!(text(|out| interval(0, -1, HOUR, out)), "-1 days +01:00:00");
        assert_eq!(text(|out| interval(0, 0, 0, out)), "00:00:00");
        assert_eq!(text(|out| duration(49 * HOUR, out)), "2 days 01:00:00");
        assert_eq!(text(|out| duration(-HOUR, out)), "-01:00:00");
    }

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(text(|out| decimal(12345, 2, out)), "123.45");
        assert_eq!(text(|out| decimal(-5, 2, out)), "-0.05");
        assert_eq!(text(|out| decimal(0, 4, out)), "0.0000");
        assert_eq!(text(|out| decimal(7, 0, out)), "7");
        let largest = 10_i128.pow(38) - 1;
        assert_eq!(text(|out| decimal(-largest, 37, out)), format!("-9.{}", "9".repeat(37)));
    }

    #[test]
    fn days_and_moments_of_every_age() {
        assert_eq!(text(|out| date(0, out)), "1970-01-01");
        assert_eq!(text(|out| date(19_723, out)), "2024-01-01");
        assert_eq!(text(|out| date(-719_162, out)), "0001-01-01");
        assert_eq!(text(|out| date(-719_163, out)), "0001-12-31 BC");
        assert_eq!(text(|out| date(i32::MAX, out)), "5881580-07-11");
        assert_eq!(text(|out| date(i32::MIN, out)), "5877642-06-23 BC");
        assert_eq!(text(|out| timestamp(1_704_103_200_000_000, false, out)), "2024-01-01 10:00:00");
        assert_eq!(
            text(|out| timestamp(1_704_103_200_120_000, true, out)),
            "2024-01-01 10:00:00.12+00"
        );
        assert_eq!(text(|out| timestamp(-1, false, out)), "1969-12-31 23:59:59.999999");
        assert!(text(|out| timestamp(i64::MIN, true, out)).ends_with(" BC"));
        assert_eq!(text(|out| time(86_399_000_001, out)), "23:59:59.000001");
    }
}
