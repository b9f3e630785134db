//! How many rows a logical plan has, by the statistics that tables keep.
//!
//! The estimates are the textbook's (Selinger et al., SIGMOD 1979): values are spread as ANALYZE found them
//! ([`Spread`]), evenly where nobody has looked; columns are independent, and the keys of the smaller side of a join
//! are among those of the larger. They choose between plans, never between answers.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::Field;
use datafusion::{
    common::{Column, ColumnStatistics, JoinType, ScalarValue, stats::Precision},
    datasource::source_as_provider,
    logical_expr::{
        Aggregate, BinaryExpr, Join, LogicalPlan, Operator, TableScan,
        expr::{Between, InList, Like},
        utils::split_conjunction,
    },
    prelude::Expr,
};

use super::spread::Spread;
use crate::{catalog::Table, execution::WarehouseTable};

/// Rows of what keeps no statistics.
const UNKNOWN_ROWS: f64 = 1_000.0;
/// Part of the rows that pass a condition of which nothing is known.
pub(in crate::plan) const UNKNOWN_SELECTIVITY: f64 = 0.25;
/// Part of the rows that match a pattern.
pub(in crate::plan) const PATTERN_SELECTIVITY: f64 = 0.05;
/// Part of the rows on one side of a value of which nothing is known.
pub(in crate::plan) const INEQUALITY_SELECTIVITY: f64 = 1.0 / 3.0;

/// What is known of a column.
#[derive(Clone, Debug)]
pub(in crate::plan) struct ColumnEstimate {
    /// How many values it is drawn from. Filters on other columns do not change it.
    pub(in crate::plan) domain: f64,
    /// The lowest and the highest value, of numbers and moments.
    range: Option<(f64, f64)>,
    /// Part of the rows without a value.
    pub(in crate::plan) nulls: f64,
    /// How its values are spread, as far as ANALYZE has found out.
    spread: Option<Spread>,
}

/// The estimated rows of a plan.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    /// How many there are.
    pub(super) rows: f64,
    /// How many there were before conditions took some away.
    pub(super) rows_before_filters: f64,
    columns: HashMap<Column, ColumnEstimate>,
}

impl Estimate {
    fn unknown(rows: f64) -> Self {
        Self { rows, rows_before_filters: rows, columns: HashMap::new() }
    }

    /// Returns how many values an expression is drawn from, at most the rows there ever were.
    pub(super) fn domain(&self, expr: &Expr) -> f64 {
        let column = as_column(expr).and_then(|column| self.columns.get(column));
        column.map_or(self.rows_before_filters, |column| column.domain).max(1.0)
    }

    /// Returns how many different values of an expression the rows show.
    pub(super) fn distinct(&self, expr: &Expr) -> f64 {
        values_shown(self.domain(expr), self.rows)
    }

