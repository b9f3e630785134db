//! Queries drawn at random answer the same with the pass and without it.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::time::timeout;

use super::{Joins, TABLES, Warehouse, exchanges, merges, shown};

/// Queries for each number of slices and way to join.
const QUERIES: u64 = 200;

/// Longer than any of them takes.
const QUERY_SECONDS_MAX: Duration = Duration::from_secs(20);

/// Draws queries. Every relation has the columns `k`, `j`, `v`.
struct Draw(StdRng);

impl Draw {
    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.choose(&mut self.0).copied().unwrap_or_default()
    }

    fn relation(&mut self, depth: usize) -> String {
        if depth == 0 || self.0.random_bool(0.15) {
            let names = TABLES.map(|(name, ..)| name);
            return self.one_of(&names).to_owned();
        }
        let inner = match self.0.random_range(0..12) {
            0..5 => self.join(depth - 1),
            5 | 6 => self.semi_join(depth - 1),
            7 | 8 => self.aggregate(depth - 1),
            9 => self.window(depth - 1),
            10 => {
                let (left, right) = (self.relation(depth - 1), self.relation(depth - 1));
                let all = self.one_of(&["union all", "union", "except"]);
                format!("select k, j, v from {left} x {all} select k, j, v from {right} y")
            }
            _ => {
                let input = self.relation(depth - 1);
                let filter = self.one_of(&["k = 7", "k in (1, 2, 3)", "v > 1", "j = 5 or k = 9"]);
                format!("select k, j, v from {input} x where {filter}")
            }
        };
        format!("({inner})")
    }

    fn condition(&mut self) -> String {
        let on = ["x.k = y.k", "x.k = y.j", "x.j = y.k", "x.j = y.j"];
        let mut condition = self.one_of(&on).to_owned();
        if self.0.random_bool(0.3) {
            condition += self.one_of(&[" and x.v = y.v", " and x.v < y.v", " and x.k = y.k"]);
        }
        condition
    }

    /// Two of the tables that are sorted by what they are distributed by, as their slices have them.
    fn sorted_join(&mut self) -> String {
        let (left, right) = (self.one_of(&["a", "a2"]), self.one_of(&["a", "a2", "c"]));
        let join = self.one_of(&["join", "join", "left join", "right join", "full join"]);
        let key = if right == "c" { "j" } else { "k" };
        let mut on = format!("x.k = y.{key}");
        if self.0.random_bool(0.3) {
            on += self.one_of(&[" and x.v < y.v", " and x.j <> y.j + 1"]);
        }
        format!("select x.k as k, y.j as j, y.v + x.v as v from {left} x {join} {right} y on {on}")
    }

    fn join(&mut self, depth: usize) -> String {
        if self.0.random_bool(0.3) {
            return self.sorted_join();
        }
        let (left, right) = (self.relation(depth), self.relation(depth));
        let join = self.one_of(&["join", "join", "left join", "right join", "full join"]);
        let columns = ["k", "j", "v"].map(|column| {
            let side = self.one_of(&["x", "y"]);
            format!("{side}.{column} as {column}")
        });
        let (columns, on) = (columns.join(", "), self.condition());
        format!("select {columns} from {left} x {join} {right} y on {on}")
    }

    fn semi_join(&mut self, depth: usize) -> String {
        let (left, right) = (self.relation(depth), self.relation(depth));
        if self.0.random_bool(0.2) {
            let column = self.one_of(&["k", "j"]);
            let not = self.one_of(&["", "not"]);
            return format!(
                "select k, j, v from {left} x where {column} {not} in (select {column} from {right} y)"
            );
        }
        let (not, on) = (self.one_of(&["", "not"]), self.condition());
        format!(
            "select k, j, v from {left} x where {not} exists (select 1 from {right} y where {on})"
        )
    }

    fn aggregate(&mut self, depth: usize) -> String {
        let input = self.relation(depth);
        let shape = self.one_of(&[
            "select k, count(*) as j, sum(v) as v from {} x group by k",
            "select j as k, max(k) as j, count(distinct v) as v from {} x group by j",
            "select k, j, count(*) as v from {} x group by k, j",
            "select v as k, count(distinct k) as j, min(j) as v from {} x group by v",
            "select distinct k, j, v from {} x",
            "select k, j, sum(v) as v from {} x group by grouping sets ((k), (k, j), ())",
            "select k + 1 as k, count(*) as j, max(v) as v from {} x group by k + 1",
        ]);
        shape.replace("{}", &input)
    }

    fn window(&mut self, depth: usize) -> String {
        let input = self.relation(depth);
        let by = self.one_of(&["k", "j", "k, v", "v"]);
        let function = self.one_of(&["rank()", "count(*)", "sum(v)"]);
        let order = if function == "rank()" { "order by j, v" } else { "" };
        format!("select k, j, {function} over (partition by {by} {order}) as v from {input} x")
    }
}

/// Returns how many exchanges queries are spared, and how many joins merge.
async fn compare(slices: u32, joins: Joins) -> (usize, usize) {
    let (mut spared, mut merged) = (0, 0);
    let warehouse = Warehouse::new(slices, joins, u64::from(slices)).await;
    for query in 0..QUERIES {
        let seed = u64::from(slices) << 32 | query << 1 | u64::from(joins == Joins::Collected);
        let mut draw = Draw(StdRng::seed_from_u64(seed));
        let sql = format!("select k, j, v from {} t", draw.relation(2));
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
