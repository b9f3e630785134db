//! A warehouse with data in one command.

pub mod tpch;
