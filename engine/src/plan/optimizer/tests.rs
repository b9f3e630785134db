//! What the rules make of plans over tables that only have statistics.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{ColumnStatistics, Result, Statistics, stats::Precision},
    datasource::TableType,
    execution::SessionStateBuilder,
    logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown},
    physical_plan::{ExecutionPlan, empty::EmptyExec},
    prelude::SessionContext,
};

use super::rules;

/// A table of integers: its rows, and how many different values each column has.
#[derive(Debug)]
struct Counted {
    schema: SchemaRef,
    rows: usize,
    distinct: Vec<usize>,
}

#[async_trait]
impl TableProvider for Counted {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let columns = self.distinct.iter().map(|distinct| ColumnStatistics {
            distinct_count: Precision::Inexact(*distinct),
            null_count: Precision::Exact(0),
            ..ColumnStatistics::new_unknown()
        });
        Some(Statistics {
            num_rows: Precision::Exact(self.rows),
            total_byte_size: Precision::Absent,
            column_statistics: columns.collect(),
        })
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(EmptyExec::new(Arc::clone(&self.schema))))
    }
}

/// TPC-H's larger tables at scale 1, with the columns that join them.
fn session() -> Result<SessionContext> {
    let builder = SessionStateBuilder::new().with_default_features();
    let state = rules().into_iter().fold(builder, |b, rule| b.with_optimizer_rule(rule)).build();
    let session = SessionContext::new_with_state(state);
    type Columns = &'static [(&'static str, usize)];
    let tables: [(&str, usize, Columns); 4] = [
        ("customer", 150_000, &[("c_custkey", 150_000), ("c_segment", 5)]),
        (
            "orders",
            1_500_000,
            &[("o_orderkey", 1_500_000), ("o_custkey", 100_000), ("o_day", 2_400)],
        ),
        ("part", 200_000, &[("p_partkey", 200_000), ("p_brand", 1_000)]),
        (
            "lineitem",
            6_000_000,
            &[("l_orderkey", 1_500_000), ("l_partkey", 200_000), ("l_quantity", 50)],
        ),
    ];
    for (name, rows, columns) in tables {
        let fields = columns.iter().map(|(name, _)| Field::new(*name, DataType::Int64, false));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let distinct = columns.iter().map(|(_, distinct)| *distinct).collect();
        session.register_table(name, Arc::new(Counted { schema, rows, distinct }))?;
    }
    Ok(session)
}

/// Returns a plan's joins, aggregates and tables, indented.
async fn shape(sql: &str) -> Result<String> {
    fn write(plan: &LogicalPlan, depth: usize, text: &mut String) {
        let line = match plan {
            LogicalPlan::Join(join) => {
                let on = join.on.iter().map(|(left, right)| format!("{left} = {right}"));
                Some(format!("{} {}", join.join_type, on.collect::<Vec<_>>().join(", ")))
            }
            LogicalPlan::Aggregate(_) => Some("Aggregate".to_owned()),
            LogicalPlan::TableScan(scan) => Some(scan.table_name.to_string()),
            _ => None,
        };
        let below = depth + usize::from(line.is_some());
        if let Some(line) = line {
            text.push_str(&format!("{}{line}\n", "  ".repeat(depth)));
        }
        plan.inputs().iter().for_each(|input| write(input, below, text));
    }
    let plan = session()?.sql(sql).await?.into_optimized_plan()?;
    let mut text = String::new();
    write(&plan, 0, &mut text);
    Ok(text)
}

#[tokio::test]
async fn the_written_order_does_not_matter() -> Result<()> {
    let expected = "\
Inner orders.o_orderkey = lineitem.l_orderkey
  Inner orders.o_custkey = customer.c_custkey
    orders
    customer
  lineitem
";
    for from in
        ["lineitem, orders, customer", "customer, orders, lineitem", "orders, customer, lineitem"]
    {
        let sql = format!(
            "select count(*) from (select l_quantity, o_day from {from} where c_segment = 1 \
             and c_custkey = o_custkey and l_orderkey = o_orderkey and o_day = 7)"
        );
        assert_eq!(shape(&sql).await?, format!("Aggregate\n{}", indented(expected)), "{from}");
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[tokio::test]
async fn only_groups_that_are_asked_for_are_computed() -> Result<()> {
    let sql = "select sum(l_quantity) from lineitem, part where p_partkey = l_partkey \
        and p_brand = 3 and l_quantity < \
        (select avg(l_quantity) from lineitem where l_partkey = p_partkey)";
    let expected = "\
Aggregate
  Inner part.p_partkey = lineitem.l_partkey
    Inner __scalar_sq_1.l_partkey = part.p_partkey
      Aggregate
        LeftSemi lineitem.l_partkey = __keys_2.key
          lineitem
          part
      part
    lineitem
";
    assert_eq!(shape(sql).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_relation_joined_by_two_of_its_columns_keeps_both_conditions() -> Result<()> {
    let plan = session()?
        .sql(
            "select count(*) from orders, customer, part where o_orderkey = c_custkey \
             and o_custkey = c_custkey and c_custkey = p_partkey",
        )
        .await?
        .into_optimized_plan()?
        .to_string();
    let both = ["orders.o_orderkey = orders.o_custkey", "orders.o_custkey = orders.o_orderkey"];
    assert!(both.iter().any(|condition| plan.contains(condition)), "{plan}");
    Ok(())
}

#[tokio::test]
async fn rows_are_counted_once() -> Result<()> {
    async fn plan(sql: &str) -> Result<String> {
        Ok(session()?.sql(sql).await?.into_optimized_plan()?.display_indent().to_string())
    }
    let all = "select count(l_quantity) a, count(*) b, sum(l_partkey) c, count(l_partkey) d \
        from lineitem group by l_orderkey";
    let all = plan(all).await?;
    assert!(all.contains("aggr=[[sum(lineitem.l_partkey), count(Int64(1))]]"), "{all}");
    let one = plan("select count(l_quantity) from lineitem group by l_orderkey").await?;
    assert!(one.contains("TableScan: lineitem projection=[l_orderkey]"), "{one}");
    Ok(())
}
