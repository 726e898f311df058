//! What budgets have spent: one ledger in memory, one thread that makes its changes durable.
//!
//! A call is admitted in memory, atomically, and forwarded once that is on disk, so that a crash
//! forgets no money that is being spent. Where the disk takes too long the call goes on without:
//! the limit holds all the same, only the crash is not covered (decision page 0006).

mod writer;

use crate::logic::budget::{
    Account, AccountKey, Blocked, Budget, Charge, Claim, Ledger, Period, Size, Spent,
};
use crate::logic::call::{Call, CostUnknown, Status, Text};
use crate::logic::price::PriceBook;
use crate::logic::unit::{NanoUsd, UnixMicros};
use crate::record::Recorder;
use crate::serve::clock::Clock;
use crate::store::{LedgerFile, StoreError};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use writer::Pending;

/// Longest wait for a reservation to be on disk. A commit takes one or two milliseconds; a disk
/// that needs fifty is in trouble, and calls do not wait for it (decision D6).
const DURABLE_WITHIN: Duration = Duration::from_millis(50);
/// Accounts are kept on disk this long after their period: as long as reports look back.
const KEEP_US: i64 = 400 * UnixMicros::DAY;
/// Accounts stay in memory this long after their period: calls that began in it may still be settled.
const RECENT_US: i64 = UnixMicros::DAY;
/// How often ended accounts are looked for; it is a walk over all of them under the lock.
const SWEEP_US: i64 = UnixMicros::HOUR;

/// All budgets and their ledger.
#[derive(Debug)]
pub struct Budgets {
    budgets: Vec<Budget>,
    prices: Arc<ArcSwap<PriceBook>>,
    clock: Clock,
    kept: Arc<Mutex<State>>,
    wake: std::sync::mpsc::SyncSender<writer::Wake>,
    thread: Mutex<Option<JoinHandle<()>>>,
    durable_within: Duration,
}

/// The ledger and what of it is not on disk yet.
#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    pending: Pending,
    /// When ended accounts were last let go.
    swept: UnixMicros,
}

impl State {
    /// Lets go of accounts of ended periods, so that a new subject a day does not fill the memory.
    fn sweep(&mut self, now: UnixMicros) {
        if now.0.saturating_sub(self.swept.0) >= SWEEP_US {
            self.swept = now;
            self.ledger.forget(UnixMicros(now.0.saturating_sub(RECENT_US)));
        }
    }
}

/// Why a call is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// An account has no room.
    Spent {
        /// The budget.
        budget: Text,
        /// Whose account.
        subject: Text,
        /// What counts against the limit already.
        committed: NanoUsd,
        /// The limit.
        limit: NanoUsd,
        /// When it begins anew, RFC 3339 in the budget's zone.
        resets_at: String,
    },
    /// The model has no price and the budget refuses such calls.
    Unpriced {
        /// The budget.
        budget: Text,
        /// The model asked for.
        model: Option<Text>,
    },
}

/// What was set aside for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// It falls under no budget.
    Nothing,
    /// An amount that survives a crash; [`Budgets::settle`] must follow.
    OnDisk,
    /// An amount that is not on disk yet; [`Budgets::settle`] must follow.
    InMemory,
}

/// One account as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its budget.
    pub budget: Budget,
    /// Whose, and which period; nothing where nobody has spent anything.
    pub account: Option<(AccountKey, Account)>,
}

impl Budgets {
    /// Opens the ledger and settles what a crash left open, as far as the store knows its end.
    ///
    /// # Errors
    /// The ledger cannot be read, or there are no threads left.
    pub fn start(
        dir: &Path,
        budgets: Vec<Budget>,
        prices: Arc<ArcSwap<PriceBook>>,
        clock: Clock,
        recorder: &Recorder,
    ) -> Result<Arc<Self>, StoreError> {
        let mut file = LedgerFile::open(dir)?;
        file.set_limits(&budgets)?;
        file.forget(UnixMicros(clock.now().0.saturating_sub(KEEP_US)))?;
        let stored = file.read()?;
        let left_open: Vec<_> = stored.open.iter().map(|(call, _)| *call).collect();
        let ledger = Ledger::restore(stored.accounts, stored.open);
        let mut state = State { ledger, ..State::default() };
        state.sweep(clock.now());
        let state = Arc::new(Mutex::new(state));
        let (wake, waking) = std::sync::mpsc::sync_channel(1);
        let thread = writer::start(file, Arc::clone(&state), waking)?;
        let (kept, thread) = (state, Mutex::new(Some(thread)));
        let durable_within = DURABLE_WITHIN;
        let this = Self { budgets, prices, clock, kept, wake, thread, durable_within };
        for id in left_open {
            let row = recorder.reader().and_then(|reader| reader.call(id).ok().flatten());
            match row.filter(|call| call.outcome.status != Status::Interrupted) {
                Some(call) => this.settle(&call),
                None => this.change(|ledger| ledger.abandon(id), Some(id)),
            }
        }
        Ok(Arc::new(this))
    }

