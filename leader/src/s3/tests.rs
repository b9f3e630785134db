//! The endpoint as object_store's client sees it, over HTTP.

use std::{fs, sync::Arc};

use futures::{TryStreamExt, future::join_all};
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, PutPayload,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path as Key,
};
use tempfile::TempDir;

use super::*;

struct Endpoint {
    folder: TempDir,
    running: RunningS3,
}

impl Endpoint {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lake")).unwrap();
        let running = start(folder.path(), 0, Keys::development()).await.unwrap();
        Self { folder, running }
    }

    fn builder(&self, bucket: &str) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(self.running.endpoint())
            .with_allow_http(true)
            .with_bucket_name(bucket)
            .with_region("us-east-1")
            .with_access_key_id(DEVELOPMENT_KEYS.0)
            .with_secret_access_key(DEVELOPMENT_KEYS.1)
    }

    fn store(&self) -> AmazonS3 {
        self.builder("lake").build().unwrap()
    }
}

async fn keys(store: &AmazonS3, prefix: &str) -> Vec<String> {
    let prefix = Key::from(prefix);
    let mut keys: Vec<_> = store
        .list(Some(&prefix))
        .map_ok(|object| object.location.to_string())
        .try_collect()
        .await
        .unwrap();
    keys.sort();
    keys
}

#[tokio::test]
async fn files_are_objects_and_objects_are_files() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let folder = endpoint.folder.path().join("lake/a");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("dropped.csv"), "1,2\n").unwrap();
    store.put(&Key::from("a/put.csv"), "3,4\n".into()).await.unwrap();

    assert_eq!(keys(&store, "a").await, ["a/dropped.csv", "a/put.csv"]);
    assert_eq!(fs::read_to_string(folder.join("put.csv")).unwrap(), "3,4\n");
    let got = store.get(&Key::from("a/dropped.csv")).await.unwrap();
    assert_eq!(got.meta.size, 4);
    assert_eq!(got.bytes().await.unwrap(), "1,2\n");
    store.delete(&Key::from("a/put.csv")).await.unwrap();
    assert_eq!(keys(&store, "a").await, ["a/dropped.csv"]);
    endpoint.running.shutdown().await;
}

#[tokio::test]
async fn odd_keys_come_back_as_they_went() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let odd =
        ["a b/c+d", "100%", "ümläut/日本", "a%20b", "x=1&y=2", "q?#[]", "'quoted\"", "~t*(!)"];
    for name in odd {
        let key = Key::parse(name).unwrap();
        store.put(&key, name.to_owned().into()).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap().bytes().await.unwrap(), name);
        assert_eq!(
            fs::read_to_string(endpoint.folder.path().join("lake").join(name)).unwrap(),
            name
        );
    }
    let mut expected = odd.map(str::to_owned);
    expected.sort();
    assert_eq!(keys(&store, "").await, expected);
    for name in odd {
        store.delete(&Key::parse(name).unwrap()).await.unwrap();
    }
    assert!(keys(&store, "").await.is_empty());
}

