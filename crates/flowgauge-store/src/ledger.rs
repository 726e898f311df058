//! The ledger of budgets in `budgets.db`: accounts, and what is set aside on them for calls on their
//! way. A file of its own, because calls wait for it and SQLite has one writer a file.
//!
//! Owns its tables and the one transaction in which changes become durable. Refuses to add anything
//! up: what is on an account comes as a whole.

use crate::{Reader, StoreError, state};
use flowgauge_logic::budget::{Account, AccountKey, Budget, Held};
use flowgauge_logic::call::Text;
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::{NanoUsd, UnixMicros};
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Name of the file inside the data directory.
const FILE: &str = "budgets.db";

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS budget_accounts (
        budget TEXT NOT NULL,
        subject TEXT NOT NULL,
        from_us INTEGER NOT NULL,
        to_us INTEGER NOT NULL,
        spent INTEGER NOT NULL,
        assumed INTEGER NOT NULL,
        unsettled INTEGER NOT NULL,
        PRIMARY KEY (budget, subject, from_us)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS budget_holds (
        call BLOB NOT NULL,
        budget TEXT NOT NULL,
        subject TEXT NOT NULL,
        from_us INTEGER NOT NULL,
        to_us INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (call, budget, subject, from_us)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS budget_limits (
        budget TEXT PRIMARY KEY,
        limit_nanos INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The ledger on disk. One writer.
#[derive(Debug)]
pub struct LedgerFile {
    db: Connection,
}

/// What changed since the last write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerChanges {
    /// What is set aside for a call now; nothing where the call was closed.
    pub calls: HashMap<CallId, Option<Vec<Held>>>,
    /// What is on an account now. What is set aside is not part of it.
    pub accounts: HashMap<AccountKey, Account>,
}

/// The ledger as it was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Accounts, without what is set aside.
    pub accounts: Vec<(AccountKey, Account)>,
    /// Calls whose end was not written down.
    pub open: Vec<(CallId, Vec<Held>)>,
}

impl LedgerChanges {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.accounts.is_empty()
    }

    /// Puts back changes that could not be written, under those that came since.
    pub fn put_back(&mut self, older: Self) {
        for (call, held) in older.calls {
            self.calls.entry(call).or_insert(held);
        }
        for (key, account) in older.accounts {
            self.accounts.entry(key).or_insert(account);
        }
    }
}

impl LedgerFile {
    /// Opens the tables, creating them where they are missing.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let db = state::connect_beside(dir, FILE)?;
        db.execute_batch(TABLES).map_err(StoreError::io("preparing the tables of budgets"))?;
        Ok(Self { db })
    }

    /// Notes the limits in force, in the place of those before: who reads figures has no configuration.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_limits(&mut self, budgets: &[Budget]) -> Result<(), StoreError> {
        let mut write = || {
            let tx = self.db.transaction()?;
            tx.execute("DELETE FROM budget_limits", [])?;
            for b in budgets {
                let values = params![b.name.as_str(), b.limit.0];
                tx.execute("INSERT INTO budget_limits VALUES (?1, ?2)", values)?;
            }
            tx.commit()
        };
        write().map_err(StoreError::io::<rusqlite::Error>("writing the limits of budgets"))
    }

    /// Everything kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read(&self) -> Result<Kept, StoreError> {
        let read = || {
            let accounts = self
                .db
                .prepare(
                    "SELECT budget, subject, from_us, to_us, spent, assumed, unsettled \
                     FROM budget_accounts",
                )?
                .query_map([], account_of)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let mut open: BTreeMap<CallId, Vec<Held>> = BTreeMap::new();
            let mut select = self.db.prepare(
                "SELECT budget, subject, from_us, to_us, amount, call FROM budget_holds",
            )?;
            for row in select.query_map([], hold_of)? {
                let (call, held) = row?;
                open.entry(call).or_default().push(held);
            }
            Ok(Kept { accounts, open: open.into_iter().collect() })
        };
        read().map_err(StoreError::io::<rusqlite::Error>("reading budgets"))
    }

    /// Makes changes durable together. On return they survive SIGKILL and power loss.
    ///
    /// # Errors
    /// The disk refuses; nothing of them is written then.
    pub fn write(&mut self, changes: &LedgerChanges) -> Result<(), StoreError> {
        let mut write = || {
            let tx = self.db.transaction()?;
            for (call, held) in &changes.calls {
                put_call(&tx, *call, held.as_deref())?;
            }
            for (key, account) in &changes.accounts {
                put_account(&tx, key, account)?;
            }
            tx.commit()
        };
        write().map_err(StoreError::io::<rusqlite::Error>("writing budgets"))
    }

    /// Lets go of accounts whose period ended before a moment.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn forget(&self, before: UnixMicros) -> Result<(), StoreError> {
        let done = self.db.execute("DELETE FROM budget_accounts WHERE to_us <= ?1", [before.0]);
        done.map(drop).map_err(StoreError::io("deleting old budget accounts"))
    }
}

/// How much of a budget is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetUse {
    /// Its name.
    pub budget: String,
    /// What counts against the limit.
    pub committed: NanoUsd,
    /// The limit.
    pub limit: NanoUsd,
}

/// For every budget in force the account of a moment on which most is spent.
const USE: &str = "
    WITH committed AS (
        SELECT budget, subject, sum(amount) AS amount FROM (
            SELECT budget, subject, spent + unsettled AS amount FROM budget_accounts
                WHERE from_us <= ?1 AND ?1 < to_us
            UNION ALL
            SELECT budget, subject, amount FROM budget_holds WHERE from_us <= ?1 AND ?1 < to_us)
        GROUP BY budget, subject)
    SELECT l.budget, ifnull(max(c.amount), 0), l.limit_nanos FROM budget_limits l
        LEFT JOIN committed c ON c.budget = l.budget GROUP BY l.budget";

