//! STYLE.md as tests: sizes, names, who may import whom, and documents that tell the truth.
//!
//! One test for each rule; a failure lists every place that breaks it.

use std::{fs, path::Path};

use sql_tests::source::{Source, root, sources};

/// The lines a file may have; tests at its end are not counted.
const FILE_LINES_MAX: usize = 500;
/// The lines a function may have.
const FUNCTION_LINES_MAX: usize = 70;
/// What exempts a file from both, with a reason.
const EXEMPTION: &str = "// tidy: long because ";
/// Names that say nothing about what is inside.
const BANNED_NAMES: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "shared"];
/// The crates with product code.
const CRATES: [&str; 4] = ["engine", "leader", "compute", "benches"];
/// The modules of `engine`: each imports only from lines above its own.
const ENGINE_ORDER: [&[&str]; 12] = [
    &["chance"],
    &["client_error", "ids"],
    &["types"],
    &["sql", "access", "distribution"],
    &["storage"],
    &["catalog"],
    &["transaction"],
    &["copy", "write"],
    &["execution", "system"],
    &["check", "functions", "vacuum"],
    &["plan"],
    &["error"],
];
/// Where DataFusion may be named: an upgrade touches these.
const DATAFUSION: [&str; 12] = [
    "compute/src",
    "engine/src/functions",
    "engine/src/execution",
    "engine/src/system",
    "engine/src/plan",
    "engine/src/error",
    "leader/src/statement",
    "leader/src/session",
    "leader/src/cluster",
    "leader/src/connection",
    "leader/src/error.rs",
    "leader/src/standalone.rs",
];
/// Where the distributed engine may be named.
const DISTRIBUTED: [&str; 2] = ["leader/src/cluster", "compute/src"];
/// Where the wire's library may be named.
const PGWIRE: [&str; 3] = ["leader/src/connection", "leader/src/server.rs", "leader/src/tls.rs"];
/// Where the file format's library may be named.
const VORTEX: [&str; 2] = ["engine/src/storage", "engine/src/execution"];

fn product() -> Vec<Source> {
    CRATES.iter().flat_map(|name| sources(&format!("{name}/src"))).collect()
}

fn everything() -> Vec<Source> {
    let tests = ["sql-tests/src", "sql-tests/tests", "leader/tests", "benches/benches"];
    product().into_iter().chain(tests.iter().flat_map(|folder| sources(folder))).collect()
}

#[track_caller]
fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn files_are_short() {
    let long = |source: &Source| source.code().count() > FILE_LINES_MAX;
    let broken: Vec<String> = everything()
        .iter()
        .filter(|source| !source.is_test() && !source.text.contains(EXEMPTION) && long(source))
        .map(|source| format!("{}: {} lines", source.path, source.code().count()))
        .collect();
    assert_none(&broken, "a file has at most 500 lines");
}

#[test]
fn functions_are_short() {
    let mut broken = Vec::new();
    for source in product().iter().filter(|s| !s.is_test() && !s.text.contains(EXEMPTION)) {
        let mut start: Option<(usize, usize)> = None;
        for (number, line) in source.code().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let words = line.trim_start().trim_start_matches("pub(crate) ");
            let words = words.trim_start_matches("pub(super) ").trim_start_matches("pub ");
            let words = words.trim_start_matches("const ").trim_start_matches("async ");
            match start {
                None if words.starts_with("fn ") => start = Some((number, indent)),
                Some((first, at))
                    if indent == at && line.trim_end() == format!("{}}}", " ".repeat(at)) =>
                {
                    if number - first > FUNCTION_LINES_MAX {
                        broken.push(format!(
                            "{}:{}: {} lines",
                            source.path,
                            first + 1,
                            number - first
                        ));
                    }
                    start = None;
                }
                // A signature without a body, as in a trait.
                Some((first, at)) if first == number || indent == at && line.ends_with(';') => {
                    start = None
                }
                _ => {}
            }
        }
    }
    assert_none(&broken, "a function has at most 70 lines");
}

#[test]
fn names_say_what_is_inside() {
    let banned = |path: &str| {
        Path::new(path).iter().any(|part| {
            let part = part.to_string_lossy();
            BANNED_NAMES.contains(&part.trim_end_matches(".rs"))
        })
    };
    let versioned = |path: &str| path.ends_with("_v2.rs") || path.ends_with("_new.rs");
    let broken: Vec<String> = everything()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| banned(path) || versioned(path))
        .collect();
    assert_none(&broken, "no utils, helpers, common, misc, manager; no _v2");
}

#[test]
fn modules_say_what_they_are() {
    let broken: Vec<String> = everything()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert_none(&broken, "every module starts with `//! `");
}

