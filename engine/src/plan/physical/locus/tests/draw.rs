//! Queries drawn at random: SQL over relations that all have the columns `k`, `j`, `v` and `s`, of numbers and of texts.
//!
//! The tables `a`, `a2` and `c` are sorted by what they are distributed by: `k`, and `j` of the last.
//!
//! Every query has one answer, as a bag of rows: what is cut off is ordered by all columns before. The test of queries over
//! processes (`sql-tests/tests/differential`) draws from here too.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// Draws queries over tables.
pub(super) struct Draw {
    random: StdRng,
    tables: Vec<String>,
}

impl Draw {
    /// Returns what draws the queries of a seed over these tables, or what can follow FROM in the place of one.
    pub(super) fn new(seed: u64, tables: Vec<String>) -> Self {
        Self { random: StdRng::seed_from_u64(seed), tables }
    }

    /// Returns one of these texts.
    pub(super) fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.choose(&mut self.random).copied().unwrap_or_default()
    }

    /// Returns what can follow FROM: a table, or a subquery at most so deep.
    pub(super) fn relation(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.random_bool(0.15) {
            return self.table();
        }
        let inner = match self.random.random_range(0..16) {
            0..5 => self.join(depth - 1),
            5 | 6 => self.semi_join(depth - 1),
            7 | 8 => self.aggregate(depth - 1),
            9 | 10 => self.window(depth - 1),
            11 => self.set_operation(depth - 1),
            12 => self.first_rows(depth - 1),
            13 => self.scalar_subquery(depth - 1),
            14 => self.unequal_join(),
            _ => self.filter(depth - 1),
        };
        format!("({inner})")
    }

    fn table(&mut self) -> String {
        self.tables.choose(&mut self.random).cloned().unwrap_or_default()
    }

    fn filter(&mut self, depth: usize) -> String {
        let input = self.relation(depth);
        let filter = self.one_of(&[
            "k = 7",
            "k in (1, 2, 3)",
            "k is null",
            "s = 'x3'",
            "v > 1",
            "j = 5 or k = 9",
            "k = j",
            "k = 7 and j > 2 and s <> 'x1'",
        ]);
        format!("select k, j, v, s from {input} x where {filter}")
    }

    fn condition(&mut self) -> String {
        let on = ["x.k = y.k", "x.k = y.k", "x.k = y.j", "x.j = y.k", "x.j = y.j"];
        let mut condition = self.one_of(&on).to_owned();
        if self.random.random_bool(0.4) {
            condition += self.one_of(&[
                " and x.v = y.v",
                " and x.v < y.v",
                " and x.k = y.k",
                " and x.s = y.s",
                " and y.v > 2",
                " and x.v > 2",
            ]);
        }
        condition
    }

    /// Returns `k, j, v, s`, each of one of both sides.
    fn columns(&mut self) -> String {
        let columns = ["k", "j", "v", "s"].map(|column| {
            let side = self.one_of(&["x", "y"]);
            format!("{side}.{column} as {column}")
        });
        columns.join(", ")
    }

    /// Two of the tables that are sorted by what they are distributed by, as their slices have them.
    fn sorted_join(&mut self) -> String {
        let (left, right) = (self.one_of(&["a", "a2"]), self.one_of(&["a", "a2", "c"]));
        let join = self.one_of(&["join", "join", "left join", "right join", "full join"]);
        let key = if right == "c" { "j" } else { "k" };
        let mut on = format!("x.k = y.{key}");
        if self.random.random_bool(0.3) {
            on += self.one_of(&[" and x.v < y.v", " and x.j <> y.j + 1"]);
        }
        format!(
            "select x.k as k, y.j as j, y.v + x.v as v, x.s as s from {left} x {join} {right} y on {on}"
        )
    }

    fn join(&mut self, depth: usize) -> String {
        if self.random.random_bool(0.2) {
            return self.sorted_join();
        }
        let (left, right) = (self.relation(depth), self.relation(depth));
        let join = self.one_of(&["join", "join", "left join", "right join", "full join"]);
        let (columns, on) = (self.columns(), self.condition());
        format!("select {columns} from {left} x {join} {right} y on {on}")
    }

    /// Of tables only: it compares each row with each.
    fn unequal_join(&mut self) -> String {
        let (left, right) = (self.table(), self.table());
        let join = self.one_of(&["join", "left join", "right join"]);
        let on = self.one_of(&["x.k + 30 < y.k", "x.j > y.j + 20 and x.v > y.v"]);
        let columns = self.columns();
        format!("select {columns} from {left} x {join} {right} y on {on}")
    }

    fn semi_join(&mut self, depth: usize) -> String {
        let (left, right) = (self.relation(depth), self.relation(depth));
        let not = self.one_of(&["", "not"]);
        let or = self.one_of(&["", "", "v > 2 or"]);
        if self.random.random_bool(0.4) {
            let column = self.one_of(&["k", "j", "s"]);
            let filter = self.one_of(&["true", "# is not null"]).replace('#', column);
            return format!(
                "select k, j, v, s from {left} x
                 where {or} {column} {not} in (select {column} from {right} y where {filter})"
            );
        }
        let on = self.condition();
        format!(
            "select k, j, v, s from {left} x
             where {or} {not} exists (select 1 from {right} y where {on})"
        )
    }

    fn scalar_subquery(&mut self, depth: usize) -> String {
        let (left, right) = (self.relation(depth), self.relation(depth));
        let value = self.one_of(&["max(y.v)", "min(y.k)", "count(*)"]);
        let filter = self.one_of(&["", "where x.k = y.k", "where x.j = y.k"]);
        format!(
            "select k, j, v, s from {left} x where v <= (select {value} from {right} y {filter})"
        )
    }

    fn set_operation(&mut self, depth: usize) -> String {
        let (left, right) = (self.relation(depth), self.relation(depth));
        let operation = self.one_of(&["union all", "union all", "union", "except", "intersect"]);
        format!("select k, j, v, s from {left} x {operation} select k, j, v, s from {right} y")
    }

    fn first_rows(&mut self, depth: usize) -> String {
        let input = self.relation(depth);
        let order = self.one_of(&["k, j, v, s", "k desc, v, j, s", "s, v desc, j, k"]);
        let limit = self.one_of(&["limit 7", "limit 1", "limit 100 offset 3", "limit 0"]);
        format!("select k, j, v, s from {input} x order by {order} {limit}")
    }

    fn aggregate(&mut self, depth: usize) -> String {
        let input = self.relation(depth);
        let shape = self.one_of(&[
            "select k, count(*) as j, sum(v) as v, max(s) as s from {} x group by k",
            "select k, count(*) as j, sum(v) as v, max(s) as s from {} x group by k having count(*) > 2",
            "select j as k, max(k) as j, count(distinct v) as v, min(s) as s from {} x group by j",
            "select k, j, count(*) as v, s from {} x group by k, j, s",
            "select k, count(distinct j) as j, count(distinct s) as v, min(s) as s from {} x group by k",
            "select v as k, count(distinct k) as j, min(j) as v, max(s) as s from {} x group by v",
            "select max(k) as k, count(distinct j) as j, sum(v) as v, s from {} x group by s",
            "select distinct k, j, v, s from {} x",
            "select k, j, sum(v) as v, min(s) as s from {} x group by grouping sets ((k), (k, j), ())",
            "select k, j, sum(v) as v, s from {} x group by rollup (k, j, s)",
            "select k + 1 as k, count(*) as j, max(v) as v, max(s) as s from {} x group by k + 1",
            "select max(k) as k, count(*) as j, count(distinct v) as v, min(s) as s from {} x",
        ]);
        shape.replace("{}", &input)
    }

    fn window(&mut self, depth: usize) -> String {
        let input = self.relation(depth);
        let by = self.one_of(&["partition by k", "partition by j", "partition by k, v", ""]);
        let over = self.one_of(&[
            "rank() over ({} order by j, v)",
            "dense_rank() over ({} order by s)",
            "row_number() over ({} order by v, j, s, k)",
            "lag(v) over ({} order by k, v, j, s)",
            "first_value(v) over ({} order by j, v, s, k rows unbounded preceding)",
            "sum(v) over ({} order by v, k, j, s rows between 2 preceding and current row)",
            "count(*) over ({})",
            "sum(v) over ({})",
        ]);
        let over = over.replace("{}", by);
        let input = format!("select k, j, {over} as v, s from {input} x");
        // The first of each partition.
        match self.random.random_bool(0.3) {
            true => format!("select k, j, v, s from ({input}) w where v <= 1"),
            false => input,
        }
    }
}
