//! SpillingJoin: a hash join whose build side need not fit into memory.
//!
//! ```text
//!  build side ─▶ in memory ─────────────────────────────────────────────▶ DataFusion's hash join ─▶ rows
//!                    └─ too large: dealt by a hash of the keys to buckets on disk ┐
//!  probe side ───────── dealt likewise ───────────────────────────────────────────┴▶ bucket after bucket, the same
//! ```
//!
//! Equal keys are in equal buckets, so that the join of two sides is the join of each two buckets, whatever its
//! type: the Grace hash join (Kitsuregawa, Tanaka, Moto-oka: Application of hash to data base machine, 1983).
//! A bucket that does not fit is dealt again, by another hash.
//!
//! | file       | what is in it                                                             |
//! |------------|---------------------------------------------------------------------------|
//! | `operator` | [`SpillingJoinExec`], in the place of DataFusion's operator                |
//! | `run`      | what the partitions of one execution share: who has which build side       |
//! | `build`    | a build side, in memory or in buckets                                      |
//! | `kept`     | memory that a build side has asked for, handed to the join that it is for  |
//! | `buckets`  | rows dealt to files by their keys                                         |
//! | `bucket_joins` | buckets joined one after the other, in the order of the probe side if one was claimed |
//! | `meeting`  | partitions that wait for each other                                        |
//! | `rows`     | rows that are there already, as a side of a join                           |
//!
//! Invariants:
//!
//! * With memory for the build side nothing is different: the same operator runs over the same rows.
//! * What the operator claims of its rows (order, partitions) is true of both ways.
//! * A row is in one bucket; a bucket is joined once, by one partition.

mod bucket_joins;
mod buckets;
mod build;
mod kept;
mod meeting;
mod operator;
mod rows;
mod run;

pub use operator::SpillingJoinExec;
pub(super) use operator::spill_joins;
