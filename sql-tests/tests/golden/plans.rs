//! EXPLAIN of the 22 queries of TPC-H over tables that only have statistics: those of scale factor 10, one
//! run on the first of two slices. Nothing is read, so that a plan changes only if planning does.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use engine::{
    catalog::{
        Catalog, CatalogChange, Column, PUBLIC_SCHEMA, SUPERUSER, SortKey, Table, TableManifest,
        TableStatistics,
    },
    distribution::DistStyle,
    execution::{NodeMemory, SpillFolder},
    ids::{ColumnId, Pid, RunId, SliceId, TableId},
    plan::{Planner, PlanningSession, QueryContext, explain::ExplainedPlan},
    sql::{CreateTable, DistStyleName, SortKeyClause, Statement, parse},
    storage::run::{ColumnStatistics, Run, StatisticsValue},
    system::{NodeState, SessionControl, SystemContext},
    types::SqlType,
};
use leader::quickstart::tpch::{QUERIES, TABLES};
use object_store::memory::InMemory;
use sql_tests::warehouse::open_storage;

const SLICES: u32 = 2;
/// Enough for every hash table.
const MEMORY_BYTES: usize = 64 << 30;
const DATABASE: &str = "dev";
/// Days from 1970 to the first and the last order.
const FIRST_ORDER: i64 = 8_035;
const LAST_ORDER: i64 = 10_440;

/// Rows of each table.
const ROWS: [(&str, u64); 8] = [
    ("region", 5),
    ("nation", 25),
    ("supplier", 100_000),
    ("customer", 1_500_000),
    ("part", 2_000_000),
    ("partsupp", 8_000_000),
    ("orders", 15_000_000),
    ("lineitem", 59_986_052),
];

/// How many different values columns have; others have as many as rows.
const DISTINCT: [(&str, u64); 38] = [
    ("n_regionkey", 5),
    ("s_nationkey", 25),
    ("c_nationkey", 25),
    ("c_mktsegment", 5),
    ("p_mfgr", 5),
    ("p_brand", 25),
    ("p_type", 150),
    ("p_size", 50),
    ("p_container", 40),
    ("ps_partkey", 2_000_000),
    ("ps_suppkey", 100_000),
    ("ps_availqty", 9_999),
    ("ps_supplycost", 99_901),
    ("o_custkey", 1_000_000),
    ("o_orderstatus", 3),
    ("o_orderdate", 2_406),
    ("o_orderpriority", 5),
    ("o_clerk", 10_000),
    ("o_shippriority", 1),
    ("l_orderkey", 15_000_000),
    ("l_partkey", 2_000_000),
    ("l_suppkey", 100_000),
    ("l_linenumber", 7),
    ("l_quantity", 50),
    ("l_discount", 11),
    ("l_tax", 9),
    ("l_returnflag", 3),
    ("l_linestatus", 2),
    ("l_shipdate", 2_526),
    ("l_commitdate", 2_466),
    ("l_receiptdate", 2_555),
    ("l_shipinstruct", 4),
    ("l_shipmode", 7),
    ("s_acctbal", 95_588),
    ("c_acctbal", 818_834),
    ("p_name", 1_999_828),
    ("p_retailprice", 31_681),
    ("l_extendedprice", 1_351_462),
];

#[test]
fn plans_of_tpch_are_as_they_were() -> Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/explain");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let planning = planning(catalog()?)?;
    let mut differ = Vec::new();
    for (name, sql) in QUERIES {
        let printed = runtime.block_on(plan(&planning, sql)).context(name)?;
        compare(&folder.join(format!("{name}.txt")), &printed, &mut differ)?;
    }
    ensure!(differ.is_empty(), "{}\nUPDATE_GOLDENFILES=1 writes what is so now", differ.join("\n"));
    Ok(())
}

fn compare(path: &Path, printed: &str, differ: &mut Vec<String>) -> Result<()> {
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        return Ok(fs::write(path, printed)?);
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected != printed {
        let difference = crate::first_difference(&expected, printed);
        differ.push(format!("{}:\n{difference}", path.display()));
    }
    Ok(())
}

/// Returns what EXPLAIN prints; of several statements, of the one that is a query.
async fn plan(planning: &PlanningSession, sql: &str) -> Result<String> {
    for parsed in parse(sql)? {
        let Statement::Query(query) = parsed.statement else { continue };
        let plan = planning.bind(&query).await?;
        let plan = planning.physical(&plan).await?;
        return Ok(ExplainedPlan::of(&plan).lines().join("\n") + "\n");
    }
    bail!("no query in {sql}")
}

