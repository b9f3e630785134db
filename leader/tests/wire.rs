//! The wire protocol as clients see it, over loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_postgres::{
    Client, NoTls, SimpleQueryMessage,
    error::SqlState,
    types::{FromSql, Type},
};

mod warehouse;

use warehouse::{PASSWORD, Warehouse};

/// Many rows, slowly: no client takes them all.
const ENDLESS: &str = "with d(n) as (values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) \
     select a.n from d a, d b, d c, d e, d f, d g, d h, d i, d j, d k, d l, d m";
/// No rows, and slowly.
const ENDLESS_COUNT: &str = "with d(n) as (values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) \
     select count(*) from d a, d b, d c, d e, d f, d g, d h, d i, d j, d k, d l, d m \
     where a.n + b.n + c.n + e.n + f.n + g.n + h.n + i.n + j.n + k.n + l.n + m.n > 200";
/// A hundred rows, in order.
const HUNDRED: &str = "with d(n) as (values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) \
     select a.n * 10 + b.n as n from d a, d b order by 1";

async fn connect_as(
    address: SocketAddr,
    user: &str,
    password: &str,
) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::Config::new()
        .host(address.ip().to_string())
        .port(address.port())
        .user(user)
        .password(password)
        .dbname("dev")
        .connect(NoTls)
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn connect(warehouse: &Warehouse) -> Client {
    connect_as(warehouse.address(), "awsuser", PASSWORD).await.unwrap()
}

async fn code(
    result: impl Future<Output = Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>>,
) -> SqlState {
    result.await.unwrap_err().code().unwrap().clone()
}

/// The bytes of a value, whatever its type.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

const TYPES: &str = "select true as b, cast(-7 as smallint) as s, cast(42 as integer) as i, \
     cast(-9000000000 as bigint) as l, cast(12345.67 as decimal(15, 2)) as d, \
     cast(1.5 as real) as r, cast(1e20 as double precision) as f, 'grüße' as t, \
     cast('2024-01-01' as date) as day, cast('2024-01-01 10:00:00' as timestamp) as ts, \
     cast(null as integer) as nothing";

