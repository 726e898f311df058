//! The questions commands ask, answered alike by a running server and by a data directory.

use super::exit::Failure;
use super::globals::Origin;
use super::remote::escaped;
use crate::logic::call::{Call, Status, Text};
use crate::logic::id::{CallId, TraceId};
use crate::logic::kpi::Kpi;
use crate::logic::price::PriceBook;
use crate::logic::rollup::{Dim, Filter};
use crate::logic::window::Window;
use crate::query::errors::{self, ErrorReport};
use crate::query::health::{self, Health};
use crate::query::listed::ListedRequest;
use crate::query::provenance::RequestDetail;
use crate::query::reprice::{self, Preview};
use crate::query::view::RequestView;
use crate::query::{self, KpiValue, Snapshot, Table};
use crate::record::RecordStats;
use crate::store::{CallQuery, Reader, RollupQuery, Step};
use chrono_tz::Tz;

/// A page of requests from the server.
#[derive(Debug, serde::Deserialize)]
struct Page {
    items: Vec<ListedRequest>,
    next_cursor: Option<String>,
}

/// Requests one page of the server holds at most.
const PAGE: usize = 500;

/// A filter as written: read locally by a directory, sent as it is to a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Where {
    texts: Vec<String>,
    filter: Filter,
}

impl Where {
    /// From `dim=value` texts.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, Failure> {
        if let Some(text) = texts.iter().find(|t| !t.contains('=')) {
            return Err(Failure::usage(format!("--where {text:?} has no `=`"))
                .hint("write for example --where model=gpt-4o-mini"));
        }
        let filter = Filter::parse(texts).map_err(|e| Failure::usage(e.to_string()))?;
        Ok(Self { texts: texts.to_vec(), filter })
    }

    /// As read.
    pub(super) const fn filter(&self) -> &Filter {
        &self.filter
    }
}

pub(super) fn parameters(window: Window, filter: &Where) -> Vec<(&'static str, String)> {
    let mut out = vec![("from", window.from.0.to_string()), ("to", window.to.0.to_string())];
    out.extend(filter.texts.iter().map(|t| ("where", t.clone())));
    out
}

/// What single requests are named by.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// The provider's id of the answer.
    pub(crate) response: Option<Text>,
    /// The trace.
    pub(crate) trace: Option<TraceId>,
}

impl Origin {
    /// One KPI of a window.
    pub(crate) fn kpi(
        &self,
        kpi: &Kpi,
        window: Window,
        filter: &Where,
    ) -> Result<KpiValue, Failure> {
        match self {
            Self::Server(remote) => {
                remote.get(&format!("/api/v1/kpis/{}", kpi.name), &parameters(window, filter))
            }
            Self::Directory(reader) => Ok(query::one(reader, kpi, window, &filter.filter)?),
        }
    }

    /// One KPI, hour by hour; hours in which it is not known are left out.
    pub(crate) fn hours(&self, kpi: &'static Kpi, window: Window) -> Result<Vec<f64>, Failure> {
        let filter = Where::default();
        let table: Table = match self {
            Self::Server(remote) => {
                let mut query = parameters(window, &filter);
                query.extend([("kpi", kpi.name.to_owned()), ("step", "60min".to_owned())]);
                remote.get("/api/v1/series", &query)?
            }
            Self::Directory(reader) => {
                let step = Step::Minutes(60);
                let filter = filter.filter.clone();
                let query = RollupQuery { window, filter, group_by: Vec::new(), step };
                query::table(reader, &[kpi], &query)?
            }
        };
        let known = table.rows.iter().filter_map(|row| row.values.first()?.value.value());
        Ok(known.collect())
    }

    /// One KPI by the values of a dimension.
    pub(crate) fn split(
        &self,
        kpi: &'static Kpi,
        window: Window,
        dim: Dim,
    ) -> Result<Table, Failure> {
        let filter = Where::default();
        match self {
            Self::Server(remote) => {
                let mut query = parameters(window, &filter);
                query.extend([("kpi", kpi.name.to_owned()), ("by", dim.word().to_owned())]);
                remote.get("/api/v1/series", &query)
            }
            Self::Directory(reader) => {
                let (filter, step) = (filter.filter.clone(), Step::Whole);
                let query = RollupQuery { window, filter, group_by: vec![dim], step };
                Ok(query::table(reader, &[kpi], &query)?)
            }
        }
    }

    /// Every KPI of a window.
    pub(crate) fn snapshot(
        &self,
        window: Window,
        filter: &Where,
        zone: Tz,
    ) -> Result<Snapshot, Failure> {
        match self {
            Self::Server(remote) => remote.get("/api/v1/kpis", &parameters(window, filter)),
            Self::Directory(reader) => Ok(query::snapshot(reader, window, &filter.filter, zone)?),
        }
    }