impl Reader {
    /// How much of each budget is used in the period of a moment, by its account that spent most. None
    /// where there are no budgets.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn budget_use(&self, at: UnixMicros) -> Result<Vec<BudgetUse>, StoreError> {
        let Some(db) = state::read_beside(self.dir(), FILE)? else { return Ok(Vec::new()) };
        let read = || {
            let there = "SELECT 1 FROM sqlite_schema WHERE name = 'budget_limits'";
            if !db.prepare(there)?.exists([])? {
                return Ok(Vec::new());
            }
            let row = |r: &Row<'_>| {
                let (committed, limit) = (NanoUsd(r.get(1)?), NanoUsd(r.get(2)?));
                Ok(BudgetUse { budget: r.get(0)?, committed, limit })
            };
            db.prepare(USE)?.query_map([at.0], row)?.collect()
        };
        read().map_err(StoreError::io::<rusqlite::Error>("reading budgets"))
    }
}

fn put_call(tx: &Transaction<'_>, call: CallId, held: Option<&[Held]>) -> rusqlite::Result<()> {
    let Some(held) = held else {
        tx.prepare_cached("DELETE FROM budget_holds WHERE call = ?1")?.execute([call.0])?;
        return Ok(());
    };
    let mut insert =
        tx.prepare_cached("INSERT OR REPLACE INTO budget_holds VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for Held { key, amount } in held {
        let AccountKey { budget, subject, from, to } = key;
        let (budget, subject) = (budget.as_str(), subject.as_str());
        insert.execute(params![call.0, budget, subject, from.0, to.0, amount.0])?;
    }
    Ok(())
}

fn put_account(tx: &Transaction<'_>, key: &AccountKey, a: &Account) -> rusqlite::Result<()> {
    let AccountKey { budget, subject, from, to } = key;
    let (budget, subject) = (budget.as_str(), subject.as_str());
    tx.prepare_cached(
        "INSERT OR REPLACE INTO budget_accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![budget, subject, from.0, to.0, a.spent.0, a.assumed.0, a.unsettled.0])?;
    Ok(())
}

fn key_of(row: &Row<'_>) -> rusqlite::Result<AccountKey> {
    Ok(AccountKey {
        budget: Text::from(row.get::<_, String>(0)?),
        subject: Text::from(row.get::<_, String>(1)?),
        from: UnixMicros(row.get(2)?),
        to: UnixMicros(row.get(3)?),
    })
}

fn account_of(row: &Row<'_>) -> rusqlite::Result<(AccountKey, Account)> {
    let money = |i| Ok::<_, rusqlite::Error>(NanoUsd(row.get(i)?));
    let (spent, assumed, unsettled) = (money(4)?, money(5)?, money(6)?);
    Ok((key_of(row)?, Account { spent, assumed, unsettled, reserved: NanoUsd(0) }))
}

fn hold_of(row: &Row<'_>) -> rusqlite::Result<(CallId, Held)> {
    let call = CallId(row.get(5)?);
    Ok((call, Held { key: key_of(row)?, amount: NanoUsd(row.get(4)?) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(subject: &str) -> AccountKey {
        AccountKey {
            budget: "team".into(),
            subject: subject.into(),
            from: UnixMicros(0),
            to: UnixMicros(UnixMicros::DAY),
        }
    }

    fn held(subject: &str, amount: i64) -> Vec<Held> {
        vec![Held { key: key(subject), amount: NanoUsd(amount) }]
    }

    #[test]
    fn what_is_set_aside_is_there_after_reopening_and_gone_once_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (CallId([1; 16]), CallId([2; 16]));
        let mut file = LedgerFile::open(dir.path()).unwrap();
        let mut changes = LedgerChanges::default();
        changes.calls.insert(a, Some(held("ada", 5)));
        changes.calls.insert(b, Some(held("bob", 7)));
        file.write(&changes).unwrap();
        let account = Account { spent: NanoUsd(4), ..Account::default() };
        let mut changes = LedgerChanges::default();
        changes.calls.insert(a, None);
        changes.accounts.insert(key("ada"), account);
        file.write(&changes).unwrap();
        drop(file);

        let kept = LedgerFile::open(dir.path()).unwrap().read().unwrap();
        assert_eq!(kept.open, [(b, held("bob", 7))]);
        assert_eq!(kept.accounts, [(key("ada"), account)]);
    }

    #[test]
    fn changes_that_came_since_win_over_those_put_back() {
        let call = CallId([1; 16]);
        let mut newer = LedgerChanges::default();
        newer.calls.insert(call, None);
        let mut older = LedgerChanges::default();
        older.calls.insert(call, Some(held("ada", 5)));
        older.accounts.insert(key("ada"), Account::default());
        newer.put_back(older);
        assert_eq!(newer.calls.get(&call), Some(&None));
        assert_eq!(newer.accounts.len(), 1);
    }

    #[test]
    fn accounts_of_past_periods_are_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = LedgerFile::open(dir.path()).unwrap();
        let mut changes = LedgerChanges::default();
        changes.accounts.insert(key("ada"), Account::default());
        file.write(&changes).unwrap();
        file.forget(UnixMicros(UnixMicros::DAY - 1)).unwrap();
        assert_eq!(file.read().unwrap().accounts.len(), 1);
        file.forget(UnixMicros(UnixMicros::DAY)).unwrap();
        assert_eq!(file.read().unwrap(), Kept::default());
    }
}
