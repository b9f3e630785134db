//! An HTTP endpoint that fails now and then: it passes every request on to another one, or does not.
//!
//! ```text
//!  client ─▶ proxy ─▶ endpoint        passed on
//!           ╳                         the connection breaks before the request is passed on
//!            ◀─ 500, 503              the same, with an answer
//!                 ─▶ … ╳              passed on, and the answer is lost
//!                 ─▶ ─▶               passed on twice; the second answer counts
//!                 … ─▶                passed on after a while
//! ```

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinHandle,
    time::Duration,
};

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_millis(300);
/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A proxy; gone when dropped.
#[derive(Debug)]
pub struct FaultyProxy {
    address: String,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    fault_percent: u32,
    faults: Vec<String>,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Broken,
    Status(u16),
    AnswerLost,
    Repeated,
    Slow,
}

impl FaultyProxy {
    /// Starts a proxy before `endpoint` (`http://host:port`), whose faults come from a seed; none at first.
    pub async fn start(endpoint: &str, seed: u64) -> Result<Self> {
        let target = endpoint.strip_prefix("http://").context("an http endpoint")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let random = StdRng::seed_from_u64(seed);
        let state = Arc::new(Mutex::new(State { random, fault_percent: 0, faults: Vec::new() }));
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (state, target) = (Arc::clone(&shared), target.clone());
                // A client that breaks off is its own affair.
                tokio::spawn(async move { drop(serve(client, &target, &state).await) });
            }
        });
        Ok(Self { address, state, accepting })
    }

    /// Returns where it is: `http://host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Lets so many of a hundred requests go wrong.
    pub async fn set_fault_percent(&self, percent: u32) {
        self.state.lock().await.fault_percent = percent;
    }

    /// Returns what has gone wrong so far, in order.
    pub async fn faults(&self) -> Vec<String> {
        self.state.lock().await.faults.clone()
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn draw(&mut self, head: &str) -> Option<Fault> {
        if self.random.random_range(0..100) >= self.fault_percent {
            return None;
        }
        let fault = match self.random.random_range(0..6) {
            0 => Fault::Broken,
            1 => Fault::Status(500),
            2 => Fault::Status(503),
            3 => Fault::AnswerLost,
            4 => Fault::Repeated,
            _ => Fault::Slow,
        };
        let request = head.lines().next().unwrap_or_default();
        self.faults.push(format!("{fault:?}: {request}"));
        Some(fault)
    }
}

/// Serves one request; the connection ends with it.
async fn serve(mut client: TcpStream, target: &str, state: &Mutex<State>) -> Result<()> {
    let request = read_request(&mut client).await?;
    let head = String::from_utf8_lossy(&request[..request.len().min(HEAD_BYTES_MAX)]).into_owned();
    let fault = state.lock().await.draw(&head);
    let answer = match fault {
        Some(Fault::Broken) => return Ok(()),
        Some(Fault::Status(status)) => {
            format!("HTTP/1.1 {status} Fault\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .into_bytes()
        }
        Some(Fault::AnswerLost) => {
            drop(pass_on(&request, target).await?);
            return Ok(());
        }
        Some(Fault::Repeated) => {
            drop(pass_on(&request, target).await?);
            pass_on(&request, target).await?
        }
        Some(Fault::Slow) => {
            tokio::time::sleep(SLOW).await;
            pass_on(&request, target).await?
        }
        None => pass_on(&request, target).await?,
    };
    client.write_all(&answer).await?;
    client.shutdown().await?;
    Ok(())
}

/// Reads a request: its head, with `connection: close` for the endpoint, and its body.
async fn read_request(client: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > HEAD_BYTES_MAX || client.read_buf(&mut bytes).await? == 0 {
            bail!("no head of a request");
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec())?;
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map(|(_, value)| value.trim().parse()).next().unwrap_or(Ok(0))?;
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            bail!("the body of a request breaks off");
        }
    }
    let mut request = format!("{head}\r\nconnection: close\r\n\r\n").into_bytes();
    request.extend(body);
    Ok(request)
}

async fn pass_on(request: &[u8], target: &str) -> Result<Vec<u8>> {
    let mut endpoint = TcpStream::connect(target).await?;
    endpoint.write_all(request).await?;
    let mut answer = Vec::new();
    endpoint.read_to_end(&mut answer).await?;
    Ok(answer)
}
