//! What is grouped by the DISTKEY stays in its slice: every group is whole there, so that one aggregation
//! does, and no row goes to another slice.
//!
//! ```text
//!  FinalPartitioned ─ RepartitionExec(hash) ─ Partial ─ rows   ─▶   SinglePartitioned ─ rows
//! ```
//!
//! A scan declares nothing about keys (DataFusion would take our hash for its own), so that this pass finds
//! out by itself where rows are.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    common::{JoinSide, JoinType},
    config::ConfigOptions,
    datasource::{
        physical_plan::{FileScanConfig, FileSource},
        source::DataSourceExec,
    },
    error::Result,
    physical_expr::{Distribution, PhysicalExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan,
        aggregates::{AggregateExec, AggregateMode},
        coalesce_partitions::CoalescePartitionsExec,
        coop::CooperativeExec,
        filter::FilterExec,
        joins::{HashJoinExec, PartitionMode, utils::build_join_schema},
        projection::ProjectionExec,
        repartition::RepartitionExec,
        replace_children_if_necessary,
        sorts::{sort::SortExec, sort_preserving_merge::SortPreservingMergeExec},
        union::InterleaveExec,
    },
};

use crate::{distribution::RowDistribution, execution::WarehouseSource};

/// Takes the exchange from below every aggregation whose groups are whole in their slices.
pub(super) fn aggregate_in_slices(
    plan: Arc<dyn ExecutionPlan>,
    _options: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    rewrite(plan, false)
}

/// `is_relied_on`: a node above needs the rows where DataFusion's hash has put them.
fn rewrite(plan: Arc<dyn ExecutionPlan>, is_relied_on: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let requirements = plan.input_distribution_requirements().into_per_child();
    let inherits = is_relied_on && !deals_anew(&plan);
    let mut children = Vec::with_capacity(requirements.len());
    for (child, required) in plan.children().into_iter().zip(requirements) {
        let needs_keys = !matches!(
            required,
            Distribution::UnspecifiedDistribution | Distribution::SinglePartition
        );
        // Of a UNION whose branches lie alike one partition of each is read as one.
        let lies_alike = plan.is::<InterleaveExec>();
        children.push(rewrite(Arc::clone(child), needs_keys || inherits || lies_alike)?);
    }
    let plan = replace_children_if_necessary(plan, children)?;
    let single = if is_relied_on { None } else { in_one_stage(&plan)? };
    Ok(single.unwrap_or(plan))
}

/// Returns whether a node's output lies elsewhere than its input did.
fn deals_anew(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<SortPreservingMergeExec>()
}

/// Returns the aggregation in one stage, if `plan` is one in two that its slices can do.
fn in_one_stage(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(merging) = plan.downcast_ref::<AggregateExec>() else { return Ok(None) };
    // A limit on groups is kept by both stages: one would not know when there are enough.
    if *merging.mode() != AggregateMode::FinalPartitioned || merging.limit_options().is_some() {
        return Ok(None);
    }
    let exchange = merging.input().downcast_ref::<RepartitionExec>();
    let partial = exchange.and_then(|exchange| exchange.input().downcast_ref::<AggregateExec>());
    let Some(partial) = partial.filter(|partial| *partial.mode() == AggregateMode::Partial) else {
        return Ok(None);
    };
    let located_by = located_by(partial.input())?;
    let groups = partial.group_expr();
    let is_whole =
        groups.is_single() && groups.expr().iter().any(|(expr, _)| is_one_of(expr, &located_by));
    if !is_whole {
        return Ok(None);
    }
    let single = AggregateExec::try_new(
        AggregateMode::SinglePartitioned,
        groups.clone(),
        partial.aggr_expr().to_vec(),
        partial.filter_expr().to_vec(),
        Arc::clone(partial.input()),
        partial.input_schema(),
    )?;
    Ok(Some(Arc::new(single)))
}

fn is_one_of(expr: &Arc<dyn PhysicalExpr>, columns: &BTreeSet<usize>) -> bool {
    expr.downcast_ref::<Column>().is_some_and(|column| columns.contains(&column.index()))
}

