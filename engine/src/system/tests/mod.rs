//! What clients really send, run over a small catalogue: every statement of every recorded script
//! must plan and run, and the important ones must answer right.

use std::sync::Arc;

use datafusion::{
    arrow::{array::RecordBatch, util::pretty::pretty_format_batches},
    catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider},
    execution::{FunctionRegistry, SessionStateBuilder},
    prelude::{SessionConfig, SessionContext},
    sql::parser::Statement,
};
use sqlparser::ast;

use super::{
    EventLog, LoadError, NodeState, SessionControl, SessionInfo, StatementFinished, StatementKind,
    SystemContext, provider, tables,
};
use crate::{
    catalog::{
        Catalog, CatalogChange, Column, Identity, PUBLIC_SCHEMA, SUPERUSER, SortKey, Table,
        TableConstraint, TableConstraintKind, TableManifest, TableStatistics, View, ViewColumn,
    },
    distribution::DistStyle,
    functions,
    ids::{ColumnId, Pid, QueryId, RunId, SliceId, TableId, Xid},
    plan, sql,
    storage::run::{ColumnStatistics, Run, StatisticsValue},
    types::SqlType,
};

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn column(id: u16, name: &str, sql_type: SqlType, nullable: bool) -> Column {
    Column {
        id: ColumnId(id),
        name: name.to_owned(),
        sql_type,
        nullable,
        default: None,
        identity: None,
        encoding: "az64".to_owned(),
        stored_as: Vec::new(),
        missing: None,
    }
}

fn run(slice: u32, row_count: u64, min: i64, max: i64) -> Run {
    let statistics = ColumnStatistics {
        min: Some(StatisticsValue::Integer(min)),
        max: Some(StatisticsValue::Integer(max)),
        null_count: 0,
        distinct_count: row_count,
        trailing_blanks: false,
        bytes: 1_000,
        encoding: None,
    };
    Run {
        id: RunId::random(),
        slice: SliceId(slice),
        home: None,
        row_count,
        bytes: 1_500_000,
        columns: vec![statistics, ColumnStatistics::default(), ColumnStatistics::default()],
        checksum: None,
        is_full: false,
        deletes: Vec::new(),
        inline: None,
    }
}

fn catalog() -> TestResult<Catalog> {
    let mut id = column(1, "id", SqlType::Integer, false);
    id.identity = Some(Identity { seed: 1, step: 1, by_default: false, next: 1 });
    let mut name = column(2, "name", SqlType::Varchar { length: 25 }, true);
    name.default = Some("'nobody'::varchar".to_owned());
    name.encoding = "raw".to_owned();
    let price = column(3, "price", SqlType::Decimal { precision: 15, scale: 2 }, true);
    let table = |number: u32, name: &str, columns: &[Column]| Table {
        id: TableId(number),
        schema: PUBLIC_SCHEMA,
        name: name.to_owned(),
        owner: SUPERUSER,
        columns: columns.to_vec(),
        dropped_column_max: 0,
        has_stray_columns: false,
        dist_style: DistStyle::Even,
        sort_key: SortKey::Auto,
        encode_auto: true,
        constraints: Vec::new(),
        created_at_us: 1_700_000_000_000_000,
        statistics: TableStatistics::default(),
        manifest: Arc::new(TableManifest::default()),
    };
    let columns = [id.clone(), name, price];
    let mut t = table(100_123, "t", &columns);
    t.dist_style = DistStyle::Key(ColumnId(1));
    t.sort_key = SortKey::Interleaved(vec![ColumnId(1), ColumnId(3)]);
    t.constraints = vec![TableConstraint {
        name: "t_pkey".to_owned(),
        kind: TableConstraintKind::PrimaryKey,
        columns: vec![ColumnId(1)],
    }];
    t.manifest = Arc::new(TableManifest {
        runs: [run(0, 100, 0, 9), run(0, 50, 5, 12), run(1, 75, 1, 8), run(1, 25, 20, 30)]
            .map(Arc::new)
            .to_vec(),
    });
    let mut child = table(100_124, "child", &[column(1, "t_id", SqlType::Integer, true)]);
    child.constraints = vec![TableConstraint {
        name: "child_t_id_fkey".to_owned(),
        kind: TableConstraintKind::ForeignKey {
            table: TableId(100_123),
            columns: vec![ColumnId(1)],
        },
        columns: vec![ColumnId(1)],
    }];
    let view = View {
        id: TableId(100_125),
        schema: PUBLIC_SCHEMA,
        name: "v".to_owned(),
        owner: SUPERUSER,
        definition: "select id from t".to_owned(),
        search_path: vec!["public".to_owned()],
        columns: vec![ViewColumn { name: "id".to_owned(), sql_type: SqlType::Integer }],
        depends_on: vec![TableId(100_123)],
        former_names: Vec::new(),
        made_of: Vec::new(),
        late_binding: false,
    };
    let mut catalog = Catalog::default();
    catalog.apply(&CatalogChange::CreateTable(Arc::new(t)))?;
    catalog.apply(&CatalogChange::CreateTable(Arc::new(child)))?;
    catalog.apply(&CatalogChange::PutView(Arc::new(view)))?;
    Ok(catalog)
}

