//! Golden scripts: commands in, printed state out (`sql-tests/golden`).
//!
//! A script is pieces with an empty line between them: commands, `---`, and what they print. A change of
//! behaviour is a diff that a person can judge; `UPDATE_GOLDENFILES=1` writes it.

mod plans;
mod script;
mod state;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use script::Script;

/// Longer than anything goes on by itself after a command: the collector of garbage, a checkpoint.
const REST: Duration = Duration::from_secs(3);

#[test]
fn scripts_print_what_they_say() -> Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/transaction");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    ensure!(!paths.is_empty(), "no scripts in {}", folder.display());
    let mut differ = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let printed = play(&text).with_context(|| path.display().to_string())?;
        if printed == text {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
            fs::write(&path, printed)?;
        } else {
            differ.push(format!("{}:\n{}", path.display(), first_difference(&text, &printed)));
        }
    }
    ensure!(differ.is_empty(), "{}\nUPDATE_GOLDENFILES=1 writes what is so now", differ.join("\n"));
    Ok(())
}

/// Runs a script; returns it with what it prints now.
fn play(text: &str) -> Result<String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let mut script = Script::default();
    let mut pieces = Vec::new();
    for piece in text.trim_end().split("\n\n") {
        let commands = piece.split("\n---").next().unwrap_or_default();
        let mut printed = Vec::new();
        for command in commands.lines().filter(|line| !line.starts_with('#')) {
            let lines = runtime.block_on(async {
                let lines = script.run(command).await;
                tokio::time::sleep(REST).await;
                lines
            });
            printed.extend(lines.with_context(|| command.to_owned())?);
        }
        let is_silent = printed.is_empty();
        let printed = printed.join("\n");
        pieces.push(if is_silent {
            commands.to_owned()
        } else {
            format!("{commands}\n---\n{printed}")
        });
    }
    // What the tasks of the last leader hold goes with the runtime.
    drop(script);
    Ok(pieces.join("\n\n") + "\n")
}

fn first_difference(expected: &str, printed: &str) -> String {
    let mut lines = expected.lines().zip(printed.lines()).enumerate();
    let found = lines.find(|(_, (expected, printed))| expected != printed);
    match found {
        Some((number, (expected, printed))) => {
            format!("  line {}: expected `{expected}`, printed `{printed}`", number + 1)
        }
        None => "  one of them goes on".to_owned(),
    }
}
