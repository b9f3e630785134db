//! CopyOptions: the parameters of a statement, checked together.

use serde::{Deserialize, Serialize};

use super::{CopyError, pattern::Pattern};
use crate::{
    access::Authorization,
    sql::copy::{CopyParameter, CopyStatement, FileFormat, ParameterKind},
};

/// The most rejected rows that MAXERROR may allow.
const ERROR_MAX_LIMIT: u64 = 100_000;

/// How DATE columns are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DateFormat {
    /// YYYY-MM-DD
    Default,
    /// 'auto': several formats.
    Auto,
    /// DATEFORMAT 'pattern'
    Pattern(Pattern),
}

/// How TIMESTAMP columns are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeFormat {
    /// YYYY-MM-DD HH:MI:SS
    Default,
    /// 'auto': several formats.
    Auto,
    /// Seconds since 1970.
    EpochSecs,
    /// Milliseconds since 1970.
    EpochMilliSecs,
    /// TIMEFORMAT 'pattern'
    Pattern(Pattern),
}

/// The parameters of COPY, valid together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopyOptions {
    /// `bucket` of `s3://bucket/prefix`.
    pub bucket: String,
    /// `prefix` of `s3://bucket/prefix`.
    pub prefix: String,
    /// Whose credentials; nodes are given those themselves.
    #[serde(skip)]
    pub authorization: Authorization,
    /// REGION
    pub region: Option<String>,
    /// The source is a manifest.
    pub manifest: bool,
    /// The format of the files.
    pub format: FileFormat,
    /// The files are compressed with gzip.
    pub gzip: bool,
    /// Between fields.
    pub delimiter: u8,
    /// Around fields (CSV).
    pub quote: u8,
    /// How many rows at the start of every file are not loaded.
    pub header_rows: u64,
    /// A field of this text is NULL.
    pub null: String,
    /// How DATE columns are written.
    pub date_format: DateFormat,
    /// How TIMESTAMP columns are written.
    pub time_format: TimeFormat,
    /// MAXERROR.
    pub error_max: u64,
    /// IGNOREALLERRORS
    pub ignore_all_errors: bool,
    /// TRUNCATECOLUMNS
    pub truncate_columns: bool,
    /// ACCEPTANYDATE
    pub accept_any_date: bool,
    /// ACCEPTINVCHARS: what stands in for each invalid byte.
    pub accept_invalid_chars: Option<u8>,
    /// BLANKSASNULL
    pub blanks_as_null: bool,
    /// EMPTYASNULL
    pub empty_as_null: bool,
    /// TRIMBLANKS
    pub trim_blanks: bool,
    /// FILLRECORD
    pub fill_record: bool,
    /// IGNOREBLANKLINES
    pub ignore_blank_lines: bool,
    /// ESCAPE
    pub escape: bool,
    /// REMOVEQUOTES
    pub remove_quotes: bool,
    /// ROUNDEC
    pub round_decimals: bool,
    /// NOLOAD: the files are read and checked, no row is loaded.
    pub no_load: bool,
    /// STATUPDATE; without it only a table that was empty is analyzed.
    pub stat_update: Option<bool>,
}

impl CopyOptions {
    /// Checks the parameters of a statement on their own and together.
    pub fn check(statement: &CopyStatement) -> Result<Self, CopyError> {
        let parameters = &statement.parameters;
        refuse_duplicates(parameters)?;
        let (bucket, prefix) = split_url(&statement.source).ok_or_else(|| {
            let message = format!("'{}' names no bucket", statement.source);
            parameter_error(message, statement.source_position)
        })?;
        let mut options = Self::defaults(bucket, prefix);
        options.authorization = authorization(parameters)?;
        options.format = format_of(parameters);
        if options.format == FileFormat::Csv {
            options.delimiter = b',';
        }
        for parameter in parameters {
            options.apply(parameter)?;
        }
        options.check_together(parameters)?;
        Ok(options)
    }

