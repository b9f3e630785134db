//! Loads that several nodes share.

use super::*;
use crate::{
    access::S3Profile,
    copy::{CopyShare, share::dealt},
};

fn file(name: &str, bytes: u64) -> CopyFile {
    CopyFile {
        url: format!("s3://b/{name}"),
        store: Arc::new(InMemory::new()),
        path: Path::from(name),
        bytes,
        range: 0..bytes,
        location: Arc::new(Location { endpoint: "memory".into(), bucket: "b".into() }),
    }
}

fn names(bytes: &[u64], count: usize) -> Vec<Vec<String>> {
    let files = (0..).zip(bytes).map(|(name, bytes): (u32, _)| file(&name.to_string(), *bytes));
    let files: Vec<_> = files.collect();
    let names = |share: Vec<&CopyFile>| share.iter().map(|file| file.path.to_string()).collect();
    dealt(&files, count).into_iter().map(names).collect()
}

#[test]
fn nodes_have_about_as_many_bytes_and_files_keep_their_order() {
    assert_eq!(names(&[10, 70, 20, 30, 15], 2), [vec!["1"], vec!["0", "2", "3", "4"]]);
    assert_eq!(names(&[0, 0, 0], 2), [vec!["0", "2"], vec!["1"]], "empty files too");
    assert_eq!(names(&[5], 3), [["0"]], "no node is told of nothing");
    assert!(names(&[], 3).is_empty());
}

#[test]
fn a_share_has_the_keys_to_its_files_and_shows_them_to_nobody()
-> Result<(), Box<dyn std::error::Error>> {
    let options = options("access_key_id 'AKIA' secret_access_key 'hush' dateformat 'DD.MM.YYYY'")?;
    let target = CopyTarget { table_name: "t".to_owned(), columns: Vec::new() };
    let default = S3Profile { endpoint: Some("http://s3".into()), ..S3Profile::default() };
    let access = S3Access { default, ..S3Access::default() };
    let shares = CopyShare::deal(&[file("x", 1)], &options, &target, &access, 2)?;
    assert_eq!(shares.len(), 1);
    assert!(!format!("{:?}", shares[0]).contains("hush"));
    let sent = serde_json::to_string(&shares[0])?;
    assert_eq!(sent.matches("hush").count(), 1, "only where it is needed");
    let received: CopyShare = serde_json::from_str(&sent)?;
    assert_eq!(received.options().date_format, options.date_format);
    assert_eq!(received.parts().collect::<Vec<_>>(), [("s3://b/x", 0)]);
    received.read(&Arc::new(LoadLog::new(&options)), 1)?;
    Ok(())
}

#[test]
fn what_nodes_refuse_counts_together() -> Result<(), CopyError> {
    let options = options("maxerror 3")?;
    let error = |line_number| LoadError {
        file: "s3://b/x".to_owned(),
        line_number,
        offset: None,
        column_name: String::new(),
        sql_type: String::new(),
        col_length: None,
        position: 0,
        raw_line: String::new(),
        raw_field_value: String::new(),
        err_code: 1202,
        err_reason: String::new(),
    };
    let (node, leader) = (LoadLog::new(&options), LoadLog::new(&options));
    node.reject(error(7));
    node.reject(error(2));
    leader.absorb(node.take());
    assert!(node.take().is_empty() && !leader.too_many());
    node.reject(error(9));
    node.reject(error(8));
    assert!(node.too_many(), "what was said still counts");
    leader.absorb(node.take());
    assert!(leader.too_many());
    assert_eq!((leader.rejected_count(), leader.file("s3://b/x")[0].1.errors), (4, 4));
    let lines: Vec<_> = leader.rows(true).iter().map(|row| row.line_number).collect();
    assert_eq!(lines, [2, 7, 9], "no more than make the load fail");
    Ok(())
}