/// Returns the columns of a node's output of which equal values are in one partition, by position.
fn located_by(plan: &Arc<dyn ExecutionPlan>) -> Result<BTreeSet<usize>> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        return Ok(located_by_scan(scan));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return located_by_join(join);
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let stays =
            matches!(aggregate.mode(), AggregateMode::Partial | AggregateMode::SinglePartitioned);
        if !stays || !aggregate.group_expr().is_single() {
            return Ok(BTreeSet::new());
        }
        let groups = aggregate.group_expr().expr().iter().map(|(expr, _)| expr);
        return Ok(projected(&located_by(aggregate.input())?, groups));
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let input = located_by(projection.input())?;
        return Ok(projected(&input, projection.expr().iter().map(|item| &item.expr)));
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        return Ok(chosen(located_by(filter.input())?, filter.projection().as_deref()));
    }
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        return if sort.preserve_partitioning() {
            located_by(sort.input())
        } else {
            Ok(BTreeSet::new())
        };
    }
    match plan.children().as_slice() {
        [input] if plan.is::<CooperativeExec>() => located_by(input),
        _ => Ok(BTreeSet::new()),
    }
}

fn located_by_scan(scan: &DataSourceExec) -> BTreeSet<usize> {
    let source = scan.data_source().downcast_ref::<FileScanConfig>();
    let source = source.and_then(|config| config.file_source().downcast_ref::<WarehouseSource>());
    let Some(source) = source else { return BTreeSet::new() };
    let RowDistribution::Key(key) = source.distribution() else { return BTreeSet::new() };
    match source.projection() {
        Some(projection) => {
            projected(&BTreeSet::from([key]), projection.iter().map(|item| &item.expr))
        }
        None => BTreeSet::from([key]),
    }
}

/// The rows of a join are where the rows of its probe side are. What is equal to the DISTKEY is so too.
fn located_by_join(join: &HashJoinExec) -> Result<BTreeSet<usize>> {
    let follows_probe = matches!(
        join.join_type(),
        JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti
    );
    if *join.partition_mode() != PartitionMode::CollectLeft || !follows_probe {
        return Ok(BTreeSet::new());
    }
    let probe = located_by(join.right())?;
    let mut build = BTreeSet::new();
    if *join.join_type() == JoinType::Inner {
        for (left, right) in join.on() {
            if let (Some(left), true) = (left.downcast_ref::<Column>(), is_one_of(right, &probe)) {
                build.insert(left.index());
            }
        }
    }
    let (_, columns) =
        build_join_schema(&join.left().schema(), &join.right().schema(), join.join_type());
    let located = columns.iter().enumerate().filter(|(_, column)| match column.side {
        JoinSide::Left => build.contains(&column.index),
        JoinSide::Right => probe.contains(&column.index),
        JoinSide::None => false,
    });
    Ok(chosen(located.map(|(position, _)| position).collect(), join.projection.as_deref()))
}

/// Returns where expressions put these columns.
fn projected<'a>(
    columns: &BTreeSet<usize>,
    expressions: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
) -> BTreeSet<usize> {
    let places = expressions.enumerate().filter(|(_, expr)| is_one_of(expr, columns));
    places.map(|(place, _)| place).collect()
}

