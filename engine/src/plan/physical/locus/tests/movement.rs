//! Which rows move, statement by statement.

use std::sync::Arc;

use datafusion::{
    datasource::source::DataSourceExec,
    physical_plan::{
        ExecutionPlan,
        aggregates::{AggregateExec, AggregateMode},
    },
};

use super::{Joins, Warehouse, exchanges, merges, shown};
use crate::plan::physical::locus::{DsLabel, distribution_of};

fn labels(plan: &Arc<dyn ExecutionPlan>) -> Vec<DsLabel> {
    let below = plan.children().into_iter().flat_map(labels);
    distribution_of(plan).into_iter().chain(below).collect()
}

/// Checks how many exchanges the plans of queries have before and after, and what they answer.
async fn check(joins: Joins, queries: &[(&str, (usize, usize))]) {
    let warehouse = Warehouse::new(3, joins, 1).await;
    for (sql, (before, after)) in queries {
        let (whole, single) = (warehouse.planned(sql).await, warehouse.in_place(sql).await);
        let shown = shown(&single);
        assert_eq!((exchanges(&whole), exchanges(&single)), (*before, *after), "{sql}\n{shown}");
        let expected = warehouse.rows(whole).await;
        assert_eq!(warehouse.rows(single).await, expected, "{sql}\n{shown}");
    }
}

#[tokio::test]
async fn groups_of_the_distkey_stay_in_their_slices() {
    let queries = [
        ("select k, count(*), sum(v) from a group by k", (1, 0)),
        ("select v, k, count(*) from a where v > 1 group by v, k", (1, 0)),
        ("select cast(k as decimal(20, 2)), count(*) from a group by 1", (1, 0)),
        ("select count(distinct k) from a", (1, 0)),
        ("select k, count(distinct v) from a group by k", (2, 0)),
        ("select distinct k, j from b", (1, 0)),
        ("select k, v, rank() over (partition by k order by v) from b", (1, 0)),
        ("select k, count(*) over (partition by v, k) from b", (1, 0)),
        ("select k, count(*) over (partition by v) from b", (1, 1)),
        // Few groups come together in one place.
        ("select v, count(*) from a group by v", (1, 0)),
        // A UNION of branches that lie alike relies on it.
        (
            "select k, count(*) from a group by k union all select k, count(*) from b group by k",
            (2, 2),
        ),
    ];
    check(Joins::Partitioned, &queries).await;
}

#[tokio::test]
async fn joins_on_the_distkey_move_nothing() {
    let queries = [
        ("select a.v, b.v from a join b on a.k = b.k", (2, 0)),
        ("select a.v, b.v from a join b on a.k = b.k and a.v = b.v", (2, 0)),
        ("select a.v, c.v from a join c on a.k = c.j", (2, 0)),
        ("select a.v, b.v from a left join b on a.k = b.k", (2, 0)),
        ("select a.v, b.v from a full join b on a.k = b.k", (2, 0)),
        ("select v from a where exists (select 1 from b where a.k = b.k)", (2, 0)),
        ("select v from a where not exists (select 1 from b where a.k = b.k)", (2, 0)),
        // What stays after an outer join is where the side is that every row has.
        ("select a.k, count(*) from a left join b on a.k = b.k group by a.k", (2, 0)),
        // What an aggregation leaves in place is joined in place.
        (
            "select a.v, t.n from a join (select k, count(*) as n from b group by k) t on a.k = t.k",
            (2, 0),
        ),
        (
            "select t.n from (select k, sum(v) as n from a group by k) t
             left join (select k, sum(v) as n from b group by k) u on t.k = u.k where u.n is null",
            (2, 0),
        ),
        ("select a.v, b.v from a join b on a.v = b.v", (2, 2)),
        ("select d.v, d2.v from d join d2 on d.k = d2.k", (2, 2)),
    ];
    check(Joins::Partitioned, &queries).await;
}

#[tokio::test]
async fn every_movement_has_its_name() {
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    let queries: [(&str, &[DsLabel]); 7] = [
        ("select a.v, b.v from a join b on a.k = b.k", &[DsLabel::DistNone]),
        ("select d.v, e.v from d join e on d.k = e.k", &[DsLabel::DistAllNone]),
        ("select d.v, d2.v from d join d2 on d.k = d2.k", &[DsLabel::DistBoth]),
        // Full joins have no filter to lose.
        ("select d.v, a.v from d full join a on d.k = a.k", &[DsLabel::DistInner]),
        ("select b.v, d2.v from b full join d2 on b.k = d2.k", &[DsLabel::DistOuter]),
        ("select e.v, e2.v from e, e2 where e.v < e2.v", &[DsLabel::DistAllNone]),
        ("select d.v, d2.v from d, d2 where d.v < d2.v", &[DsLabel::BcastInner]),
    ];
    for (sql, expected) in queries {
        let plan = warehouse.in_place(sql).await;
        assert_eq!(labels(&plan), expected, "{sql}\n{}", shown(&plan));
        let oracle = warehouse.rows(warehouse.oracle(sql).await).await;
        assert_eq!(warehouse.rows(plan).await, oracle, "{sql}");
    }
    let collected = Warehouse::new(3, Joins::Collected, 1).await;
    let queries: [(&str, &[DsLabel]); 3] = [
        ("select a.v, b.v from a join b on a.k = b.k", &[DsLabel::DistNone]),
        ("select d.v, e.v from d join e on d.k = e.k", &[DsLabel::DistAllNone]),
        ("select a.v, d.v from a join d on a.k = d.k", &[DsLabel::BcastInner]),
    ];
    for (sql, expected) in queries {
        let plan = collected.in_place(sql).await;
        assert_eq!(labels(&plan), expected, "{sql}\n{}", shown(&plan));
    }
}

