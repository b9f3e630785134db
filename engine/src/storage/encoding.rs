//! ENCODE, in terms of Vortex: by which schemes the values of a column are compressed.
//!
//! Vortex samples every chunk, tries the schemes it may use, and keeps what is smallest. An encoding says
//! which schemes those are (`docs/block-format.md`); [`Encoding::Sampled`] is all of them.

use std::{iter::repeat, sync::Arc};

use arrow::datatypes::{DataType, Schema};
use serde::{Deserialize, Serialize};
use vortex::{
    array::{ArrayId, ArrayRef, Canonical, ExecutionCtx, IntoArray, VTable},
    compressor::{BtrBlocksCompressorBuilder, CompressionSessionExt, Scheme},
    dtype::FieldPath,
    encodings::zstd::Zstd,
    error::VortexResult,
    file::WriteStrategyBuilder,
    layout::LayoutStrategy,
};
use vortex_btrblocks::schemes::integer::RunEndScheme;
use vortex_compressor::{
    CascadingCompressor,
    scheme::{
        AncestorExclusion, CompressionEstimate, CompressorContext, DeferredEstimate,
        DescendantExclusion, EstimateVerdict, SchemeExt,
    },
    stats::ArrayAndStats,
};

use super::{format::session, zones::BLOCK_ROWS};

/// How a column is compressed in new runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// By whatever makes a sample smallest: ENCODE AUTO, and AZ64, DELTA, DELTA32K and LZO.
    #[default]
    Sampled,
    /// Not at all: RAW.
    Raw,
    /// By a dictionary, where it makes a sample smaller: BYTEDICT, TEXT255, TEXT32K.
    Dictionary,
    /// In fewer bits than the type has, and the values that need more apart: MOSTLY8, MOSTLY16, MOSTLY32.
    Packed,
    /// As values and how often they follow each other: RUNLENGTH.
    Runs,
    /// By Zstandard: ZSTD.
    Zstd,
}

/// Takes decimals and timestamps apart, so that the schemes of integers can have their parts.
const PARTS: &[&str] = &["vortex.decimal.byte_parts", "vortex.ext.temporal"];
const PACKED: &[&str] = &["vortex.int.for", "vortex.int.zigzag", "vortex.int.bitpacking"];
const RUNS: &[&str] = &["vortex.int.runend", "vortex.int.rle", "vortex.float.rle"];
const STRING_DICTIONARY: &str = "vortex.string.dict";
const DICTIONARIES: &[&str] = &[STRING_DICTIONARY, "vortex.int.dict", "vortex.float.dict"];
const STRING_ZSTD: &str = "vortex.string.zstd";

/// Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;

impl Encoding {
    /// Returns what an encoding of Redshift's, as the catalogue has it, means for a run.
    pub fn of_name(name: &str) -> Self {
        match name {
            "none" | "raw" => Self::Raw,
            "bytedict" | "text255" | "text32k" => Self::Dictionary,
            "mostly8" | "mostly16" | "mostly32" => Self::Packed,
            "runlength" => Self::Runs,
            "zstd" => Self::Zstd,
            _ => Self::Sampled,
        }
    }

    /// Returns how a column of a type is written; `None` to have it written as Vortex does.
    fn writer(self, data_type: &DataType) -> Option<Arc<dyn LayoutStrategy>> {
        let builder = WriteStrategyBuilder::from_session(session()).with_row_block_size(BLOCK_ROWS);
        let only = |groups: &[&[&str]]| schemes(&groups.concat()).build();
        let builder = match self {
            // Vortex itself makes dictionaries of whole columns, of plain numbers and texts only: those of the parts of
            // a DECIMAL have to be made segment by segment.
            Self::Sampled if matches!(data_type, DataType::Decimal128(_, _)) => {
                builder.with_compressor(sampled().build())
            }
            Self::Sampled if data_type.is_integer() => builder.with_btrblocks_builder(sampled()),
            Self::Sampled => return None,
            Self::Raw => builder.with_compressor(leave),
            Self::Dictionary => builder.with_probe_compressor(only(&[DICTIONARIES])),
            Self::Packed => builder.with_compressor(only(&[PARTS, PACKED])),
            // Runs of texts are runs of their places in a dictionary.
            Self::Runs => builder
                .with_compressor(only(&[PARTS, PACKED, RUNS]))
                .with_probe_compressor(only(&[&[STRING_DICTIONARY]])),
            Self::Zstd => {
                let schemes = schemes(&[PARTS, &[STRING_ZSTD]].concat());
                builder.with_compressor(schemes.with_new_scheme(&NumberZstd).build())
            }
        };
        Some(builder.build())
    }
}

