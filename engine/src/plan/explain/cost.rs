//! What EXPLAIN says a step costs. The constants are PostgreSQL's, the two of the network are those that
//! Redshift's documentation shows: its examples come out to the cent (see the tests).
//!
//! Costs only compare steps of one plan. No plan is chosen by them.

/// Work on one row.
const TUPLE: f64 = 0.01;
/// One operator on one row.
const OPERATOR: f64 = 0.0025;
/// Sending one byte to every node.
const BROADCAST_BYTE: f64 = 10_000.0;
/// Sending one byte to the slice it belongs to.
const DISTRIBUTE_BYTE: f64 = BROADCAST_BYTE / 48.0;
/// What a sort costs more than it does: Redshift's planner avoids them.
const SORT: f64 = 1e12;
/// What a row on the wire has beside its columns, and what its size is a multiple of.
const ROW_HEADER_BYTES: f64 = 8.0;
const ROW_ALIGNMENT_BYTES: f64 = 4.0;

/// What it costs until the first row is there, and until the last.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Until the first row.
    pub startup: f64,
    /// Until the last.
    pub total: f64,
}

/// What is estimated of the rows that a step returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimated {
    /// What it costs to get them.
    pub cost: Cost,
    /// How many there are.
    pub rows: f64,
    /// Their average size in bytes.
    pub width: f64,
}

/// How the rows of one side of a join get to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Movement {
    /// They are there.
    Stays,
    /// Each goes to one slice.
    Distributed,
    /// Each goes to all nodes.
    Broadcast,
}

impl Cost {
    fn from_startup(startup: f64, run: f64) -> Self {
        Self { startup, total: startup + run }
    }

    /// Returns the cost with more work on the way.
    fn and(self, run: f64) -> Self {
        Self { startup: self.startup, total: self.total + run }
    }
}

/// Reading `rows` rows and looking at each with so many operators.
pub(super) fn scan(rows: f64, operators: usize) -> Cost {
    Cost::from_startup(0.0, rows * (TUPLE + OPERATOR * operators as f64))
}

/// One row of constants.
pub(super) fn result(rows: f64) -> Cost {
    Cost::from_startup(0.0, rows * TUPLE)
}

/// Looking at every row once more with so many operators.
pub(super) fn filter(input: Estimated, operators: usize) -> Cost {
    input.cost.and(input.rows * OPERATOR * operators as f64)
}

/// Handing rows through.
pub(super) fn subquery_scan(input: Estimated) -> Cost {
    input.cost.and(input.rows * TUPLE)
}

/// Building the table that a join looks into: nothing comes before all is there.
pub(super) fn hash(input: Estimated) -> Cost {
    Cost::from_startup(input.cost.total, 0.0)
}

/// A hash join on `keys` columns that returns `rows` rows.
pub(super) fn hash_join(outer: Estimated, inner: Estimated, keys: usize, rows: f64) -> Cost {
    let keys = keys as f64;
    let built = inner.cost.total + inner.rows * OPERATOR * keys;
    let probed = outer.rows * (TUPLE + OPERATOR * keys);
    Cost {
        startup: outer.cost.startup + built,
        total: outer.cost.total + built + probed + rows * TUPLE,
    }
}

/// A merge join on `keys` columns that returns `rows` rows.
pub(super) fn merge_join(outer: Estimated, inner: Estimated, keys: usize, rows: f64) -> Cost {
    let compared = (outer.rows + inner.rows) * OPERATOR * keys as f64;
    Cost {
        startup: outer.cost.startup + inner.cost.startup,
        total: outer.cost.total + inner.cost.total + compared + rows * TUPLE,
    }
}

/// Every row of one side with every row of the other, held against so many operators.
pub(super) fn nested_loop(outer: Estimated, inner: Estimated, operators: usize) -> Cost {
    let pairs = outer.rows * inner.rows;
    Cost {
        startup: outer.cost.startup + inner.cost.startup,
        total: outer.cost.total + inner.cost.total + pairs * (TUPLE + OPERATOR * operators as f64),
    }
}

/// The rows of one side of a join, sent where the join is.
pub(super) fn moved(side: Estimated, movement: Movement) -> f64 {
    let bytes = side.rows * aligned(side.width + ROW_HEADER_BYTES);
    match movement {
        Movement::Stays => 0.0,
        Movement::Distributed => bytes * DISTRIBUTE_BYTE,
        Movement::Broadcast => bytes * BROADCAST_BYTE,
    }
}

/// A join whose rows had to be sent before.
pub(super) fn after_moving(join: Cost, moved: f64) -> Cost {
    join.and(moved)
}

/// One group of all rows.
pub(super) fn aggregate(input: Estimated, functions: usize) -> Cost {
    let startup = input.cost.total + input.rows * OPERATOR * functions as f64;
    Cost::from_startup(startup, OPERATOR * functions as f64)
}

/// Groups in a hash table: nothing comes before all is there.
pub(super) fn hash_aggregate(input: Estimated, keys: usize, functions: usize, groups: f64) -> Cost {
    let startup = input.cost.total + input.rows * OPERATOR * (keys + functions) as f64;
    Cost::from_startup(startup, groups * OPERATOR * functions as f64)
}

