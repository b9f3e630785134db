//! The operations of S3 that a warehouse, its users' tools and its tests need.

use std::{fs::Metadata, sync::Arc};

use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, Checksum,
        CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput,
        CopyObjectOutput, CopyObjectResult, CopySource, CreateBucketInput, CreateBucketOutput,
        CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput,
        DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
        DeleteObjectsOutput, DeletedObject, ETag, ETagCondition, Error as DeleteError,
        GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput, GetObjectOutput,
        HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
        ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
        ListObjectsV2Output, PutObjectInput, PutObjectOutput, Timestamp, UploadPartInput,
        UploadPartOutput,
    },
    path::check_bucket_name,
    s3_error,
};

use super::{
    body::{self, Expected},
    folder::{Folder, Temporary, WriteConditions, etag, io_error, matches},
    listing,
    upload::Upload,
};

/// The operations on a folder of buckets.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) folder: Arc<Folder>,
}

impl Service {
    /// Runs what waits for the disk where it holds nobody up.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let folder = Arc::clone(&self.folder);
        match tokio::task::spawn_blocking(move || work(&folder)).await {
            Ok(done) => done,
            Err(error) => Err(s3s::S3Error::internal_error(error)),
        }
    }

    async fn publish(
        &self,
        temporary: Temporary,
        bucket: String,
        key: String,
        conditions: WriteConditions,
    ) -> S3Result<ETag> {
        self.blocking(move |folder| {
            let metadata = folder.publish(&temporary, &bucket, &key, &conditions)?;
            Ok(etag(&metadata))
        })
        .await
    }
}

/// The conditions of a read.
struct ReadConditions {
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// The conditions on the ETag win over those on the time.
    fn check(&self, metadata: &Metadata) -> S3Result<(ETag, Timestamp)> {
        let etag = etag(metadata);
        let modified = modified(metadata)?;
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, &etag) => {
                return Err(s3_error!(PreconditionFailed));
            }
            (None, Some(since)) if modified > *since => return Err(s3_error!(PreconditionFailed)),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, &etag) => Err(s3_error!(NotModified)),
            (None, Some(since)) if modified <= *since => Err(s3_error!(NotModified)),
            _ => Ok((etag, modified)),
        }
    }
}

/// HTTP knows whole seconds.
fn modified(metadata: &Metadata) -> S3Result<Timestamp> {
    let modified = metadata.modified().map_err(io_error)?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = std::time::Duration::from_secs(since.as_secs());
    Ok(Timestamp::from(std::time::UNIX_EPOCH + seconds))
}

