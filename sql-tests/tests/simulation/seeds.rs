//! Seeds with a name: each has found something, or does what few others do, and is a test of its own from then on.

use anyhow::Result;

use super::holds;

macro_rules! named {
    ($($(#[doc = $what:literal])+ $name:ident = $seed:literal;)+) => {
        $(
            $(#[doc = $what])+
            #[test]
            fn $name() -> Result<()> {
                holds($seed)
            }
        )+
    };
}
