//! The operations of S3 that a warehouse, its users' tools and its tests need.

use std::sync::Arc;

use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, Checksum,
        CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput,
        CopyObjectOutput, CopyObjectResult, CopySource, CreateBucketInput, CreateBucketOutput,
        CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput,
        DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
        DeleteObjectsOutput, DeletedObject, Error as DeleteError, GetBucketLocationInput,
        GetBucketLocationOutput, GetObjectInput, GetObjectOutput, HeadBucketInput,
        HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput,
        ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
        MetadataDirective, PutObjectInput, PutObjectOutput, UploadPartInput, UploadPartOutput,
    },
    path::check_bucket_name,
    s3_error,
};

use super::{
    body::{self, Expected},
    folder::{Folder, WriteConditions, io_error},
    listing,
    metadata::{ObjectMetadata, metadata_of},
    read::{self, ReadConditions, conditions_of, head_of, modified},
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
}

/// Refuses what S3 refuses to keep.
fn check_metadata(metadata: &ObjectMetadata) -> S3Result<()> {
    if metadata.is_too_large() {
        return Err(s3_error!(MetadataTooLarge, "An object's metadata may have 2 KB."));
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
        let mut input = request.input;
        let conditions = conditions_of!(input);
        let found = self
            .blocking(move |folder| {
                read::find(folder, (&input.bucket, &input.key), &conditions, input.range)
            })
            .await?;
        let length = found.range.end - found.range.start;
        let body = body::send(found.file, found.range.start, length);
        let head = head_of!(GetObjectOutput, found);
        Ok(S3Response::new(GetObjectOutput { body: Some(body), ..head }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let mut input = request.input;
        let conditions = conditions_of!(input);
        let found = self
            .blocking(move |folder| {
                read::find(folder, (&input.bucket, &input.key), &conditions, None)
            })
            .await?;
        Ok(S3Response::new(head_of!(HeadObjectOutput, found)))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = request.input;
        let metadata = metadata_of!(input);
        check_metadata(&metadata)?;
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
        let (bucket, key) = (input.bucket, input.key);
        let etag = self
            .blocking(move |folder| {
                folder.publish(&temporary, (&bucket, &key), &metadata, &conditions)
            })
            .await?;
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
        let mut input = request.input;
        let replaces = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let given = metadata_of!(input);
        check_metadata(&given)?;
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
                let (mut source, attributes) = folder.open_object(&bucket, &key)?;
                // A copy is never "not modified": its conditions fail in one way.
                let (etag, _) =
                    conditions.check(&attributes).map_err(|_| s3_error!(PreconditionFailed))?;
                let metadata = if replaces { given } else { folder.metadata_of(&etag)? };
                let mut target = std::fs::File::create(temporary.path()).map_err(io_error)?;
                std::io::copy(&mut source, &mut target).map_err(io_error)?;
                target.sync_all().map_err(io_error)?;
                let any = WriteConditions::default();
                // What is renamed keeps its times.
                let modified = modified(&target.metadata().map_err(io_error)?)?;
                let etag = folder.publish(&temporary, (&to_bucket, &to_key), &metadata, &any)?;
                Ok((etag, modified))
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
        let mut input = request.input;
        let metadata = metadata_of!(input);
        check_metadata(&metadata)?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let begin = move |folder: &Folder| Upload::begin(folder, &bucket, &key, &metadata);
        let id = self.blocking(begin).await?;
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
                let metadata = upload.metadata()?;
                let etag = folder.publish(&temporary, (&bucket, &key), &metadata, &conditions)?;
                upload.end()?;
                Ok(etag)
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