/// Returns how a run with these columns is written, where their encodings are these; columns beyond them are
/// [`Encoding::Sampled`].
pub(super) fn strategy(schema: &Schema, encodings: &[Encoding]) -> Arc<dyn LayoutStrategy> {
    let mut builder = WriteStrategyBuilder::from_session(session()).with_row_block_size(BLOCK_ROWS);
    let encodings = encodings.iter().copied().chain(repeat(Encoding::default()));
    for (field, encoding) in schema.fields().iter().zip(encodings) {
        if let Some(writer) = encoding.writer(field.data_type()) {
            builder =
                builder.with_field_writer(FieldPath::from_name(field.name().as_str()), writer);
        }
    }
    builder.build()
}

/// Returns a compressor's builder that knows what Vortex's own does, and runs of fewer values.
fn sampled() -> BtrBlocksCompressorBuilder {
    BtrBlocksCompressorBuilder::from_session(session()).with_new_scheme(&ShortRuns)
}

/// Returns a compressor's builder that knows these of Vortex's schemes, and nothing of them that not every reader
/// of today's format can read.
fn schemes(names: &[&str]) -> BtrBlocksCompressorBuilder {
    let all = session().compression().schemes().to_vec();
    let others = all.iter().filter(|scheme| !names.contains(&scheme.scheme_name()));
    BtrBlocksCompressorBuilder::from_session(session())
        // Zstandard is among the schemes of this preset only.
        .with_compact()
        .exclude_schemes(others.map(|scheme| scheme.id()))
}

/// The compressor of RAW.
fn leave(chunk: &ArrayRef, _: &mut ExecutionCtx) -> VortexResult<ArrayRef> {
    Ok(chunk.clone())
}

/// Runs of three values on average, where Vortex asks for four: each order of TPC-H has about four lines, and a segment
/// of them a few less. Fewer would save too little for what a run costs to read.
#[derive(Debug)]
struct ShortRuns;

impl Scheme for ShortRuns {
    fn scheme_name(&self) -> &'static str {
        "blueshift.int.short_runs"
    }

    fn matches(&self, canonical: &Canonical) -> bool {
        RunEndScheme.matches(canonical)
    }

    fn produced_encodings(&self) -> Vec<ArrayId> {
        RunEndScheme.produced_encodings()
    }

    fn num_children(&self) -> usize {
        RunEndScheme.num_children()
    }

    fn descendant_exclusions(&self) -> Vec<DescendantExclusion> {
        RunEndScheme.descendant_exclusions()
    }

    fn ancestor_exclusions(&self) -> Vec<AncestorExclusion> {
        RunEndScheme.ancestor_exclusions()
    }

    fn expected_compression_ratio(
        &self,
        data: &ArrayAndStats,
        _: CompressorContext,
        context: &mut ExecutionCtx,
    ) -> CompressionEstimate {
        match data.integer_stats(context).average_run_length() {
            3 => CompressionEstimate::Deferred(DeferredEstimate::Sample),
            _ => CompressionEstimate::Verdict(EstimateVerdict::Skip),
        }
    }

    fn compress(
        &self,
        compressor: &CascadingCompressor,
        data: &ArrayAndStats,
        context: CompressorContext,
        execution: &mut ExecutionCtx,
    ) -> VortexResult<ArrayRef> {
        RunEndScheme.compress(compressor, data, context, execution)
    }
}

