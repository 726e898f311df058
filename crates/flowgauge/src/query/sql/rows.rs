//! Rows for the worker, table by table.

use crate::logic::alert::episode::Episode;
use crate::logic::call::CacheOutcome;
use crate::logic::rollup::{Dim, SeriesKey};
use crate::logic::score::ScoreKind;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::store::pull::{DISTRIBUTIONS, PulledRollup, RollupPull};
use crate::store::{AlertStore, ControlStore, EpisodeQuery, Pin, PulledScore, Reader, StoreError};
use flowgauge_sql::wire::{ByteBuf, Cell, File, Given, Need};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of one table handed over at most: cells are held twice while they cross, about 1 KiB a row.
const MOST_ROWS: usize = 1_000_000;
/// Dimensions of `DIMS` in the schema of tables that are handed over, without intent.
const DIMS: [Dim; 11] = [
    Dim::Source,
    Dim::Service,
    Dim::Environment,
    Dim::Version,
    Dim::Endpoint,
    Dim::Model,
    Dim::Provider,
    Dim::Protocol,
    Dim::Cache,
    Dim::Arm,
    Dim::Tenant,
];
/// How many of them stand before the intent in `rollups` and `series`.
const BEFORE_INTENT: usize = 5;

/// Where rows come from.
#[derive(Clone)]
pub struct Origin {
    reader: Arc<dyn Fn() -> Option<Reader> + Send + Sync>,
    dir: PathBuf,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Why rows cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Withheld {
    /// The store is not open.
    #[error("the store cannot be read now; try again in a moment")]
    Closed,
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Origin {
    /// Calls, rollups and scores of the store that is open now; the rest out of the data directory.
    #[must_use]
    pub fn new(reader: impl Fn() -> Option<Reader> + Send + Sync + 'static, dir: PathBuf) -> Self {
        Self { reader: Arc::new(reader), dir }
    }

    fn reader(&self) -> Result<Reader, Withheld> {
        (self.reader)().ok_or(Withheld::Closed)
    }

    /// Directories with segments: the store's, then those of attached archives.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let mut out = vec![self.dir.join("segments")];
        // A store that is not open has nothing attached that could be read.
        let attached = self.reader().ok().and_then(|r| r.attached_directories().ok());
        out.extend(attached.unwrap_or_default());
        out
    }

    /// What a worker asked for.
    pub(super) fn given(
        &self,
        need: &Need,
        now: UnixMicros,
    ) -> Result<(Given, Option<Pin>), Withheld> {
        let window = Window {
            from: UnixMicros(need.from.unwrap_or(i64::MIN)),
            to: UnixMicros(need.to.unwrap_or(i64::MAX)),
        };
        if need.table == "calls" {
            return self.calls(window, &need.columns);
        }
        let mut rows = match need.table.as_str() {
            "quality_metrics" => self.scores(ScoreKind::Evaluation, window, quality_cells)?,
            "feedback" => self.scores(ScoreKind::Feedback, window, feedback_cells)?,
            "alerts" => self.alerts(window)?,
            "changes" => self.changes(window)?,
            "rollups" => self.rollups(need, window)?,
            "series" => self.series()?,
            "budgets" => self.budgets(now)?,
            _ => Vec::new(),
        };
        let mut missing = Vec::new();
        if rows.len() > MOST_ROWS {
            missing.push(format!(
                "rows of {} beyond {MOST_ROWS}: ask for a shorter time range",
                need.table
            ));
            rows.truncate(MOST_ROWS);
        }
        keep_wanted(need, &mut rows);
        Ok((Given { rows, missing, ..Given::default() }, None))
    }

    fn calls(&self, window: Window, columns: &[String]) -> Result<(Given, Option<Pin>), Withheld> {
        let pulled = self.reader()?.pull_calls(window, columns)?;
        let file = |f: crate::store::pull::PulledFile| File {
            path: f.path.to_string_lossy().into_owned(),
            bytes: f.bytes,
            untouched: f.untouched,
        };
        let given = Given {
            files: pulled.files.into_iter().map(file).collect(),
            replaced: pulled.replaced.iter().map(ToString::to_string).collect(),
            ipc: pulled.ipc.into_iter().map(ByteBuf::from).collect(),
            rows: Vec::new(),
            missing: pulled.missing,
        };
        Ok((given, pulled.pin))
    }

    fn scores(
        &self,
        kind: ScoreKind,
        window: Window,
        cells: fn(&PulledScore) -> Vec<Cell>,
    ) -> Result<Vec<Vec<Cell>>, Withheld> {
        Ok(self.reader()?.pull_scores(kind, window)?.iter().map(cells).collect())
    }

    fn alerts(&self, window: Window) -> Result<Vec<Vec<Cell>>, Withheld> {
        let Some(alerts) = AlertStore::open_reader(&self.dir)? else { return Ok(Vec::new()) };
        let query = EpisodeQuery {
            from: Some(window.from),
            to: Some(window.to),
            limit: MOST_ROWS + 1,
            ..EpisodeQuery::default()
        };
        Ok(alerts.episodes(&query)?.iter().map(alert_cells).collect())
    }

    fn changes(&self, window: Window) -> Result<Vec<Vec<Cell>>, Withheld> {
        let Some(control) = ControlStore::open_reader(&self.dir)? else { return Ok(Vec::new()) };
        let changes = control.log()?;
        let rows = changes.iter().filter(|c| window.contains(c.at)).map(|c| {
            vec![
                time(Some(c.at)),
                whole(c.id),
                text(&c.author),
                text(&c.reason),
                c.undoes.map_or(Cell::Null, whole),
                time(c.expires),
                serde_json::to_string(&c.diff).map_or(Cell::Null, Cell::Text),
            ]
        });
        Ok(rows.collect())
    }

    fn rollups(&self, need: &Need, window: Window) -> Result<Vec<Vec<Cell>>, Withheld> {
        let hours = need.minutes != Some(1);
        let table = &flowgauge_sql::schema::ROLLUPS;
        // A cell nobody wants costs its bytes twice on the way: dimensions are texts.
        let wanted: Vec<bool> = table.columns.iter().map(|c| need.wants(c.name)).collect();
        let mut rows = Vec::new();
        let dists = dists(|c| need.wants(c));
        let asked = RollupPull { window, hours, totals: need.totals, dists };
        self.reader()?.pull_rollups(asked, &mut |rollup| {
            if rows.len() <= MOST_ROWS {
                rows.push(rollup_cells(&rollup, &wanted));
            }
        })?;
        Ok(rows)
    }

    fn series(&self) -> Result<Vec<Vec<Cell>>, Withheld> {
        Ok(self.reader()?.series()?.iter().map(|key| dims(key, true)).collect())
    }

    fn budgets(&self, now: UnixMicros) -> Result<Vec<Vec<Cell>>, Withheld> {
        let rows = self.reader()?.budget_use(now)?.into_iter().map(|b| {
            let share = (b.limit.0 > 0).then(|| b.committed.as_usd_f64() / b.limit.as_usd_f64());
            vec![
                Cell::Int(b.committed.0),
                Cell::Int(b.committed.0),
                Cell::Int(b.limit.0),
                Cell::Int(b.limit.0),
                share.map_or(Cell::Null, Cell::Float),
            ]
        });
        Ok(rows.collect())
    }
}

/// Leaves the wanted cells of each row, in the order they are wanted.
fn keep_wanted(need: &Need, rows: &mut [Vec<Cell>]) {
    let Some(table) = flowgauge_sql::schema::table(&need.table) else { return };
    let places: Vec<usize> = need
        .columns
        .iter()
        .filter_map(|name| table.columns.iter().position(|c| c.name == name))
        .collect();
    if places.is_empty() {
        return;
    }
    for row in rows {
        let mut cells = Vec::with_capacity(places.len());
        for at in &places {
            cells.push(row.get_mut(*at).map_or(Cell::Null, |c| std::mem::replace(c, Cell::Null)));
        }
        *row = cells;
    }
}

fn text(value: &str) -> Cell {
    if value.is_empty() { Cell::Null } else { Cell::Text(value.to_owned()) }
}

fn time(at: Option<UnixMicros>) -> Cell {
    at.map_or(Cell::Null, |t| Cell::Time(t.0))
}

fn whole(n: u64) -> Cell {
    i64::try_from(n).map_or(Cell::Null, Cell::Int)
}

/// Dimensions of a series in the order of the schema; the intent where it belongs to them.
fn dims(key: &SeriesKey, with_intent: bool) -> Vec<Cell> {
    let mut cells: Vec<Cell> = DIMS.iter().map(|d| text(key.get(*d))).collect();
    if with_intent {
        cells.insert(BEFORE_INTENT, text(key.get(Dim::Intent)));
    }
    cells
}

/// What scores and ratings begin with: minute and start of the call, its intent.
fn head(score: &PulledScore) -> (UnixMicros, Vec<Cell>) {
    let at = score.row.attached.map_or(score.row.score.time, |(_, start)| start);
    let minute = UnixMicros::from_minute(at.minute());
    let intent = score.series.as_ref().map_or(Cell::Null, |key| text(key.get(Dim::Intent)));
    (at, vec![time(Some(minute)), time(Some(at)), intent])
}

fn tail(score: &PulledScore, cells: &mut Vec<Cell>) {
    cells.push(score.row.attached.map_or(Cell::Null, |(call, _)| Cell::Text(call.to_string())));
    match &score.series {
        Some(key) => cells.extend(dims(key, false)),
        None => cells.extend(vec![Cell::Null; DIMS.len()]),
    }
}

fn quality_cells(pulled: &PulledScore) -> Vec<Cell> {
    let score = &pulled.row.score;
    let (_, mut cells) = head(pulled);
    cells.extend([
        score.quality.map_or(Cell::Null, Cell::Float),
        text(&score.evaluator),
        text(&score.version),
        score.weight.map_or(Cell::Null, Cell::Float),
        score.label.as_deref().map_or(Cell::Null, text),
        time(Some(score.time)),
    ]);
    tail(pulled, &mut cells);
    cells
}

fn feedback_cells(pulled: &PulledScore) -> Vec<Cell> {
    let score = &pulled.row.score;
    let (_, mut cells) = head(pulled);
    cells.extend([
        score.rating.map_or(Cell::Null, |r| Cell::Int(i64::from(r))),
        Cell::Bool(score.thumb),
        score.category.as_deref().map_or(Cell::Null, text),
        text(&score.user),
        time(Some(score.time)),
    ]);
    tail(pulled, &mut cells);
    cells
}

fn alert_cells(e: &Episode) -> Vec<Cell> {
    let labels: serde_json::Map<String, serde_json::Value> =
        e.labels.iter().map(|(k, v)| (k.to_string(), v.as_str().into())).collect();
    vec![
        time(Some(e.fired)),
        text(&e.rule),
        Cell::Text(serde_json::Value::Object(labels).to_string()),
        text(e.severity.word()),
        text(if e.ended.is_some() { "resolved" } else { "firing" }),
        e.peak.map_or(Cell::Null, Cell::Float),
        time(Some(e.first_true)),
        time(e.ended.map(|(at, _)| at)),
        time(e.acked.as_ref().map(|a| a.at)),
        e.acked.as_ref().map_or(Cell::Null, |a| text(&a.by)),
        Cell::Text(e.id.to_string()),
    ]
}

/// Cells of the columns that are wanted, in the order of the schema; the others are nothing.
/// How many of a rollup's distributions are looked at, the first ones.
fn dists(wanted: impl Fn(&str) -> bool) -> usize {
    let any = |names: &[&str]| names.iter().any(|name| wanted(name));
    if any(&["input_tokens", "output_tokens", "input_hist", "output_hist"]) {
        return DISTRIBUTIONS;
    }
    if any(&["ttft_hist"]) {
        return 2;
    }
    usize::from(any(&["latency_sum_ms", "latency_count", "latency_hist"]))
}

fn rollup_cells(pulled: &PulledRollup<'_>, wanted: &[bool]) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(wanted.len());
    let mut put = |cell: &dyn Fn() -> Cell| {
        let shown = wanted.get(cells.len()).copied().unwrap_or(false);
        cells.push(if shown { cell() } else { Cell::Null });
    };
    put(&|| time(Some(pulled.from)));
    put(&|| Cell::Int(pulled.minutes));
    let (before, after) = DIMS.split_at(BEFORE_INTENT);
    for dim in before.iter().chain([&Dim::Intent]).chain(after) {
        put(&|| text(pulled.key.get(*dim)));
    }
    let r = pulled.sums;
    let cached =
        |which: CacheOutcome| r.by_cache.get(usize::from(which.code())).copied().unwrap_or(0);
    let hits = cached(CacheOutcome::HitExact) + cached(CacheOutcome::HitSemantic);
    let [latency, ttft, _, _, input, output] = &pulled.dists;
    put(&|| whole(r.requests()));
    put(&|| whole(r.success));
    put(&|| whole(r.failure));
    put(&|| whole(input.sum()));
    put(&|| whole(output.sum()));
    put(&|| Cell::Int(r.cost_nanos));
    put(&|| Cell::Int(r.cost_nanos));
    put(&|| whole(r.priced));
    put(&|| whole(r.unpriced));
    put(&|| Cell::Int(r.avoided_nanos));
    put(&|| whole(hits));
    put(&|| whole(cached(CacheOutcome::Miss)));
    put(&|| Cell::Float(milliseconds(latency.sum())));
    put(&|| whole(latency.count()));
    for dist in [latency, ttft, input, output] {
        put(&|| Cell::Bytes(ByteBuf::from(dist.bytes())));
    }
    cells
}

#[expect(clippy::cast_precision_loss, reason = "a sum of milliseconds below 2^53 µs")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::call::{Call, Door};
    use crate::logic::id::CallId;
    use crate::logic::rollup::Rollup;
    use crate::logic::score::{Reference, Score};
    use crate::store::pull::PulledDist;
    use flowgauge_sql::schema;

