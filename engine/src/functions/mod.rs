//! SQL functions that DataFusion does not have, or has otherwise than Redshift.
//!
//! `arithmetic`, `aggregate`, `cast` and `scalar` compute over whole arrays. The rest are system functions: what a
//! session can ask about itself and the catalogue. One per file.
//!
//! ```text
//!  Definition (names, forms, evaluate) ─▶ SystemFunction ─▶ ScalarUDF of DataFusion
//! ```
//!
//! Invariants:
//!
//! * A function answers for one statement: its context is fixed when the statement is planned.
//! * Every function is there as `f` and as `pg_catalog.f`: clients write both.

mod adapter;
mod aggregate;
mod aliases;
pub(crate) mod arithmetic;
pub(crate) mod cast;
mod checked_math;
mod current_database;
mod current_schema;
mod current_schemas;
mod current_setting;
mod current_user;
mod current_user_id;
mod definition;
mod format_encoding;
mod format_type;
mod getdate;
mod has_column_privilege;
mod has_database_privilege;
mod has_schema_privilege;
mod has_table_privilege;
mod length_coercion;
mod obj_description;
pub(crate) mod operand_types;
mod pg_backend_pid;
mod pg_cancel_backend;
mod pg_database_size;
mod pg_encoding_to_char;
mod pg_function_is_visible;
mod pg_get_constraintdef;
mod pg_get_expr;
mod pg_get_functiondef;
mod pg_get_indexdef;
mod pg_get_userbyid;
mod pg_get_viewdef;
mod pg_is_in_recovery;
mod pg_last_copy_count;
mod pg_last_copy_id;
mod pg_last_query_id;
mod pg_size_pretty;
mod pg_table_is_visible;
mod pg_table_size;
mod pg_tablespace_location;
mod pg_terminate_backend;
mod pg_type_is_visible;
mod pg_typeof;
mod privilege;
mod qualified;
mod quote_ident;
mod quote_literal;
mod regclass;
mod regproc;
mod regtype;
mod rounding;
pub(crate) mod scalar;
mod set_config;
pub(crate) mod single_value;
mod sysdate;
mod text_arguments;
mod text_operators;
mod timeofday;
mod to_regclass;
mod trunc;
mod unordered;
mod version;

use std::sync::Arc;

use datafusion::{
    error::Result,
    execution::{FunctionRegistry, SessionState},
    logical_expr::{ScalarUDF, planner::ExprPlanner},
};

use crate::system::SystemContext;
pub(crate) use single_value::SINGLE_VALUE;

use adapter::SystemFunction;
use definition::Definition;

/// Functions of their arguments alone.
const PLAIN: &[Definition] = &[
    current_user_id::FUNCTION,
    format_encoding::FUNCTION,
    format_type::FUNCTION,
    obj_description::FUNCTION,
    pg_encoding_to_char::FUNCTION,
    pg_function_is_visible::FUNCTION,
    pg_get_expr::FUNCTION,
    pg_get_functiondef::FUNCTION,
    pg_is_in_recovery::FUNCTION,
    pg_size_pretty::FUNCTION,
    pg_tablespace_location::FUNCTION,
    pg_type_is_visible::FUNCTION,
    quote_ident::FUNCTION,
    quote_literal::FUNCTION,
    regproc::FUNCTION,
    regtype::FUNCTION,
    set_config::FUNCTION,
    version::FUNCTION,
];

/// Functions that ask the session.
const SESSION: &[Definition] = &[
    current_database::FUNCTION,
    current_schema::FUNCTION,
    current_schemas::FUNCTION,
    current_setting::FUNCTION,
    current_user::FUNCTION,
    getdate::FUNCTION,
    has_column_privilege::FUNCTION,
    has_database_privilege::FUNCTION,
    has_schema_privilege::FUNCTION,
    has_table_privilege::FUNCTION,
    pg_backend_pid::FUNCTION,
    pg_cancel_backend::FUNCTION,
    pg_database_size::FUNCTION,
    pg_get_constraintdef::FUNCTION,
    pg_get_indexdef::FUNCTION,
    pg_get_userbyid::FUNCTION,
    pg_get_viewdef::FUNCTION,
    pg_last_copy_count::FUNCTION,
    pg_last_copy_id::FUNCTION,
    pg_last_query_id::FUNCTION,
    pg_table_is_visible::FUNCTION,
    pg_table_size::FUNCTION,
    pg_terminate_backend::FUNCTION,
    regclass::FUNCTION,
    sysdate::FUNCTION,
    timeofday::FUNCTION,
    to_regclass::FUNCTION,
];

/// Returns what plans the calls that are made of other calls.
pub(crate) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    vec![
        Arc::new(scalar::ExtractByPart),
        Arc::new(text_operators::TextOperators),
        Arc::new(operand_types::OperandTypes),
        Arc::new(text_arguments::SubstringAndPosition),
    ]
}

/// Registers what does not depend on a session.
pub fn register(state: &mut SessionState) -> Result<()> {
    let _replaced = state.register_udaf(single_value::udaf())?;
    aggregate::register(state)?;
    let computed = arithmetic::udfs().iter().cloned().chain([cast::udf()]);
    for function in computed.chain(length_coercion::udfs()) {
        let _replaced = state.register_udf(function)?;
    }
    scalar::register(state)?;
    rounding::register(state)?;
    // Of what is a number.
    trunc::register(state)?;
    checked_math::register(state)?;
    unordered::register(state)?;
    text_arguments::register(state)?;
    aliases::register(state)?;
    let _replaced = state.register_udf(pg_typeof::udf())?;
    for definition in PLAIN {
        let _replaced = state.register_udf(SystemFunction::udf(definition, None))?;
    }
    qualified::register(state)?;
    let (sum, count) = (state.udaf("sum")?, state.udaf("count")?);
    state.register_expr_planner(Arc::new(aggregate::AvgIsQuotient { sum, count }))
}

/// Returns the functions that answer for one statement.
pub fn session_functions(context: Arc<SystemContext>) -> Vec<Arc<ScalarUDF>> {
    let bind = |definition| SystemFunction::udf(definition, Some(Arc::clone(&context)));
    SESSION.iter().map(bind).collect()
}
