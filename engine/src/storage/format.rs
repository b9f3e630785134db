//! Runs as Vortex files: how they are compressed, written and opened.

use std::{
    io,
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::BytesMut;
use futures::{FutureExt, stream};
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path,
};
use vortex::{
    VortexSessionDefault,
    array::{ArrayRef, stream::ArrayStreamAdapter},
    arrow::ArrowSessionExt,
    error::{VortexError, VortexResult},
    file::{OpenOptionsSessionExt, VortexWriteOptions, WriteOptionsSessionExt, WriteSummary},
    io::{IoBuf, VortexReadAt, VortexWrite, session::RuntimeSessionExt},
    session::VortexSession,
};
use xxhash_rust::xxh3::Xxh3;

use super::{
    StorageError,
    encoding::{Encoding, strategy},
    segment_checksums::Checksummed,
    writer::TableLayout,
    zones::ZoneMap,
};

/// The name of the metadata segment that holds the zone map.
const ZONE_MAP_SEGMENT: &str = "blueshift.zones";

/// Bytes sent to the store at a time. S3 takes no part below 5 MB but the last.
const PART_BYTES: usize = 8 << 20;

static SESSION: LazyLock<VortexSession> = LazyLock::new(|| VortexSession::default().with_tokio());

/// Returns the process's Vortex session; its work runs on the Tokio runtime of whoever calls.
pub fn session() -> &'static VortexSession {
    &SESSION
}

/// An object that was written.
#[derive(Debug, Clone)]
pub(crate) struct WrittenObject {
    pub(crate) bytes: u64,
    /// xxh3 of the bytes.
    pub(crate) checksum: u64,
    /// What each column takes of them.
    pub(crate) column_bytes: Vec<u64>,
}