#[tokio::test]
async fn sorted_slices_are_aggregated_in_order() {
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    let plan = warehouse.in_place("select k, sum(v) from a group by k having sum(v) > 3").await;
    let shown = shown(&plan);
    assert!(
        shown.contains("mode=SinglePartitioned") && shown.contains("ordering_mode=Sorted"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_limit_on_groups_is_kept_by_both_stages() {
    fn modes(plan: &Arc<dyn ExecutionPlan>) -> Vec<AggregateMode> {
        let own = plan.downcast_ref::<AggregateExec>().map(|aggregate| *aggregate.mode());
        own.into_iter().chain(plan.children().into_iter().flat_map(modes)).collect()
    }
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    let sql = "select distinct k from b limit 5";
    let plan = warehouse.in_place(sql).await;
    assert_eq!(exchanges(&plan), 0, "{}", shown(&plan));
    assert_eq!(modes(&plan), [AggregateMode::FinalPartitioned, AggregateMode::Partial]);
    assert_eq!(warehouse.rows(plan).await.len(), 5);
}

#[tokio::test]
async fn a_join_of_slices_tells_scans_its_keys() {
    fn scanned(plan: &Arc<dyn ExecutionPlan>) -> usize {
        let own = plan.metrics().filter(|_| plan.is::<DataSourceExec>());
        let own = own.and_then(|metrics| metrics.output_rows()).unwrap_or_default();
        own + plan.children().into_iter().map(scanned).sum::<usize>()
    }
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    for (sql, is_filtered) in [
        ("select a.v from a join b on a.k = b.k where b.v = 4", true),
        ("select a.v from a join d on a.k = d.k where d.v = 4", true),
        // Of an outer join every row of the probe side is wanted.
        ("select a.v from a left join (select * from b where v = 4) b on a.k = b.k", false),
    ] {
        let plan = warehouse.in_place(sql).await;
        let oracle = warehouse.rows(warehouse.oracle(sql).await).await;
        assert_eq!(warehouse.rows(Arc::clone(&plan)).await, oracle, "{sql}");
        // Of 120 rows of the larger table.
        assert_eq!(scanned(&plan) < 60, is_filtered, "{sql}: {}\n{}", scanned(&plan), shown(&plan));
        assert_eq!(shown(&plan).contains("SliceKeysExec"), is_filtered, "{sql}\n{}", shown(&plan));
    }
}

#[tokio::test]
async fn a_filter_on_the_distkey_reads_one_slice() {
    let warehouse = Warehouse::new(4, Joins::Partitioned, 1).await;
    for (sql, slices) in [
        ("select v from a where k = 7", 1),
        ("select v from a where v > 1 and k = 8", 1),
        ("select v from a where v > 1", 4),
    ] {
        let plan = warehouse.in_place(sql).await;
        // One file a slice.
        let files =
            shown(&plan).matches(".vortex").count().max(shown(&plan).matches("root/").count());
        assert_eq!(files, slices, "{}", shown(&plan));
        let oracle = warehouse.rows(warehouse.oracle(sql).await).await;
        assert_eq!(warehouse.rows(plan).await, oracle, "{sql}");
    }
}

#[tokio::test]
async fn joins_of_slices_in_the_order_of_the_keys_are_merged() {
    let warehouse = Warehouse::new(3, Joins::Partitioned, 1).await;
    for (sql, merged) in [
        ("select a.v, a2.v from a join a2 on a.k = a2.k", 1),
        ("select a.v, a2.v, a2.j from a join a2 on a.k = a2.k and a.v < a2.v", 1),
        ("select a.v, a2.v from a left join a2 on a.k = a2.k", 1),
        ("select a2.k, a.k, a.v from a right join a2 on a.k = a2.k", 1),
        (
            "select x.v, t.v from a x join (select a.k, a2.v from a join a2 on a.k = a2.k) t on x.k = t.k",
            2,
        ),
        (
            "select a.v, t.v from a join (select k, max(v) as v from a2 group by k) t on a.k = t.k",
            1,
        ),
        ("select count(*) from a full join a2 on a.k = a2.k", 0),
        ("select count(*) from a left join a2 on a.k = a2.k and a.v < a2.v", 0),
        ("select v from a where exists (select 1 from a2 where a.k = a2.k)", 0),
        // Not in the order of both keys, and of none.
        ("select a.v, a2.v from a join a2 on a.k = a2.k and a.v = a2.v", 0),
        ("select a.v, b.v from a join b on a.k = b.k", 0),
    ] {
        let (whole, plan) = (warehouse.planned(sql).await, warehouse.in_place(sql).await);
        assert_eq!(merges(&plan), merged, "{sql}\n{}", shown(&plan));
        assert_eq!(exchanges(&plan), 0, "{sql}\n{}", shown(&plan));
        let expected = warehouse.rows(whole).await;
        assert_eq!(warehouse.rows(plan).await, expected, "{sql}");
    }
}