/// Groups one after the other, as the rows come in their order.
pub(super) fn group_aggregate(input: Estimated, keys: usize, functions: usize) -> Cost {
    input.cost.and(input.rows * OPERATOR * (keys + functions) as f64)
}

/// Rows without those that were there before.
pub(super) fn unique(input: Estimated, keys: usize) -> Cost {
    Cost { startup: 0.0, total: input.cost.total + input.rows * OPERATOR * keys as f64 }
}

/// Rows put in order.
pub(super) fn sort(input: Estimated) -> Cost {
    let rows = input.rows.max(2.0);
    let startup = SORT + input.cost.total + 2.0 * OPERATOR * rows * rows.log2();
    Cost::from_startup(startup, input.rows * OPERATOR)
}

/// Functions over windows of rows that are in order.
pub(super) fn window(input: Estimated, operators: usize) -> Cost {
    input.cost.and(input.rows * OPERATOR * operators as f64)
}

/// The first rows of many.
pub(super) fn limit(input: Estimated, rows: f64) -> Cost {
    let part = if input.rows > 0.0 { (rows / input.rows).min(1.0) } else { 1.0 };
    Cost::from_startup(input.cost.startup, (input.cost.total - input.cost.startup) * part)
}

/// The rows of several inputs, one after the other.
pub(super) fn append(inputs: impl Iterator<Item = Cost> + Clone) -> Cost {
    let startup = inputs.clone().next().map_or(0.0, |first| first.startup);
    Cost { startup, total: inputs.map(|input| input.total).sum() }
}

fn aligned(bytes: f64) -> f64 {
    (bytes / ROW_ALIGNMENT_BYTES).ceil() * ROW_ALIGNMENT_BYTES
}

/// The examples of Redshift's documentation: "Query plan", "Evaluating the query plan", "EXPLAIN" and
/// "CTAS usage notes", over the tables of TICKIT.
#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(rows: f64, width: f64) -> Estimated {
        Estimated { cost: scan(rows, 0), rows, width }
    }

    fn printed(cost: Cost) -> String {
        format!("{:.2}..{:.2}", cost.startup, cost.total)
    }

    /// The last digit that the documentation prints hangs on the order in which its sums were made.
    fn assert_close(cost: Cost, expected: &str) {
        let (startup, total) = expected.split_once("..").unwrap();
        for (cost, expected) in [(cost.startup, startup), (cost.total, total)] {
            let difference = cost - expected.parse::<f64>().unwrap();
            assert!(difference.abs() < 0.011, "{cost} is not {expected}");
        }
    }

    #[test]
    fn scans_limits_and_sorts_cost_what_redshift_says() {
        let sales = scanned(172_456.0, 8.0);
        assert_eq!(printed(sales.cost), "0.00..1724.56");
        assert_eq!(printed(limit(sales, 100.0)), "0.00..1.00");
        assert_eq!(printed(sort(sales)), "1000000016724.67..1000000017155.81");
        assert_eq!(printed(hash(scanned(8_798.0, 35.0))), "87.98..87.98");
    }

    #[test]
    fn aggregates_cost_what_redshift_says() {
        let event = scanned(8_798.0, 17.0);
        assert_eq!(printed(hash_aggregate(event, 1, 1, 576.0)), "131.97..133.41");
        assert_eq!(printed(unique(event, 1)), "0.00..109.98");
        let sales = scanned(172_456.0, 8.0);
        assert_eq!(printed(hash_aggregate(sales, 2, 1, 83_509.0)), "3017.98..3226.75");
    }

    #[test]
    fn joins_cost_what_redshift_says() {
        let (event, category) = (scanned(8_798.0, 35.0), scanned(11.0, 49.0));
        let join = hash_join(event, category, 1, 8_798.0);
        let join = after_moving(join, moved(category, Movement::Broadcast));
        assert_eq!(printed(join), "0.14..6600286.07");

        let (sales, event) = (scanned(172_456.0, 14.0), scanned(8_798.0, 21.0));
        let join = hash_join(sales, event, 1, 172_456.0);
        let join = after_moving(join, moved(event, Movement::Broadcast));
        assert_eq!(printed(join), "109.98..2815365714.80");
        let joined = Estimated { cost: join, rows: 172_456.0, width: 27.0 };
        let groups = hash_aggregate(joined, 1, 1, 576.0);
        assert_close(groups, "2815366577.07..2815366578.51");
        let sorted = sort(Estimated { cost: groups, rows: 576.0, width: 27.0 });
        assert_close(sorted, "1002815366604.92..1002815366606.36");
    }

    #[test]
    fn moving_one_side_costs_less_than_a_broadcast() {
        let (event, venue) = (scanned(8_798.0, 23.0), scanned(202.0, 22.0));
        let join = hash_join(event, venue, 1, 8_712.0);
        let join = after_moving(join, moved(event, Movement::Distributed));
        assert_close(join, "2.53..58653620.93");
    }

    #[test]
    fn a_merge_join_costs_what_redshift_says() {
        let (listing, sales) = (scanned(192_497.0, 14.0), scanned(172_456.0, 24.0));
        assert_eq!(printed(merge_join(listing, sales, 1, 172_456.0)), "0.00..6286.47");
    }
}