    /// Whether there are no budgets, so that no call need ask.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.budgets.is_empty()
    }

    /// Sets aside what a call may cost on every account it falls under, or on none.
    ///
    /// # Errors
    /// With the first account that has no room, or the first budget that wants a price.
    pub async fn reserve(&self, call: &Call, size: Size) -> Result<Reserved, Denied> {
        let claims = self.claims(call, size)?;
        if claims.is_empty() {
            return Ok(Reserved::Nothing);
        }
        let (done, written) = tokio::sync::oneshot::channel();
        {
            let mut state = self.kept.lock();
            state.sweep(self.clock.now());
            let State { ledger, pending, .. } = &mut *state;
            ledger.reserve(call.id, claims).map_err(|blocked| self.denied(*blocked))?;
            pending.hold(call.id, ledger, done);
        }
        self.wake(writer::Wake::Write);
        let written = tokio::time::timeout(self.durable_within, written).await;
        Ok(if matches!(written, Ok(Ok(()))) { Reserved::OnDisk } else { Reserved::InMemory })
    }

    /// What a call asks of each account it falls under.
    fn claims(&self, call: &Call, size: Size) -> Result<Vec<Claim>, Denied> {
        let prices = self.prices.load();
        let mut claims = Vec::new();
        for budget in &self.budgets {
            let Some(key) = budget.account(call) else { continue };
            let unpriced = |_: CostUnknown| Denied::Unpriced {
                budget: budget.name.clone(),
                model: call.what.model_requested.clone(),
            };
            let amount = budget.reservation(&prices, call, size).map_err(unpriced)?;
            claims.push(Claim { key, limit: budget.limit, amount });
        }
        Ok(claims)
    }

    fn denied(&self, blocked: Blocked) -> Denied {
        let Blocked { claim, account } = blocked;
        let resets_at = match self.named(&claim.key.budget) {
            Some(budget) => budget.resets_at(&claim.key),
            None => claim.key.to.to_rfc3339(),
        };
        Denied::Spent {
            budget: claim.key.budget,
            subject: claim.key.subject,
            committed: account.committed(),
            limit: claim.limit,
            resets_at,
        }
    }

    fn named(&self, name: &str) -> Option<&Budget> {
        self.budgets.iter().find(|b| b.name == name)
    }

    /// Counts what an ended call cost in the place of what was set aside for it. Never waits; a call
    /// for which nothing is set aside changes nothing.
    pub fn settle(&self, call: &Call) {
        let spent = Spent::of(call);
        self.change(
            |ledger| {
                ledger.settle(call.id, |held| match self.named(&held.key.budget) {
                    Some(budget) => budget.charge(spent, held.amount),
                    // The budget was taken out of the configuration meanwhile.
                    None => match spent {
                        Spent::Cost(amount) => Charge { amount, assumed: false },
                        Spent::Nothing => Charge { amount: NanoUsd(0), assumed: false },
                        Spent::Unpriced(_) | Spent::Unknown => {
                            Charge { amount: held.amount, assumed: true }
                        }
                    },
                })
            },
            Some(call.id),
        );
    }

    /// Gives back what calls without a known end hold, for one subject or all; how much it was.
    pub fn release(&self, budget: &str, subject: Option<&str>) -> Option<NanoUsd> {
        self.named(budget)?;
        let mut given = NanoUsd(0);
        self.change(
            |ledger| {
                let (changed, amount) = ledger.release(budget, subject);
                given = amount;
                changed
            },
            None,
        );
        Some(given)
    }

    fn change(
        &self,
        make: impl FnOnce(&mut Ledger) -> Vec<(AccountKey, Account)>,
        closed: Option<crate::logic::id::CallId>,
    ) {
        {
            let mut state = self.kept.lock();
            let State { ledger, pending, .. } = &mut *state;
            let changed = make(ledger);
            if changed.is_empty() {
                return;
            }
            pending.changed(closed, changed);
        }
        self.wake(writer::Wake::Write);
    }

    fn wake(&self, what: writer::Wake) {
        // A full channel means that the writer is woken already.
        let _woken = self.wake.try_send(what);
    }

    /// Every account of the current periods, and every budget without one.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let now = self.clock.now();
        let state = self.kept.lock();
        let mut all = Vec::new();
        for budget in &self.budgets {
            let mut accounts: Vec<(AccountKey, Account)> = state
                .ledger
                .accounts()
                .filter(|(key, _)| key.budget == budget.name && key.from <= now && now < key.to)
                .map(|(key, account)| (key.clone(), *account))
                .collect();
            accounts.sort();
            if accounts.is_empty() {
                all.push(Shown { budget: budget.clone(), account: None });
            }
            let shown = |account| Shown { budget: budget.clone(), account: Some(account) };
            all.extend(accounts.into_iter().map(shown));
        }
        all
    }

    /// What one account has spent in the period that contains a moment, if that is not long over.
    #[must_use]
    pub fn account(&self, budget: &str, subject: &str, at: UnixMicros) -> Option<Account> {
        let found = self.named(budget)?;
        let window = found.period.containing(at, found.zone);
        let (budget, subject) = (Text::from(budget), Text::from(subject));
        let key = AccountKey { budget, subject, from: window.from, to: window.to };
        Some(self.kept.lock().ledger.account(&key))
    }

    /// Writes what is not on disk yet and ends the thread.
    pub async fn shutdown(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        let wake = self.wake.clone();
        let end = move || {
            // The writer looks at it after its current write.
            if wake.send(writer::Wake::Stop).is_err() || thread.join().is_err() {
                tracing::error!("the ledger of budgets was not closed properly");
            }
        };
        if let Err(error) = tokio::task::spawn_blocking(end).await {
            tracing::error!(%error, "could not wait for the ledger of budgets");
        }
    }
}

impl Shown {
    /// When the account, or the budget, begins anew.
    #[must_use]
    pub fn resets_at(&self, now: UnixMicros) -> String {
        let Budget { period, zone, .. } = &self.budget;
        let to = match &self.account {
            Some((key, _)) => key.to,
            None => Period::containing(*period, now, *zone).to,
        };
        crate::logic::budget::local_rfc3339(to, *zone)
    }
}

#[cfg(test)]
mod tests;
