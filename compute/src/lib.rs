//! A node that owns slices and runs pieces of plans.
//!
//! | file       | what is in it                                                               |
//! |------------|-----------------------------------------------------------------------------|
//! | `node`     | [`node::ComputeNode`]: a compute node's process: joins, serves, leaves       |
//! | `worker`   | pieces of plans, as the distributed engine hands them over                   |
//! | `reported` | errors that keep their SQLSTATE on the way to the leader                     |
//! | `actions`  | requests between nodes that are no plans: Flight actions with JSON bodies    |
//! | `messages` | what leader and nodes say to each other                                      |
//! | `channels` | connections to other nodes, which notice within seconds that one is gone     |
//! | `streams`  | rows on their way from piece to piece: who is slow to read holds back nobody else |
//! | `counts`   | what operators counted, on its way to the leader                             |
//! | `addresses`| the rows that DELETE, UPDATE and MERGE find                                  |
//! | `append`   | rows of a plan are written where they are computed                           |
//! | `jobs`     | what a node does for the leader beside pieces of plans: shares of COPYs       |
//! | `holdings` | what a node holds for statements                                             |
//! | `load`     | rows arrive                                                                 |
//! | `vacuum`   | runs are merged                                                             |
//! | `writes`   | the writes that the node works on, and those that are over                   |

pub mod actions;
pub mod addresses;
pub mod append;
pub mod channels;
pub mod counts;
pub mod holdings;
pub mod jobs;
pub mod load;
pub mod messages;
pub mod node;
pub mod reported;
pub mod streams;
pub mod vacuum;
pub mod worker;
pub mod writes;
