//! What holds for every statement: see `tests/`.
