//! What an operator can set: defaults, then the file, then the environment, then flags.
//!
//! Nobody else reads the environment. Everything is checked here, once, and passed down.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    net::IpAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
};

use engine::access::{S3Access, S3Profile};
use serde::Deserialize;

use crate::{byte_size::ByteSize, memory::Resources, server::ServerSettings};

/// Redshift's port.
pub const PORT_DEFAULT: u16 = 5439;
/// Where data goes when nothing is said.
const DATA_DEFAULT: &str = "blueshift-data";
/// Redshift's names for the first database and the first user.
const DATABASE_DEFAULT: &str = "dev";
const SUPERUSER_DEFAULT: &str = "awsuser";
const LOOPBACK: &str = "127.0.0.1";
const ANY_ADDRESS: &str = "0.0.0.0";
const LOG_FILTER_DEFAULT: &str = "info";
/// With one slice nothing of a distributed plan would be exercised.
const SLICES_MIN: usize = 2;
/// A statement's coordination costs more than more slices than this would give one machine.
const SLICES_MAX: u32 = 256;
/// The configuration's name of the profile that `[s3]` itself is.
const PROFILE_DEFAULT: &str = "default";

/// The settings of a warehouse.
#[derive(Clone)]
pub struct Settings {
    /// Where committed data is: a path, `file://…` or `s3://bucket/prefix`.
    pub data: String,
    /// The S3 endpoints that COPY and the managed storage reach.
    pub s3: S3Access,
    /// The slices of a new cluster; those of an existing one do not change.
    pub slices: Option<u32>,
    /// What the database is called that a storage root starts with.
    pub database: String,
    /// The superuser's name.
    pub superuser: String,
    /// Its password; without one, only loopback is served.
    pub password: Option<String>,
    /// The port; 0 for a free one.
    pub port: u16,
    /// The addresses to listen on.
    pub listen_addresses: Vec<String>,
    /// Refuse clients without TLS.
    pub require_ssl: bool,
    /// Where the certificate and its key are, or will be; `tls` beside the data when absent.
    pub tls_dir: Option<PathBuf>,
    /// What it may use of its machine.
    pub resources: Resources,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub log_filter: String,
    /// How lines of the log look.
    pub log_format: LogFormat,
}

impl Default for Settings {
    /// Returns what serves this machine only, whatever the environment says.
    fn default() -> Self {
        Self {
            data: DATA_DEFAULT.to_owned(),
            s3: S3Access::default(),
            slices: None,
            database: DATABASE_DEFAULT.to_owned(),
            superuser: SUPERUSER_DEFAULT.to_owned(),
            password: None,
            port: PORT_DEFAULT,
            listen_addresses: vec![LOOPBACK.to_owned()],
            require_ssl: false,
            tls_dir: None,
            resources: Resources::default(),
            log_filter: LOG_FILTER_DEFAULT.to_owned(),
            log_format: LogFormat::default(),
        }
    }
}

impl fmt::Debug for Settings {
    /// Prints no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("data", &self.data)
            .field("s3", &self.s3)
            .field("slices", &self.slices)
            .field("database", &self.database)
            .field("superuser", &self.superuser)
            .field("port", &self.port)
            .field("listen_addresses", &self.listen_addresses)
            .field("require_ssl", &self.require_ssl)
            .field("tls_dir", &self.tls_dir)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// What flags say; they win over all else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// [`Settings::data`].
    pub data: Option<String>,
    /// [`Settings::port`].
    pub port: Option<u16>,
    /// [`Settings::slices`].
    pub slices: Option<u32>,
    /// [`Settings::listen_addresses`]; none given: the default.
    pub listen: Vec<String>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// [`Settings::resources`].
    pub resources: Resources,
    /// [`Settings::log_format`].
    pub log_format: Option<LogFormat>,
}

/// Why the settings are not valid.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum SettingsError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}:{line}:{column}: {message}", path.display())]
    File { path: PathBuf, line: usize, column: usize, message: String },
    #[error("{name}: {message}")]
    Value { name: &'static str, message: String },
}

/// The file; everything may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: Option<String>,
    slices: Option<u32>,
    database: Option<String>,
    superuser: Option<String>,
    password_file: Option<PathBuf>,
    port: Option<u16>,
    listen_addresses: Option<Vec<String>>,
    require_ssl: Option<bool>,
    tls_dir: Option<PathBuf>,
    memory: Option<ByteSize>,
    spill_dir: Option<PathBuf>,
    spill_limit: Option<ByteSize>,
    log: Option<String>,
    log_format: Option<LogFormat>,
    s3: S3Section,
}