/// Writes rows, which are in their final order, as one run.
///
/// On return the object is durable. An object that is only partly written never gets its name.
pub(crate) async fn write_run(
    store: Arc<dyn ObjectStore>,
    location: Path,
    layout: &TableLayout,
    batches: Vec<RecordBatch>,
    zones: &ZoneMap,
) -> Result<WrittenObject, StorageError> {
    let name = location.to_string();
    let failed = |error: &(dyn std::error::Error + 'static)| StorageError::write_run(&name, error);
    let zones = zones.encode().map_err(|error| failed(&error))?;
    let options = write_options(&layout.schema, &layout.encodings)
        .with_metadata_segment(ZONE_MAP_SEGMENT, zones);
    let mut object = RunObject::new(store, location);
    match write(options, &mut object, &layout.schema, batches).await {
        Ok(summary) => {
            object.shutdown().await.map_err(|error| failed(&error))?;
            Ok(WrittenObject {
                bytes: summary.size(),
                checksum: object.checksum.digest(),
                column_bytes: summary.compressed_column_sizes().map_err(|error| failed(&error))?,
            })
        }
        Err(error) => {
            object.abort().await;
            Err(failed(&error))
        }
    }
}

/// Returns what each column would take of a run of these rows, with these encodings.
pub async fn column_bytes(
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
    encodings: &[Encoding],
) -> Result<Vec<u64>, StorageError> {
    let failed = |error: VortexError| StorageError::write_run("a sample of a table's rows", &error);
    let mut object = Vec::new();
    let summary = write(write_options(schema, encodings), &mut object, schema, batches)
        .await
        .map_err(failed)?;
    summary.compressed_column_sizes().map_err(failed)
}

fn write_options(schema: &SchemaRef, encodings: &[Encoding]) -> VortexWriteOptions {
    // The manifest and the zone map know better.
    let options = session().write_options().with_file_statistics(Vec::new());
    options.with_strategy(Arc::new(Checksummed(strategy(schema, encodings))))
}

async fn write<W: VortexWrite + Unpin>(
    options: VortexWriteOptions,
    object: &mut W,
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
) -> VortexResult<WriteSummary> {
    let session = session();
    let dtype = session.arrow().from_arrow_schema(schema)?;
    let import = Arc::clone(schema);
    let arrays = batches.into_iter().map(move |batch| -> VortexResult<ArrayRef> {
        session.arrow().from_arrow_record_batch(batch, &import)
    });
    options.write(object, ArrayStreamAdapter::new(dtype, stream::iter(arrays))).await
}

/// Reads the zone map of a run. Who decodes bytes that are not what was written may panic: that is an error of the run.
pub(crate) async fn read_zone_map(
    reader: Arc<dyn VortexReadAt>,
    location: &Path,
    bytes: u64,
) -> Result<ZoneMap, StorageError> {
    let reading = AssertUnwindSafe(read_whole_zone_map(reader, location, bytes));
    reading.catch_unwind().await.unwrap_or_else(|_| {
        let message = "it cannot be decoded".to_owned();
        Err(StorageError::Corrupt { path: location.to_string(), message })
    })
}

async fn read_whole_zone_map(
    reader: Arc<dyn VortexReadAt>,
    location: &Path,
    bytes: u64,
) -> Result<ZoneMap, StorageError> {
    let name = location.to_string();
    let corrupt = |message: String| StorageError::Corrupt { path: name.clone(), message };
    let file = session()
        .open_options()
        .with_file_size(bytes)
        .include_metadata()
        .open_read(reader)
        .await
        .map_err(|error| corrupt(error.to_string()))?;
    let zones = file
        .metadata_segment(ZONE_MAP_SEGMENT)
        .ok_or_else(|| corrupt("it has no zone map".to_owned()))?;
    let names = file.dtype().as_struct_fields_opt().into_iter().flat_map(|fields| {
        fields.names().iter().map(|name| name.as_ref().to_owned()).collect::<Vec<_>>()
    });
    ZoneMap::decode(zones.as_slice(), names.collect()).map_err(|error| corrupt(error.to_string()))
}

/// A run on its way to the store: small ones in one request, larger ones in parts.
struct RunObject {
    store: Arc<dyn ObjectStore>,
    location: Path,
    buffer: BytesMut,
    upload: Option<Box<dyn MultipartUpload>>,
    sent_bytes: u64,
    checksum: Xxh3,
}

impl RunObject {
    fn new(store: Arc<dyn ObjectStore>, location: Path) -> Self {
        Self {
            store,
            location,
            buffer: BytesMut::new(),
            upload: None,
            sent_bytes: 0,
            checksum: Xxh3::new(),
        }
    }

    async fn send(&mut self) -> io::Result<()> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let upload = self.store.put_multipart(&self.location).await?;
                self.upload.insert(upload)
            }
        };
        self.sent_bytes += self.buffer.len() as u64;
        let part = PutPayload::from_bytes(self.buffer.split().freeze());
        upload.put_part(part).await?;
        Ok(())
    }

    async fn abort(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(location = %self.location, %error, "could not abort the upload of a run");
        }
    }
}

impl VortexWrite for RunObject {
    async fn write_all<B: IoBuf>(&mut self, buffer: B) -> io::Result<B> {
        self.buffer.extend_from_slice(buffer.as_slice());
        self.checksum.update(buffer.as_slice());
        if self.buffer.len() >= PART_BYTES {
            self.send().await?;
        }
        Ok(buffer)
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        if self.upload.is_none() {
            let payload = PutPayload::from_bytes(self.buffer.split().freeze());
            // Nobody else has the name of a run: there is nothing that could be overwritten.
            let options = PutOptions::from(PutMode::Overwrite);
            self.store.put_opts(&self.location, payload, options).await?;
            return Ok(());
        }
        if !self.buffer.is_empty() {
            self.send().await?;
        }
        if let Some(upload) = &mut self.upload
            && let Err(error) = upload.complete().await
        {
            // After a lost reply the upload is complete already, and no store knows it any more.
            let there = self.store.head(&self.location).await;
            if !there.is_ok_and(|object| object.size == self.sent_bytes) {
                return Err(error.into());
            }
        }
        self.upload = None;
        Ok(())
    }
}