    /// Returns the part of the combinations of some relations' rows that pass a condition.
    pub(super) fn selectivity_over<'a>(
        relations: impl Iterator<Item = &'a Self>,
        predicate: &Expr,
    ) -> f64 {
        let mut all = Self::unknown(1.0);
        for relation in relations {
            all.rows_before_filters = all.rows_before_filters.max(relation.rows_before_filters);
            all.columns.extend(relation.columns.iter().map(|(c, e)| (c.clone(), e.clone())));
        }
        all.selectivity(predicate).clamp(0.0, 1.0)
    }

    fn filtered(mut self, predicate: &Expr) -> Self {
        for conjunct in split_conjunction(predicate) {
            let selectivity = self.apply(conjunct);
            self.rows *= selectivity.clamp(0.0, 1.0);
        }
        self
    }

    /// Returns the part of the rows that pass, and narrows the column that the condition is about.
    fn apply(&mut self, predicate: &Expr) -> f64 {
        if let Expr::Between(Between { expr, negated: false, low, high }) = predicate
            && let (Expr::Literal(low, _), Expr::Literal(high, _)) = (low.as_ref(), high.as_ref())
            && let Some(column) = as_column(expr)
            && let Some(estimate) = self.columns.get_mut(column)
        {
            return estimate.compare(Operator::GtEq, low) * estimate.compare(Operator::LtEq, high);
        }
        if let Some((column, op, value)) = comparison(predicate)
            && let Some(estimate) = self.columns.get_mut(column)
        {
            return estimate.compare(op, value);
        }
        self.selectivity(predicate)
    }

    fn selectivity(&self, predicate: &Expr) -> f64 {
        match predicate {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.selectivity(left) * self.selectivity(right)
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                let (left, right) = (self.selectivity(left), self.selectivity(right));
                left + right - left * right
            }
            Expr::Not(inner) => 1.0 - self.selectivity(inner),
            Expr::Literal(ScalarValue::Boolean(Some(true)), _) => 1.0,
            Expr::Literal(ScalarValue::Boolean(_), _) => 0.0,
            Expr::IsNull(inner) => self.nulls(inner),
            Expr::IsNotNull(inner) => 1.0 - self.nulls(inner),
            Expr::InList(InList { expr, list, negated }) => {
                let part = self.any_of(expr, list);
                if *negated { 1.0 - part } else { part }
            }
            Expr::Between(between @ Between { negated, .. }) => {
                let within = Expr::Between(Between { negated: false, ..between.clone() });
                let part = self.clone().apply(&within);
                if *negated { 1.0 - part } else { part }
            }
            Expr::Like(like) => {
                let part = self.like(like);
                if like.negated { 1.0 - part } else { part }
            }
            Expr::SimilarTo(Like { negated, .. }) => {
                if *negated {
                    1.0 - PATTERN_SELECTIVITY
                } else {
                    PATTERN_SELECTIVITY
                }
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let Some((column, op, value)) = comparison(predicate)
                    && let Some(estimate) = self.columns.get(column)
                {
                    return estimate.clone().compare(op, value);
                }
                let domain = self.domain(left).max(self.domain(right));
                match op {
                    Operator::Eq => 1.0 / domain,
                    Operator::NotEq => 1.0 - 1.0 / domain,
                    Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                        INEQUALITY_SELECTIVITY
                    }
                    _ => UNKNOWN_SELECTIVITY,
                }
            }
            _ => UNKNOWN_SELECTIVITY,
        }
    }

    /// Returns the part of the rows that have one of these values.
    fn any_of(&self, expr: &Expr, list: &[Expr]) -> f64 {
        let Some(column) = as_column(expr).and_then(|column| self.columns.get(column)) else {
            return (list.len() as f64 / self.domain(expr)).min(1.0);
        };
        column.any_of(list.iter().map(|value| match value {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }))
    }

    /// Returns the part of the rows that match a pattern, whether or not it is negated.
    fn like(&self, like: &Like) -> f64 {
        let column = as_column(&like.expr).and_then(|column| self.columns.get(column));
        match (column, like.pattern.as_ref(), like.escape_char) {
            (Some(column), Expr::Literal(pattern, _), None) => {
                column.like(pattern, like.case_insensitive)
            }
            _ => PATTERN_SELECTIVITY,
        }
    }

    fn nulls(&self, expr: &Expr) -> f64 {
        let column = as_column(expr).and_then(|column| self.columns.get(column));
        column.map_or(UNKNOWN_SELECTIVITY, |column| column.nulls)
    }

    /// Gives the columns of a plan to one whose columns are the same under other names.
    fn renamed(mut self, from: &LogicalPlan, to: &LogicalPlan) -> Self {
        let names = from.schema().columns().into_iter().zip(to.schema().columns());
        let renamed = names.filter_map(|(from, to)| Some((to, self.columns.remove(&from)?)));
        self.columns = renamed.collect();
        self
    }
}

