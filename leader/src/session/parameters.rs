//! Session parameters: one table of name, default and check. What SET takes, SHOW prints and
//! ParameterStatus reports.

use std::collections::BTreeMap;

use crate::error::Error;

/// How the text of a parameter is checked and normalised.
#[derive(Debug, Clone, Copy)]
enum Check {
    Any,
    Boolean,
    /// A whole number within these bounds.
    Integer(i64, i64),
    /// A number from 0 to 100, fractions included.
    Percent,
    /// Milliseconds; `5s`, `2min` are taken too.
    Milliseconds,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// The name of an isolation level.
    Isolation,
    /// A time zone name.
    TimeZone,
    ReadOnly,
}

struct Parameter {
    name: &'static str,
    default: &'static str,
    check: Check,
    /// Reported to the client at start-up and after every change.
    reported: bool,
}

const fn parameter(name: &'static str, default: &'static str, check: Check) -> Parameter {
    Parameter { name, default, check, reported: false }
}

const fn reported(name: &'static str, default: &'static str, check: Check) -> Parameter {
    Parameter { name, default, check, reported: true }
}

use Check::{Any, Boolean, Integer, Isolation, Milliseconds, OneOf, Percent, ReadOnly, TimeZone};

/// All of them are run as the one there is.
const ISOLATION_LEVELS: [&str; 5] =
    ["read uncommitted", "read committed", "repeatable read", "serializable", "snapshot"];

/// Every parameter. Names and defaults are Redshift's, from its developer guide's configuration
/// reference; those with an effect are listed in COMPATIBILITY.md, the others are kept and shown.
const PARAMETERS: &[Parameter] = &[
    parameter("analyze_threshold_percent", "10", Percent),
    reported("application_name", "", Any),
    parameter("autocommit", "on", Boolean),
    reported(
        "client_encoding",
        "UTF8",
        OneOf(&["UTF8", "UTF-8", "UNICODE", "utf8", "utf-8", "unicode"]),
    ),
    parameter("client_min_messages", "notice", Any),
    parameter("cursor_materialization", "on", Boolean),
    reported("datestyle", "ISO, MDY", Any),
    parameter("default_transaction_isolation", "serializable", Isolation),
    parameter("default_transaction_read_only", "off", Boolean),
    parameter("describe_field_name_in_uppercase", "off", Boolean),
    parameter("downcase_delimited_identifier", "on", Boolean),
    parameter("enable_case_sensitive_identifier", "off", OneOf(&["off", "false"])),
    // Ours: off makes plans that know nothing of slices, to compare with.
    parameter("enable_dist_planner", "on", Boolean),
    parameter("enable_result_cache_for_session", "on", Boolean),
    parameter("error_on_nondeterministic_update", "off", Boolean),
    parameter("extra_float_digits", "0", Integer(-15, 3)),
    reported("integer_datetimes", "on", ReadOnly),
    parameter("intervalstyle", "postgres", Any),
    reported("is_superuser", "on", ReadOnly),
    parameter("json_serialization_enable", "off", Boolean),
    parameter("lc_collate", "C", ReadOnly),
    parameter("lc_ctype", "C", ReadOnly),
    parameter("max_cursor_result_set_size", "0", Integer(0, 14_400_000)),
    parameter("max_identifier_length", "127", ReadOnly),
    parameter("mv_enable_aqmv_for_session", "on", Boolean),
    parameter("navigate_super_null_on_error", "on", Boolean),
    // By its name asyncpg and Npgsql know a Redshift, and leave out what it does not have.
    reported("padb_revision", "$Revision$", ReadOnly),
    parameter("query_group", "unset", Any),
    parameter("readonly", "off", Boolean),
    parameter("search_path", "\"$user\", public", Any),
    parameter("server_encoding", "UTF8", ReadOnly),
    reported("server_version", "8.0.2", ReadOnly),
    parameter("server_version_num", "80002", ReadOnly),
    reported("session_authorization", "", ReadOnly),
    parameter("spectrum_enable_pseudo_columns", "on", Boolean),
    reported("standard_conforming_strings", "on", OneOf(&["on", "true"])),
    parameter("statement_timeout", "0", Milliseconds),
    reported("timezone", "UTC", TimeZone),
    parameter("transaction_isolation", "serializable", Isolation),
    parameter("transaction_read_only", "off", Boolean),
    parameter("wlm_query_slot_count", "1", Integer(1, 50)),
];

