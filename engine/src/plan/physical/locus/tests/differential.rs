//! Queries drawn at random answer the same with the pass and without it.

use std::time::Duration;

use tokio::time::timeout;

use super::{Joins, TABLES, Warehouse, draw::Draw, exchanges, merges, shown};

/// Queries for each number of slices and way to join.
const QUERIES: u64 = 200;

/// Longer than any of them takes.
const QUERY_SECONDS_MAX: Duration = Duration::from_secs(20);

/// Returns how many exchanges queries are spared, and how many joins merge.
async fn compare(slices: u32, joins: Joins) -> (usize, usize) {
    let (mut spared, mut merged) = (0, 0);
    let warehouse = Warehouse::new(slices, joins, u64::from(slices)).await;
    for query in 0..QUERIES {
        let seed = u64::from(slices) << 32 | query << 1 | u64::from(joins == Joins::Collected);
        let mut draw = Draw::new(seed, TABLES.map(|(name, ..)| name.to_owned()).to_vec());
        let sql = format!("select k, j, v, s from {} t", draw.relation(2));
        let (oracle, plan) = (warehouse.oracle(&sql).await, warehouse.in_place(&sql).await);
        spared += exchanges(&oracle).saturating_sub(exchanges(&plan));
        merged += merges(&plan);
        let shown = format!("seed {seed} on {slices} slices: {sql}\n{}", shown(&plan));
        let expected = warehouse.rows(oracle).await;
        // A partition that waits for one that nobody asks would wait forever.
        let rows = timeout(QUERY_SECONDS_MAX, warehouse.rows(plan)).await;
        assert_eq!(rows.unwrap_or_else(|_| panic!("no end: {shown}")), expected, "{shown}");
    }
    (spared, merged)
}

#[tokio::test]
async fn the_pass_changes_no_answer() {
    for slices in 1..=4 {
        let (spared, merged) = compare(slices, Joins::Partitioned).await;
        let (spared_more, _) = compare(slices, Joins::Collected).await;
        let spared = spared + spared_more;
        // One slice has nothing to exchange.
        assert!(slices == 1 || spared > 150, "{spared} exchanges spared on {slices} slices");
        assert!(slices == 1 || merged > 5, "{merged} joins merged on {slices} slices");
    }
}
