//! EXPLAIN ANALYZE, which Redshift does not have: what every node did, beside what was expected of it.

use super::node::{Operator, PlanNode};

/// Returns what is added to the title of a node that has run, and the lines below it.
pub(super) fn notes(node: &PlanNode) -> (String, Vec<String>) {
    let Some(measured) = &node.measured else { return (String::new(), Vec::new()) };
    let milliseconds = measured.time_max().as_secs_f64() * 1_000.0;
    let title = format!(
        " (actual time={milliseconds:.3} rows={} slices={})",
        measured.rows(),
        measured.slices.len()
    );
    let mut lines = Vec::new();
    let rows = || measured.slices.values().map(|slice| slice.rows);
    if let (Some(least), Some(most)) = (rows().min(), rows().max())
        && measured.slices.len() > 1
    {
        lines.push(format!("Rows of a slice: {least}..{most}"));
    }
    if matches!(node.operator, Operator::SeqScan(_)) {
        lines.push(format!(
            "Blocks: {} read, {} skipped",
            measured.blocks_read, measured.blocks_skipped
        ));
    }
    if measured.bytes() > 0 {
        lines.push(format!("Bytes: {}", measured.bytes()));
    }
    let moved = node.moved().bytes;
    if moved > 0 || node.label.is_some() {
        lines.push(format!("Bytes moved: {moved}"));
    }
    if measured.spill_count > 0 {
        lines.push(format!(
            "Spilled: {} bytes, {} rows, {} files",
            measured.spilled_bytes, measured.spilled_rows, measured.spill_count
        ));
    }
    (title, lines)
}

/// Returns the line that says what went through the network in all, to the leader too; none if nothing did.
pub(super) fn moved(root: &PlanNode) -> Option<String> {
    let mut bytes = 0;
    root.visit(&mut |node| bytes += node.sent.bytes + node.regrouped.bytes);
    (bytes > 0).then(|| format!("Total bytes moved: {bytes}"))
}
