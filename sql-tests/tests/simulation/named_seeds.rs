//! Seeds that have found a bug, by what the bug was. They are tried whatever [`crate::SEEDS`] is.
//!
//! A seed makes the same things happen only as long as the code asks its store for the same: a row says what the seed
//! found when it got its name. To find one anew, break what its name says and try seeds until one fails.

use anyhow::{Context, Result};

use crate::holds;

/// The name says what holds; the comment what was otherwise when the seed failed.
const NAMED: &[(&str, u64)] = &[
    // A second leader deleted what its snapshot of the log did not name, and then fenced the first, which had committed.
    ("a leader fences the one before it, and then deletes", 11),
    // The reply of a put was lost and the put repeated: the leader took its own record for another's, told its client
    // that nothing had been committed, and the client deleted the runs that the record names.
    ("a record that is there already may be the leader's own", 12),
    // The next commit was written in the place of a record that came late: the leader met its own record there.
    ("nothing follows a record in doubt", 7),
    // The new leader had deleted its first records after some checkpoints: the old one, which had been idle, found its
    // next place in the log free and acknowledged a transfer that no restart would find.
    ("an overtaken leader acknowledges nothing", 1046),
];

#[test]
fn seeds_that_have_found_a_bug_find_it_no_more() -> Result<()> {
    for (name, seed) in NAMED {
        holds(*seed).with_context(|| (*name).to_owned())?;
    }
    Ok(())
}