impl ColumnEstimate {
    /// Returns what is known of a column of something with this many rows: of a table, what ANALYZE found out too.
    pub(in crate::plan) fn stored(
        field: &Field,
        known: &ColumnStatistics,
        rows: f64,
        table: Option<&Table>,
    ) -> Self {
        let bound = |value: &Precision<ScalarValue>| value.get_value().and_then(number);
        let nulls = known.null_count.get_value().map_or(0.0, |nulls| *nulls as f64);
        let domain = known.distinct_count.get_value().map_or(rows, |distinct| *distinct as f64);
        Self {
            domain: domain.max(1.0),
            range: bound(&known.min_value).zip(bound(&known.max_value)),
            nulls: nulls / rows.max(1.0),
            spread: table
                .and_then(|table| table.summary(field.name()))
                .map(|summary| Spread::new(Arc::clone(summary), field.data_type().clone())),
        }
    }

    /// Returns what is known of it in groups, so many: every value is there once, however many rows had it.
    pub(in crate::plan) fn of_groups(self, groups: f64) -> Self {
        Self { domain: self.domain.min(groups), spread: None, ..self }
    }

    /// Returns the part of the rows that have one of some values; `None` stands for a value that is not known yet.
    pub(in crate::plan) fn any_of<'a>(
        &self,
        values: impl Iterator<Item = Option<&'a ScalarValue>>,
    ) -> f64 {
        let parts = values.map(|value| match value {
            Some(value) => self.clone().compare(Operator::Eq, value),
            None => 1.0 / self.domain,
        });
        parts.sum::<f64>().min(1.0)
    }

    /// Returns the part of the rows that match a pattern.
    pub(in crate::plan) fn like(&self, pattern: &ScalarValue, ignores_case: bool) -> f64 {
        let known = self.spread.as_ref().zip(pattern.try_as_str().flatten());
        let part = known.and_then(|(spread, text)| spread.like(text, ignores_case, self.domain));
        part.unwrap_or(PATTERN_SELECTIVITY)
    }

    /// Returns the part of the rows that pass `column op value`, and keeps what is left of the range.
    pub(in crate::plan) fn compare(&mut self, op: Operator, value: &ScalarValue) -> f64 {
        if let Some(spread) = &mut self.spread
            && let Some(part) = spread.compare(op, value, self.domain)
        {
            self.domain = match op {
                Operator::Eq => 1.0,
                Operator::NotEq => self.domain,
                _ => (self.domain * part).max(1.0),
            };
            return part;
        }
        let equal = 1.0 / self.domain;
        let (part, range) = match (op, self.range, number(value)) {
            (Operator::Eq, range, value) => {
                self.domain = 1.0;
                return match (range, value) {
                    (Some((low, high)), Some(value)) if value < low || value > high => 0.0,
                    _ => equal,
                };
            }
            (Operator::NotEq, ..) => return 1.0 - equal,
            (Operator::Lt | Operator::LtEq, Some((low, high)), Some(value)) => {
                (share(low, high, low, value), (low, value.clamp(low, high)))
            }
            (Operator::Gt | Operator::GtEq, Some((low, high)), Some(value)) => {
                (share(low, high, value, high), (value.clamp(low, high), high))
            }
            (Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq, ..) => {
                return INEQUALITY_SELECTIVITY;
            }
            _ => return UNKNOWN_SELECTIVITY,
        };
        self.range = Some(range);
        self.domain = (self.domain * part).max(1.0);
        part.max(equal.min(1.0))
    }
}

/// Returns how many of the values that they are drawn from so many rows show.
pub(in crate::plan) fn values_shown(domain: f64, rows: f64) -> f64 {
    (domain * (1.0 - (-rows / domain).exp())).clamp(1.0, rows.max(1.0))
}

/// Returns which part of `low..high` is within `from..to`.
fn share(low: f64, high: f64, from: f64, to: f64) -> f64 {
    let overlap = to.min(high) - from.max(low);
    if high <= low { f64::from(overlap >= 0.0) } else { (overlap / (high - low)).clamp(0.0, 1.0) }
}