/// An object here is a file and nothing else.
fn refuse_metadata(is_given: bool) -> S3Result<()> {
    if is_given {
        return Err(s3_error!(
            NotImplemented,
            "Objects are plain files here: they have no metadata of the user's."
        ));
    }
    Ok(())
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = request.input.bucket;
        let location = format!("/{bucket}");
        self.blocking(move |folder| {
            std::fs::create_dir(folder.bucket_path(&bucket)?).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    s3_error!(BucketAlreadyOwnedByYou, "The bucket exists.")
                }
                _ => io_error(error),
            })
        })
        .await?;
        Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.blocking(move |folder| folder.delete_bucket(&request.input.bucket)).await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.folder.bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.folder.bucket(&request.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn list_buckets(
        &self,
        _: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self
            .blocking(|folder| {
                let mut buckets = Vec::new();
                for entry in std::fs::read_dir(folder.root()).map_err(io_error)? {
                    let entry = entry.map_err(io_error)?;
                    let Ok(name) = entry.file_name().into_string() else { continue };
                    let metadata = std::fs::metadata(entry.path()).map_err(io_error)?;
                    if metadata.is_dir() && check_bucket_name(&name) {
                        let creation_date = Some(modified(&metadata)?);
                        let name = Some(name);
                        buckets.push(Bucket { name, creation_date, ..Bucket::default() });
                    }
                }
                buckets.sort_by(|left, right| left.name.cmp(&right.name));
                Ok(buckets)
            })
            .await?;
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets), ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let output = self.blocking(move |folder| listing::list(folder, request.input)).await?;
        Ok(S3Response::new(output))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let marker = request.input.marker.clone();
        let mut input = ListObjectsV2Input::from(request.input);
        input.start_after.clone_from(&marker);
        let output = self.blocking(move |folder| listing::list(folder, input)).await?;
        Ok(S3Response::new(ListObjectsOutput {
            contents: output.contents,
            common_prefixes: output.common_prefixes,
            delimiter: output.delimiter,
            is_truncated: output.is_truncated,
            marker,
            max_keys: output.max_keys,
            name: output.name,
            next_marker: output.next_continuation_token,
            prefix: output.prefix,
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (bucket, key) = (input.bucket, input.key);
        let (file, metadata) =
            self.blocking(move |folder| folder.open_object(&bucket, &key)).await?;
        let (etag, modified) = conditions.check(&metadata)?;
        let size = metadata.len();
        let (range, content_range) = match input.range {
            None => (0..size, None),
            Some(range) => {
                let range = range.check(size)?;
                let content = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                (range, Some(content))
            }
        };
        let length = range.end - range.start;
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(body::send(file, range.start, length)),
            content_length: i64::try_from(length).ok(),
            content_range,
            e_tag: Some(etag),
            last_modified: Some(modified),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (bucket, key) = (input.bucket, input.key);
        let (_, metadata) = self.blocking(move |folder| folder.open_object(&bucket, &key)).await?;
        let (etag, modified) = conditions.check(&metadata)?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(metadata.len()).ok(),
            e_tag: Some(etag),
            last_modified: Some(modified),
            ..Default::default()
        }))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        refuse_metadata(input.metadata.is_some_and(|metadata| !metadata.is_empty()))?;
        // Refused before the body is read, as S3 does.
        self.folder.object(&input.bucket, &input.key)?;
        let conditions =
            WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let expected = Expected {
            algorithm: input.checksum_algorithm,
            checksum: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_crc64nvme: input.checksum_crc64nvme,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                ..Default::default()
            },
            trailers: request.trailing_headers,
        };
        let temporary = self.folder.temporary();
        let checksum = body::receive(input.body, temporary.path(), expected).await?;
        let etag = self.publish(temporary, input.bucket, input.key, conditions).await?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(etag),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..Default::default()
        }))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        refuse_metadata(input.metadata.is_some_and(|metadata| !metadata.is_empty()))?;
        let CopySource::Bucket { bucket, key, .. } = input.copy_source else {
            return Err(s3_error!(NotImplemented, "Only an object of a bucket can be copied."));
        };
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let temporary = self.folder.temporary();
        let (to_bucket, to_key) = (input.bucket, input.key);
        let (e_tag, last_modified) = self
            .blocking(move |folder| {
                let (mut source, metadata) = folder.open_object(&bucket, &key)?;
                // A copy is never "not modified": its conditions fail in one way.
                conditions.check(&metadata).map_err(|_| s3_error!(PreconditionFailed))?;
                let mut target = std::fs::File::create(temporary.path()).map_err(io_error)?;
                std::io::copy(&mut source, &mut target).map_err(io_error)?;
                target.sync_all().map_err(io_error)?;
                let any = WriteConditions::default();
                let metadata = folder.publish(&temporary, &to_bucket, &to_key, &any)?;
                Ok((etag(&metadata), modified(&metadata)?))
            })
            .await?;
        let result = CopyObjectResult {
            e_tag: Some(e_tag),
            last_modified: Some(last_modified),
            ..Default::default()
        };
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        self.blocking(move |folder| folder.delete(&input.bucket, &input.key)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let (bucket, delete) = (request.input.bucket, request.input.delete);
        let quiet = delete.quiet.unwrap_or(false);
        let (deleted, errors) = self
            .blocking(move |folder| {
                folder.bucket(&bucket)?;
                let (mut deleted, mut errors) = (Vec::new(), Vec::new());
                for object in delete.objects {
                    let result = folder.delete(&bucket, &object.key);
                    let key = Some(object.key);
                    match result {
                        Ok(()) if quiet => {}
                        Ok(()) => deleted.push(DeletedObject { key, ..Default::default() }),
                        Err(error) => errors.push(DeleteError {
                            key,
                            code: Some(error.code().as_str().to_owned()),
                            message: error.message().map(str::to_owned),
                            ..Default::default()
                        }),
                    }
                }
                Ok((deleted, errors))
            })
            .await?;
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        refuse_metadata(input.metadata.is_some_and(|metadata| !metadata.is_empty()))?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let id = self.blocking(move |folder| Upload::begin(folder, &bucket, &key)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let upload = Upload::find(&self.folder, &input.bucket, &input.key, &input.upload_id)?;
        let expected = Expected {
            algorithm: input.checksum_algorithm,
            checksum: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_crc64nvme: input.checksum_crc64nvme,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                ..Default::default()
            },
            trailers: request.trailing_headers,
        };
        let temporary = self.folder.temporary();
        let checksum = body::receive(input.body, temporary.path(), expected).await?;
        let etag = self.blocking(move |_| upload.add(input.part_number, &temporary)).await?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(etag),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let conditions =
            WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id);
        let temporary = self.folder.temporary();
        let e_tag = self
            .blocking(move |folder| {
                let upload = Upload::find(folder, &bucket, &key, &id)?;
                upload.join(&parts, &temporary)?;
                let metadata = folder.publish(&temporary, &bucket, &key, &conditions)?;
                upload.end()?;
                Ok(etag(&metadata))
            })
            .await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(e_tag),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = request.input;
        self.blocking(move |folder| {
            Upload::find(folder, &input.bucket, &input.key, &input.upload_id)?.end()
        })
        .await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