fn events() -> EventLog {
    let events = EventLog::default();
    events.load_errors([LoadError {
        user: SUPERUSER,
        slice: SliceId(1),
        table: TableId(100_123),
        start_us: 1_700_000_000_000_000,
        pid: Pid(42),
        query: QueryId(7),
        filename: "s3://bucket/t.csv".to_owned(),
        line_number: 3,
        column: "id".to_owned(),
        column_type: "int4".to_owned(),
        column_length: "0".to_owned(),
        position: 0,
        raw_line: "abc,x,1".to_owned(),
        raw_field_value: "abc".to_owned(),
        error_code: 1207,
        error_reason: "Invalid digit, Value 'a', Pos 0, Type: Integer".to_owned(),
        is_partial: false,
        start_offset: 0,
    }]);
    events.statement_finished(StatementFinished {
        kind: StatementKind::Query,
        query: QueryId(8),
        xid: Some(Xid(5)),
        pid: Pid(42),
        user: SUPERUSER,
        database: "dev".to_owned(),
        text: "select 1".to_owned(),
        start_us: 1_700_000_000_000_000,
        end_us: 1_700_000_000_100_000,
        aborted: false,
        label: "default".to_owned(),
    });
    events
}

/// No session can be reached.
#[derive(Debug)]
struct Nobody;

impl SessionControl for Nobody {
    fn cancel_statement(&self, _: Pid, _: Option<&str>) -> bool {
        false
    }

    fn terminate(&self, _: Pid) -> bool {
        false
    }
}

fn session() -> TestResult<SessionContext> {
    let context = Arc::new(SystemContext {
        catalog: Arc::new(catalog()?),
        database: "dev".to_owned(),
        user: "awsuser".to_owned(),
        search_path: vec!["$user".to_owned(), "public".to_owned()],
        parameters: vec![("search_path".to_owned(), "\"$user\", public".to_owned())],
        slice_count: 2,
        nodes: vec![NodeState::default()],
        events: Arc::new(events()),
        sessions: vec![SessionInfo {
            pid: Pid(42),
            user: "awsuser".to_owned(),
            database: "dev".to_owned(),
            application_name: "psql".to_owned(),
            remote: "127.0.0.1:5000".to_owned(),
            started_us: 1_700_000_000_000_000,
            query: Some("select 1".to_owned()),
        }],
        control: Arc::new(Nobody),
        locks: Vec::new(),
        pid: Pid(42),
        query_started_us: 1_700_000_000_000_000,
        transaction_started_us: 1_700_000_000_000_000,
        last_copy_id: Some(QueryId(7)),
        last_copy_count: 150,
        zone_maps: Arc::default(),
    });
    let config = SessionConfig::new().with_default_catalog_and_schema("dev", "pg_catalog");
    let mut state = SessionStateBuilder::new().with_default_features().with_config(config).build();
    functions::register(&mut state)?;
    for function in functions::session_functions(Arc::clone(&context)) {
        let _replaced = state.register_udf(function)?;
    }
    let session = SessionContext::new_with_state(state);
    let dev = Arc::new(MemoryCatalogProvider::new());
    for schema in ["pg_catalog", "information_schema"] {
        let tables_of_schema = Arc::new(MemorySchemaProvider::new());
        for name in super::table_names(schema) {
            if let Some(table) = provider(schema, name, Arc::clone(&context)) {
                tables_of_schema.register_table(name.to_owned(), table)?;
            }
        }
        dev.register_schema(schema, tables_of_schema)?;
    }
    session.register_catalog("dev", dev);
    Ok(session)
}