    fn defaults(bucket: &str, prefix: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            authorization: Authorization::Default,
            region: None,
            manifest: false,
            format: FileFormat::Text,
            gzip: false,
            delimiter: b'|',
            quote: b'"',
            header_rows: 0,
            null: "\\N".to_owned(),
            date_format: DateFormat::Default,
            time_format: TimeFormat::Default,
            error_max: 0,
            ignore_all_errors: false,
            truncate_columns: false,
            accept_any_date: false,
            accept_invalid_chars: None,
            blanks_as_null: false,
            empty_as_null: false,
            trim_blanks: false,
            fill_record: false,
            ignore_blank_lines: false,
            escape: false,
            remove_quotes: false,
            round_decimals: false,
            no_load: false,
            stat_update: None,
        }
    }

    fn apply(&mut self, parameter: &CopyParameter) -> Result<(), CopyError> {
        let at = parameter.position;
        match &parameter.kind {
            ParameterKind::Region(region) => self.region = Some(region.clone()),
            ParameterKind::Manifest => self.manifest = true,
            ParameterKind::Gzip => self.gzip = true,
            ParameterKind::Quote(text) => self.quote = one_byte("QUOTE", text, at)?,
            ParameterKind::Delimiter(text) => self.delimiter = one_byte("DELIMITER", text, at)?,
            ParameterKind::IgnoreHeader(rows) => self.header_rows = *rows,
            ParameterKind::Null(text) => self.null.clone_from(text),
            ParameterKind::DateFormat(text) => self.date_format = date_format(text, at)?,
            ParameterKind::TimeFormat(text) => self.time_format = time_format(text, at)?,
            ParameterKind::MaxError(count) if *count > ERROR_MAX_LIMIT => {
                let message = format!("MAXERROR must be between 0 and {ERROR_MAX_LIMIT}");
                return Err(parameter_error(message, at));
            }
            ParameterKind::MaxError(count) => self.error_max = *count,
            ParameterKind::IgnoreAllErrors => self.ignore_all_errors = true,
            ParameterKind::TruncateColumns => self.truncate_columns = true,
            ParameterKind::AcceptAnyDate => self.accept_any_date = true,
            ParameterKind::AcceptInvChars(text) => {
                let text = text.as_deref().unwrap_or("?");
                self.accept_invalid_chars = Some(one_byte("ACCEPTINVCHARS", text, at)?);
            }
            ParameterKind::BlanksAsNull => self.blanks_as_null = true,
            ParameterKind::EmptyAsNull => self.empty_as_null = true,
            ParameterKind::TrimBlanks => self.trim_blanks = true,
            ParameterKind::FillRecord => self.fill_record = true,
            ParameterKind::IgnoreBlankLines => self.ignore_blank_lines = true,
            ParameterKind::Escape => self.escape = true,
            ParameterKind::RemoveQuotes => self.remove_quotes = true,
            ParameterKind::RoundDec => self.round_decimals = true,
            ParameterKind::NoLoad => self.no_load = true,
            ParameterKind::StatUpdate(update) => self.stat_update = Some(*update),
            // Read elsewhere (authorization, format), or accepted without effect.
            ParameterKind::IamRole(_)
            | ParameterKind::AccessKeyId(_)
            | ParameterKind::SecretAccessKey(_)
            | ParameterKind::SessionToken(_)
            | ParameterKind::Credentials(_)
            | ParameterKind::Format(_)
            | ParameterKind::Encoding
            | ParameterKind::CompUpdate
            | ParameterKind::CompRows => {}
        }
        Ok(())
    }

    fn check_together(&self, parameters: &[CopyParameter]) -> Result<(), CopyError> {
        let csv = self.format == FileFormat::Csv;
        let parquet = self.format == FileFormat::Parquet;
        for parameter in parameters {
            let conflict = match parameter.kind {
                ParameterKind::Quote(_) if !csv => "QUOTE can be used only with CSV",
                ParameterKind::Escape | ParameterKind::RemoveQuotes if csv => {
                    "CSV cannot be used with ESCAPE or REMOVEQUOTES"
                }
                ParameterKind::MaxError(_) if self.ignore_all_errors => {
                    "MAXERROR cannot be used with IGNOREALLERRORS"
                }
                ref kind if parquet && !fits_parquet(kind) => {
                    let message = format!("{} is not supported for PARQUET files", kind.keyword());
                    return Err(parameter_error(message, parameter.position));
                }
                _ => continue,
            };
            return Err(parameter_error(conflict, parameter.position));
        }
        if csv && self.quote == self.delimiter {
            return Err(parameter_error("DELIMITER and QUOTE must not be the same", None));
        }
        if matches!(self.delimiter, b'\n' | b'\r') {
            return Err(parameter_error("DELIMITER must not be the end of a line", None));
        }
        if self.escape && self.delimiter == b'\\' {
            return Err(parameter_error("DELIMITER must not be the escape character", None));
        }
        Ok(())
    }
}

/// Columnar files carry their own structure: only what is about access and acceptance fits.
fn fits_parquet(kind: &ParameterKind) -> bool {
    matches!(
        kind,
        ParameterKind::IamRole(_)
            | ParameterKind::AccessKeyId(_)
            | ParameterKind::SecretAccessKey(_)
            | ParameterKind::SessionToken(_)
            | ParameterKind::Credentials(_)
            | ParameterKind::Region(_)
            | ParameterKind::Manifest
            | ParameterKind::Format(_)
            | ParameterKind::FillRecord
            | ParameterKind::StatUpdate(_)
            | ParameterKind::CompUpdate
            | ParameterKind::NoLoad
    )
}

pub(super) fn parameter_error(message: impl Into<String>, position: Option<usize>) -> CopyError {
    CopyError::Parameters { message: message.into(), hint: None, position }
}