/// Returns where a choice of columns puts these.
fn chosen(columns: BTreeSet<usize>, choice: Option<&[usize]>) -> BTreeSet<usize> {
    match choice {
        None => columns,
        Some(choice) => {
            let places = choice.iter().enumerate().filter(|(_, column)| columns.contains(column));
            places.map(|(place, _)| place).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{ArrayRef, Int64Array, RecordBatch},
        util::pretty::pretty_format_batches,
    };
    use datafusion::{
        physical_plan::{collect, displayable},
        prelude::{SessionConfig, SessionContext},
    };
    use object_store::{memory::InMemory, path::Path};

    use super::*;
    use crate::{
        catalog::{SortKey, Table},
        distribution::DistStyle,
        execution::WarehouseTable,
        ids::ColumnId,
        storage::{ManagedStorage, writer::TableWriter},
        types::SqlType,
    };

    const SLICES: u32 = 3;

    /// Two tables of keys and values with DISTKEY `k`, on three slices.
    async fn warehouse() -> SessionContext {
        let config = SessionConfig::new()
            .with_target_partitions(SLICES as usize)
            .set_usize("datafusion.optimizer.hash_join_single_partition_threshold", 0)
            .set_usize("datafusion.optimizer.hash_join_single_partition_threshold_rows", 0);
        let context = SessionContext::new_with_config(config);
        let storage =
            ManagedStorage::with_store(Arc::new(InMemory::new()), Path::from("root"), 1 << 20);
        for (name, rows) in [("a", 500_i64), ("b", 90)] {
            let columns = [("k", SqlType::BigInt), ("v", SqlType::BigInt)];
            let style = DistStyle::Key(ColumnId(1));
            let mut table = Table::of_columns(&columns, style, SortKey::Compound(Vec::new()));
            let layout = table.layout(SLICES);
            let keys =
                Int64Array::from_iter((0..rows).map(|row| (row % 7 > 0).then_some(row % 50)));
            let values = Int64Array::from_iter_values((0..rows).map(|row| row % 4));
            let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(values)];
            let batch = RecordBatch::try_new(Arc::clone(&layout.schema), columns).unwrap();
            let mut writer = TableWriter::new(Arc::clone(&storage), layout, 1 << 20);
            let rows = writer.router().route(batch).unwrap();
            writer.write(rows).await.unwrap();
            let runs = writer.finish().await.unwrap().into_iter().map(Arc::new);
            Arc::make_mut(&mut table.manifest).runs.extend(runs);
            let table = WarehouseTable::new(Arc::new(table), Arc::clone(&storage), SLICES);
            context.register_table(name, Arc::new(table)).unwrap();
        }
        context
    }

    fn exchanges(plan: &Arc<dyn ExecutionPlan>) -> usize {
        let below = plan.children().into_iter().map(exchanges).sum::<usize>();
        below + usize::from(plan.is::<RepartitionExec>())
    }

    #[tokio::test]
    async fn groups_of_the_distkey_stay_in_their_slices() {
        let context = warehouse().await;
        // Each with the exchanges it has before and after.
        let queries = [
            ("select k, count(*), sum(v) from a group by k", (1, 0)),
            ("select v, k, count(*) from a where v > 1 group by v, k", (1, 0)),
            ("select v, count(*) from a group by v", (1, 1)),
            ("select k + 1, count(*) from a group by k + 1", (1, 1)),
            ("select count(distinct k) from a", (1, 0)),
            ("select k, count(distinct v) from a group by k", (2, 0)),
            ("select n, count(*) from (select k, count(*) as n from a group by k) t group by n", (2, 1)),
            // A UNION of branches that lie alike relies on it.
            (
                "select k, count(*) from a group by k union all select k, count(*) from b group by k",
                (2, 2),
            ),
            // The joins of these rely on where the exchange below the aggregation puts its groups.
            (
                "select a.v, t.n from a join (select k, count(*) as n from b group by k) t on a.k = t.k",
                (2, 2),
            ),
            (
                "select t.n from (select k, sum(v) as n from a group by k) t
                 left join (select k, sum(v) as n from b group by k) u on t.k = u.k where u.n is null",
                (2, 2),
            ),
        ];
        for (sql, (before, after)) in queries {
            let sql = format!("select * from ({sql}) q order by 1, 2");
            let sql = if sql.contains("count(distinct k)") { sql.replace(", 2", "") } else { sql };
            let sql = if sql.contains("t.n from (") { sql.replace("1, 2", "1") } else { sql };
            // A plan runs once: they are made anew, so that they share nothing.
            let plan =
                async || context.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
            let (whole, single) = (plan().await, plan().await);
            let single = aggregate_in_slices(single, &ConfigOptions::new()).unwrap();
            let rows = |plan| {
                let rows = collect(plan, context.task_ctx());
                async { pretty_format_batches(&rows.await.unwrap()).unwrap().to_string() }
            };
            let shown = displayable(single.as_ref()).indent(false).to_string();
            assert_eq!((exchanges(&whole), exchanges(&single)), (before, after), "{sql}\n{shown}");
            let expected = rows(whole).await;
            assert_eq!(rows(single).await, expected, "{sql}\n{shown}");
        }
    }
}