/// How ParameterStatus spells the names that PostgreSQL does not write in lower case.
fn wire_name(name: &str) -> &str {
    match name {
        "datestyle" => "DateStyle",
        "timezone" => "TimeZone",
        name => name,
    }
}

fn find(name: &str) -> Option<&'static Parameter> {
    let name = match name {
        "time zone" => "timezone",
        "transaction isolation level" => "transaction_isolation",
        "session authorization" => "session_authorization",
        name => name,
    };
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

/// The parameters of one session.
#[derive(Debug, Clone)]
pub struct Parameters {
    defaults: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
}

impl Parameters {
    /// Returns the parameters of a new session of this user.
    pub(super) fn new(user: &str) -> Self {
        let mut defaults: BTreeMap<String, String> = PARAMETERS
            .iter()
            .map(|parameter| (parameter.name.to_owned(), parameter.default.to_owned()))
            .collect();
        defaults.insert("session_authorization".to_owned(), user.to_owned());
        Self { values: defaults.clone(), defaults }
    }

    /// Returns a parameter's value. `a.b` names exist once they are set.
    pub fn get(&self, name: &str) -> Option<&str> {
        let name = find(name).map_or(name, |parameter| parameter.name);
        self.values.get(name).map(String::as_str)
    }

    /// Returns all names and values, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a parameter; `None` gives it its default. Returns what to report to the client.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
    ) -> Result<Option<(String, String)>, Error> {
        let Some(parameter) = find(name) else {
            // Redshift keeps any name with a dot for its user.
            if !name.contains('.') {
                return Err(Error::UnknownParameter(name.to_owned()));
            }
            match value {
                Some(value) => self.values.insert(name.to_owned(), value.to_owned()),
                None => self.values.remove(name),
            };
            return Ok(None);
        };
        let value = match value {
            Some(value) => parameter.check.normalise(parameter.name, value)?,
            None => self.defaults.get(parameter.name).cloned().unwrap_or_default(),
        };
        self.values.insert(parameter.name.to_owned(), value.clone());
        Ok(parameter.reported.then(|| (wire_name(parameter.name).to_owned(), value)))
    }

    /// Gives every parameter its default again; start-up parameters count as defaults.
    pub(super) fn reset_all(&mut self) -> Vec<(String, String)> {
        self.values = self.defaults.clone();
        self.reported()
    }

    /// Makes the present values the defaults of RESET: called once start-up is done.
    pub(super) fn settle(&mut self) {
        self.defaults = self.values.clone();
    }

    /// Returns what ParameterStatus reports.
    pub(super) fn reported(&self) -> Vec<(String, String)> {
        let reported = PARAMETERS.iter().filter(|parameter| parameter.reported);
        reported
            .filter_map(|parameter| {
                let value = self.values.get(parameter.name)?;
                Some((wire_name(parameter.name).to_owned(), value.clone()))
            })
            .collect()
    }

    /// Returns the schemas of `search_path`, in order.
    pub(super) fn search_path(&self, user: &str) -> Vec<String> {
        let text = self.get("search_path").unwrap_or_default();
        let names = text.split(',').map(|name| name.trim().trim_matches(['"', '\'']));
        let names = names.filter(|name| !name.is_empty());
        names
            .map(|name| if name == "$user" { user.to_owned() } else { name.to_lowercase() })
            .collect()
    }

    /// Returns how long a statement may take.
    pub(crate) fn statement_timeout(&self) -> Option<std::time::Duration> {
        let milliseconds = self.get("statement_timeout")?.parse().ok()?;
        (milliseconds > 0).then(|| std::time::Duration::from_millis(milliseconds))
    }

    /// Returns how many of a hundred rows must have changed for ANALYZE to look at a table again.
    pub(crate) fn analyze_threshold_percent(&self) -> f64 {
        let percent = self.get("analyze_threshold_percent").and_then(|text| text.parse().ok());
        percent.unwrap_or(0.0)
    }

    /// Returns whether an UPDATE that finds a row twice is refused.
    pub(crate) fn error_on_nondeterministic_update(&self) -> bool {
        self.get("error_on_nondeterministic_update") == Some("on")
    }
}

