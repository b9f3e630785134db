//! However a file is cut, its rows and line numbers are the same.

use arrow::{array::AsArray, datatypes::Int32Type};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Case, VARCHAR, gzip, text_rows};
use crate::{copy::share::divided, types::SqlType};

/// A record as CSV or text, its fields chosen to be as awkward as the format allows.
fn random_content(rng: &mut StdRng, csv: bool, escape: bool) -> (String, Vec<String>) {
    let mut content = String::new();
    let mut rows = Vec::new();
    let end = if rng.random_bool(0.3) && !escape { "\r\n" } else { "\n" };
    for number in 0..rng.random_range(1..60) {
        let alphabet: &[char] = match (csv, escape) {
            (true, _) => &['a', 'é', '"', ',', '\n', '\r', ' ', '|'],
            (_, true) => &['a', 'é', '"', '|', '\n', '\\', ' '],
            _ => &['a', 'é', '"', ',', ' ', '\\'],
        };
        let length = rng.random_range(0..12);
        let mut text: String =
            (0..length).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect();
        if text.starts_with('\\') {
            text.insert(0, 'a');
        }
        let written = match (csv, escape) {
            (true, _) if text.contains(['"', ',', '\n', '\r', ' ']) || rng.random_bool(0.2) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            (_, true) => text.chars().fold(String::new(), |mut out, c| {
                if matches!(c, '|' | '\n' | '\\') {
                    out.push('\\');
                }
                out.push(c);
                out
            }),
            _ => text.clone(),
        };
        let delimiter = if csv { ',' } else { '|' };
        content += &format!("{number}{delimiter}{written}{delimiter}{number}{end}");
        rows.push(format!("{number};{text};{number}"));
    }
    if rng.random_bool(0.3) {
        content.truncate(content.len() - end.len());
    }
    (content, rows)
}

#[tokio::test]
async fn any_cut_gives_the_rows_that_were_written() {
    for seed in 0..150 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (csv, escape) = [(true, false), (false, true), (false, false)][seed as usize % 3];
        let (content, expected) = random_content(&mut rng, csv, escape);
        let types = [SqlType::Integer, SqlType::Varchar { length: 100 }, SqlType::BigInt];
        let format = match (csv, escape) {
            (true, _) => "csv",
            (_, true) => "escape",
            _ => "",
        };
        let zipped = gzip(content.as_bytes());
        let plain = Case::new(&types, format, &[content.as_bytes()]).await;
        let packed = Case::new(&types, &format!("gzip {format}"), &[&zipped]).await;
        for chunk_bytes in [1, 2, 3, 5, 8, 13, 21, 64, 1 << 20] {
            for case in [&plain, &packed] {
                let rows = case.rows(chunk_bytes).await;
                let rows =
                    rows.unwrap_or_else(|error| panic!("{seed}: {error} {:?}", case.errors()));
                assert_eq!(rows, expected, "seed {seed}, {chunk_bytes} bytes, {content:?}");
            }
        }
        let mut together: Vec<String> = Vec::new();
        for stream in plain.batches(16, 3).await.expect("rows") {
            let numbers =
                stream.iter().flat_map(|b| b.column(0).as_primitive::<Int32Type>().values());
            assert!(numbers.is_sorted(), "seed {seed}: a stream is in the order of the file");
            together.extend(stream.iter().flat_map(text_rows));
        }
        together.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(together, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn line_numbers_are_right_however_the_file_is_cut() {
    let mut content = String::from("n,text\n");
    let mut expected = Vec::new();
    let mut line = 2;
    for number in 0..50 {
        if number % 7 == 3 {
            content += "x,bad\n";
            expected.push(line);
            line += 1;
        }
        content += &format!("{number},\"two\nlines\"\n");
        line += 2;
    }
    for chunk_bytes in [1, 10, 33, 100, 1 << 20] {
        let types = [SqlType::Integer, VARCHAR];
        let parameters = "csv ignoreheader 1 maxerror 100";
        let case = Case::new(&types, parameters, &[content.as_bytes()]).await;
        case.batches(chunk_bytes, 2).await.expect("within MAXERROR");
        let found: Vec<i64> = case.errors().iter().map(|error| error.line_number).collect();
        assert_eq!(found, expected, "{chunk_bytes}");
    }
}

#[tokio::test]
async fn parts_that_know_nothing_of_each_other_give_the_rows_of_the_file() {
    for seed in 0..60 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (content, expected) = random_content(&mut rng, false, false);
        let types = [SqlType::Integer, SqlType::Varchar { length: 100 }, SqlType::BigInt];
        let mut case = Case::new(&types, "", &[content.as_bytes()]).await;
        let whole = case.files.remove(0);
        for part_bytes in [1, 2, 3, 7, 20, 100] {
            case.files = divided(&whole, &case.load.options, part_bytes);
            for chunk_bytes in [1, 5, 1 << 20] {
                let rows = case.rows(chunk_bytes).await.expect("rows");
                assert_eq!(rows, expected, "seed {seed}, {part_bytes}, {chunk_bytes}, {content:?}");
            }
        }
    }
}

#[tokio::test]
async fn lines_of_parts_are_lines_of_the_file() {
    let mut content = String::from("n|text\na header of two rows\n");
    let mut expected = Vec::new();
    for line in 3..90 {
        if line % 7 == 3 {
            content += "x|bad\n";
            expected.push(line);
        } else if line % 5 == 0 {
            content += "\n";
        } else {
            content += &format!("{line}|fits\n");
        }
    }
    for (part_bytes, chunk_bytes) in [(30, 1), (33, 10), (100, 1 << 20), (1 << 20, 10)] {
        let types = [SqlType::Integer, VARCHAR];
        let parameters = "ignoreheader 2 ignoreblanklines maxerror 100";
        let mut case = Case::new(&types, parameters, &[content.as_bytes()]).await;
        case.files = divided(&case.files[0], &case.load.options, part_bytes);
        case.batches(chunk_bytes, 2).await.expect("within MAXERROR");
        let found: Vec<i64> = case.errors().iter().map(|error| error.line_number).collect();
        assert_eq!(found, expected, "{part_bytes} {chunk_bytes}");
        let unknown = case.load.log.rows(false).into_iter().filter(|row| row.line_number == -1);
        let behind = case.errors().iter().filter(|row| row.offset.is_some_and(|at| at > 0)).count();
        assert_eq!(unknown.count(), behind);
    }
}

#[tokio::test]
async fn what_cannot_be_cut_without_what_comes_before_is_not_divided() {
    let count = async |parameters: &str| {
        let case = Case::new(&[VARCHAR], parameters, &[&[b'x'; 100]]).await;
        divided(&case.files[0], &case.load.options, 10).len()
    };
    assert_eq!((count("").await, count("ignoreheader 1").await), (10, 10));
    for whole in ["csv", "gzip", "escape", "ignoreheader 1000"] {
        assert_eq!(count(whole).await, 1, "{whole}");
    }
}
