//! Every kind of wrong plan is an error.

use std::sync::Arc;

use datafusion::{
    common::tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    physical_expr::{Partitioning, PhysicalExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan,
        coalesce_partitions::CoalescePartitionsExec,
        joins::{HashJoinExec, PartitionMode},
        repartition::RepartitionExec,
        sorts::sort::SortExec,
    },
};

use super::{AWARE, Joins, Warehouse};
use crate::{
    execution::route_to_slice,
    plan::physical::locus::{keep_in_place, verify},
};

/// Takes operators of one kind out of a plan: the first `count` of them.
fn without<T: ExecutionPlan>(
    plan: Arc<dyn ExecutionPlan>,
    mut count: usize,
) -> Arc<dyn ExecutionPlan> {
    let changed = plan.transform_up(|node| {
        if count == 0 || !node.is::<T>() {
            return Ok(Transformed::no(node));
        }
        count -= 1;
        Ok(Transformed::yes(Arc::clone(node.children()[0])))
    });
    changed.unwrap().data
}

fn error_of(plan: Arc<dyn ExecutionPlan>) -> String {
    verify(plan, AWARE).unwrap_err().to_string()
}

#[tokio::test]
async fn a_wrong_plan_is_an_error() {
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    let plan = async |sql: &str| warehouse.planned(sql).await;

    let join = plan("select a.v, b.v from a join b on a.k = b.k").await;
    let half = without::<RepartitionExec>(Arc::clone(&join), 1);
    assert!(error_of(half).contains("one side of a join is on slices"));
    verify(without::<RepartitionExec>(join, 2), AWARE).unwrap();

    let join = plan("select a.v, b.v from a join b on a.v = b.v").await;
    let bare = without::<RepartitionExec>(join, 2);
    assert!(error_of(bare).contains("not on the slices of its keys"));

    let groups = plan("select v, count(*) from a group by v").await;
    assert!(error_of(without::<RepartitionExec>(groups, 1)).contains("in several partitions"));

    let window = plan("select count(*) over (partition by v) from a").await;
    assert!(error_of(without::<RepartitionExec>(window, 1)).contains("in several partitions"));

    let sorted = plan("select v from a order by v").await;
    assert!(error_of(without::<SortExec>(sorted, 1)).contains("the order that"));

    let count = plan("select count(*) from a where v > 1").await;
    let parts = without::<CoalescePartitionsExec>(count, 1);
    assert!(error_of(parts).contains("an input of several partitions"));
}

#[tokio::test]
async fn two_exchanges_to_slices_do_not_look_alike() {
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    let join = warehouse.planned("select d.v, d2.v from d join d2 on d.k = d2.k").await;
    let routed = join.transform_up(|node| {
        let Some(exchange) = node.downcast_ref::<RepartitionExec>() else {
            return Ok(Transformed::no(node));
        };
        let schema = exchange.input().schema();
        let key: Arc<dyn PhysicalExpr> = Arc::new(Column::new_with_schema("k", &schema)?);
        let route = Partitioning::Hash(vec![route_to_slice(&key, &schema, 3)?], 3);
        let exchange = RepartitionExec::try_new(Arc::clone(exchange.input()), route)?;
        Ok(Transformed::yes(Arc::new(exchange) as _))
    });
    let error = error_of(routed.unwrap().data);
    assert!(
        error.contains("not dealt out by its keys") || error.contains("sees an exchange"),
        "{error}"
    );
}

#[tokio::test]
async fn not_in_is_left_as_it_is() {
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    let plan = warehouse.planned("select v from a where k not in (select k from b)").await;
    let plan = keep_in_place(plan, AWARE).unwrap();
    let mut modes = Vec::new();
    plan.apply(|node| {
        let join = node.downcast_ref::<HashJoinExec>();
        modes.extend(join.filter(|join| join.null_aware).map(|join| *join.partition_mode()));
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    assert_eq!(modes, [PartitionMode::CollectLeft]);
    verify(plan, AWARE).unwrap();
}
