//! What nodes have written of a statement that failed is deleted while the leader runs.

use std::{collections::BTreeSet, path::PathBuf};

use sql_tests::client::Failure;

use super::{
    copy::{CLEANUP_WAIT_MAX, objects},
    *,
};

/// More than fits into the commit log.
const TEXT: &str = "md5(t.k::varchar) || md5((t.k + 1)::varchar) || md5((t.k + 2)::varchar)";

/// How often a statement may be planned without the node that is to be lost.
const TRIES_MAX: usize = 3;

/// What happens while a node is frozen and the other has written its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// It is killed.
    Killed,
    /// It stays as it is until the statement has failed.
    Frozen,
    /// The statement is given up.
    TimedOut,
}

/// Statements of whose rows all nodes write objects.
fn statements() -> [String; 4] {
    [
        format!("insert into f select t.k, {TEXT} from t"),
        format!("create table c distkey(k) as select t.k, {TEXT} as s from t"),
        "update f set s = s || 'x'".to_owned(),
        format!(
            "merge into f using t on f.k = t.k when matched then update set s = {TEXT}
             when not matched then insert values (t.k, 'none')"
        ),
    ]
}

/// Two nodes, and a table whose runs are objects.
struct Written {
    cluster: Nodes,
    client: Client,
    /// In a transaction block: nothing is merged in the background.
    _block: Client,
    before: BTreeSet<PathBuf>,
}

impl Written {
    async fn start() -> Result<Self> {
        let cluster = Nodes::start(2)?;
        let client = cluster.connect().await?;
        load(&client).await?;
        let block = cluster.connect().await?;
        block.run("begin").await?;
        block.run("select count(*) from t").await?;
        client.run("create table f (k int, s varchar(200)) distkey(k)").await?;
        client.run(&format!("insert into f select t.k, {TEXT} from t")).await?;
        let mut written = Self { cluster, client, _block: block, before: BTreeSet::new() };
        written.before = written.objects()?;
        ensure!(written.before.len() >= 4, "{:?}", written.before);
        Ok(written)
    }

    fn objects(&self) -> Result<BTreeSet<PathBuf>> {
        Ok(objects(&self.cluster.home.path().join("data/table"))?.into_iter().collect())
    }

    /// Waits until what is in the folder is as wanted.
    async fn objects_are(&self, what: &str, wanted: impl Fn(usize) -> bool) -> Result<()> {
        let until = Instant::now() + CLEANUP_WAIT_MAX;
        loop {
            let objects = self.objects()?;
            ensure!(self.before.is_subset(&objects), "what is read is deleted");
            let more = objects.difference(&self.before).collect::<Vec<_>>();
            if wanted(more.len()) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "{what}: {more:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Has a statement fail by a mishap.
    async fn fails(&mut self, sql: &str, mishap: Mishap) -> Result<()> {
        for _ in 0..TRIES_MAX {
            has_nodes(&self.client, 2).await?;
            if self.fails_unless_planned_without(sql, mishap).await? {
                return Ok(());
            }
            self.bring_back(mishap)?;
        }
        anyhow::bail!("the node is always given up before the statement is planned")
    }

    /// `false` if the statement went well and was undone: on a busy machine a frozen node may be given up first.
    async fn fails_unless_planned_without(&mut self, sql: &str, mishap: Mishap) -> Result<bool> {
        let (writer, statement) = (self.cluster.connect().await?, sql.to_owned());
        writer.run("begin").await?;
        if mishap == Mishap::TimedOut {
            writer.run("set statement_timeout to 2000").await?;
        }
        signal("-STOP", &self.cluster.nodes[1])?;
        let writing = tokio::spawn(async move { writer.run(&statement).await.map(drop) });
        self.objects_are("the other node has not written", |more| more >= 2).await?;
        if mishap == Mishap::Killed {
            self.cluster.nodes[1].kill()?;
        }
        let failed = tokio::time::timeout(ANSWER_WAIT_MAX, writing).await.context("it hangs")??;
        // Its connection has ended, and with it its transaction.
        let Err(failure): Result<(), Failure> = failed else { return Ok(false) };
        // On a busy machine a frozen node may be given up before the time is.
        let is_expected = match failure.sqlstate.as_str() {
            "57014" => mishap == Mishap::TimedOut,
            sqlstate => sqlstate == "58000",
        };
        ensure!(is_expected, "{failure:?}");
        self.objects_are("left behind", |more| more == 0).await?;
        self.bring_back(mishap)?;
        has_nodes(&self.client, 2).await?;
        // A new node is told of the next statement before it can be frozen.
        is_right(&self.client).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.objects_are("left behind by a node that is back", |more| more == 0).await?;
        Ok(true)
    }

    /// Lets the node go on that was frozen, or another one take its place.
    fn bring_back(&mut self, mishap: Mishap) -> Result<()> {
        match mishap {
            Mishap::Killed => {
                self.cluster.nodes.truncate(1);
                self.cluster.add()
            }
            // What it was told before it was frozen it does now.
            Mishap::Frozen | Mishap::TimedOut => signal("-CONT", &self.cluster.nodes[1]),
        }
    }

    /// Checks that the rows are as before, and all that is stored.
    async fn ends_whole(mut self) -> Result<()> {
        let sum = "select count(*) || ' ' || count(distinct s) from f";
        ensure!(self.client.value(sum).await? == "10000 10000");
        self.cluster.leader.kill()?;
        let mut command = process::command()?;
        let output = command
            .args(["check", "--data"])
            .arg(self.cluster.home.path().join("data"))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_loses_a_killed_node_leaves_no_object() -> Result<()> {
    let mut written = Written::start().await?;
    for sql in statements() {
        written.fails(&sql, Mishap::Killed).await.context(sql)?;
    }
    written.ends_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_loses_a_frozen_node_leaves_no_object() -> Result<()> {
    let mut written = Written::start().await?;
    for sql in statements() {
        written.fails(&sql, Mishap::Frozen).await.context(sql)?;
    }
    written.ends_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_given_up_or_fails_leaves_no_object() -> Result<()> {
    let mut written = Written::start().await?;
    for sql in statements() {
        written.fails(&sql, Mishap::TimedOut).await.context(sql)?;
    }
    for last in [0, 5_000, 9_999] {
        let sql = format!("insert into f select t.k, {TEXT} || 1 / (t.k - {last}) from t");
        let failure = written.client.run(&sql).await.err().context("a division by zero")?;
        ensure!(failure.sqlstate == "22012", "{failure:?}");
    }
    written.objects_are("left behind", |more| more == 0).await?;
    written.ends_whole().await
}
