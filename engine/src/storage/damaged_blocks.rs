//! Which blocks of which columns are damaged, of a run whose checksum does not match.
//!
//! ```text
//!  run ─┬─ column ─┬─ chunk of rows ─▶ segment     the layout in the footer says which segment holds what
//!       │          └─ dictionary, zones ─▶ segment   of all blocks that need them
//! ```

use std::{collections::BTreeMap, ops::Range, panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures::FutureExt;
use vortex::{
    buffer::ByteBuffer,
    error::VortexResult,
    io::VortexReadAt,
    layout::{LayoutChildType, LayoutRef},
};

use super::{segment_checksums::SegmentChecksums, zones::BLOCK_ROWS};

/// Blocks of one column that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DamagedBlocks {
    /// The column, as the run calls it.
    pub(crate) column: String,
    /// Rows of the run that are in the blocks.
    rows: Range<u64>,
}

impl DamagedBlocks {
    /// Returns which blocks they are: `block 3`, `blocks 8 to 15`.
    pub(crate) fn numbers(&self) -> String {
        let block_rows = BLOCK_ROWS as u64;
        let (first, end) = (self.rows.start / block_rows, self.rows.end.div_ceil(block_rows));
        match end.saturating_sub(first) {
            0 | 1 => format!("block {first}"),
            _ => format!("blocks {first} to {}", end - 1),
        }
    }
}

/// Returns what is damaged in a run. Nothing, if it is so damaged that nobody can tell, or its segments have no
/// checksums.
pub(crate) async fn damaged_blocks(run: Bytes) -> Vec<DamagedBlocks> {
    // Who decodes a footer that is not what was written may panic.
    let found = AssertUnwindSafe(find(run)).catch_unwind().await;
    found.ok().and_then(Result::ok).unwrap_or_default()
}

async fn find(run: Bytes) -> VortexResult<Vec<DamagedBlocks>> {
    let reader: Arc<dyn VortexReadAt> = Arc::new(ByteBuffer::from(run.clone()));
    let (checksums, footer) = SegmentChecksums::read(&reader, run.len() as u64).await?;
    let mut places = BTreeMap::new();
    let whole = Place { column: None, rows: 0..footer.row_count(), is_auxiliary: false };
    note_places(footer.layout(), &whole, &mut places)?;
    let damaged = checksums.damaged(0, &run).into_iter().filter_map(|segment| {
        let Place { column, rows, .. } = places.remove(&segment)?;
        Some(DamagedBlocks { column: column?, rows })
    });
    Ok(damaged.collect())
}

/// What a segment belongs to.
#[derive(Debug, Clone)]
struct Place {
    column: Option<String>,
    rows: Range<u64>,
    /// Whether it is something that all the rows need, and has none itself.
    is_auxiliary: bool,
}

/// Notes what the segments of a layout belong to, which itself is at `place`.
fn note_places(
    layout: &LayoutRef,
    place: &Place,
    places: &mut BTreeMap<usize, Place>,
) -> VortexResult<()> {
    for segment in layout.segment_ids() {
        places.insert(usize::try_from(*segment)?, place.clone());
    }
    for (child, kind) in layout.children()?.iter().zip(layout.child_types()) {
        let mut place = place.clone();
        match kind {
            LayoutChildType::Field(name) => place.column = Some(name.to_string()),
            LayoutChildType::Chunk((_, offset)) if !place.is_auxiliary => {
                let start = place.rows.start + offset;
                place.rows = start..start + child.row_count();
            }
            LayoutChildType::Auxiliary(_) => place.is_auxiliary = true,
            LayoutChildType::Chunk(_) | LayoutChildType::Transparent(_) => {}
        }
        note_places(child, &place, places)?;
    }
    Ok(())
}