impl Check {
    fn normalise(self, name: &str, value: &str) -> Result<String, Error> {
        let refuse = |hint: String| Error::ParameterValue {
            name: name.to_owned(),
            value: value.to_owned(),
            hint,
        };
        match self {
            Any => Ok(value.to_owned()),
            Boolean => match value.to_lowercase().as_str() {
                "on" | "true" | "yes" | "1" | "t" => Ok("on".to_owned()),
                "off" | "false" | "no" | "0" | "f" => Ok("off".to_owned()),
                _ => Err(refuse("Give on or off.".to_owned())),
            },
            Integer(least, most) => match value.trim().parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number.to_string()),
                _ => Err(refuse(format!("Give a whole number from {least} to {most}."))),
            },
            Percent => match value.trim().parse::<f64>() {
                Ok(number) if (0.0..=100.0).contains(&number) => Ok(number.to_string()),
                _ => Err(refuse("Give a number from 0 to 100.".to_owned())),
            },
            Milliseconds => milliseconds(value).map(|number| number.to_string()).ok_or_else(|| {
                refuse("Give milliseconds, or a number with ms, s, min or h.".into())
            }),
            OneOf(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
                Some(_) if name == "client_encoding" => Ok("UTF8".to_owned()),
                Some(_) => Ok(words[0].to_owned()),
                None => Err(refuse(format!("Only {} is supported.", words[0]))),
            },
            Isolation => {
                let level = value.to_lowercase();
                match ISOLATION_LEVELS.contains(&level.as_str()) {
                    true => Ok(level),
                    false => Err(refuse(format!("Give one of {}.", ISOLATION_LEVELS.join(", ")))),
                }
            }
            TimeZone => time_zone(value).ok_or_else(|| {
                refuse("Only UTC is supported as a session's time zone.".to_owned())
            }),
            ReadOnly => Err(Error::ReadOnlyParameter(name.to_owned())),
        }
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Names of UTC; other zones change how TIMESTAMPTZ is read and shown, which is not there yet.
fn time_zone(value: &str) -> Option<String> {
    const UTC: &[&str] =
        &["utc", "gmt", "etc/utc", "etc/gmt", "zulu", "universal", "default", "0", "z"];
    UTC.contains(&value.to_lowercase().as_str()).then(|| "UTC".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_and_normalised() {
        let mut parameters = Parameters::new("awsuser");
        parameters.set("statement_timeout", Some("2min")).unwrap();
        assert_eq!(parameters.get("statement_timeout"), Some("120000"));
        assert!(parameters.set("wlm_query_slot_count", Some("51")).is_err());
        assert!(parameters.set("server_version", Some("9")).is_err());
        assert!(parameters.set("no_such", Some("9")).is_err());
        parameters.set("my.own", Some("9")).unwrap();
        assert_eq!(parameters.get("my.own"), Some("9"));
    }

    #[test]
    fn the_search_path_knows_its_user() {
        let mut parameters = Parameters::new("awsuser");
        assert_eq!(parameters.search_path("awsuser"), ["awsuser", "public"]);
        parameters.set("search_path", Some("a, \"B\"")).unwrap();
        assert_eq!(parameters.search_path("awsuser"), ["a", "b"]);
    }
}