#[tokio::test]
async fn one_of_many_creates() {
    let endpoint = Endpoint::start().await;
    let store = Arc::new(endpoint.store());
    for round in 0..8 {
        let key = Key::from(format!("log/{round}"));
        let puts = (0..16).map(|writer| {
            let (store, key) = (Arc::clone(&store), key.clone());
            tokio::spawn(async move {
                let payload = PutPayload::from(format!("writer {writer}"));
                let put = store.put_opts(&key, payload, PutOptions::from(PutMode::Create)).await;
                (writer, put)
            })
        });
        let mut winners = Vec::new();
        for put in join_all(puts).await {
            match put.unwrap() {
                (writer, Ok(_)) => winners.push(writer),
                (_, Err(Error::AlreadyExists { .. })) => {}
                (_, Err(error)) => panic!("{error}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let content = store.get(&key).await.unwrap().bytes().await.unwrap();
        assert_eq!(content, format!("writer {}", winners[0]));
    }
}

#[tokio::test]
async fn an_update_needs_the_version_it_read() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let key = Key::from("pointer");
    let first = store.put(&key, "1".into()).await.unwrap();
    let update = |version| PutOptions::from(PutMode::Update(version));
    store.put_opts(&key, "2".into(), update(first.clone().into())).await.unwrap();
    let late = store.put_opts(&key, "3".into(), update(first.into())).await;
    assert!(matches!(late, Err(Error::Precondition { .. })), "{late:?}");
    assert_eq!(store.get(&key).await.unwrap().bytes().await.unwrap(), "2");
}

#[tokio::test]
async fn reads_know_ranges_and_conditions() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let key = Key::from("numbers");
    let etag = store.put(&key, "0123456789".into()).await.unwrap().e_tag;
    assert_eq!(store.get_range(&key, 2..5).await.unwrap(), "234");
    assert_eq!(store.get_range(&key, 8..20).await.unwrap(), "89");
    let suffix =
        GetOptions { range: Some(object_store::GetRange::Suffix(3)), ..Default::default() };
    assert_eq!(store.get_opts(&key, suffix).await.unwrap().bytes().await.unwrap(), "789");
    assert!(store.get_range(&key, 10..12).await.is_err());

    assert_eq!(store.head(&key).await.unwrap().e_tag, etag);
    for head in [false, true] {
        let same = GetOptions { if_none_match: etag.clone(), head, ..Default::default() };
        let answer = store.get_opts(&key, same).await;
        assert!(matches!(answer, Err(Error::NotModified { .. })), "{answer:?}");
        let other =
            GetOptions { if_match: Some("\"other\"".to_owned()), head, ..Default::default() };
        let answer = store.get_opts(&key, other).await;
        assert!(matches!(answer, Err(Error::Precondition { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn large_objects_come_in_parts() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let key = Key::from("deep/er/large");
    let mut upload = store.put_multipart(&key).await.unwrap();
    let parts: Vec<Vec<u8>> = (0..3u8).map(|part| vec![part; 6 << 20]).collect();
    for part in &parts {
        upload.put_part(part.clone().into()).await.unwrap();
    }
    assert!(keys(&store, "").await.is_empty(), "nothing is seen of an upload before its end");
    upload.complete().await.unwrap();
    let content = store.get(&key).await.unwrap().bytes().await.unwrap();
    assert!(content == parts.concat());

    let mut upload = store.put_multipart(&Key::from("given-up")).await.unwrap();
    upload.put_part("x".into()).await.unwrap();
    upload.abort().await.unwrap();
    assert_eq!(keys(&store, "").await, ["deep/er/large"]);
    let uploads = endpoint.folder.path().join(".blueshift-s3/uploads");
    assert_eq!(fs::read_dir(uploads).unwrap().count(), 0);
}

#[tokio::test]
async fn listings_have_pages_and_folders() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let folder = endpoint.folder.path().join("lake/many");
    fs::create_dir(&folder).unwrap();
    for number in 0..2345 {
        fs::write(folder.join(format!("{number:04}")), "").unwrap();
    }
    fs::write(endpoint.folder.path().join("lake/one"), "").unwrap();
    assert_eq!(keys(&store, "many").await.len(), 2345);
    let offset = Key::from("many/2340");
    let rest: Vec<_> = store.list_with_offset(None, &offset).try_collect().await.unwrap();
    assert_eq!(rest.len(), 5);
    let top = store.list_with_delimiter(None).await.unwrap();
    assert_eq!(top.common_prefixes, [Key::from("many")]);
    assert_eq!(top.objects.len(), 1);
}

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let endpoint = Endpoint::start().await;
    let absent = endpoint.builder("absent").build().unwrap();
    let error = absent.get(&Key::from("a")).await.unwrap_err().to_string();
    assert!(error.contains("NoSuchBucket"), "{error}");
    let error = endpoint.store().get(&Key::from("a")).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");

    let unknown = endpoint.builder("lake").with_access_key_id("nobody").build().unwrap();
    let error = unknown.put(&Key::from("a"), "1".into()).await.unwrap_err().to_string();
    assert!(error.contains("InvalidAccessKeyId"), "{error}");
    let wrong = endpoint.builder("lake").with_secret_access_key("wrong").build().unwrap();
    let error = wrong.put(&Key::from("a"), "1".into()).await.unwrap_err().to_string();
    assert!(error.contains("SignatureDoesNotMatch"), "{error}");

    let store = endpoint.store();
    store.put(&Key::from("file"), "1".into()).await.unwrap();
    let error = store.put(&Key::from("file/below"), "1".into()).await.unwrap_err().to_string();
    assert!(error.contains("no other object"), "{error}");
    store.put(&Key::from("folder/file"), "1".into()).await.unwrap();
    let error = store.put(&Key::from("folder"), "1".into()).await.unwrap_err().to_string();
    assert!(error.contains("go on after it"), "{error}");
}

#[tokio::test]
async fn deleted_objects_leave_no_folder_in_the_way() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    store.put(&Key::from("a/b/c"), "1".into()).await.unwrap();
    store.delete(&Key::from("a/b/c")).await.unwrap();
    store.put(&Key::from("a"), "2".into()).await.unwrap();
    assert_eq!(keys(&store, "").await, ["a"]);
    assert_eq!(store.get(&Key::from("a")).await.unwrap().bytes().await.unwrap(), "2");
}

#[tokio::test]
async fn what_is_said_of_an_object_stays_with_it() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let said = Attributes::from_iter([
        (Attribute::ContentType, "text/csv"),
        (Attribute::Metadata("origin".into()), "export 7"),
    ]);
    let (key, copy) = (Key::from("a"), Key::from("b"));
    let options = PutOptions { attributes: said.clone(), ..Default::default() };
    store.put_opts(&key, "1".into(), options).await.unwrap();
    store.copy(&key, &copy).await.unwrap();
    for key in [&key, &copy] {
        assert_eq!(store.get(key).await.unwrap().attributes, said, "{key}");
        let head = GetOptions { head: true, ..Default::default() };
        assert_eq!(store.get_opts(key, head).await.unwrap().attributes, said, "{key}");
    }
    let options = PutMultipartOptions { attributes: said.clone(), ..Default::default() };
    let mut upload = store.put_multipart_opts(&Key::from("c"), options).await.unwrap();
    upload.put_part("1".into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(store.get(&Key::from("c")).await.unwrap().attributes, said);

    // Of what is put in its place nothing is said, whoever puts it there; nor is anything left over.
    store.put(&key, "2".into()).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().attributes, Attributes::new());
    fs::write(endpoint.folder.path().join("lake/b"), "22").unwrap();
    assert_eq!(store.get(&copy).await.unwrap().attributes, Attributes::new());
    store.delete(&Key::from("c")).await.unwrap();
    let metadata = fs::read_dir(endpoint.folder.path().join(".blueshift-s3/metadata")).unwrap();
    assert_eq!(metadata.count(), 1, "only that of the file that was written over by hand");
}

#[tokio::test]
async fn an_empty_object_has_no_last_bytes() {
    let endpoint = Endpoint::start().await;
    let store = endpoint.store();
    let key = Key::from("empty");
    store.put(&key, "".into()).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().bytes().await.unwrap().len(), 0);
    for range in [object_store::GetRange::Suffix(3), object_store::GetRange::Offset(0)] {
        let options = GetOptions { range: Some(range.clone()), ..Default::default() };
        let error = store.get_opts(&key, options).await.unwrap_err().to_string();
        assert!(error.contains("416") || error.contains("InvalidRange"), "{range:?}: {error}");
    }
}

#[test]
fn no_key_leaves_its_bucket() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("lake")).unwrap();
    let folder = Folder::open(root.path()).unwrap();
    for key in ["../other/x", "a/../../x", "/etc/passwd", "a//b", "a/", ".", "a/./b", "a\0b"] {
        assert!(folder.object("lake", key).is_err(), "{key}");
    }
    for bucket in ["..", ".blueshift-s3", "a/b", "UPPER", "absent"] {
        assert!(folder.object(bucket, "a").is_err(), "{bucket}");
    }
    assert!(folder.object("lake", "a..b/...").is_ok());
}

#[test]
fn only_empty_buckets_can_be_deleted() {
    let root = tempfile::tempdir().unwrap();
    let bucket = root.path().join("lake");
    fs::create_dir_all(bucket.join("left/over")).unwrap();
    fs::write(bucket.join("left/file"), "").unwrap();
    let folder = Folder::open(root.path()).unwrap();
    let error = folder.delete_bucket("lake").unwrap_err();
    assert_eq!(error.code().as_str(), "BucketNotEmpty");
    folder.delete("lake", "left/file").unwrap();
    folder.delete_bucket("lake").unwrap();
    assert!(!bucket.exists());
}
