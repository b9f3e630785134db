//! Types and casts as Redshift has them, where DataFusion's differ.
//!
//! ```text
//!  bound plan ─ overloads, numeric_types, operand_types ─ DataFusion's coercion ─▶ typed plan ─ checked_casts ─▶ optimizer
//! ```
//!
//! The first four run once, when a query is bound, because what they decide (the types of its columns)
//! is what a client is told. The last runs before every optimization: it changes no type.

mod checked_casts;
mod numeric_types;
mod operand_types;
mod overloads;
mod subquery_values;
mod trailing_blanks;
mod union_types;

use std::sync::Arc;

use datafusion::{
    common::config::ConfigOptions,
    error::Result,
    logical_expr::LogicalPlan,
    optimizer::{
        Analyzer, AnalyzerRule,
        analyzer::{
            resolve_grouping_function::ResolveGroupingFunction, type_coercion::TypeCoercion,
        },
    },
};

/// Gives every expression of a bound plan its type.
pub(super) fn typed(plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
    let mut analyzer = Analyzer::with_rules(vec![
        Arc::new(ResolveGroupingFunction::new()),
        // Its comparisons and counts get their types from the rules below.
        Arc::new(subquery_values::SubqueryValues),
        // Before the coercion, which would give `smallint + 1` a type of its own.
        Arc::new(numeric_types::NumericTypes),
        // Before it too: it would compare moments in nanoseconds and parse texts its own way.
        Arc::new(operand_types::OperandTypes),
        Arc::new(TypeCoercion::new()),
        // After the coercion, which makes Arrow's types equal.
        Arc::new(union_types::UnionTypes),
        // After the coercion: only texts that are compared as texts have blanks to ignore.
        Arc::new(trailing_blanks::TrailingBlanks),
    ]);
    // Runs before the rules.
    analyzer.add_function_rewrite(Arc::new(overloads::Overloads));
    analyzer.execute_and_check(plan, options, |_, _| {})
}

/// The rules of every optimization, in the order they run, after DataFusion's own.
pub(super) fn rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![
        // After the coercion, whose casts can fail too.
        Arc::new(checked_casts::CheckedCasts),
    ]
}