/// Zstandard of numbers, which Vortex has for texts only.
#[derive(Debug)]
struct NumberZstd;

impl Scheme for NumberZstd {
    fn scheme_name(&self) -> &'static str {
        "blueshift.number.zstd"
    }

    fn matches(&self, canonical: &Canonical) -> bool {
        canonical.dtype().is_primitive()
    }

    fn produced_encodings(&self) -> Vec<ArrayId> {
        vec![Zstd.id()]
    }

    fn expected_compression_ratio(
        &self,
        _: &ArrayAndStats,
        _: CompressorContext,
        _: &mut ExecutionCtx,
    ) -> CompressionEstimate {
        CompressionEstimate::Deferred(DeferredEstimate::Sample)
    }

    fn compress(
        &self,
        _: &CascadingCompressor,
        data: &ArrayAndStats,
        _: CompressorContext,
        context: &mut ExecutionCtx,
    ) -> VortexResult<ArrayRef> {
        let values = data.array_as_primitive().into_owned();
        let compressed = Zstd::from_primitive(&values, ZSTD_LEVEL, BLOCK_ROWS, context)?;
        Ok(compressed.into_array())
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{
            ArrayRef as ArrowArray, Decimal128Array, Int64Array, RecordBatch, StringViewArray,
        },
        datatypes::SchemaRef,
    };
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::storage::format::column_bytes;

    const ROWS: usize = 50_000;

    fn batch(column: ArrowArray) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([("c", column, true)]).unwrap()
    }

    async fn bytes(column: &ArrowArray, encoding: Encoding) -> u64 {
        let batch = batch(Arc::clone(column));
        let schema: SchemaRef = batch.schema();
        column_bytes(&schema, vec![batch], &[encoding]).await.unwrap()[0]
    }

    #[tokio::test]
    async fn raw_takes_what_the_values_take() {
        let column: ArrowArray = Arc::new(Int64Array::from_iter_values(0..ROWS as i64));
        assert!(bytes(&column, Encoding::Raw).await >= 8 * ROWS as u64);
        assert!(bytes(&column, Encoding::Sampled).await < ROWS as u64);
    }

    #[tokio::test]
    async fn an_encoding_is_small_where_it_fits() {
        let mut random = StdRng::seed_from_u64(1);
        let few: Vec<String> =
            (0..ROWS).map(|_| format!("department no. {}", random.random_range(0..40))).collect();
        let few: ArrowArray = Arc::new(StringViewArray::from_iter_values(few));
        let raw = bytes(&few, Encoding::Raw).await;
        assert!(bytes(&few, Encoding::Dictionary).await * 10 < raw);
        assert!(bytes(&few, Encoding::Zstd).await * 5 < raw);
        let runs: ArrowArray = Arc::new(Int64Array::from_iter_values(
            (0..ROWS as i64)
                .map(|row| (row / 1_000).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)),
        ));
        assert!(bytes(&runs, Encoding::Runs).await * 50 < bytes(&runs, Encoding::Raw).await);
        let narrow: ArrowArray =
            Arc::new(Int64Array::from_iter_values((0..ROWS).map(|_| random.random_range(0..100))));
        assert!(bytes(&narrow, Encoding::Packed).await * 7 < bytes(&narrow, Encoding::Raw).await);
        let quantities: ArrowArray = Arc::new(
            Decimal128Array::from_iter_values((0..ROWS).map(|_| random.random_range(1..=50) * 100))
                .with_precision_and_scale(12, 2)
                .unwrap(),
        );
        // 50 values are 6 bits; those that they are among are 13.
        assert!(bytes(&quantities, Encoding::Sampled).await < ROWS as u64 * 7 / 8);
        let decimals: ArrowArray = Arc::new(
            Decimal128Array::from_iter_values((0..ROWS as i128).map(|row| row % 1_000 * 1_000))
                .with_precision_and_scale(18, 2)
                .unwrap(),
        );
        assert!(
            bytes(&decimals, Encoding::Zstd).await * 10 < bytes(&decimals, Encoding::Raw).await
        );
    }
}