#[tokio::test(flavor = "multi_thread")]
async fn text_results() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    let client = connect(&warehouse).await;
    let messages = client.simple_query(TYPES).await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.unwrap();
    let texts: Vec<_> = (0..row.len()).map(|column| row.get(column)).collect();
    let expected = [
        "t",
        "-7",
        "42",
        "-9000000000",
        "12345.67",
        "1.5",
        "1e+20",
        "grüße",
        "2024-01-01",
        "2024-01-01 10:00:00",
    ];
    assert_eq!(texts[..10], expected.map(Some));
    assert_eq!(texts[10], None);
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_results() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    let client = connect(&warehouse).await;
    let row = client.query_one(TYPES, &[]).await.unwrap();
    assert!(row.get::<_, bool>("b"));
    assert_eq!(row.get::<_, i16>("s"), -7);
    assert_eq!(row.get::<_, i32>("i"), 42);
    assert_eq!(row.get::<_, i64>("l"), -9_000_000_000);
    assert_eq!(row.get::<_, f32>("r"), 1.5);
    assert_eq!(row.get::<_, f64>("f"), 1e20);
    assert_eq!(row.get::<_, String>("t"), "grüße");
    assert_eq!(row.get::<_, Option<i32>>("nothing"), None);
    assert_eq!(row.columns()[4].type_(), &Type::NUMERIC);
    // 1 | 2345 | 6700 to the base 10 000, weight 1, scale 2.
    assert_eq!(row.get::<_, Raw>("d").0, [0, 3, 0, 1, 0, 0, 0, 2, 0, 1, 0x09, 0x29, 0x1a, 0x2c]);
    // Days and microseconds since 2000-01-01.
    assert_eq!(row.get::<_, Raw>("day").0, 8766_i32.to_be_bytes());
    assert_eq!(row.get::<_, Raw>("ts").0, 757_418_400_000_000_i64.to_be_bytes());
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_and_prepared_statements() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    let client = connect(&warehouse).await;
    let statement =
        client.prepare_typed("select $1 + 1, $2, $3", &[Type::INT4, Type::TEXT, Type::BOOL]);
    let statement = statement.await.unwrap();
    for number in [1_i32, 41] {
        let row = client.query_one(&statement, &[&number, &"x'y", &None::<bool>]).await.unwrap();
        assert_eq!(row.get::<_, Raw>(0).0.last(), Some(&(number as u8 + 1)));
        assert_eq!(row.get::<_, String>(1), "x'y");
        assert_eq!(row.get::<_, Option<bool>>(2), None);
    }
    let error = client.prepare("select 1; select 2").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::SYNTAX_ERROR));
    assert_eq!(client.query_one("select 1", &[]).await.unwrap().len(), 1);
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn portals_are_read_in_parts() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    let mut client = connect(&warehouse).await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind(HUNDRED, &[]).await.unwrap();
    let mut seen = 0;
    loop {
        let rows = transaction.query_portal(&portal, 30).await.unwrap();
        seen += rows.len();
        if rows.len() < 30 {
            break;
        }
    }
    assert_eq!(seen, 100);
    drop(portal);
    transaction.commit().await.unwrap();
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_outlives_its_errors() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    let client = connect(&warehouse).await;
    assert_eq!(code(client.simple_query("selec 1")).await, SqlState::SYNTAX_ERROR);
    assert!(client.query("select no_such_column", &[]).await.is_err());
    // An error in the middle of a result, and what comes after it in the string is passed over.
    let half = format!("{HUNDRED}; select 1 / (n - 50) from (select 50 as n) t; select 3");
    assert!(client.simple_query(&half).await.is_err());
    let messages = client.simple_query("select 1; ; select 2").await.unwrap();
    let completed =
        messages.iter().filter(|message| matches!(message, SimpleQueryMessage::CommandComplete(_)));
    assert_eq!(completed.count(), 2);
    assert!(client.simple_query("").await.unwrap().len() <= 1);
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_stops_the_statement_and_nothing_else() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    let client = connect(&warehouse).await;
    for query in [ENDLESS_COUNT, ENDLESS] {
        let token = client.cancel_token();
        let canceller = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            token.cancel_query(NoTls).await.unwrap();
        });
        let stopped = tokio::time::timeout(Duration::from_secs(10), async {
            use futures::TryStreamExt;
            let rows = client.simple_query_raw(query).await?;
            rows.try_for_each(|_| async { Ok(()) }).await
        });
        let error = stopped.await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
        canceller.await.unwrap();
        assert!(client.simple_query("select 1").await.is_ok());
    }
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_can_be_cancelled() {
    let warehouse = Warehouse::start(None).await;
    let mut socket = start_raw(warehouse.address(), &[]).await;
    let greeting = read_until_ready(&mut socket).await;
    let key = greeting.windows(5).position(|window| window == [b'K', 0, 0, 0, 12]).unwrap();
    socket.write_all(&message(b'Q', &[ENDLESS.as_bytes(), b"\0"].concat())).await.unwrap();
    // The server fills the socket and waits.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut cancel = TcpStream::connect(warehouse.address()).await.unwrap();
    let request =
        [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &greeting[key + 5..key + 13]];
    cancel.write_all(&request.concat()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), async {
        let mut chunk = vec![0; 1 << 16];
        while !answer.ends_with(b"Z\0\0\0\x05I") {
            let count = socket.read(&mut chunk).await.unwrap();
            assert_ne!(count, 0);
            answer.extend_from_slice(&chunk[..count]);
        }
    })
    .await
    .unwrap();
    assert!(answer.windows(6).any(|window| window == b"C57014"));
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_by_scram() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    assert!(connect_as(warehouse.address(), "awsuser", PASSWORD).await.is_ok());
    for (user, password) in [("awsuser", "wrong"), ("nobody", PASSWORD)] {
        let error = connect_as(warehouse.address(), user, password).await.err().unwrap();
        assert_eq!(error.code(), Some(&SqlState::INVALID_PASSWORD));
    }
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_by_md5_for_redshift_drivers() {
    let warehouse = Warehouse::start(Some(PASSWORD)).await;
    for (password, answer) in [(PASSWORD, b'R'), ("wrong", b'E')] {
        let mut socket =
            start_raw(warehouse.address(), &[("driver_version", "Redshift 2.2")]).await;
        let mut request = [0; 13];
        socket.read_exact(&mut request).await.unwrap();
        assert_eq!(request[..9], [b'R', 0, 0, 0, 12, 0, 0, 0, 5]);
        let hash =
            pgwire::api::auth::md5pass::hash_md5_password("awsuser", password, &request[9..]);
        // The Python driver sends both at once.
        let answers = [message(b'p', &[hash.as_bytes(), b"\0"].concat()), message(b'H', b"")];
        socket.write_all(&answers.concat()).await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), answer);
    }
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_database_is_refused() {
    let warehouse = Warehouse::start(None).await;
    let refused = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(warehouse.address().port())
        .user("awsuser")
        .dbname("other")
        .connect(NoTls)
        .await;
    assert_eq!(refused.err().unwrap().code(), Some(&SqlState::INVALID_CATALOG_NAME));
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_protocol_harms_nobody() {
    let warehouse = Warehouse::start(None).await;
    let client = connect(&warehouse).await;
    let noise: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0; 8],
        &[0xff; 64],
        &[0, 0, 0, 8, 0, 3, 0, 0],
        &[0, 0, 0, 9, 0, 3, 0, 0, 0],
        &[0, 0, 0, 12, 0, 3, 0, 0, b'a', b'b', b'c', b'd'],
        &[0, 0, 0, 8, 4, 210, 22, 46],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc",
    ];
    for bytes in noise {
        let mut socket = TcpStream::connect(warehouse.address()).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let read = socket.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(5), read).await.unwrap();
    }
    // After start-up: unknown kinds, impossible lengths, short bodies.
    let bodies: &[&[u8]] = &[
        b"\xff\0\0\0\x04",
        b"Q\x7f\xff\xff\xffx",
        b"Q\0\0\0\0",
        b"B\0\0\0\x05\0S\0\0\0\x04",
        b"P\0\0\0\x08a\0b\0\0\xffS\0\0\0\x04",
        b"E\0\0\0\x05\0D\0\0\0\x04S\0\0\0\x04",
    ];
    for bytes in bodies {
        let mut socket = start_raw(warehouse.address(), &[]).await;
        read_until_ready(&mut socket).await;
        socket.write_all(bytes).await.unwrap();
        let mut first = [0];
        socket.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"E");
    }
    assert!(client.simple_query("select 1").await.is_ok());
    warehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_tells_those_who_wait() {
    let warehouse = Warehouse::start(None).await;
    let mut socket = start_raw(warehouse.address(), &[]).await;
    read_until_ready(&mut socket).await;
    tokio::time::timeout(Duration::from_secs(5), warehouse.stop()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert!(answer.windows(6).any(|window| window == b"C57P01"));
}

/// Returns a message of a kind.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[tag], &length[..], body].concat()
}

/// Connects and sends the start-up packet.
async fn start_raw(address: SocketAddr, parameters: &[(&str, &str)]) -> TcpStream {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for (name, value) in [("user", "awsuser"), ("database", "dev")].iter().chain(parameters) {
        body.extend_from_slice(&[name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    body.push(0);
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_u32(body.len() as u32 + 4).await.unwrap();
    socket.write_all(&body).await.unwrap();
    socket
}

async fn read_until_ready(socket: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while !answer.ends_with(b"Z\0\0\0\x05I") {
        let count = socket.read(&mut chunk).await.unwrap();
        assert_ne!(count, 0, "connection closed");
        answer.extend_from_slice(&chunk[..count]);
    }
    answer
}