#[test]
fn engine_modules_import_only_from_above() {
    let rank = |name: &str| ENGINE_ORDER.iter().position(|line| line.contains(&name));
    let mut broken = Vec::new();
    for source in sources("engine/src") {
        let module = source.path.trim_start_matches("engine/src/");
        let module =
            module.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        if module == "lib" || source.is_test() {
            continue;
        }
        let Some(own) = rank(&module) else {
            broken.push(format!(
                "{}: add `{module}` to ENGINE_ORDER and ARCHITECTURE.md",
                source.path
            ));
            continue;
        };
        for imported in source.imported_modules() {
            if imported != module && rank(&imported).is_none_or(|rank| rank >= own) {
                broken.push(format!("{} imports crate::{imported}", source.path));
            }
        }
    }
    assert_none(&broken, "a module of engine imports only modules above it (ARCHITECTURE.md)");
}

#[test]
fn libraries_are_named_only_where_they_may_be() {
    let rules: [(&[&str], &[&str]); 4] = [
        (&["datafusion::", "datafusion_"], &DATAFUSION),
        (&["datafusion_distributed", "tonic::", "arrow_flight::"], &DISTRIBUTED),
        (&["pgwire::"], &PGWIRE),
        (&["vortex::", "vortex_datafusion"], &VORTEX),
    ];
    let mut broken = Vec::new();
    for source in product().iter().filter(|source| !source.path.starts_with("benches")) {
        for (words, allowed) in rules {
            let used = source.code().any(|line| {
                !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word))
            });
            if used && !allowed.iter().any(|place| source.path.starts_with(place)) {
                broken.push(format!("{} names {}", source.path, words[0]));
            }
        }
    }
    assert_none(&broken, "a library is named only in its own places (ARCHITECTURE.md)");
}

#[test]
fn leader_and_compute_meet_in_one_file() {
    let names = |source: &Source, word: &str| source.code().any(|line| line.contains(word));
    let mut broken: Vec<String> = Vec::new();
    for source in product() {
        let in_leader =
            source.path.starts_with("leader/") && source.path != "leader/src/standalone.rs";
        let runs_on_slices = ["compute::load::write", "compute::vacuum"];
        if (in_leader && runs_on_slices.iter().any(|word| names(&source, word)))
            || (source.path.starts_with("compute/") && names(&source, "leader::"))
        {
            broken.push(source.path);
        }
    }
    assert_none(&broken, "leader and compute meet in leader/src/standalone.rs only");
}

#[test]
fn nothing_is_left_to_do() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X ")];
    let mut broken = Vec::new();
    for source in everything() {
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                broken.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert_none(&broken, "an open end is an issue, not a comment");
}

#[test]
fn sql_is_never_written_to_be_parsed_again() {
    let starts = ["format!(\"SELECT", "format!(\"select ", "format!(\"INSERT", "format!(\"insert "];
    let mut broken = Vec::new();
    for source in product().iter().filter(|s| !s.path.starts_with("benches") && !s.is_test()) {
        for (number, line) in source.code().enumerate() {
            // A command tag is a word and a count, no SQL.
            let is_tag = line.contains("{row_count}");
            if !is_tag && starts.iter().any(|start| line.contains(start)) {
                broken.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert_none(&broken, "no SQL is made by format! in product code");
}

#[test]
fn paths_in_documents_exist() {
    let folders = ["", "docs"];
    let mut broken = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root().join(folder)).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // Every other piece between backquotes is code.
            for piece in text.split('`').skip(1).step_by(2) {
                let is_path =
                    ["engine/", "leader/", "compute/", "sql-tests/", "benches/", "docs/", ".ci/"]
                        .iter()
                        .any(|start| piece.starts_with(start));
                let plain = !piece.contains(['*', '{', '<', ' ', '\n', '…']);
                if is_path && plain && !root().join(piece.trim_end_matches('/')).exists() {
                    broken.push(format!("{}: {piece}", path.display()));
                }
            }
        }
    }
    assert_none(&broken, "paths that documents name exist");
}

#[test]
fn specifications_say_what_they_specify_and_where_redshift_does() {
    let folder = root().join("sql-tests/slt");
    let mut broken = Vec::new();
    for file in sql_tests::slt::files(&folder).unwrap() {
        let text = fs::read_to_string(folder.join(&file)).unwrap();
        let mut lines = text.lines();
        let says = lines.next().is_some_and(|line| line.starts_with("# "));
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        if !says || !head.join(" ").contains("documentation") {
            broken.push(file.display().to_string());
        }
    }
    assert_none(&broken, "an .slt starts with what it specifies and Redshift's page");
}
