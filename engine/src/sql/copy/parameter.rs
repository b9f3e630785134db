//! The parameters of COPY, as written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A parameter and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyParameter {
    /// What it says.
    pub kind: ParameterKind,
    /// Where it is written: characters, from 1.
    pub position: Option<usize>,
}

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileFormat {
    /// Fields between delimiters; what COPY reads when nothing is said.
    Text,
    /// Fields between commas, with quotes.
    Csv,
    /// Parquet.
    Parquet,
}

/// What a parameter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterKind {
    /// IAM_ROLE 'arn'; `None` for IAM_ROLE default.
    IamRole(Option<String>),
    /// ACCESS_KEY_ID
    AccessKeyId(Secret),
    /// SECRET_ACCESS_KEY
    SecretAccessKey(Secret),
    /// SESSION_TOKEN
    SessionToken(Secret),
    /// [WITH] CREDENTIALS [AS] 'name=value;…'
    Credentials(Secret),
    /// REGION [AS]
    Region(String),
    /// MANIFEST
    Manifest,
    /// [FORMAT [AS]] CSV | PARQUET | TEXT
    Format(FileFormat),
    /// QUOTE [AS]
    Quote(String),
    /// DELIMITER [AS]
    Delimiter(String),
    /// GZIP
    Gzip,
    /// IGNOREHEADER [AS]
    IgnoreHeader(u64),
    /// NULL [AS]
    Null(String),
    /// DATEFORMAT [AS]
    DateFormat(String),
    /// TIMEFORMAT [AS]
    TimeFormat(String),
    /// MAXERROR [AS]
    MaxError(u64),
    /// IGNOREALLERRORS
    IgnoreAllErrors,
    /// TRUNCATECOLUMNS
    TruncateColumns,
    /// ACCEPTANYDATE
    AcceptAnyDate,
    /// ACCEPTINVCHARS [AS] ['c']
    AcceptInvChars(Option<String>),
    /// BLANKSASNULL
    BlanksAsNull,
    /// EMPTYASNULL
    EmptyAsNull,
    /// TRIMBLANKS
    TrimBlanks,
    /// FILLRECORD
    FillRecord,
    /// IGNOREBLANKLINES
    IgnoreBlankLines,
    /// ESCAPE
    Escape,
    /// REMOVEQUOTES
    RemoveQuotes,
    /// ROUNDEC
    RoundDec,
    /// NOLOAD
    NoLoad,
    /// ENCODING [AS] UTF8
    Encoding,
    /// COMPUPDATE [PRESET | ON | OFF]: accepted, encodings are the storage's choice.
    CompUpdate,
    /// STATUPDATE [ON | OFF]: whether the table counts as analyzed.
    StatUpdate(bool),
    /// COMPROWS n: accepted.
    CompRows,
}

impl ParameterKind {
    /// Returns the keyword that introduces the parameter.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::IamRole(_) => "IAM_ROLE",
            Self::AccessKeyId(_) => "ACCESS_KEY_ID",
            Self::SecretAccessKey(_) => "SECRET_ACCESS_KEY",
            Self::SessionToken(_) => "SESSION_TOKEN",
            Self::Credentials(_) => "CREDENTIALS",
            Self::Region(_) => "REGION",
            Self::Manifest => "MANIFEST",
            Self::Format(_) => "FORMAT",
            Self::Quote(_) => "QUOTE",
            Self::Delimiter(_) => "DELIMITER",
            Self::Gzip => "GZIP",
            Self::IgnoreHeader(_) => "IGNOREHEADER",
            Self::Null(_) => "NULL",
            Self::DateFormat(_) => "DATEFORMAT",
            Self::TimeFormat(_) => "TIMEFORMAT",
            Self::MaxError(_) => "MAXERROR",
            Self::IgnoreAllErrors => "IGNOREALLERRORS",
            Self::TruncateColumns => "TRUNCATECOLUMNS",
            Self::AcceptAnyDate => "ACCEPTANYDATE",
            Self::AcceptInvChars(_) => "ACCEPTINVCHARS",
            Self::BlanksAsNull => "BLANKSASNULL",
            Self::EmptyAsNull => "EMPTYASNULL",
            Self::TrimBlanks => "TRIMBLANKS",
            Self::FillRecord => "FILLRECORD",
            Self::IgnoreBlankLines => "IGNOREBLANKLINES",
            Self::Escape => "ESCAPE",
            Self::RemoveQuotes => "REMOVEQUOTES",
            Self::RoundDec => "ROUNDEC",
            Self::NoLoad => "NOLOAD",
            Self::Encoding => "ENCODING",
            Self::CompUpdate => "COMPUPDATE",
            Self::StatUpdate(_) => "STATUPDATE",
            Self::CompRows => "COMPROWS",
        }
    }
}
