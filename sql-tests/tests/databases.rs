//! Several databases in one cluster: who connects to which, what each holds, and that they are there after a crash.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use sql_tests::{
    client::{Client, Failure},
    cluster::{Cluster, ClusterOptions},
    folder, process,
};

async fn connect(cluster: &Cluster, database: &str) -> Result<Client, Failure> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(cluster.port()).user("awsuser").dbname(database);
    Client::connect_with(&config).await
}

async fn refused(client: &Client, sql: &str) -> Result<(String, String)> {
    let failure = client.run(sql).await.err().with_context(|| format!("{sql} was not refused"))?;
    Ok((failure.sqlstate, failure.message))
}

fn is(failure: &(String, String), sqlstate: &str, message: &str) -> Result<()> {
    ensure!((failure.0.as_str(), failure.1.as_str()) == (sqlstate, message), "{failure:?}");
    Ok(())
}

#[tokio::test]
async fn each_database_has_its_own_schemas_and_survives_a_crash() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default())?;
    let dev = cluster.connect().await?;
    for sql in [
        "create database shop isolation level serializable",
        "create table t (x int)",
        "insert into t values (1), (2)",
    ] {
        dev.run(sql).await?;
    }
    let missing = connect(&cluster, "nowhere").await.err().context("nowhere is there")?;
    is(&(missing.sqlstate, missing.message), "3D000", "database \"nowhere\" does not exist")?;
    let shop = connect(&cluster, "shop").await?;
    for sql in [
        "create schema stock",
        "create table stock.t (x int, y int)",
        "insert into stock.t values (10, 1), (20, 2), (30, 3)",
        "create table t (x int)",
        "insert into t values (100)",
        "create view v as select y from stock.t where x > 10",
        "create temp table mine (x int)",
    ] {
        shop.run(sql).await.with_context(|| sql.to_owned())?;
    }
    ensure!(shop.number("select sum(x) from t").await? == 100);
    ensure!(dev.number("select sum(x) from t").await? == 3);
    cluster.kill_and_restart()?;

    let dev = cluster.connect().await?;
    let shop = connect(&cluster, "shop").await?;
    let answer = shop.run("select current_database()").await?;
    ensure!(answer.rows == [[Some("shop".to_owned())]], "{:?}", answer.rows);
    ensure!(shop.number("select sum(x) from public.t").await? == 100);
    ensure!(dev.number("select sum(x) from t").await? == 3);
    // Three parts name what another database has, views included; four a column of it.
    ensure!(dev.number("select sum(x) from shop.stock.t").await? == 60);
    ensure!(dev.number("select sum(y) from shop.public.v").await? == 5);
    dev.run("create table numbers (a int)").await?;
    dev.run("insert into numbers values (1), (2)").await?;
    let join = "select sum(shop.stock.t.y) from shop.stock.t, numbers where shop.stock.t.y = a";
    ensure!(dev.number(join).await? == 3);
    dev.run("create table copied as select * from shop.stock.t").await?;
    ensure!(dev.number("select count(*) from copied").await? == 3);
    ensure!(shop.number("select sum(x) from dev.public.t").await? == 3);
    let view = "create view elsewhere as select * from shop.stock.t";
    ensure!(refused(&dev, view).await?.0 == "0A000");
    dev.run("create view late as select x from shop.stock.t with no schema binding").await?;
    ensure!(dev.number("select sum(x) from late").await? == 60);
    // Metadata of all databases, and of one.
    let count = "select count(*) from svv_redshift_tables where database_name = 'shop'";
    ensure!(dev.number(count).await? == 3);
    ensure!(dev.number("select count(*) from pg_class where relname = 'v'").await? == 0);
    ensure!(dev.number("select count(distinct db_id) from stv_tbl_perm").await? == 2);
    Ok(())
}

#[tokio::test]
async fn a_database_goes_when_nobody_is_connected_with_all_that_is_in_it() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    let dev = cluster.connect().await?;
    dev.run("create database shop").await?;
    let shop = connect(&cluster, "shop").await?;
    for sql in [
        "create schema a",
        "create schema b",
        "create table a.t (x int)",
        "insert into a.t values (1)",
        "create view b.v as select x from a.t",
        "create view a.w as select x from b.v",
    ] {
        shop.run(sql).await.with_context(|| sql.to_owned())?;
    }
    let in_use = "database \"shop\" is being accessed by other users";
    is(&refused(&dev, "drop database shop").await?, "55006", in_use)?;
    is(&refused(&dev, "alter database shop rename to store").await?, "55006", in_use)?;
    is(&refused(&dev, "alter database shop isolation level serializable").await?, "55006", in_use)?;
    let initial = "the initial database \"dev\" cannot be dropped";
    is(&refused(&shop, "drop database dev").await?, "42809", initial)?;
    drop(shop);
    // Its session ends a moment later.
    while let Err(failure) = dev.run("drop database shop").await {
        ensure!(failure.sqlstate == "55006", "{failure}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ensure!(connect(&cluster, "shop").await.is_err_and(|failure| failure.sqlstate == "3D000"));
    ensure!(dev.number("select count(*) from svv_redshift_tables").await? == 0);
    // Its name is free, and nothing of it is left.
    dev.run("create database shop").await?;
    let shop = connect(&cluster, "shop").await?;
    ensure!(
        shop.number("select count(*) from svv_redshift_schemas where database_name = 'shop'")
            .await?
            == 1
    );
    Ok(())
}

#[tokio::test]
async fn isolation_is_that_of_the_database() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default())?;
    cluster.connect().await?.run("create database strict isolation level serializable").await?;
    for (database, both_commit) in [("dev", true), ("strict", false)] {
        let (first, second) =
            (connect(&cluster, database).await?, connect(&cluster, database).await?);
        first.run("create table a (x int)").await?;
        first.run("create table b (x int)").await?;
        // Write skew: each reads what the other writes.
        for client in [&first, &second] {
            client.run("begin").await?;
            client.run("select count(*) from a, b").await?;
        }
        first.run("insert into a values (1)").await?;
        first.run("commit").await?;
        let written = match second.run("insert into b values (1)").await {
            Ok(_) => second.run("commit").await.map(drop),
            Err(failure) => Err(failure),
        };
        match written {
            Ok(()) => ensure!(both_commit, "{database}"),
            Err(failure) => ensure!(!both_commit && failure.message == "1023", "{failure}"),
        }
        let conflicts = "select count(*) from stl_tr_conflict where process_id = pg_backend_pid()";
        second.run("rollback").await?;
        ensure!(second.number(conflicts).await? == i64::from(!both_commit), "{database}");
    }
    Ok(())
}

/// A root as it was before there were databases: its records and checkpoints do not name any.
#[tokio::test]
async fn a_root_without_databases_opens() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    folder::copy(&tests.join("roots/one-database"), folder.path())?;
    let options = ClusterOptions { data: Some(folder.path().to_owned()), ..Default::default() };
    let cluster = Cluster::start(options)?;
    let dev = cluster.connect().await?;
    ensure!(dev.number("select sum(x) from t").await? == 6);
    ensure!(dev.number("select sum(x) from s.t").await? == 15);
    let level = dev.run("select database_isolation_level from svv_redshift_databases").await?;
    ensure!(level.rows == [[Some("Serializable".to_owned())]], "{:?}", level.rows);
    dev.run("create database shop").await?;
    drop(dev);
    ensure!(connect(&cluster, "shop").await?.number("select count(*) from dev.s.t").await? == 2);
    drop(cluster);
    let output = process::command()?.args(["check", "--data"]).arg(folder.path()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
