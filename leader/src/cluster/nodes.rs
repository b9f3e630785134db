//! Which compute nodes there are: those that joined and were heard of lately.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use chrono::Utc;
use compute::{
    holdings::Holdings,
    messages::{Heartbeat, HeartbeatAnswer, Node, SILENCE_MAX},
};
use engine::{client_error::SqlState, error::QueryError, system::NodeState};
use parking_lot::Mutex;
use tokio::sync::watch;
use url::Url;

/// The compute nodes, by the order in which they joined.
///
/// A node's place is its number: slice `s` is read by node `s % nodes`. Every node can read every slice, so that
/// a place may change from one query to the next.
pub struct Nodes {
    state: Mutex<State>,
    members: watch::Sender<Arc<Vec<Node>>>,
}

#[derive(Default)]
struct State {
    /// Nodes that said hello, with the slices they offer.
    offers: BTreeMap<Url, u32>,
    heard: BTreeMap<Url, Heard>,
}

/// What was heard of a node last.
struct Heard {
    at: Instant,
    at_us: i64,
    holds: Holdings,
}

impl Heard {
    fn now(holds: Holdings) -> Self {
        Self { at: Instant::now(), at_us: Utc::now().timestamp_micros(), holds }
    }
}

impl Default for Nodes {
    fn default() -> Self {
        let (members, _) = watch::channel(Arc::default());
        Self { state: Mutex::default(), members }
    }
}

impl Nodes {
    /// Notes that a node would like to join.
    pub fn offer(&self, node: &Node) {
        self.state.lock().offers.insert(node.url.clone(), node.slices);
    }

    /// Returns how many nodes would like to join, and the slices they offer together.
    pub fn offers(&self) -> (usize, u32) {
        let offers = &self.state.lock().offers;
        (offers.len(), offers.values().sum())
    }

    /// Lets a node in: queries that are planned from now on use it.
    pub fn join(&self, node: Node) {
        self.state.lock().heard.insert(node.url.clone(), Heard::now(Holdings::default()));
        tracing::info!(node = %node.url, slices = node.slices, "a compute node has joined");
        self.members.send_modify(|members| {
            let members = Arc::make_mut(members);
            members.retain(|member| member.url != node.url);
            members.push(node);
        });
    }

    /// Notes that a node was heard of.
    pub fn heartbeat(&self, Heartbeat { node, holds }: &Heartbeat) -> HeartbeatAnswer {
        match self.state.lock().heard.get_mut(&node.url) {
            Some(heard) => {
                *heard = Heard::now(*holds);
                HeartbeatAnswer::Known
            }
            None => HeartbeatAnswer::Unknown,
        }
    }

    /// Gives a node nothing new.
    pub fn leave(&self, url: &Url, reason: &str) {
        let mut state = self.state.lock();
        state.offers.remove(url);
        if state.heard.remove(url).is_none() {
            return;
        }
        tracing::info!(node = %url, reason, "a compute node has left");
        self.members.send_modify(|members| Arc::make_mut(members).retain(|node| node.url != *url));
    }

    /// Gives nodes up that were not heard of for [`SILENCE_MAX`].
    pub fn sweep(&self) {
        let now = Instant::now();
        let is_silent = |heard: &Heard| now.duration_since(heard.at) > SILENCE_MAX;
        let silent = {
            let state = self.state.lock();
            let silent = state.heard.iter().filter(|(_, heard)| is_silent(heard));
            silent.map(|(url, _)| url.clone()).collect::<Vec<_>>()
        };
        for url in silent {
            self.leave(&url, "it was silent");
        }
    }

    /// Returns the nodes as they are now.
    pub fn now(&self) -> Arc<Vec<Node>> {
        Arc::clone(&self.members.borrow())
    }

    /// Returns what was heard of the nodes last, in their order.
    pub fn states(&self) -> Vec<NodeState> {
        let (members, state) = (self.now(), self.state.lock());
        let states = members.iter().filter_map(|node| {
            let heard = state.heard.get(&node.url)?;
            Some(state_of(node.url.to_string(), heard.at_us, heard.holds))
        });
        states.collect()
    }

    /// Returns when there are at least `count`.
    pub async fn at_least(&self, count: usize) {
        let mut members = self.members.subscribe();
        // The sender lives as long as `self`.
        let _closed = members.wait_for(|members| members.len() >= count).await;
    }
}

/// Returns the error of a statement that needs nodes where there are none.
pub(super) fn no_nodes() -> QueryError {
    QueryError::new(SqlState::CANNOT_CONNECT_NOW, "the cluster has no compute node")
        .with_hint("Start one with: blueshift compute --leader HOST:PORT")
}

/// Returns a node as the system's tables show it.
pub(crate) fn state_of(address: String, last_heard_us: i64, holds: Holdings) -> NodeState {
    let Holdings { pieces, memory_bytes, spill_files, spill_bytes } = holds;
    NodeState { address, last_heard_us, pieces, memory_bytes, spill_files, spill_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> Node {
        Node { url: Url::parse(&format!("http://127.0.0.1:{port}")).unwrap(), slices: 2 }
    }

    #[test]
    fn nodes_have_the_order_in_which_they_joined() {
        let nodes = Nodes::default();
        let ports =
            |nodes: &Nodes| nodes.now().iter().map(|n| n.url.port().unwrap()).collect::<Vec<_>>();
        for port in [3, 1, 2] {
            nodes.offer(&node(port));
            nodes.join(node(port));
        }
        assert_eq!((ports(&nodes), nodes.offers()), (vec![3, 1, 2], (3, 6)));
        nodes.leave(&node(3).url, "test");
        assert_eq!((ports(&nodes), nodes.offers()), (vec![1, 2], (2, 4)));
        let holds = Holdings { pieces: 7, ..Holdings::default() };
        let beat = |port| nodes.heartbeat(&Heartbeat { node: node(port), holds });
        assert_eq!((beat(3), beat(2)), (HeartbeatAnswer::Unknown, HeartbeatAnswer::Known));
        let held: Vec<u64> = nodes.states().iter().map(|state| state.pieces).collect();
        assert_eq!(held, [0, 7]);
        nodes.sweep();
        assert_eq!(ports(&nodes), [1, 2], "both were heard of");
    }
}