/// `[s3]`: the default profile's own keys, beside the other profiles. Spelled out, because serde
/// refuses unknown keys only where nothing is flattened.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct S3Section {
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    profiles: BTreeMap<String, S3Profile>,
    iam_roles: BTreeMap<String, String>,
}

impl Settings {
    /// Returns the settings that the file, the environment and the flags make together.
    pub fn load(flags: Flags) -> Result<Self, SettingsError> {
        let file = match &flags.config {
            Some(path) => read_file(path)?,
            None => File::default(),
        };
        resolve(file, &variable, flags)
    }

    /// Returns the slices of a new cluster where nothing is said: one for each core.
    pub fn slices_default(&self) -> u32 {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        u32::try_from(cores.max(SLICES_MIN)).unwrap_or(SLICES_MAX).min(SLICES_MAX)
    }
}

impl From<&Settings> for ServerSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            port: settings.port,
            listen_addresses: settings.listen_addresses.clone(),
            require_ssl: settings.require_ssl,
            tls_dir: settings.tls_dir.clone().unwrap_or_else(|| tls_dir_of(&settings.data)),
        }
    }
}

/// Returns the AWS keys of the environment: what the S3 endpoint of `blueshift s3` accepts.
pub fn aws_keys() -> Option<(String, String)> {
    Some((variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?))
}

/// Returns what is logged, before there are settings: `BLUESHIFT_LOG`.
pub fn log_filter() -> Option<String> {
    variable("BLUESHIFT_LOG")
}

/// An empty variable counts as none, as with the AWS tools.
#[expect(clippy::disallowed_methods, reason = "the only reader of the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read_file(path: &Path) -> Result<File, SettingsError> {
    let text = read(path)?;
    toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        SettingsError::File {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            message: error.message().replace('\n', " "),
        }
    })
}

fn read(path: &Path) -> Result<String, SettingsError> {
    fs::read_to_string(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })
}

fn resolve(
    file: File,
    environment: &dyn Fn(&str) -> Option<String>,
    flags: Flags,
) -> Result<Settings, SettingsError> {
    let password = match flags.password_file.or(file.password_file) {
        Some(path) => Some(password_of(&read(&path)?)),
        None => environment("BLUESHIFT_PASSWORD"),
    };
    if password.as_deref() == Some("") {
        return Err(value("password_file", "the password is empty"));
    }
    let listen_addresses =
        if flags.listen.is_empty() { file.listen_addresses } else { Some(flags.listen) };
    let listen_addresses = listen_addresses.unwrap_or_else(|| {
        vec![if password.is_some() { ANY_ADDRESS } else { LOOPBACK }.to_owned()]
    });
    let slices = flags.slices.or(file.slices);
    if slices.is_some_and(|slices| slices == 0 || slices > SLICES_MAX) {
        return Err(value("slices", format!("must be from 1 to {SLICES_MAX}")));
    }
    let resources = flags.resources.or(Resources {
        memory: file.memory,
        spill_dir: file.spill_dir,
        spill_limit: file.spill_limit,
    });
    if let Some((name, message)) = resources.mistake() {
        return Err(value(name, message));
    }
    let default = Settings::default();
    let settings = Settings {
        data: flags.data.or(file.data).unwrap_or(default.data),
        s3: s3_access(file.s3, environment)?,
        slices,
        database: file.database.unwrap_or(default.database),
        superuser: file.superuser.unwrap_or(default.superuser),
        password,
        port: flags.port.or(file.port).unwrap_or(default.port),
        listen_addresses,
        require_ssl: file.require_ssl.unwrap_or(default.require_ssl),
        tls_dir: file.tls_dir,
        resources,
        log_filter: environment("BLUESHIFT_LOG").or(file.log).unwrap_or(default.log_filter),
        log_format: flags.log_format.or(file.log_format).unwrap_or(default.log_format),
    };
    for (name, text) in [("database", &settings.database), ("superuser", &settings.superuser)] {
        if text.is_empty() {
            return Err(value(name, "must not be empty"));
        }
    }
    Ok(settings)
}