/// Returns the estimate of a plan.
pub(super) fn estimate(plan: &LogicalPlan) -> Estimate {
    match plan {
        LogicalPlan::TableScan(scan) => of_scan(scan),
        LogicalPlan::Filter(filter) => estimate(&filter.input).filtered(&filter.predicate),
        LogicalPlan::SubqueryAlias(alias) => estimate(&alias.input).renamed(&alias.input, plan),
        LogicalPlan::Projection(projection) => {
            let input = estimate(&projection.input);
            let columns = projection.expr.iter().zip(projection.schema.columns());
            let columns = columns.filter_map(|(expr, name)| {
                Some((name, input.columns.get(as_column(expr)?)?.clone()))
            });
            Estimate { columns: columns.collect(), ..input }
        }
        LogicalPlan::Aggregate(aggregate) => of_aggregate(aggregate),
        LogicalPlan::Join(join) => of_join(join),
        LogicalPlan::Distinct(distinct) => {
            let input = estimate(distinct.input());
            Estimate { rows: (input.rows / 2.0).max(1.0), ..input }
        }
        LogicalPlan::Sort(sort) => limited(estimate(&sort.input), sort.fetch),
        LogicalPlan::Limit(limit) => {
            let fetch = match limit.fetch.as_deref() {
                Some(Expr::Literal(value, _)) => number(value).map(|rows| rows as usize),
                _ => None,
            };
            limited(estimate(&limit.input), fetch)
        }
        LogicalPlan::Union(union) => {
            Estimate::unknown(union.inputs.iter().map(|input| estimate(input).rows).sum())
        }
        LogicalPlan::EmptyRelation(empty) => {
            Estimate::unknown(f64::from(u8::from(empty.produce_one_row)))
        }
        LogicalPlan::Values(values) => Estimate::unknown(values.values.len() as f64),
        LogicalPlan::Window(window) => {
            let input = estimate(&window.input);
            Estimate { columns: HashMap::new(), ..input }
        }
        _ => Estimate::unknown(UNKNOWN_ROWS),
    }
}

fn limited(input: Estimate, fetch: Option<usize>) -> Estimate {
    let rows = fetch.map_or(input.rows, |fetch| input.rows.min(fetch as f64));
    Estimate { rows, ..input }
}

fn of_scan(scan: &TableScan) -> Estimate {
    let statistics = source_as_provider(&scan.source).ok().and_then(|table| table.statistics());
    let Some(statistics) = statistics else { return Estimate::unknown(UNKNOWN_ROWS) };
    let Some(rows) = statistics.num_rows.get_value().map(|rows| *rows as f64) else {
        return Estimate::unknown(UNKNOWN_ROWS);
    };
    let schema = scan.source.schema();
    let provider = source_as_provider(&scan.source).ok();
    let table = provider.as_ref().and_then(|table| table.downcast_ref::<WarehouseTable>());
    let table = table.map(|table| table.table().as_ref());
    let columns = statistics.column_statistics.iter().zip(schema.fields()).map(|(known, field)| {
        let column = Column::new(Some(scan.table_name.clone()), field.name());
        (column, ColumnEstimate::stored(field, known, rows, table))
    });
    Estimate { rows, rows_before_filters: rows, columns: columns.collect() }
}

fn of_aggregate(aggregate: &Aggregate) -> Estimate {
    let input = estimate(&aggregate.input);
    let groups = aggregate.group_expr.iter().map(|expr| input.distinct(expr)).product::<f64>();
    let rows = groups.min(input.rows).max(1.0);
    let names = aggregate.group_expr.iter().zip(aggregate.schema.columns());
    let columns = names.filter_map(|(expr, name)| {
        let column = input.columns.get(as_column(expr)?)?.clone();
        Some((name, column.of_groups(rows)))
    });
    Estimate { rows, rows_before_filters: rows, columns: columns.collect() }
}

