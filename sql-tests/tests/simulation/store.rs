//! An object store that fails: over one in memory, with a seed.
//!
//! ```text
//!  request ─▶ on its way ─┬─▶ served ─▶ reply            as it should be
//!            (a delay)    ├─▶ an error                    it never arrived
//!                         ├─▶ served, the reply is lost    an error, and yet it happened
//!                         ├─▶ served twice                 what a client that retries does
//!                         └─▶ an error; served much later  overtaken by others, or by a crash
//! ```
//!
//! What happens to a request depends on the seed, on what kind it is and on how many of its kind there were:
//! never on which thread was quicker. After a given number of writes the process that uses the store dies.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::sync::Notify;

/// What every error of this store says.
pub(crate) const INJECTED: &str = "injected fault";
/// How long a request is on its way, and its reply.
const DELAY_MS_MAX: u64 = 40;
/// Requests that may overtake one that is late.
const LATE_REQUESTS_MAX: u64 = 60;

/// The store; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct FaultyStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inner: InMemory,
    seed: u64,
    state: Mutex<State>,
    crash: Notify,
}

#[derive(Debug)]
struct State {
    /// Of a thousand requests, how many go wrong.
    fault_permille: u64,
    /// Requests of each kind so far.
    counts: HashMap<(Kind, String), u64>,
    /// Writes until the process dies.
    writes_left: Option<u64>,
    is_dead: bool,
    late: Vec<(u64, Write)>,
    /// What has been done, for a failure to be understood.
    trace: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Put,
    Get,
    List,
    Delete,
}

#[derive(Debug, Clone)]
enum Write {
    Put(Path, PutPayload, PutOptions),
    Delete(Path),
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Served,
    Failed,
    ReplyLost,
    Repeated,
    Late(u64),
}

/// A write that nobody waits for any more may still arrive.
struct OnItsWay<'a> {
    store: &'a FaultyStore,
    write: Option<Write>,
    arrives: bool,
    late: u64,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if let Some(write) = self.write.take().filter(|_| self.arrives) {
            self.store.0.state.lock().late.push((self.late, write));
        }
    }
}

