//! The prices in force, and the operator's file behind them.
//!
//! Owns reading that file, changing it in one step, and putting the result in force for every door
//! at once. Refuses to put a file in force that cannot be read: the prices before stay.

use crate::config::Config;
use crate::logic::price::edit::{self, NewRates, SetError};
use crate::logic::price::{PriceBook, PriceError};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the operator's file in the data directory, where the configuration names none.
pub const FILE: &str = "prices.json";

/// Largest file read. The whole list of every provider that publishes one is 1.3 MB.
const MAX_FILE: u64 = 16 << 20;

/// The prices in force.
#[derive(Debug)]
pub struct Prices {
    book: Arc<ArcSwap<PriceBook>>,
    path: PathBuf,
    /// The configuration names the file, so it must be there.
    required: bool,
    /// One change at a time: each begins with the file the one before left.
    changing: Mutex<()>,
}

/// The operator's file could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum PricesError {
    /// The disk refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What it says is no table.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Place and problem.
        source: PriceError,
    },
    /// The change is refused.
    #[error(transparent)]
    Set(#[from] SetError),
}

impl Prices {
    /// Reads the prices of a configuration.
    ///
    /// # Errors
    /// When the operator's file is no table, or is named and not there.
    pub fn open(config: &Config) -> Result<Self, PricesError> {
        let path = path(config);
        let required = config.prices.is_some();
        let book = read(&path, required)?;
        let book = Arc::new(ArcSwap::from_pointee(book));
        Ok(Self { book, path, required, changing: Mutex::new(()) })
    }

    /// The prices in force now.
    #[must_use]
    pub fn book(&self) -> Arc<PriceBook> {
        self.book.load_full()
    }

    /// The place where the prices in force are found at any time.
    #[must_use]
    pub fn shared(&self) -> Arc<ArcSwap<PriceBook>> {
        Arc::clone(&self.book)
    }

    /// The operator's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the operator's file again and puts it in force.
    ///
    /// # Errors
    /// When it cannot be read; the prices in force stay.
    pub fn reload(&self) -> Result<Arc<PriceBook>, PricesError> {
        let _one = self.changing.lock();
        self.put_in_force()
    }

    /// Sets the rates of one model in the operator's file and puts them in force.
    ///
    /// # Errors
    /// When the change is refused or the file cannot be written; the prices in force stay.
    pub fn set(
        &self,
        model: &str,
        new: &NewRates,
        today: &str,
    ) -> Result<Arc<PriceBook>, PricesError> {
        let _one = self.changing.lock();
        set_in_file(&self.path, model, new, today)?;
        self.put_in_force()
    }

    fn put_in_force(&self) -> Result<Arc<PriceBook>, PricesError> {
        let book = Arc::new(read(&self.path, self.required)?);
        self.book.store(Arc::clone(&book));
        Ok(book)
    }
}

/// Where the operator's file of a configuration is.
#[must_use]
pub fn path(config: &Config) -> PathBuf {
    config.prices.clone().unwrap_or_else(|| config.data_dir.join(FILE))
}

/// The shipped prices below those of the operator's file, where there is one.
///
/// # Errors
/// When the file is no table, or is `required` and not there.
pub fn read(path: &Path, required: bool) -> Result<PriceBook, PricesError> {
    let book = PriceBook::embedded();
    let Some(json) = text(path)? else {
        if required {
            let source = io::ErrorKind::NotFound.into();
            return Err(PricesError::Io { path: path.to_owned(), source });
        }
        return Ok(book);
    };
    book.with_override(&json).map_err(|source| PricesError::Table { path: path.to_owned(), source })
}

/// Sets the rates of one model in a file; it is replaced in one step or stays as it is.
///
/// # Errors
/// When the change is refused or the file cannot be read or written.
pub fn set_in_file(
    path: &Path,
    model: &str,
    new: &NewRates,
    today: &str,
) -> Result<(), PricesError> {
    let changed = edit::set(text(path)?.as_deref(), model, new, today)?;
    let write = || -> io::Result<()> {
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir)?;
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        temporary.write_all(changed.as_bytes())?;
        if let Ok(before) = std::fs::metadata(path) {
            temporary.as_file().set_permissions(before.permissions())?;
        }
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        Ok(())
    };
    write().map_err(|source| PricesError::Io { path: path.to_owned(), source })
}

fn text(path: &Path) -> Result<Option<String>, PricesError> {
    let refused = |source| PricesError::Io { path: path.to_owned(), source };
    match std::fs::metadata(path) {
        Ok(facts) if facts.len() > MAX_FILE => {
            let why = format!("larger than {} MB, which no price list is", MAX_FILE >> 20);
            Err(refused(io::Error::other(why)))
        }
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(refused),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(refused(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::price::Unit;

    fn rates(input: &str) -> NewRates {
        let new = NewRates::default().with(Unit::Input, input).unwrap();
        new.with(Unit::Output, "15").unwrap()
    }

    fn input_of(book: &PriceBook, model: &str) -> Option<String> {
        book.lookup(None, model)?.row.usd_per_million(Unit::Input)
    }

    #[test]
    fn a_price_set_is_in_force_at_once_and_after_a_start() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data_dir: dir.path().join("new"), ..Config::default() };
        let prices = Prices::open(&config).unwrap();
        let before = prices.book().version().to_owned();
        prices.set("mine", &rates("3"), "2030-01-02").unwrap();
        assert_eq!(input_of(&prices.shared().load(), "mine").as_deref(), Some("3"));
        assert_ne!(prices.book().version(), before);
        let again = Prices::open(&config).unwrap();
        assert_eq!(again.book().version(), prices.book().version());
    }

    #[test]
    fn a_file_that_cannot_be_read_leaves_the_prices_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
        let prices = Prices::open(&config).unwrap();
        prices.set("mine", &rates("3"), "2030-01-02").unwrap();
        std::fs::write(prices.path(), "{\"mine\":").unwrap();
        let said = prices.reload().unwrap_err().to_string();
        assert!(said.contains("line 1"), "{said}");
        assert!(prices.set("other", &rates("1"), "2030-01-02").is_err());
        assert_eq!(std::fs::read_to_string(prices.path()).unwrap(), "{\"mine\":");
        assert_eq!(input_of(&prices.book(), "mine").as_deref(), Some("3"));
    }

    #[test]
    fn a_file_the_configuration_names_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let named = Some(dir.path().join("gone.json"));
        let config = Config { data_dir: dir.path().to_owned(), prices: named, ..Config::default() };
        assert!(Prices::open(&config).is_err());
    }
}
