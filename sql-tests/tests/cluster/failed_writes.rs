//! What nodes have written of a statement that failed is deleted while the leader runs.

use std::{collections::BTreeSet, path::PathBuf};

use sql_tests::client::Failure;
use tokio::task::JoinHandle;

use super::{
    copy::{CLEANUP_WAIT_MAX, objects},
    *,
};

/// More than fits into the commit log.
const TEXT: &str = "md5(t.k::varchar) || md5((t.k + 1)::varchar) || md5((t.k + 2)::varchar)";

/// How often a statement is tried. The node that is left has two seconds to write: then the frozen one is noticed, or the time is
/// up. On a machine that takes longer every other time, all tries fail once in a thousand times.
const TRIES_MAX: usize = 10;

/// What a node was about to store when another one failed is there after this time, to be deleted.
const ARRIVAL_WAIT: Duration = Duration::from_secs(1);

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

    /// Returns the objects that were not there before.
    fn more(&self) -> Result<Vec<PathBuf>> {
        let objects = self.objects()?;
        ensure!(self.before.is_subset(&objects), "what is read is deleted");
        Ok(objects.difference(&self.before).cloned().collect())
    }

    /// Waits until nothing is there, and comes any more, that was not there before.
    async fn has_left_nothing(&self, who: &str) -> Result<()> {
        let until = Instant::now() + CLEANUP_WAIT_MAX;
        let mut seen = Instant::now();
        loop {
            let more = self.more()?;
            if !more.is_empty() {
                seen = Instant::now();
            } else if seen.elapsed() >= ARRIVAL_WAIT {
                return Ok(());
            }
            ensure!(Instant::now() < until, "left behind by {who}: {more:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns whether the node that is left writes its objects, one for each slice, before the statement ends.
    async fn writes_objects<T>(&self, writing: &JoinHandle<T>) -> Result<bool> {
        let until = Instant::now() + ANSWER_WAIT_MAX;
        while self.more()?.len() < SLICES_PER_NODE {
            if writing.is_finished() {
                return Ok(false);
            }
            ensure!(Instant::now() < until, "neither are rows written, nor does the statement end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(true)
    }

    /// Has a statement fail by a mishap.
    async fn fails(&mut self, sql: &str, mishap: Mishap) -> Result<()> {
        for _ in 0..TRIES_MAX {
            has_nodes(&self.client, 2).await?;
            let fails = self.fails_in_time(sql, mishap).await?;
            self.has_left_nothing("the node that stayed").await?;
            self.bring_back(mishap)?;
            has_nodes(&self.client, 2).await?;
            // A new node is told of the next statement before it can be frozen.
            is_right(&self.client).await?;
            self.has_left_nothing("the node that is back").await?;
            if fails {
                return Ok(());
            }
        }
        anyhow::bail!("the statement always ends before the mishap")
    }

    /// Returns whether the statement failed by the mishap, after rows were written. If it is planned without the node,
    /// which is given up before, it goes well and is undone.
    async fn fails_in_time(&mut self, sql: &str, mishap: Mishap) -> Result<bool> {
        let (writer, statement) = (self.cluster.connect().await?, sql.to_owned());
        writer.run("begin").await?;
        if mishap == Mishap::TimedOut {
            writer.run("set statement_timeout to 2000").await?;
        }
        signal("-STOP", &self.cluster.nodes[1])?;
        let writing = tokio::spawn(async move { writer.run(&statement).await.map(drop) });
        let is_written = self.writes_objects(&writing).await?;
        if mishap == Mishap::Killed {
            self.cluster.nodes[1].kill()?;
        }
        let failed = tokio::time::timeout(ANSWER_WAIT_MAX, writing).await.context("it hangs")??;
        // Its connection has ended, and with it its transaction.
        let Err(failure): Result<(), Failure> = failed else { return Ok(false) };
        // A frozen node is noticed two seconds after the last ping that it has not answered: on a busy machine that may have
        // been sent before the statement, whose time is as long.
        let is_lost = failure.sqlstate == "58000";
        let is_timed_out = mishap == Mishap::TimedOut && failure.sqlstate == "57014";
        ensure!(is_lost || is_timed_out, "{failure:?}");
        Ok(is_written && is_timed_out == (mishap == Mishap::TimedOut))
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
    written.has_left_nothing("a division by zero").await?;
    written.ends_whole().await
}
