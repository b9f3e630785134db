//! Plans over small tables of every distribution style, with and without the pass.

mod differential;
mod draw;
mod movement;
mod verify;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringViewArray},
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::{
    execution::SessionStateBuilder,
    physical_plan::{
        ExecutionPlan, collect, displayable, joins::SortMergeJoinExec, repartition::RepartitionExec,
    },
    prelude::{SessionConfig, SessionContext},
};
use object_store::{memory::InMemory, path::Path};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    catalog::{SortKey, Table},
    distribution::DistStyle,
    execution::WarehouseTable,
    ids::ColumnId,
    plan::physical::{Scope, physical_rules, run},
    storage::{ManagedStorage, writer::TableWriter},
    types::SqlType,
};

const K: ColumnId = ColumnId(1);
const J: ColumnId = ColumnId(2);

/// Name, rows, distribution and whether the table is sorted by its DISTKEY. Each has
/// `k BIGINT, j INTEGER, v BIGINT, s VARCHAR`.
const TABLES: [(&str, i64, DistStyle, bool); 8] = [
    ("a", 120, DistStyle::Key(K), true),
    ("a2", 90, DistStyle::Key(K), true),
    ("b", 40, DistStyle::Key(K), false),
    ("c", 60, DistStyle::Key(J), true),
    ("d", 50, DistStyle::Even, false),
    ("d2", 70, DistStyle::Even, false),
    ("e", 15, DistStyle::All, false),
    ("e2", 25, DistStyle::All, false),
];

const AWARE: Scope = Scope { knows_slices: true, is_one_process: true };
const UNAWARE: Scope = Scope { knows_slices: false, is_one_process: true };

/// The same tables twice: as they are, and read as if nothing were known of slices.
struct Warehouse {
    aware: SessionContext,
    unaware: SessionContext,
}

/// Whether joins collect small build sides, or deal both sides out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Joins {
    Collected,
    Partitioned,
}

impl Warehouse {
    async fn new(slices: u32, joins: Joins, seed: u64) -> Self {
        let mut config = SessionConfig::new()
            .with_target_partitions(slices as usize)
            .set_bool("datafusion.optimizer.enable_round_robin_repartition", false);
        if joins == Joins::Partitioned {
            config = config
                .set_usize("datafusion.optimizer.hash_join_single_partition_threshold", 0)
                .set_usize("datafusion.optimizer.hash_join_single_partition_threshold_rows", 0);
        }
        let session = || {
            let builder = SessionStateBuilder::new_with_default_features();
            let builder = builder.with_config(config.clone());
            let builder = builder.with_physical_optimizer_rules(physical_rules());
            SessionContext::new_with_state(builder.build())
        };
        let warehouse = Self { aware: session(), unaware: session() };
        let store = Arc::new(InMemory::new());
        let storage = ManagedStorage::with_store(store, Path::from("root"), 1 << 20);
        let mut rng = StdRng::seed_from_u64(seed);
        for (name, rows, style, is_sorted) in TABLES {
            let columns = ["k", "j", "v", "s"].map(|name| match name {
                "j" => (name, SqlType::Integer),
                "s" => (name, SqlType::Varchar { length: 8 }),
                _ => (name, SqlType::BigInt),
            });
            let sort_key = SortKey::Compound(match style {
                DistStyle::Key(key) if is_sorted => vec![key],
                _ => Vec::new(),
            });
            let mut table = Table::of_columns(&columns, style, sort_key);
            let layout = table.layout(slices);
            let batch = batch(rows, &layout.schema, &mut rng);
            let mut writer = TableWriter::new(Arc::clone(&storage), layout, 1 << 20);
            let rows = writer.router().route(batch).unwrap();
            writer.write(rows).await.unwrap();
            let runs = writer.finish().await.unwrap().into_iter().map(Arc::new);
            Arc::make_mut(&mut table.manifest).runs.extend(runs);
            let table = Arc::new(table);
            let scan = || WarehouseTable::new(Arc::clone(&table), Arc::clone(&storage), slices);
            warehouse.aware.register_table(name, Arc::new(scan())).unwrap();
            let unaware = Arc::new(scan().without_slice_pruning());
            warehouse.unaware.register_table(name, unaware).unwrap();
        }
        warehouse
    }

    /// Returns the plan as DataFusion made it.
    async fn planned(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        self.aware.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
    }

    /// Returns the plan with the passes run.
    async fn in_place(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        run(self.planned(sql).await, AWARE).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// Returns the plan as `enable_dist_planner = off` has it.
    async fn oracle(&self, sql: &str) -> Arc<dyn ExecutionPlan> {
        let plan = self.unaware.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        run(plan, UNAWARE).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// Returns the rows of a plan as texts, in the order of the texts.
    async fn rows(&self, plan: Arc<dyn ExecutionPlan>) -> Vec<String> {
        let batches = collect(plan, self.aware.task_ctx()).await.unwrap();
        let mut rows = Vec::new();
        for batch in batches {
            let options = FormatOptions::default().with_null("NULL");
            let columns = batch.columns().iter();
            let columns = columns.map(|column| ArrayFormatter::try_new(column, &options).unwrap());
            let columns = columns.collect::<Vec<_>>();
            rows.extend((0..batch.num_rows()).map(|row| {
                columns.iter().map(|column| format!("{} ", column.value(row))).collect::<String>()
            }));
        }
        rows.sort_unstable();
        rows
    }
}

fn batch(rows: i64, schema: &arrow::datatypes::SchemaRef, rng: &mut StdRng) -> RecordBatch {
    let mut draw = |values: i64| {
        let values = (0..rows).map(|_| rng.random_bool(0.9).then(|| rng.random_range(-3..values)));
        values.collect::<Vec<_>>()
    };
    let narrow = |value: Option<i64>| value.map(|value| i32::try_from(value).unwrap());
    let text = |value: Option<i64>| value.map(|value| format!("x{value}"));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(draw(40))),
        Arc::new(draw(30).into_iter().map(narrow).collect::<Int32Array>()),
        Arc::new(Int64Array::from(draw(5))),
        Arc::new(draw(6).into_iter().map(text).collect::<StringViewArray>()),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

fn exchanges(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let below = plan.children().into_iter().map(exchanges).sum::<usize>();
    below + usize::from(plan.is::<RepartitionExec>())
}

/// Returns how many joins of a plan merge their sides.
fn merges(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let below = plan.children().into_iter().map(merges).sum::<usize>();
    below + usize::from(plan.is::<SortMergeJoinExec>())
}

fn shown(plan: &Arc<dyn ExecutionPlan>) -> String {
    displayable(plan.as_ref()).indent(false).to_string()
}