impl FaultyStore {
    /// Returns an empty store that does everything it is asked for.
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            fault_permille: 0,
            counts: HashMap::new(),
            writes_left: None,
            is_dead: false,
            late: Vec::new(),
            trace: Vec::new(),
        };
        let (inner, crash) = (InMemory::new(), Notify::new());
        Self(Arc::new(Shared { inner, seed, state: Mutex::new(state), crash }))
    }

    /// A process starts that meets so many faults, and dies after so many writes.
    pub(crate) fn start(&self, fault_permille: u64, writes: Option<u64>) {
        let mut state = self.0.state.lock();
        state.fault_permille = fault_permille;
        state.writes_left = writes;
        state.is_dead = false;
        state.trace.push(format!("-- start: faults {fault_permille}‰, dies after {writes:?}"));
    }

    /// Serves every request, from now on, as it should be.
    pub(crate) fn calm(&self) {
        let mut state = self.0.state.lock();
        (state.fault_permille, state.writes_left) = (0, None);
    }

    /// Serves everything that is late.
    pub(crate) async fn settle(&self) {
        let late = std::mem::take(&mut self.0.state.lock().late);
        for (_, write) in late {
            drop(self.apply(&write).await);
        }
    }

    /// Waits for the process to die.
    pub(crate) async fn crashed(&self) {
        self.0.crash.notified().await;
    }

    /// Notes what somebody does.
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.state.lock().trace.push(what.into());
    }

    /// Returns what was done, in order.
    pub(crate) fn trace(&self) -> String {
        self.0.state.lock().trace.join("\n")
    }

    /// Draws what happens to the next request of a kind, and its two delays.
    fn draw(&self, kind: Kind, location: &Path) -> (Fate, [Duration; 2], StdRng) {
        let mut state = self.0.state.lock();
        let count = state.counts.entry((kind, place(location))).or_default();
        *count += 1;
        let mut hasher = DefaultHasher::new();
        (self.0.seed, kind, place(location), *count).hash(&mut hasher);
        let mut random = StdRng::seed_from_u64(hasher.finish());
        let delays = [(); 2].map(|()| random.random_range(0..=DELAY_MS_MAX));
        let is_write = matches!(kind, Kind::Put | Kind::Delete);
        let fate = match random.random_range(0..1000) < state.fault_permille {
            false => Fate::Served,
            true if !is_write => Fate::Failed,
            true => match random.random_range(0..4) {
                0 => Fate::Failed,
                1 => Fate::ReplyLost,
                2 => Fate::Repeated,
                _ => Fate::Late(random.random_range(1..LATE_REQUESTS_MAX)),
            },
        };
        state.trace.push(format!("   {kind:?} {location}: {fate:?}"));
        (fate, delays.map(Duration::from_millis), random)
    }

    /// A request goes on its way: others that were late may arrive before it.
    async fn send(&self, delay: Duration) {
        if self.0.state.lock().is_dead {
            std::future::pending::<()>().await;
        }
        let mut due = Vec::new();
        self.0.state.lock().late.retain_mut(|(left, write)| {
            *left = left.saturating_sub(1);
            if *left == 0 {
                due.push(write.clone());
            }
            *left > 0
        });
        for write in due {
            self.note(format!("   late: {write}"));
            drop(self.apply(&write).await);
        }
        tokio::time::sleep(delay).await;
    }

    async fn apply(&self, write: &Write) -> Result<()> {
        match write {
            Write::Put(location, payload, options) => {
                let put = self.0.inner.put_opts(location, payload.clone(), options.clone());
                put.await.map(drop)
            }
            Write::Delete(location) => self.0.inner.delete(location).await,
        }
    }

    /// Serves a write, or fails to.
    async fn write(&self, kind: Kind, location: &Path, write: Write) -> Result<()> {
        let (fate, [there, back], mut random) = self.draw(kind, location);
        let late = random.random_range(1..LATE_REQUESTS_MAX);
        let mut on_its_way =
            OnItsWay { store: self, write: Some(write.clone()), arrives: random.random(), late };
        self.send(there).await;
        on_its_way.write = None;
        self.count_write(&write, random.random()).await;
        let served = match fate {
            Fate::Failed => return Err(injected()),
            Fate::Late(requests) => {
                self.0.state.lock().late.push((requests, write));
                return Err(injected());
            }
            Fate::Served | Fate::ReplyLost => self.apply(&write).await,
            Fate::Repeated => {
                drop(self.apply(&write).await);
                self.apply(&write).await
            }
        };
        tokio::time::sleep(back).await;
        if fate == Fate::ReplyLost { Err(injected()) } else { served }
    }

    /// Dies here, if it is time: before the write or after it.
    async fn count_write(&self, write: &Write, is_served: bool) {
        {
            let mut state = self.0.state.lock();
            let Some(left) = &mut state.writes_left else { return };
            *left = left.saturating_sub(1);
            if *left > 0 {
                return;
            }
            state.is_dead = true;
            state.trace.push(format!("-- dies; {write} is served: {is_served}"));
        }
        if is_served {
            drop(self.apply(write).await);
        }
        self.0.crash.notify_one();
        std::future::pending::<()>().await;
    }

    /// Serves a reading request, or fails to.
    async fn read(&self, kind: Kind, location: &Path) -> Result<()> {
        let (fate, [there, back], _) = self.draw(kind, location);
        self.send(there + back).await;
        if fate == Fate::Served { Ok(()) } else { Err(injected()) }
    }
}

/// Names what is alike in every run of a seed: runs and delete vectors have random names.
fn place(location: &Path) -> String {
    let parts: Vec<_> = location.parts().map(|part| part.as_ref().to_owned()).collect();
    let is_table = parts.get(1).is_some_and(|part| part == "table");
    let known = if is_table { parts.len().min(4) } else { parts.len() };
    parts[..known].join("/")
}

fn injected() -> Error {
    Error::Generic { store: "simulation", source: INJECTED.into() }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(location, ..) => write!(f, "put {location}"),
            Self::Delete(location) => write!(f, "delete {location}"),
        }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let write = Write::Put(location.clone(), payload, options);
        self.write(Kind::Put, location, write).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        // The runs of a simulation fit into one request.
        Err(not_implemented("put_multipart_opts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.read(Kind::Get, location).await?;
        self.0.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                store.write(Kind::Delete, &location, Write::Delete(location.clone())).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            store.read(Kind::List, &prefix.clone().unwrap_or_default()).await?;
            Ok::<_, Error>(store.0.inner.list(prefix.as_ref()))
        };
        listed.into_stream().try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.read(Kind::List, &prefix.cloned().unwrap_or_default()).await?;
        self.0.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(not_implemented("copy_opts"))
    }
}

fn not_implemented(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: "simulation".to_owned() }
}
