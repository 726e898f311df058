//! Requests worth a look: the slowest, the dearest, the lowest rated. Ids and figures, no content.

use super::Ground;
use super::reviewed::of_record;
use crate::logic::call::Call;
use crate::logic::known::Known;
use crate::logic::report::facts::Request;
use crate::logic::report::sections::Looks;
use crate::logic::report::{Quantity, number};
use crate::logic::schedule::{Every, Period};
use crate::logic::window::Window;
use crate::store::{CallQuery, StoreError};

/// Of each.
const EACH: usize = 5;
/// Calls read at a time.
const PAGE: usize = 5_000;
/// Calls looked through: a day of two requests a second. Of more, the newest.
const MOST: usize = 200_000;

pub(super) fn looks(
    sources: Ground<'_>,
    period: Period,
    window: Window,
) -> Result<(Looks, Option<String>), StoreError> {
    // Raw calls of longer periods are too many to look through, and partly gone.
    if period.every != Every::Day {
        return Ok((Looks::default(), None));
    }
    let mut slowest = Best::default();
    let mut dearest = Best::default();
    let mut query = CallQuery::newest(window, PAGE);
    let mut read = 0;
    loop {
        let calls = sources.reader.calls(&query)?;
        read += calls.len();
        query.after = calls.last().map(|c| (c.time.start, c.id));
        let last = calls.len() < PAGE || read >= MOST;
        for call in calls {
            slowest.offer(call.time.latency.map(|l| l.0), &call);
            dearest.offer(call.cost.nanos.and_then(|c| u64::try_from(c.0).ok()), &call);
        }
        if last {
            break;
        }
    }
    let ms = |c: &Call| c.time.latency.map(|l| Quantity::Ms(l.as_millis_f64()));
    let usd = |c: &Call| c.cost.nanos.map(Quantity::Usd);
    let cut = (read >= MOST).then(|| {
        let most = number::count(u64::try_from(MOST).unwrap_or(u64::MAX));
        format!("Slowest and dearest are of the newest {most} requests.")
    });
    let looks = Looks {
        slowest: slowest.shown(ms),
        dearest: dearest.shown(usd),
        lowest_rated: lowest_rated(sources, window)?,
    };
    Ok((looks, cut))
}

/// The largest few, the largest first; of equals the later one.
#[derive(Default)]
struct Best(Vec<(u64, Call)>);

impl Best {
    fn offer(&mut self, value: Option<u64>, call: &Call) {
        let Some(value) = value.filter(|v| *v > 0) else { return };
        let at = self.0.partition_point(|(v, _)| *v >= value);
        if at < EACH {
            self.0.insert(at, (value, call.clone()));
            self.0.truncate(EACH);
        }
    }

    fn shown(self, figure: impl Fn(&Call) -> Option<Quantity>) -> Vec<Request> {
        self.0.into_iter().filter_map(|(_, c)| Some(request(&c, figure(&c)?))).collect()
    }
}

fn request(call: &Call, figure: Quantity) -> Request {
    let text = |t: &Option<crate::logic::call::Text>| {
        t.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)
    };
    let model = call.what.model_used.clone().or_else(|| call.what.model_requested.clone());
    Request {
        id: call.id.to_string(),
        link: Some(format!("/requests/{}", call.id)),
        at: call.time.start,
        model: text(&model),
        route: text(&call.what.endpoint),
        figure: Known::Value(figure),
    }
}

fn lowest_rated(sources: Ground<'_>, window: Window) -> Result<Vec<Request>, StoreError> {
    let Some(who) = of_record(sources.reader, window)? else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (id, quality) in sources.reader.lowest_judged(&who, window, EACH)? {
        if let Some(call) = sources.reader.call(id)? {
            out.push(request(&call, Quantity::Quality(quality)));
        }
    }
    Ok(out)
}
