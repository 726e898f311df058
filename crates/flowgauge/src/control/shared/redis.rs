//! Shared answers in Redis, or whatever speaks its protocol.
//!
//! Owns the names of keys: `flowgauge:NAMESPACE:GENERATION:DIGEST`, where the digest stands for tenant, credential, policy
//! and the whole request, as in memory; `flowgauge:NAMESPACE:generation`; and the stream
//! `flowgauge:NAMESPACE:GENERATION:news`. One connection is shared; a broken one is
//! made anew at the next question.

use super::{Backend, BackendError, Heard};
use crate::logic::control::cache::key::Key;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError};
use std::fmt::Write as _;
use std::time::Duration;

/// News held at most: as many as there are questions in one memory.
const MAX_NEWS: usize = 100_000;
/// News heard at once at most.
const BATCH: usize = 1_000;
/// A stream nobody told anything goes after a day: no answer lives that long.
const NEWS_LIVE: usize = 86_400;

/// Redis.
pub struct Redis {
    client: Client,
    namespace: String,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl std::fmt::Debug for Redis {
    /// Without the address: a password may be in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Redis {
    /// At an address. Connects at the first question.
    ///
    /// # Errors
    /// The address makes no sense; it is not repeated, a password may be in it.
    pub fn open(url: &str, namespace: &str) -> Result<Self, String> {
        let client = Client::open(url).map_err(|e| {
            let why = e.detail().unwrap_or("it cannot be read").to_owned();
            format!("shared_cache.url: {why}; write redis://host:6379 or unix:///path")
        })?;
        let namespace = format!("flowgauge:{namespace}");
        Ok(Self { client, namespace, connection: Mutex::new(None) })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, BackendError> {
        if let Some(connection) = self.connection.lock().clone() {
            return Ok(connection);
        }
        let made = self.client.get_multiplexed_async_connection().await;
        let made = made.map_err(|e| self.broken(&e))?;
        *self.connection.lock() = Some(made.clone());
        Ok(made)
    }

    fn broken(&self, error: &RedisError) -> BackendError {
        // Whatever it was: the next question begins with a fresh one.
        self.connection.lock().take();
        BackendError(format!("redis: {}", error.category()))
    }

    fn key(&self, generation: u64, key: &Key) -> String {
        let mut name = format!("{}:{generation}:", self.namespace);
        for byte in key.0 {
            // Writing into a string does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    fn stream(&self, generation: u64) -> String {
        format!("{}:{generation}:news", self.namespace)
    }

    fn counter(&self) -> String {
        format!("{}:generation", self.namespace)
    }
}

impl Backend for Redis {
    fn get<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<super::Found, BackendError>> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            // One way there and back: the generation is that of the value.
            let mut both = redis::pipe();
            both.atomic().get(self.counter()).get(self.key(generation, key));
            let answered = both.query_async::<(Option<u64>, Option<Vec<u8>>)>(&mut connection);
            answered.await.map_err(|e| self.broken(&e))
        })
    }

    fn put<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
        value: Vec<u8>,
        life: Duration,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
            let mut set = redis::cmd("SET");
            set.arg(self.key(generation, key)).arg(value).arg("PX").arg(millis);
            set.query_async::<()>(&mut connection).await.map_err(|e| self.broken(&e))
        })
    }

    fn forget<'a>(
        &'a self,
        generation: u64,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let mut unlink = redis::cmd("UNLINK");
            unlink.arg(self.key(generation, key));
            unlink.query_async::<()>(&mut connection).await.map_err(|e| self.broken(&e))
        })
    }

    fn generation(&self) -> BoxFuture<'_, Result<Option<u64>, BackendError>> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let mut get = redis::cmd("GET");
            get.arg(self.counter());
            get.query_async(&mut connection).await.map_err(|e| self.broken(&e))
        })
    }

    fn begin(&self, generation: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let mut set = redis::cmd("SET");
            set.arg(self.counter()).arg(generation);
            set.query_async(&mut connection).await.map_err(|e| self.broken(&e))
        })
    }

    fn tell<'a>(
        &'a self,
        generation: u64,
        news: &'a [u8],
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let stream = self.stream(generation);
            let mut both = redis::pipe();
            both.atomic();
            both.cmd("XADD").arg(&stream).arg("MAXLEN").arg("~").arg(MAX_NEWS).arg("*");
            both.arg("n").arg(news).ignore();
            both.cmd("EXPIRE").arg(&stream).arg(NEWS_LIVE).ignore();
            both.query_async::<()>(&mut connection).await.map_err(|e| self.broken(&e))
        })
    }

    fn hear<'a>(
        &'a self,
        generation: u64,
        after: &'a str,
    ) -> BoxFuture<'a, Result<Heard, BackendError>> {
        type Entry = (String, Vec<(String, Vec<u8>)>);
        Box::pin(async move {
            let mut connection = self.connection().await?;
            let from = if after.is_empty() { "-".to_owned() } else { format!("({after}") };
            let mut range = redis::cmd("XRANGE");
            range.arg(self.stream(generation)).arg(from).arg("+").arg("COUNT").arg(BATCH);
            let heard = range.query_async::<Vec<Entry>>(&mut connection).await;
            let heard = heard.map_err(|e| self.broken(&e))?;
            let news = |fields: Vec<(String, Vec<u8>)>| {
                fields.into_iter().find(|(name, _)| name == "n").map_or_else(Vec::new, |(_, n)| n)
            };
            Ok(heard.into_iter().map(|(place, fields)| (place, news(fields))).collect())
        })
    }
}
