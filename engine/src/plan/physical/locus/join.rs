//! Partitioned joins: the least movement that brings equal keys together.
//!
//! | both sides                                     | what is done                       | label              |
//! |------------------------------------------------|------------------------------------|--------------------|
//! | on the slices of the key                        | no exchange, perhaps a merge join  | `DS_DIST_NONE`     |
//! | build side of DISTSTYLE ALL                     | no exchange, one build for all     | `DS_DIST_ALL_NONE` |
//! | probe side on the slices of the key             | the build side goes to its slices  | `DS_DIST_INNER`    |
//! | build side on the slices of the key             | the probe side goes to its slices  | `DS_DIST_OUTER`    |
//! | anything else                                   | both by DataFusion's hash          | `DS_DIST_BOTH`     |
//!
//! Joins whose build side is small do not come here: DataFusion collects it for all partitions.

use std::sync::Arc;

use datafusion::{
    common::{JoinSide, internal_err},
    error::Result,
    physical_expr::{Partitioning, PhysicalExpr},
    physical_plan::{
        ExecutionPlan, StatisticsArgs,
        coalesce_partitions::CoalescePartitionsExec,
        joins::{HashJoinExec, PartitionMode},
        repartition::RepartitionExec,
    },
};

use super::{
    Locus,
    columns::{hashed_column, is_one_of},
    label::collected,
    locus_of,
    merge::merged,
    pairing::{Pairing, follows_probe},
    place::{Placed, Walk, settle},
    slice_filters::has_filter,
};
use crate::execution::{Hidden, MaskExec, route_to_slice};

/// One side of a join.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Build,
    Probe,
}

pub(super) fn place(
    walk: &Walk,
    plan: &Arc<dyn ExecutionPlan>,
    join: &HashJoinExec,
    inputs: Vec<Placed>,
) -> Result<Placed> {
    let Ok([left, right]) = <[Placed; 2]>::try_from(inputs) else {
        return internal_err!("a join has two inputs");
    };
    let is_dealt_out = left.partition_count() > 1 || right.partition_count() > 1;
    let Some(pairing) = Pairing::of(plan.as_ref()).filter(|_| is_dealt_out && !join.null_aware)
    else {
        // Whether NOT IN has a NULL among its values is not for one slice to say.
        return settle(plan, vec![left, right]);
    };
    if let Some((left, right)) = collocated(&pairing, &left, &right) {
        return match merged(plan, join, left, right)? {
            Some(merge) => Ok(merge),
            None => paired(join, PartitionMode::Partitioned, left, right),
        };
    }
    let build = left.unmoved.as_deref().unwrap_or(&left);
    if matches!(build.locus, Locus::Replicated) && follows_probe(pairing.join_type) {
        return beside_copy(join, build, &right);
    }
    match moved_side(walk, join, &pairing, &left, &right) {
        Some(Side::Build) => {
            let probe = stored(&pairing, &right, Side::Probe).unwrap_or(&right);
            let build = to_slices(&pairing, &left, Side::Build, probe)?;
            paired(join, PartitionMode::Partitioned, &build, probe)
        }
        Some(Side::Probe) => {
            let build = stored(&pairing, &left, Side::Build).unwrap_or(&left);
            let probe = to_slices(&pairing, &right, Side::Probe, build)?;
            paired(join, PartitionMode::Partitioned, build, &probe)
        }
        None => settle(plan, vec![left, right]),
    }
}

/// Returns a side as it is before its exchange and after it.
fn states(side: &Placed) -> impl Iterator<Item = &Placed> {
    side.unmoved.as_deref().into_iter().chain([side])
}

fn paired(
    join: &HashJoinExec,
    mode: PartitionMode,
    left: &Placed,
    right: &Placed,
) -> Result<Placed> {
    let build = MaskExec::of_build_side(Arc::clone(&left.plan), *join.join_type());
    let children = vec![build, Arc::clone(&right.plan)];
    let join = join.builder().with_partition_mode(mode).recompute_properties();
    let join = join.with_new_children(children)?.build_exec()?;
    Ok(Placed::new(join, &[left.locus.clone(), right.locus.clone()]))
}

/// Returns both sides on the slices of what they are joined by, if they are there.
fn collocated<'a>(
    pairing: &Pairing<'_>,
    left: &'a Placed,
    right: &'a Placed,
) -> Option<(&'a Placed, &'a Placed)> {
    let pairs = states(left).flat_map(|left| states(right).map(move |right| (left, right)));
    let mut pairs = pairs.filter(|(left, right)| left.partition_count() == right.partition_count());
    pairs.find(|(left, right)| pairing.is_collocated(&left.locus, &right.locus))
}

/// Returns the join of one copy of the build side with every partition of the probe side, as it lies.
fn beside_copy(join: &HashJoinExec, build: &Placed, probe: &Placed) -> Result<Placed> {
    let copy = match build.partition_count() {
        1 => Arc::clone(&build.plan),
        _ => Arc::new(CoalescePartitionsExec::new(Arc::clone(&build.plan))) as _,
    };
    let copy = Placed { plan: copy, locus: Locus::Replicated, unmoved: None };
    // One partition would be probed by one thread.
    let as_it_lies =
        probe.unmoved.as_deref().filter(|lies| lies.partition_count() >= probe.partition_count());
    paired(join, PartitionMode::CollectLeft, &copy, as_it_lies.unwrap_or(probe))
}

