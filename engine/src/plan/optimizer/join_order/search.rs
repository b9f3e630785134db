//! The cheapest tree of joins: dynamic programming over sets of relations.
//!
//! Every connected set of relations has one cheapest tree; a larger set's is found from all ways to
//! cut it in two (Moerkotte and Neumann, VLDB 2006). Above [`EXHAUSTIVE`] relations the two cheapest
//! to join are joined until one tree is left.

use std::collections::HashMap;

/// So many relations are searched through: 3^n cuts.
const EXHAUSTIVE: usize = 10;
/// Putting a row in a hash table costs as much as looking up so many.
const BUILD_COST: f64 = 3.0;

/// A set of relations, a bit for each.
pub(super) type Set = u64;

/// One relation.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) rows: f64,
    pub(super) rows_before_filters: f64,
}

/// Columns that are equal to one another in every row of the result.
#[derive(Clone, Debug)]
pub(super) struct EqualColumns {
    /// Relation, and how many values the column is drawn from.
    pub(super) members: Vec<(usize, f64)>,
}

/// Any other condition.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) relations: Set,
    pub(super) selectivity: f64,
}

/// What is to be joined.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) relations: Vec<Relation>,
    pub(super) equal: Vec<EqualColumns>,
    pub(super) conditions: Vec<Condition>,
}

/// A tree of joins. The left side of a join is built, the right side looks up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan::optimizer) enum Tree {
    Relation(usize),
    Join(Box<Tree>, Box<Tree>),
}

impl Tree {
    pub(super) fn join(left: Self, right: Self) -> Self {
        Self::Join(Box::new(left), Box::new(right))
    }

    pub(super) fn set(&self) -> Set {
        match self {
            Self::Relation(index) => 1 << index,
            Self::Join(left, right) => left.set() | right.set(),
        }
    }
}

#[derive(Clone, Debug)]
struct Best {
    tree: Tree,
    cost: f64,
    rows: f64,
}

impl Graph {
    /// Returns the cheapest tree of all relations.
    pub(super) fn cheapest(&self) -> Option<Tree> {
        if self.relations.len() <= EXHAUSTIVE { self.search() } else { self.greedy() }
    }

    fn search(&self) -> Option<Tree> {
        let all: Set = (1 << self.relations.len()) - 1;
        // Relations are crossed only if nothing else brings them all together.
        let crossing = !self.is_connected(all);
        let mut best: HashMap<Set, Best> = HashMap::new();
        for index in 0..self.relations.len() {
            best.insert(1 << index, self.leaf(index));
        }
        for set in (1..=all).filter(|set| set.count_ones() > 1) {
            if let Some(found) = self.cut(set, &best, crossing) {
                best.insert(set, found);
            }
        }
        best.remove(&all).map(|best| best.tree)
    }

    /// Returns the cheapest join of two parts of a set.
    fn cut(&self, set: Set, best: &HashMap<Set, Best>, crossing: bool) -> Option<Best> {
        let rows = self.rows(set);
        let mut found: Option<Best> = None;
        let mut left = (set - 1) & set;
        while left != 0 {
            let right = set & !left;
            if let (Some(build), Some(probe)) = (best.get(&left), best.get(&right))
                && (crossing || self.connects(left, right))
            {
                let cost = build.cost + probe.cost + self.join_cost(build, probe, rows);
                if found.as_ref().is_none_or(|found| cost < found.cost) {
                    let tree = Tree::join(build.tree.clone(), probe.tree.clone());
                    found = Some(Best { tree, cost, rows });
                }
            }
            left = (left - 1) & set;
        }
        found
    }

    fn greedy(&self) -> Option<Tree> {
        let mut parts = (0..self.relations.len()).map(|i| self.leaf(i)).collect::<Vec<_>>();
        while parts.len() > 1 {
            let pairs = (0..parts.len()).flat_map(|left| (0..parts.len()).map(move |r| (left, r)));
            let joins = pairs.filter(|(left, right)| left != right).map(|(left, right)| {
                let (build, probe) = (&parts[left], &parts[right]);
                let rows = self.rows(build.tree.set() | probe.tree.set());
                (left, right, rows, self.join_cost(build, probe, rows))
            });
            let (left, right, rows, cost) = joins.min_by(|a, b| a.3.total_cmp(&b.3))?;
            let (build, probe) = (parts[left].clone(), parts[right].clone());
            let cost = build.cost + probe.cost + cost;
            let tree = Tree::join(build.tree, probe.tree);
            parts[left] = Best { tree, cost, rows };
            parts.swap_remove(right);
        }
        parts.pop().map(|best| best.tree)
    }

    fn leaf(&self, index: usize) -> Best {
        Best { tree: Tree::Relation(index), cost: 0.0, rows: self.relations[index].rows }
    }

    /// Returns whether columns of both sets are equal.
    fn connects(&self, left: Set, right: Set) -> bool {
        let has = |set: Set, equal: &EqualColumns| {
            equal.members.iter().any(|(relation, _)| set & (1 << relation) != 0)
        };
        self.equal.iter().any(|equal| has(left, equal) && has(right, equal))
    }

