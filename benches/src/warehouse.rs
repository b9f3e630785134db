//! A warehouse in this process, with TPC-H's `lineitem`.

use std::{fs, path::Path, sync::Arc};

use anyhow::Context;
use engine::{
    access::{S3Access, S3Profile},
    catalog::Catalog,
    storage::ManagedStorage,
    transaction::CommitLog,
};
use leader::{
    quickstart::tpch::{self, Format},
    s3::{self, Keys, RunningS3},
    settings::Settings,
    standalone::{self, Standalone},
};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

/// The bucket of the files.
const BUCKET: &str = "tpch";
/// The slices of the warehouse: the same on every machine.
pub const SLICES: u32 = 2;

/// A warehouse that serves.
pub struct Warehouse {
    folder: TempDir,
    s3: RunningS3,
    standalone: Standalone,
    settings: Settings,
}

/// What a warehouse left: its tables as of its last commit.
pub struct Tables {
    _folder: TempDir,
    /// Where their rows are.
    pub storage: Arc<ManagedStorage>,
    /// What there is.
    pub catalog: Arc<Catalog>,
}

impl Warehouse {
    /// Starts a warehouse and loads `lineitem` of a scale factor.
    pub async fn with_lineitem(scale: f64) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("make a folder")?;
        let root = folder.path().join("s3");
        tpch::generate(scale, &root.join(BUCKET), &[Format::Parquet], &|_| {})?;
        let keys = Keys::development();
        let s3 = s3::start(&root, 0, keys.clone()).await.context("start the S3 endpoint")?;
        let profile = S3Profile {
            endpoint: Some(s3.endpoint()),
            access_key_id: Some(keys.access_key_id),
            secret_access_key: Some(keys.secret_access_key),
            ..S3Profile::default()
        };
        let settings = Settings {
            data: folder.path().join("data").to_string_lossy().into_owned(),
            s3: S3Access { default: profile, ..S3Access::default() },
            slices: Some(SLICES),
            port: 0,
            ..Settings::default()
        };
        let standalone = standalone::start(settings.clone()).await?;
        let warehouse = Self { folder, s3, standalone, settings };
        let client = warehouse.client().await?;
        client.batch_execute(tpch::TABLES).await.context("create the tables")?;
        let format = Format::Parquet.folder();
        let copy = format!(
            "copy lineitem from 's3://{BUCKET}/{format}/lineitem/' iam_role default \
             format as parquet"
        );
        client.batch_execute(&copy).await.context(copy)?;
        Ok(warehouse)
    }

    /// Connects to it.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let mut config = Config::new();
        let port = self.standalone.local_addr().port();
        config.host("127.0.0.1").port(port);
        config.user(&self.settings.superuser).dbname(&self.settings.database);
        let (client, connection) = config.connect(NoTls).await.context("cannot connect")?;
        // Who waits for an answer sees its error.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Stops it, and opens what it left.
    pub async fn into_tables(self) -> anyhow::Result<Tables> {
        let Self { folder, s3, standalone, settings } = self;
        standalone.shutdown().await;
        s3.shutdown().await;
        let cache_bytes_max = settings.resources.block_cache_bytes_max();
        let storage = ManagedStorage::open(&settings.data, &settings.s3.default, cache_bytes_max)?;
        let log = CommitLog::open(Arc::clone(&storage), None, SLICES).await?;
        Ok(Tables { _folder: folder, storage, catalog: log.head() })
    }
}

/// Returns the files of a folder and what they hold, by name.
pub fn read_files(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).context("read a file")).collect()
}