    fn width(table: &str) -> usize {
        schema::table(table).unwrap().columns.len()
    }

    #[test]
    fn rows_have_the_columns_their_table_promises() {
        let now = UnixMicros(60_000_000);
        let call = Call::begun(CallId([7; 16]), now, now, Door::Gateway);
        let key = SeriesKey::of(&call);
        let score = Score::new(CallId([1; 16]), ScoreKind::Evaluation, now, Reference::default());
        let row = crate::store::ScoreRow { score, attached: Some((call.id, now)) };
        let pulled = PulledScore { row, series: Some(key.clone()) };
        assert_eq!(quality_cells(&pulled).len(), width("quality_metrics"));
        assert_eq!(feedback_cells(&pulled).len(), width("feedback"));
        assert_eq!(dims(&key, true).len(), width("series"));
        let sums = Rollup::default();
        let dists = [PulledDist::Known(&sums.latency); 6];
        let pulled = PulledRollup { from: now, minutes: 1, key: &key, sums: &sums, dists };
        let all = vec![true; width("rollups")];
        let rollup = rollup_cells(&pulled, &all);
        assert_eq!(rollup.len(), width("rollups"));
        assert!(matches!(rollup[0], Cell::Time(_)) && matches!(rollup[31], Cell::Bytes(_)));
        let none = rollup_cells(&pulled, &vec![false; width("rollups")]);
        assert!(none.iter().all(|c| *c == Cell::Null));
    }
}