    /// Returns what a join costs, in rows looked up. Without equal columns every pair is looked at.
    fn join_cost(&self, build: &Best, probe: &Best, rows: f64) -> f64 {
        let pairs = if self.connects(build.tree.set(), probe.tree.set()) {
            0.0
        } else {
            build.rows * probe.rows
        };
        BUILD_COST * build.rows + probe.rows + pairs + rows
    }

    fn is_connected(&self, set: Set) -> bool {
        let mut reached: Set = set & set.wrapping_neg();
        loop {
            let next = (0..self.relations.len())
                .map(|index| 1 << index)
                .filter(|one| set & one & !reached != 0 && self.connects(reached, *one))
                .fold(reached, |reached, one| reached | one);
            if next == reached {
                return reached == set;
            }
            reached = next;
        }
    }

    /// Returns how many rows the join of a set has, whichever way it is made: relations are added from
    /// the largest on, each with the columns that are equal to some column of those before it.
    fn rows(&self, set: Set) -> f64 {
        let mut members =
            (0..self.relations.len()).filter(|index| set & (1 << index) != 0).collect::<Vec<_>>();
        members.sort_by(|a, b| {
            let rows = |index: &usize| self.relations[*index].rows_before_filters;
            rows(b).total_cmp(&rows(a)).then(a.cmp(b))
        });
        let mut rows = 1.0;
        let mut before: Set = 0;
        for index in members {
            rows *= self.relations[index].rows / self.key_values(before, index);
            before |= 1 << index;
        }
        let conditions = self.conditions.iter().filter(|c| c.relations & !set == 0);
        rows * conditions.map(|condition| condition.selectivity).product::<f64>()
    }

    /// Returns how many values the columns are drawn from by which a relation is joined to a set.
    fn key_values(&self, set: Set, index: usize) -> f64 {
        let (mut columns, mut own, mut other, mut other_rows) = (0, 1.0, 1.0, 0.0_f64);
        for equal in &self.equal {
            let Some((_, domain)) = equal.members.iter().find(|(member, _)| *member == index)
            else {
                continue;
            };
            let before = equal.members.iter().filter(|(member, _)| set & (1 << member) != 0);
            let Some((member, least)) = before.min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
            columns += 1;
            own *= domain;
            other *= least;
            other_rows = other_rows.max(self.relations[*member].rows_before_filters);
        }
        if columns == 0 {
            return 1.0;
        }
        let own = own.min(self.relations[index].rows_before_filters);
        super::super::cardinality::key_values(columns, own, other.min(other_rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(rows: f64) -> Relation {
        Relation { rows, rows_before_filters: rows }
    }

    fn equal(members: &[(usize, f64)]) -> EqualColumns {
        EqualColumns { members: members.to_vec() }
    }

    /// Fact table 0 with dimensions 1 and 2, of which 2 is filtered to a hundredth.
    fn star() -> Graph {
        let filtered = Relation { rows: 10.0, rows_before_filters: 1_000.0 };
        Graph {
            relations: vec![relation(1_000_000.0), relation(1_000.0), filtered],
            equal: vec![equal(&[(0, 1_000.0), (1, 1_000.0)]), equal(&[(0, 1_000.0), (2, 1_000.0)])],
            conditions: Vec::new(),
        }
    }

    #[test]
    fn the_selective_dimension_is_joined_first() {
        let tree = star().cheapest().unwrap();
        let fact = Tree::join(Tree::Relation(2), Tree::Relation(0));
        assert_eq!(tree, Tree::join(Tree::Relation(1), fact));
    }

    #[test]
    fn rows_do_not_depend_on_the_order() {
        let graph = star();
        assert_eq!(graph.rows(0b111).round(), 10_000.0);
        assert_eq!(graph.rows(0b011).round(), 1_000_000.0);
    }

    #[test]
    fn a_composite_key_is_not_the_product_of_its_columns() {
        let graph = Graph {
            relations: vec![relation(6_000_000.0), relation(800_000.0)],
            equal: vec![
                equal(&[(0, 200_000.0), (1, 200_000.0)]),
                equal(&[(0, 10_000.0), (1, 10_000.0)]),
            ],
            conditions: Vec::new(),
        };
        assert_eq!(graph.rows(0b11).round(), 6_000_000.0);
    }

    #[test]
    fn relations_without_a_condition_are_crossed_last() {
        let mut graph = star();
        graph.relations.push(relation(5.0));
        let tree = graph.cheapest().unwrap();
        assert_eq!(tree.set(), 0b1111);
        assert_eq!(graph.rows(0b1111).round(), 50_000.0);
    }

    #[test]
    fn many_relations_are_joined_along_their_conditions() {
        let count = EXHAUSTIVE + 4;
        let graph = Graph {
            relations: (0..count).map(|i| relation(100.0 * (i + 1) as f64)).collect(),
            equal: (1..count).map(|i| equal(&[(i - 1, 100.0), (i, 100.0 * i as f64)])).collect(),
            conditions: Vec::new(),
        };
        let tree = graph.cheapest().unwrap();
        assert_eq!(tree.set(), (1 << count) - 1);
        fn crosses(graph: &Graph, tree: &Tree) -> bool {
            let Tree::Join(left, right) = tree else { return false };
            !graph.connects(left.set(), right.set())
                || crosses(graph, left)
                || crosses(graph, right)
        }
        assert!(!crosses(&graph, &tree), "{tree:?}");
    }
}
