//! Profiling labels that do nothing: stands in for the crate of this name, whose build needs libclang.
//!
//! Only what `vortex-io` calls is here. Labels never change what a task computes.

/// A set of labels; always empty.
#[derive(Debug, Clone, Default)]
pub struct Labelset;

impl Labelset {
    /// Returns the (empty) labels of the current thread.
    pub fn clone_from_current() -> Self {
        Self
    }

    /// Runs `task` as it is.
    pub fn enter<Output>(&mut self, task: impl FnOnce() -> Output) -> Output {
        task()
    }
}

/// Labels carried by futures.
pub mod asynchronous {
    use std::future::Future;

    /// Adds (no) labels to a future.
    pub trait Label: Sized {
        /// Returns the future as it is.
        fn with_current_labels(self) -> Self {
            self
        }
    }

    impl<F: Future> Label for F {}
}