async fn query(session: &SessionContext, sql: &str) -> TestResult<Vec<RecordBatch>> {
    let query = plan::prepared(sql::parse_query(sql)?.as_ref());
    let statement = Statement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
    let plan = session.state().statement_to_plan(statement).await?;
    Ok(session.execute_logical_plan(plan).await?.collect().await?)
}

/// Returns the rows as `a|b|c`, without names.
async fn rows(session: &SessionContext, sql: &str) -> TestResult<Vec<String>> {
    let batches = query(session, sql).await?;
    let table = pretty_format_batches(&batches)?.to_string();
    let lines = table.lines().skip(3).filter(|line| line.starts_with('|'));
    let trimmed = lines.map(|line| {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        cells.collect::<Vec<_>>().join("|")
    });
    Ok(trimmed.collect())
}

/// Runs every statement of a script; `-- name` lines say whose it is.
///
/// Those of `refused` are known not to work yet: functions in FROM, `tableoid`, a column beside `*`
/// that has it too, and subqueries correlated by more than equality.
async fn run_script(script: &str, refused: &[&str]) -> TestResult {
    let session = session()?;
    let mut failures = Vec::new();
    let mut count = 0;
    for statement in script.split(";\n") {
        let statement = statement.trim();
        if statement.is_empty() {
            continue;
        }
        count += 1;
        if refused.iter().any(|name| statement.lines().next() == Some(name)) {
            continue;
        }
        if let Err(error) = query(&session, statement).await {
            failures.push(format!("{statement}\n=> {error}"));
        }
    }
    let failed = failures.len();
    assert!(failures.is_empty(), "{failed} of {count} failed:\n{}", failures.join("\n\n"));
    Ok(())
}

#[tokio::test]
async fn every_system_table_has_rows_as_wide_as_its_columns() -> TestResult {
    let session = session()?;
    for table in tables() {
        let sql = format!("select * from {}.{}", table.schema_name(), table.name());
        query(&session, &sql).await.map_err(|error| format!("{sql}: {error}"))?;
    }
    Ok(())
}