/// Returns a side on the slices of what it is joined by.
fn stored<'a>(pairing: &Pairing<'_>, side: &'a Placed, which: Side) -> Option<&'a Placed> {
    states(side).find(|side| side.partition_count() > 1 && key_of(pairing, side, which).is_some())
}

/// Returns by what the rows of one side of a join get to the slices that the other side is on, for an exchange
/// ([`route_to_slice`]); `None` if the other is on no slices of what it is joined by.
pub fn route_of(
    join: &Arc<dyn ExecutionPlan>,
    moved: JoinSide,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let Some(pairing) = Pairing::of(join.as_ref()) else { return Ok(None) };
    let build = collected(pairing.left);
    let (kept, rows, kept_side) = match moved {
        JoinSide::Left => (pairing.right, build, Side::Probe),
        JoinSide::Right => (build, pairing.right, Side::Build),
        JoinSide::None => return Ok(None),
    };
    let kept = Placed { plan: Arc::clone(kept), locus: locus_of(kept), unmoved: None };
    let place = key_of(&pairing, &kept, kept_side).filter(|_| kept.partition_count() > 1);
    let Some((build, probe)) = place.and_then(|place| pairing.on.get(place)) else {
        return Ok(None);
    };
    let key = if kept_side == Side::Build { probe } else { build };
    if hashed_column(key, &rows.schema()).is_none() {
        return Ok(None);
    }
    route_to_slice(key, &rows.schema(), kept.partition_count()).map(Some)
}

/// Returns which of the join's equalities has what the side's slices hang on.
fn key_of(pairing: &Pairing<'_>, side: &Placed, which: Side) -> Option<usize> {
    let (stored, schema) = (side.locus.stored_keys()?, side.plan.schema());
    pairing.on.iter().position(|(build, probe)| {
        let key = if which == Side::Build { build } else { probe };
        is_one_of(key, &schema, stored)
    })
}

/// Returns which side goes to the slices of the other, if one does: it moves fewer rows than both would.
///
/// A filter that the build side's keys become while the join runs saves more than an exchange of rows
/// within the process costs. So a join with one keeps it, or gets one for each slice. In a cluster the
/// exchange would be between nodes, and no filter gets past it.
fn moved_side(
    walk: &Walk,
    join: &HashJoinExec,
    pairing: &Pairing<'_>,
    left: &Placed,
    right: &Placed,
) -> Option<Side> {
    let can_be_routed = |kept: &Placed, kept_side: Side, moved: &Placed| {
        let (build, probe) = &pairing.on[key_of(pairing, kept, kept_side)?];
        let key = if kept_side == Side::Build { probe } else { build };
        hashed_column(key, &moved.plan.schema()).map(|_| ())
    };
    let loses_filter = walk.is_one_process && !join.dynamic_expressions_produced().is_empty();
    let move_build = stored(pairing, right, Side::Probe)
        .filter(|probe| !loses_filter || has_filter(join, &probe.plan).unwrap_or(false))
        .and_then(|kept| can_be_routed(kept, Side::Probe, left));
    let move_probe = stored(pairing, left, Side::Build)
        .filter(|_| !loses_filter)
        .and_then(|kept| can_be_routed(kept, Side::Build, right));
    match (move_build, move_probe) {
        (Some(()), None) => Some(Side::Build),
        (None, Some(())) => Some(Side::Probe),
        (None, None) => None,
        (Some(()), Some(())) => {
            let rows = |side: &Arc<dyn ExecutionPlan>| {
                let known = walk.statistics.compute(side.as_ref(), &StatisticsArgs::new());
                known.ok().and_then(|known| known.num_rows.get_value().copied())
            };
            let (build, probe) = (rows(pairing.left), rows(pairing.right));
            Some(if build <= probe { Side::Build } else { Side::Probe })
        }
    }
}

/// Returns a side dealt out to the slices that the other side is on.
fn to_slices(pairing: &Pairing<'_>, moved: &Placed, which: Side, kept: &Placed) -> Result<Placed> {
    let rows = moved.unmoved.as_deref().unwrap_or(moved);
    let kept_side = if which == Side::Build { Side::Probe } else { Side::Build };
    let key: Option<&Arc<dyn PhysicalExpr>> = key_of(pairing, kept, kept_side)
        .and_then(|place| pairing.on.get(place))
        .map(|(build, probe)| if which == Side::Build { build } else { probe });
    let Some(key) = key else {
        return internal_err!("a side goes to slices that have no key");
    };
    let slices = kept.partition_count();
    let route = route_to_slice(key, &rows.plan.schema(), slices)?;
    let exchange =
        RepartitionExec::try_new(Arc::clone(&rows.plan), Partitioning::Hash(vec![route], slices))?;
    let exchange = Placed::new(Arc::new(exchange), std::slice::from_ref(&rows.locus));
    // What it says of its partitions is true, but for DataFusion two exchanges by hash lie alike.
    let masked = Arc::new(MaskExec::new(exchange.plan, Hidden::Partitioning));
    Ok(Placed::new(masked, &[exchange.locus]))
}