/// The environment fills what the file leaves out of the default profile: keys in a file were
/// written for this warehouse, those of the environment may be there for anything.
fn s3_access(
    file: S3Section,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<S3Access, SettingsError> {
    let first = |names: [&str; 2]| names.into_iter().find_map(environment);
    let mut default = S3Profile {
        endpoint: file.endpoint.or_else(|| first(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])),
        region: file.region.or_else(|| first(["AWS_REGION", "AWS_DEFAULT_REGION"])),
        path_style: file.path_style,
        access_key_id: file.access_key_id,
        secret_access_key: file.secret_access_key,
        session_token: file.session_token,
    };
    // A key, its secret and its token belong together: never half from here and half from there.
    match (&default.access_key_id, &default.secret_access_key) {
        (None, None) => {
            default.access_key_id = environment("AWS_ACCESS_KEY_ID");
            default.secret_access_key = environment("AWS_SECRET_ACCESS_KEY");
            default.session_token = environment("AWS_SESSION_TOKEN");
        }
        (Some(_), Some(_)) => {}
        _ => {
            return Err(value("s3", "access_key_id and secret_access_key must be given together"));
        }
    }
    let mut profiles = file.profiles;
    for (role, profile) in &file.iam_roles {
        if profile == PROFILE_DEFAULT {
            profiles.entry(profile.clone()).or_insert_with(|| default.clone());
        }
        if !profiles.contains_key(profile) {
            let message = format!(
                "role \"{role}\" names the profile \"{profile}\", which is not in s3.profiles"
            );
            return Err(value("s3.iam_roles", message));
        }
    }
    Ok(S3Access { default, profiles, roles: file.iam_roles })
}

/// Editors end files with a newline, which no password means.
fn password_of(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).to_owned()
}

/// Beside the data where that is on this machine.
fn tls_dir_of(data: &str) -> PathBuf {
    if data.starts_with("s3://") {
        return PathBuf::from("blueshift-tls");
    }
    let path = match url::Url::parse(data) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok(),
        _ => None,
    };
    path.unwrap_or_else(|| PathBuf::from(data)).join("tls")
}

/// Returns whether nobody but this machine can connect.
pub fn is_loopback(address: &str) -> bool {
    address == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn value(name: &'static str, message: impl Into<String>) -> SettingsError {
    SettingsError::Value { name, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        fs::write(&path, toml).unwrap();
        let variable = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        read_file(&path)
            .and_then(|file| resolve(file, &variable, flags))
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "c.toml"))
    }

    #[test]
    fn defaults_serve_this_machine_only() {
        let settings = load("", &[], Flags::default()).unwrap();
        assert_eq!(settings.port, 5439);
        assert_eq!(settings.listen_addresses, [LOOPBACK]);
        assert_eq!((settings.database.as_str(), settings.superuser.as_str()), ("dev", "awsuser"));
        assert_eq!(ServerSettings::from(&settings).tls_dir, Path::new("blueshift-data/tls"));
    }

    #[test]
    fn flags_win_over_environment_and_file() {
        let flags = Flags { port: Some(1), ..Flags::default() };
        let environment = [("BLUESHIFT_PASSWORD", "Geheim1"), ("BLUESHIFT_LOG", "debug")];
        let settings = load("port = 2\nslices = 3\nlog = 'warn'", &environment, flags).unwrap();
        assert_eq!((settings.port, settings.slices), (1, Some(3)));
        assert_eq!(settings.log_filter, "debug");
        assert_eq!(settings.listen_addresses, [ANY_ADDRESS]);
        assert!(!format!("{settings:?}").contains("Geheim1"));
    }

    #[test]
    fn the_environment_fills_what_s3_leaves_out() {
        let file = "[s3]\nregion = 'eu-central-1'\n[s3.profiles.lake]\nendpoint = 'http://l'\n\
                    [s3.iam_roles]\n'arn:aws:iam::1:role/r' = 'lake'";
        let environment = [
            ("AWS_REGION", "us-west-2"),
            ("AWS_ENDPOINT_URL", "http://e"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let s3 = load(file, &environment, Flags::default()).unwrap().s3;
        assert_eq!(s3.default.region.as_deref(), Some("eu-central-1"));
        assert_eq!(s3.default.endpoint.as_deref(), Some("http://e"));
        assert_eq!(s3.default.secret_access_key.as_deref(), Some("secret"));
        assert_eq!(s3.roles["arn:aws:iam::1:role/r"], "lake");
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let wrong = |toml: &str| load(toml, &[], Flags::default()).unwrap_err();
        assert!(wrong("port = 1\n  ports = 2").starts_with("c.toml:2:3: unknown field `ports`"));
        assert!(wrong("port = 'x'").starts_with("c.toml:1:8: invalid type"));
        assert_eq!(wrong("slices = 0"), "slices: must be from 1 to 256");
        assert_eq!(wrong("memory = '1MB'"), "memory: must be 32MB at least");
        assert!(wrong("memory = '1'").starts_with("c.toml:1:10: \"1\" is no size"));
        assert!(wrong("[s3.iam_roles]\na = 'b'").contains("names the profile \"b\""));
        assert!(wrong("[s3]\naccess_key_id = 'b'").contains("together"));
    }

    #[test]
    fn a_password_file_loses_its_newline() {
        assert_eq!(password_of("Aa1 \r\n"), "Aa1 ");
        assert_eq!(password_of("Aa1\n\n"), "Aa1\n");
    }
}