#[test]
fn rows_have_one_value_per_column() -> TestResult {
    let context = SystemContext {
        catalog: Arc::new(catalog()?),
        database: "dev".to_owned(),
        user: "awsuser".to_owned(),
        search_path: vec!["public".to_owned()],
        parameters: vec![("a".to_owned(), "b".to_owned())],
        slice_count: 2,
        nodes: vec![NodeState::default()],
        events: Arc::new(events()),
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
    for table in tables() {
        let mut made = Vec::new();
        (table.rows)(&context, &mut made);
        for row in made {
            assert_eq!(row.len(), table.columns.len(), "{}", table.name);
        }
    }
    Ok(())
}

#[tokio::test]
async fn psql_15() -> TestResult {
    run_script(include_str!("psql.sql"), &[]).await
}

#[tokio::test]
async fn pgjdbc() -> TestResult {
    run_script(include_str!("pgjdbc.sql"), &["-- DBeaver schemas"]).await
}

#[tokio::test]
async fn redshift_drivers() -> TestResult {
    run_script(include_str!("redshift_drivers.sql"), &[]).await
}

#[tokio::test]
async fn pg_table_def_shows_keys_and_encodings() -> TestResult {
    let sql = "select \"column\", type, encoding, distkey, sortkey, \"notnull\" from pg_table_def \
               where schemaname = 'public' and tablename = 't'";
    let expected = [
        "id|integer|az64|true|-1|true",
        "name|character varying(25)|none|false|0|false",
        "price|numeric(15,2)|az64|false|2|false",
    ];
    assert_eq!(rows(&session()?, sql).await?, expected);
    Ok(())
}

#[tokio::test]
async fn svv_table_info_shows_true_numbers() -> TestResult {
    let sql = "select \"table\", encoded, diststyle, sortkey1, sortkey_num, size, unsorted, \
               tbl_rows, skew_rows from svv_table_info";
    // Runs of an interleaved key may overlap: each is in order. 2 runs of 1.5 MB are 3 blocks.
    assert_eq!(
        rows(&session()?, sql).await?,
        ["t|Y, AUTO(ENCODE)|KEY(id)|INTERLEAVED|2|6|0.00|250|1.50"]
    );
    Ok(())
}

#[tokio::test]
async fn oids_compare_with_text_and_regclass() -> TestResult {
    let session = session()?;
    for condition in ["oid = '100123'", "oid = 'public.t'::regclass"] {
        let sql = format!("select relname from pg_class where {condition}");
        assert_eq!(rows(&session, &sql).await?, ["t"], "{condition}");
    }
    let sql = "select c.oid::regclass, 'pg_catalog.pg_class'::regclass, 23::regtype \
               from pg_class c where relname = 'child'";
    assert_eq!(rows(&session, sql).await?, ["child|1259|integer"]);
    Ok(())
}

#[tokio::test]
async fn functions_answer_for_the_session() -> TestResult {
    let session = session()?;
    let sql = "select pg_catalog.version() like 'PostgreSQL 8.0.2%Redshift 1.0.%', \
               current_database(), current_schema(), current_user, pg_backend_pid(), \
               pg_last_copy_id(), pg_last_copy_count(), pg_last_query_id(), \
               has_table_privilege(current_user, 'svv_table_info', 'SELECT'), \
               pg_size_pretty(pg_table_size('t')), format_type(1043, 29), \
               array_to_string(current_schemas(true), ',')";
    assert_eq!(
        rows(&session, sql).await?,
        ["true|dev|public|awsuser|42|7|150|8|true|5859 kB|character varying(25)|pg_catalog,public"]
    );
    Ok(())
}

#[tokio::test]
async fn views_and_constraints_are_described() -> TestResult {
    let session = session()?;
    let sql = "select pg_get_viewdef('v'), (select pg_get_constraintdef(oid) from pg_constraint \
               where contype = 'f')";
    assert_eq!(
        rows(&session, sql).await?,
        ["select id from t|FOREIGN KEY (t_id) REFERENCES t(id)"]
    );
    let sql = "select attname from pg_attribute a, pg_constraint c \
               where a.attrelid = c.conrelid and contype = 'p' and a.attnum = any(c.conkey)";
    assert_eq!(rows(&session, sql).await?, ["id"]);
    Ok(())
}

#[tokio::test]
async fn unknown_names_are_errors_with_a_code() -> TestResult {
    let session = session()?;
    for (sql, message) in [
        ("select 'nothing'::regclass", "relation \"nothing\" does not exist"),
        ("select has_schema_privilege('nothing', 'usage')", "schema \"nothing\" does not exist"),
        ("select has_table_privilege('t', 'fly')", "unrecognized privilege type: \"fly\""),
        ("select current_setting('nothing')", "unrecognized configuration parameter \"nothing\""),
    ] {
        let error = query(&session, sql).await.expect_err(sql).to_string();
        assert!(error.contains(message), "{sql}: {error}");
    }
    Ok(())
}