fn refuse_duplicates(parameters: &[CopyParameter]) -> Result<(), CopyError> {
    for (index, parameter) in parameters.iter().enumerate() {
        let keyword = parameter.kind.keyword();
        if parameters[..index].iter().any(|earlier| earlier.kind.keyword() == keyword) {
            let message = match parameter.kind {
                ParameterKind::Format(_) => "the format of the files is given twice".to_owned(),
                _ => format!("conflicting or redundant options: {keyword} is given twice"),
            };
            return Err(parameter_error(message, parameter.position));
        }
    }
    Ok(())
}

/// Splits `s3://bucket/key`.
pub(super) fn split_url(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("s3://")?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}

fn format_of(parameters: &[CopyParameter]) -> FileFormat {
    parameters
        .iter()
        .find_map(|parameter| match parameter.kind {
            ParameterKind::Format(format) => Some(format),
            _ => None,
        })
        .unwrap_or(FileFormat::Text)
}

fn one_byte(what: &str, text: &str, position: Option<usize>) -> Result<u8, CopyError> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(parameter_error(format!("{what} must be a single ASCII character"), position)),
    }
}

fn date_format(text: &str, position: Option<usize>) -> Result<DateFormat, CopyError> {
    match text {
        "auto" => Ok(DateFormat::Auto),
        "YYYY-MM-DD" => Ok(DateFormat::Default),
        _ => pattern("DATEFORMAT", text, position).map(DateFormat::Pattern),
    }
}

fn time_format(text: &str, position: Option<usize>) -> Result<TimeFormat, CopyError> {
    match text {
        "auto" => Ok(TimeFormat::Auto),
        "epochsecs" => Ok(TimeFormat::EpochSecs),
        "epochmillisecs" => Ok(TimeFormat::EpochMilliSecs),
        "YYYY-MM-DD HH:MI:SS" => Ok(TimeFormat::Default),
        _ => pattern("TIMEFORMAT", text, position).map(TimeFormat::Pattern),
    }
}

fn pattern(what: &str, text: &str, position: Option<usize>) -> Result<Pattern, CopyError> {
    Pattern::parse(text)
        .ok_or_else(|| parameter_error(format!("{what} '{text}' is not valid"), position))
}

/// Reads who the statement says it is: a role, or keys, never both.
fn authorization(parameters: &[CopyParameter]) -> Result<Authorization, CopyError> {
    let mut role = None;
    let (mut id, mut secret, mut token) = (None, None, None);
    let mut ways = [false; 3];
    for parameter in parameters {
        match &parameter.kind {
            ParameterKind::IamRole(arn) => {
                ways[0] = true;
                role.clone_from(arn);
            }
            ParameterKind::AccessKeyId(text) => id = Some(text.reveal().to_owned()),
            ParameterKind::SecretAccessKey(text) => secret = Some(text.reveal().to_owned()),
            ParameterKind::SessionToken(text) => token = Some(text.reveal().to_owned()),
            ParameterKind::Credentials(text) => {
                ways[2] = true;
                for (name, value) in text.reveal().split(';').filter_map(|p| p.split_once('=')) {
                    let value = Some(value.trim().to_owned());
                    match name.trim() {
                        "aws_iam_role" => role = value,
                        "aws_access_key_id" => id = value,
                        "aws_secret_access_key" => secret = value,
                        "token" | "aws_session_token" => token = value,
                        other => return Err(unknown_credential(other, parameter.position)),
                    }
                }
            }
            _ => continue,
        }
        ways[1] |= matches!(
            parameter.kind,
            ParameterKind::AccessKeyId(_)
                | ParameterKind::SecretAccessKey(_)
                | ParameterKind::SessionToken(_)
        );
        if ways.iter().filter(|way| **way).count() > 1 {
            let message =
                "use one of IAM_ROLE, ACCESS_KEY_ID with SECRET_ACCESS_KEY, or CREDENTIALS";
            return Err(parameter_error(message, parameter.position));
        }
    }
    match (role, id, secret) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            Err(parameter_error("the credentials name both a role and keys", None))
        }
        // A chain of roles ends in the one that may read.
        (Some(role), ..) => {
            Ok(Authorization::Role(role.rsplit(',').next().unwrap_or_default().trim().to_owned()))
        }
        (None, Some(access_key_id), Some(secret_access_key)) => {
            Ok(Authorization::Keys { access_key_id, secret_access_key, session_token: token })
        }
        (None, None, None) if token.is_none() && !ways[2] => Ok(Authorization::Default),
        _ => Err(parameter_error("an access key needs both its id and its secret", None)),
    }
}

fn unknown_credential(name: &str, position: Option<usize>) -> CopyError {
    if name == "master_symmetric_key" {
        return CopyError::Unsupported {
            message: "COPY does not support master_symmetric_key".to_owned(),
            hint: "Load files that the object store encrypts itself, or plain ones.".to_owned(),
        };
    }
    CopyError::Parameters {
        message: "the credentials string is not valid".to_owned(),
        hint: Some(
            "Write 'aws_iam_role=…' or 'aws_access_key_id=…;aws_secret_access_key=…'.".to_owned(),
        ),
        position,
    }
}