fn planning(catalog: Catalog) -> Result<PlanningSession> {
    let catalog = Arc::new(catalog);
    let system = SystemContext {
        catalog: Arc::clone(&catalog),
        database: DATABASE.to_owned(),
        user: "awsuser".to_owned(),
        search_path: vec!["public".to_owned()],
        parameters: Vec::new(),
        slice_count: SLICES,
        nodes: vec![NodeState::default()],
        events: Arc::default(),
        sessions: Vec::new(),
        control: Arc::new(Nobody),
        locks: Vec::new(),
        pid: Pid(1),
        query_started_us: 0,
        transaction_started_us: 0,
        last_copy_id: None,
        last_copy_count: 0,
        zone_maps: Arc::default(),
    };
    let context = QueryContext {
        catalog,
        storage: open_storage(Arc::new(InMemory::new())),
        slice_count: SLICES,
        system: Arc::new(system),
        target: None,
        former_names: Vec::new(),
        former_columns: Vec::new(),
        marked: None,
        reads: None,
        view_depth: 0,
    };
    let folder = tempfile::tempdir()?;
    let spill = SpillFolder::open(folder.path(), 0)?;
    let planner = Planner::new(SLICES, NodeMemory::new(MEMORY_BYTES, Arc::new(spill))?)?;
    Ok(planner.session(Arc::new(context)))
}

/// There is no session but this one.
#[derive(Debug)]
struct Nobody;

impl SessionControl for Nobody {
    fn cancel_statement(&self, _pid: Pid, _message: Option<&str>) -> bool {
        false
    }

    fn terminate(&self, _pid: Pid) -> bool {
        false
    }
}

fn catalog() -> Result<Catalog> {
    let mut catalog = Catalog::default();
    for (parsed, id) in parse(TABLES)?.into_iter().zip(100_000..) {
        let Statement::CreateTable(create) = parsed.statement else { bail!("not a table") };
        let table = table(TableId(id), &create)?;
        catalog.apply(&CatalogChange::CreateTable(Arc::new(table)))?;
    }
    Ok(catalog)
}

fn table(id: TableId, create: &CreateTable) -> Result<Table> {
    let name = create.name.name.clone();
    let (_, rows) = ROWS.into_iter().find(|(table, _)| *table == name).context(name.clone())?;
    let columns = create.columns.iter().zip(1..).map(|(column, id)| Column {
        id: ColumnId(id),
        name: column.name.clone(),
        sql_type: column.sql_type,
        nullable: !column.not_null,
        default: None,
        identity: None,
        encoding: "none".to_owned(),
        stored_as: Vec::new(),
        missing: None,
    });
    let columns: Vec<Column> = columns.collect();
    let id_of = |name: &str| {
        let column = columns.iter().find(|column| column.name == name);
        column.map(|column| column.id).with_context(|| name.to_owned())
    };
    let dist_style = match (&create.attributes.dist_key, create.attributes.dist_style) {
        (Some(key), _) => DistStyle::Key(id_of(key)?),
        (None, Some(DistStyleName::All)) => DistStyle::All,
        (None, _) => DistStyle::Even,
    };
    let sort_key = match &create.attributes.sort_key {
        SortKeyClause::Compound(names) => {
            SortKey::Compound(names.iter().map(|name| id_of(name)).collect::<Result<_>>()?)
        }
        _ => SortKey::Auto,
    };
    let run = Run {
        id: RunId(1),
        slice: SliceId(0),
        home: None,
        row_count: rows,
        bytes: rows * 100,
        checksum: None,
        columns: columns.iter().map(|column| known(column, rows)).collect(),
        is_full: true,
        deletes: Vec::new(),
        inline: None,
    };
    Ok(Table {
        id,
        schema: PUBLIC_SCHEMA,
        name,
        owner: SUPERUSER,
        columns,
        dropped_column_max: 0,
        has_stray_columns: false,
        dist_style,
        sort_key,
        encode_auto: true,
        constraints: Vec::new(),
        created_at_us: 0,
        statistics: TableStatistics::default(),
        manifest: Arc::new(TableManifest { runs: vec![Arc::new(run)] }),
    })
}

fn known(column: &Column, rows: u64) -> ColumnStatistics {
    let distinct = DISTINCT.into_iter().find(|(name, _)| *name == column.name);
    let distinct = distinct.map_or(rows, |(_, distinct)| distinct);
    let most = i64::try_from(distinct).unwrap_or(i64::MAX);
    let (min, max) = match column.sql_type {
        SqlType::BigInt | SqlType::Integer => {
            (Some(StatisticsValue::Integer(1)), Some(StatisticsValue::Integer(most)))
        }
        SqlType::Date => (
            Some(StatisticsValue::Integer(FIRST_ORDER)),
            Some(StatisticsValue::Integer(LAST_ORDER)),
        ),
        // Discounts and quantities: 0.00 to 0.10, and 1 to 50.
        SqlType::Decimal { .. } if column.name == "l_discount" => (decimal(0), decimal(10)),
        SqlType::Decimal { .. } => (decimal(100), decimal(100 * most)),
        _ => (None, None),
    };
    ColumnStatistics { min, max, distinct_count: distinct, ..ColumnStatistics::default() }
}

fn decimal(hundredths: i64) -> Option<StatisticsValue> {
    Some(StatisticsValue::Decimal(hundredths.to_string()))
}
