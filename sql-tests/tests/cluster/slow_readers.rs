//! Who is slow to read rows holds back nobody else, and what waits for him is bounded.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

/// Rows of a kilobyte that do not compress: 10 MB of each `g`, which one slice has.
const GROUPS: i64 = 8;
const ROWS: i64 = 10_000;
/// What nodes may hold for a query whose rows nobody reads: for each of its two exchanges 16 MB a node, and what is on
/// its way. All of its rows are 80 MB.
const HELD_BYTES_MAX: i64 = 60 << 20;

async fn load_wide(client: &Client) -> Result<()> {
    load(client).await?;
    client.run("create table wide (k int, g int, v varchar(1024)) distkey(g)").await?;
    let texts = (0..32).map(|text| format!("md5((n.i * 1000000 + t.k * 100 + {text})::varchar)"));
    let text = texts.collect::<Vec<_>>().join(" || ");
    let insert = format!("insert into wide select k, i, {text} from t, n where i < {GROUPS}");
    client.run(&insert).await?;
    Ok(())
}

/// Sends a query, and reads nothing of its answer.
async fn unread(port: u16, sql: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let parameters = b"user\0awsuser\0database\0dev\0\0";
    let mut message = (8 + u32::try_from(parameters.len())?).to_be_bytes().to_vec();
    // The protocol's version.
    message.extend(196_608_u32.to_be_bytes());
    message.extend(parameters);
    stream.write_all(&message).await?;
    // Its answer ends with ReadyForQuery, whose last byte says that no transaction is open.
    let mut answer = Vec::new();
    while !answer.ends_with(b"Z\0\0\0\x05I") {
        ensure!(stream.read_buf(&mut answer).await? > 0, "the connection is closed");
    }
    let mut message = b"Q".to_vec();
    message.extend((5 + u32::try_from(sql.len())?).to_be_bytes());
    message.extend(sql.bytes());
    message.push(0);
    stream.write_all(&message).await?;
    Ok(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_back_no_other() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load_wide(&client).await?;
    for sql in ["select * from wide", "select wide.g, v from wide full join u on wide.k = u.k"] {
        let reader = unread(cluster.port, sql).await?;
        // Until all that can be under way is, and the nodes have said so.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let held = client.run("select sum(pieces), sum(memory_bytes) from stv_node_state").await?;
        let held = held.rows.iter().flatten().flatten().map(|number| number.parse());
        let held = held.collect::<std::result::Result<Vec<i64>, _>>()?;
        ensure!(held[0] > 0, "the query is over: {sql}");
        ensure!(held[1] < HELD_BYTES_MAX, "{} bytes are held: {sql}", held[1]);
        is_right(&client).await.context(sql)?;
        is_right(&cluster.connect().await?).await.context(sql)?;
        drop(reader);
        holdings::hold_nothing(&client).await?;
    }
    Ok(())
}

/// Of the slices of one node all rows of one come before all rows of another.
#[tokio::test(flavor = "multi_thread")]
async fn slices_that_follow_each_other_are_merged() -> Result<()> {
    let cluster = Nodes::start(2)?;
    let client = cluster.connect().await?;
    load_wide(&client).await?;
    for order in ["asc", "desc"] {
        let sql = format!("select g, v from wide order by g {order}");
        let answer = tokio::time::timeout(ANSWER_WAIT_MAX, client.run(&sql)).await;
        let rows = answer.context("the query hangs")??.rows;
        let groups = rows.iter().map(|row| row[0].as_deref().unwrap_or_default());
        let groups = groups.map(str::parse).collect::<std::result::Result<Vec<i64>, _>>()?;
        let mut expected = (0..GROUPS).flat_map(|g| (0..ROWS).map(move |_| g)).collect::<Vec<_>>();
        if order == "desc" {
            expected.reverse();
        }
        ensure!(groups == expected, "{sql}");
    }
    Ok(())
}
