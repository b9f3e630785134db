//! What must be in the warehouse: what was acknowledged, and what nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use sql_tests::warehouse::Outcome;

/// Accounts there are, and what each starts with.
pub(crate) const ACCOUNTS: i64 = 8;
/// What every account starts with.
pub(crate) const BALANCE: i64 = 100;

/// Money that goes from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) amount: i64,
}

/// Rows that were loaded together, and deleted together.
#[derive(Debug, Clone, Copy)]
struct Batch {
    rows: u64,
    loaded: Outcome,
    deleted: Option<Outcome>,
}

/// Everything that was tried.
#[derive(Debug, Default)]
pub(crate) struct Model {
    transfers: BTreeMap<i64, (Transfer, Outcome)>,
    batches: BTreeMap<i64, Batch>,
}

/// What is in the warehouse at one version.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Balances by account.
    pub(crate) accounts: BTreeMap<i64, i64>,
    /// Transfers by id.
    pub(crate) transfers: BTreeMap<i64, Transfer>,
    /// Rows by batch.
    pub(crate) batches: BTreeMap<i64, BTreeSet<i64>>,
}

impl Found {
    /// Checks what holds in every version: transactions are whole, nothing is there twice, no money is lost.
    pub(crate) fn check(&self) -> Result<()> {
        let mut expected: BTreeMap<i64, i64> =
            (0..ACCOUNTS).map(|account| (account, BALANCE)).collect();
        for transfer in self.transfers.values() {
            *expected.entry(transfer.from).or_default() -= transfer.amount;
            *expected.entry(transfer.to).or_default() += transfer.amount;
        }
        ensure!(
            self.accounts == expected,
            "balances are {:?}, the transfers say {expected:?}",
            self.accounts
        );
        Ok(())
    }
}

impl Model {
    /// Returns a number that no transfer has.
    pub(crate) fn new_transfer(&mut self, transfer: Transfer) -> i64 {
        let id = self.transfers.len() as i64;
        self.transfers.insert(id, (transfer, Outcome::Refused));
        id
    }

    /// Notes how a transfer ended.
    pub(crate) fn transferred(&mut self, id: i64, outcome: Outcome) {
        if let Some((_, known)) = self.transfers.get_mut(&id) {
            *known = outcome;
        }
    }

    /// Returns a number that no batch has.
    pub(crate) fn new_batch(&mut self, rows: u64) -> i64 {
        let id = self.batches.len() as i64;
        self.batches.insert(id, Batch { rows, loaded: Outcome::Refused, deleted: None });
        id
    }

    /// Notes how a load ended.
    pub(crate) fn loaded(&mut self, id: i64, outcome: Outcome) {
        if let Some(batch) = self.batches.get_mut(&id) {
            batch.loaded = outcome;
        }
    }

    /// Returns a batch that may be deleted: nobody else tries to.
    pub(crate) fn batch_to_delete(&mut self, which: usize) -> Option<i64> {
        let is_there =
            |batch: &Batch| batch.loaded == Outcome::Acknowledged && batch.deleted.is_none();
        let there = self.batches.iter().filter(|(_, batch)| is_there(batch)).map(|(id, _)| *id);
        let there: Vec<i64> = there.collect();
        let id = *there.get(which % there.len().max(1))?;
        self.deleted(id, Outcome::Refused);
        Some(id)
    }

    /// Notes how a delete ended.
    pub(crate) fn deleted(&mut self, id: i64, outcome: Outcome) {
        if let Some(batch) = self.batches.get_mut(&id) {
            batch.deleted = Some(outcome);
        }
    }

    /// Checks what was found after a recovery, and takes it as what is so from now on.
    pub(crate) fn audit(&mut self, found: &Found) -> Result<()> {
        found.check()?;
        for (id, (transfer, outcome)) in &mut self.transfers {
            let is_there = found.transfers.get(id) == Some(transfer);
            ensure!(
                *outcome == Outcome::Unknown || is_there == (*outcome == Outcome::Acknowledged),
                "transfer {id} is {outcome:?}, is there: {is_there}"
            );
            *outcome = known(is_there);
        }
        for (id, batch) in &mut self.batches {
            let rows = found.batches.get(id).map_or(0, |rows| rows.len() as u64);
            ensure!(rows == 0 || rows == batch.rows, "batch {id} has {rows} rows of {batch:?}");
            let is_there = rows > 0;
            let may_be_there =
                batch.loaded != Outcome::Refused && batch.deleted != Some(Outcome::Acknowledged);
            let may_be_gone = batch.loaded != Outcome::Acknowledged
                || matches!(batch.deleted, Some(Outcome::Acknowledged | Outcome::Unknown));
            ensure!(!is_there || may_be_there, "batch {id} is there again: {batch:?}");
            ensure!(is_there || may_be_gone, "batch {id} is lost: {batch:?}");
            batch.loaded = known(is_there);
            batch.deleted = None;
        }
        let strange = found.transfers.keys().find(|id| !self.transfers.contains_key(id));
        ensure!(strange.is_none(), "transfer {strange:?} is nobody's");
        Ok(())
    }
}

fn known(is_there: bool) -> Outcome {
    if is_there { Outcome::Acknowledged } else { Outcome::Refused }
}