    /// How things stand.
    pub(crate) fn health(
        &self,
        window: Window,
        critical: bool,
        filter: &Where,
        zone: Tz,
    ) -> Result<Health, Failure> {
        match self {
            Self::Server(remote) => {
                let mut parameters = parameters(window, filter);
                if critical {
                    parameters.push(("critical", "true".to_owned()));
                }
                remote.get("/api/v1/health", &parameters)
            }
            Self::Directory(reader) => {
                let snapshot = query::snapshot(reader, window, &filter.filter, zone)?;
                let status = reader.status()?;
                let mut store = health::store_component(&RecordStats::default(), Some(&status));
                if status.damage.is_empty() {
                    "readable; no server is running".clone_into(&mut store.detail);
                }
                Ok(health::judge(snapshot, vec![store], critical))
            }
        }
    }

    /// Failed requests by class.
    pub(crate) fn errors(&self, window: Window, filter: &Where) -> Result<ErrorReport, Failure> {
        match self {
            Self::Server(remote) => remote.get("/api/v1/errors", &parameters(window, filter)),
            Self::Directory(reader) => Ok(errors::report(reader, window, &filter.filter)?),
        }
    }

    /// Stored calls at the prices in force; a directory is read with these.
    pub(crate) fn preview(
        &self,
        window: Window,
        filter: &Where,
        book: &PriceBook,
    ) -> Result<Preview, Failure> {
        match self {
            Self::Server(remote) => {
                remote.get("/api/v1/prices/preview", &parameters(window, filter))
            }
            Self::Directory(reader) => Ok(reprice::preview(reader, window, &filter.filter, book)?),
        }
    }

    /// The newest requests of a window.
    pub(crate) fn requests(
        &self,
        window: Window,
        filter: &Where,
        named: &Named,
        status: Option<Status>,
        limit: usize,
    ) -> Result<Vec<ListedRequest>, Failure> {
        match self {
            Self::Server(_) => self.pages(window, filter, named, status, limit),
            Self::Directory(reader) => {
                let mut query = CallQuery::newest(window, limit);
                query.filter = filter.filter.clone();
                query.status = status;
                query.by_name(named.response.clone(), named.trace);
                Ok(ListedRequest::all(reader, &reader.calls(&query)?)?)
            }
        }
    }

    fn pages(
        &self,
        window: Window,
        filter: &Where,
        named: &Named,
        status: Option<Status>,
        limit: usize,
    ) -> Result<Vec<ListedRequest>, Failure> {
        let Self::Server(remote) = self else { return Ok(Vec::new()) };
        let mut found: Vec<ListedRequest> = Vec::new();
        let mut cursor = None;
        loop {
            let mut parameters = parameters(window, filter);
            let wanted = limit.saturating_sub(found.len()).min(PAGE);
            parameters.push(("limit", wanted.to_string()));
            parameters.extend(named.response.iter().map(|id| ("response_id", id.to_string())));
            parameters.extend(named.trace.map(|id| ("trace_id", id.to_string())));
            parameters.extend(status.map(|s| ("status", s.word().to_owned())));
            parameters.extend(cursor.take().map(|c| ("cursor", c)));
            let page: Page = remote.get("/api/v1/requests", &parameters)?;
            let got = page.items.len();
            found.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || got == 0 || found.len() >= limit {
                return Ok(found);
            }
        }
    }

    /// One request.
    pub(crate) fn request(&self, id: &str) -> Result<RequestView, Failure> {
        match self {
            Self::Server(remote) => remote.get(&format!("/api/v1/requests/{}", escaped(id)), &[]),
            Self::Directory(reader) => Ok(RequestView::from(&stored(reader, id)?)),
        }
    }

    /// One request with where its numbers come from; a directory is read with these prices.
    pub(crate) fn detail(&self, id: &str, book: &PriceBook) -> Result<RequestDetail, Failure> {
        match self {
            Self::Server(remote) => remote.get(&format!("/api/v1/requests/{}", escaped(id)), &[]),
            Self::Directory(reader) => {
                let call = stored(reader, id)?;
                Ok(RequestDetail::of(&call, &reader.amendments(call.id)?, book))
            }
        }
    }
}

fn stored(reader: &Reader, id: &str) -> Result<Call, Failure> {
    let id: CallId = id.parse().map_err(|_| {
        Failure::usage(format!("{id:?} is no id of a request"))
            .hint("ids have 32 hexadecimal digits; see `flowgauge requests list`")
    })?;
    reader.call(id)?.ok_or_else(|| Failure::usage(format!("there is no request {id}")))
}