fn of_join(join: &Join) -> Estimate {
    let (left, right) = (estimate(&join.left), estimate(&join.right));
    let domains = |side: &Estimate, key: fn(&(Expr, Expr)) -> &Expr| {
        join.on.iter().map(|on| side.domain(key(on))).product::<f64>().min(side.rows_before_filters)
    };
    let (left_keys, right_keys) = (domains(&left, |on| &on.0), domains(&right, |on| &on.1));
    let matching = left.rows * right.rows / key_values(join.on.len(), left_keys, right_keys);
    let filter = join.filter.as_ref().map_or(1.0, |_| UNKNOWN_SELECTIVITY);
    let inner = matching * filter;
    // A row of one side stays if the other side has its key: as likely as the other has any key.
    let found = |other: &Estimate, keys: f64| (other.rows / keys.max(1.0)).min(1.0);
    match join.join_type {
        JoinType::LeftSemi => semi(&left, found(&right, left_keys), join),
        JoinType::RightSemi => semi(&right, found(&left, right_keys), join),
        JoinType::LeftAnti => part(left, 1.0 - found(&right, left_keys)),
        JoinType::RightAnti => part(right, 1.0 - found(&left, right_keys)),
        JoinType::LeftMark | JoinType::RightMark => {
            if join.join_type == JoinType::LeftMark {
                left
            } else {
                right
            }
        }
        JoinType::Inner => joined(left, right, inner),
        JoinType::Left => joined(left.clone(), right, inner.max(left.rows)),
        JoinType::Right => joined(left, right.clone(), inner.max(right.rows)),
        JoinType::Full => {
            let rows = inner.max(left.rows + right.rows);
            joined(left, right, rows)
        }
    }
}

/// Returns how many values the keys of a join are drawn from.
///
/// The number of values of several columns together is known as an upper bound only, so of two such
/// bounds the lower is the better: it is exact where one side's columns are its primary key.
pub(in crate::plan) fn key_values(columns: usize, left: f64, right: f64) -> f64 {
    let values = if columns > 1 { left.min(right) } else { left.max(right) };
    values.max(1.0)
}

fn semi(side: &Estimate, found: f64, join: &Join) -> Estimate {
    let mut kept = part(side.clone(), found);
    for (left, right) in &join.on {
        let key = if join.join_type == JoinType::LeftSemi { left } else { right };
        if let Some(column) = as_column(key).and_then(|column| kept.columns.get_mut(column)) {
            column.domain = (column.domain * found).max(1.0);
        }
    }
    kept
}

fn part(side: Estimate, part: f64) -> Estimate {
    Estimate { rows: side.rows * part.max(0.01), ..side }
}

fn joined(left: Estimate, right: Estimate, rows: f64) -> Estimate {
    let mut columns = left.columns;
    columns.extend(right.columns);
    Estimate { rows, rows_before_filters: rows, columns }
}

/// Returns the column that an expression renames or casts.
fn as_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => as_column(&alias.expr),
        Expr::Cast(cast) => as_column(&cast.expr),
        Expr::TryCast(cast) => as_column(&cast.expr),
        _ => None,
    }
}

/// Returns `column op literal`, turned round if it is written the other way.
fn comparison(expr: &Expr) -> Option<(&Column, Operator, &ScalarValue)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    match (left.as_ref(), right.as_ref()) {
        (column, Expr::Literal(value, _)) => Some((as_column(column)?, *op, value)),
        (Expr::Literal(value, _), column) => Some((as_column(column)?, op.swap()?, value)),
        _ => None,
    }
}

/// Returns a number or a moment as a point on a line.
pub(super) fn number(value: &ScalarValue) -> Option<f64> {
    Some(match value {
        ScalarValue::Int16(Some(value)) => f64::from(*value),
        ScalarValue::Int32(Some(value)) | ScalarValue::Date32(Some(value)) => f64::from(*value),
        ScalarValue::Int64(Some(value))
        | ScalarValue::Time64Microsecond(Some(value))
        | ScalarValue::TimestampMicrosecond(Some(value), _) => *value as f64,
        ScalarValue::UInt64(Some(value)) => *value as f64,
        ScalarValue::Float32(Some(value)) => f64::from(*value),
        ScalarValue::Float64(Some(value)) => *value,
        ScalarValue::Decimal128(Some(value), _, scale) => {
            *value as f64 / 10_f64.powi(i32::from(*scale))
        }
        _ => return None,
    })
}
