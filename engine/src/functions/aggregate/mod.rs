//! Aggregate functions as Redshift has them, in place of DataFusion's of the same name.

mod avg;
mod sum;

pub(super) use avg::AvgIsQuotient;

use datafusion::{error::Result, execution::FunctionRegistry};

/// Registers them.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    let _replaced = registry.register_udaf(sum::udaf())?;
    Ok(())
}
