//! A query → a plan cut at slice boundaries.
//!
//! ```text
//!  ast::Query ─ bind ─▶ LogicalPlan ─ analyzer, optimizer ─▶ LogicalPlan ─ physical ─▶ ExecutionPlan
//!     (names, through a view over the one catalogue;          (DataFusion)   (then our passes)
//!      types, as Redshift has them)
//! ```
//!
//! Invariants:
//!
//! * Every physical pass takes a plan that could be executed and returns one that could be executed.
//! * DataFusion's catalogue is a view over a [`Catalog`](crate::catalog::Catalog) version: it holds no
//!   state and is made anew for every statement.

mod analyzer;
mod catalog_view;
mod column_names;
mod column_uses;
mod distribution;
pub mod explain;
mod functions_exist;
mod late_binding_columns;
mod lateral_aliases;
mod optimizer;
mod physical;
mod planner;
mod qualified_columns;
mod scalar_subqueries;
mod settings;
mod zone_maps;

pub use catalog_view::TARGET_SCHEMA;
pub use column_names::output_names;
pub use distribution::Distribution;
pub use physical::locus;
#[cfg(test)]
pub(crate) use planner::prepared;
pub use planner::{Planner, PlanningSession, QueryContext};
#[cfg(test)]
pub(crate) use settings::session_config;
