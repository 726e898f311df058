//! HTTP API, live stream and embedded pages.
//!
//! Owns what is answered below `/api/v1`, `/metrics` and `/-/`, and who may ask. Refuses to compute
//! figures: handlers read a question, hand it to `query`, and serialise the answer.

pub mod alerts;
pub mod analyses;
pub mod ask;
pub mod assets;
pub mod guard;
pub mod problem;
pub mod routes;
pub mod shared;

pub mod ageing;
mod alertmanager;
mod backups;
pub mod baselines;
mod budgets;
mod checks;
mod clients;
mod conditional;
pub mod control;
mod diagnoses;
pub mod evidence;
pub mod export;
mod feedback;
mod fields;
pub mod flags;
pub mod following;
mod health;
mod heat;
pub mod history;
pub mod import;
pub mod incidents;
pub mod jobs;
mod keys;
mod kpis;
mod live;
mod metrics;
mod openapi;
mod prices;
mod prometheus_rules;
mod providers;
mod quality;
mod recompute;
pub mod regressions;
pub mod reports;
mod requests;
mod scores;
mod session;
#[cfg(feature = "sql")]
pub mod sql;

pub use guard::Exposure;
pub use keys::{KeyList, KeyView, MadeKey};
pub use live::{Merged, Second, Tick};
pub use prices::{InForce, NewPrice};
pub use problem::Problem;
pub use recompute::{Recomputed, Wanted};
pub use requests::Page;
pub use routes::{Need, Routes};
pub use scores::ScoreList;
pub use session::SessionView;
pub use shared::{App, Counter, Facts, Parts, Port, PortState, Shared, Traffic};

use utoipa_axum::routes;

/// Every route of the API with what it needs. A route that is not here is not served.
#[must_use]
pub fn declared(app: &App) -> Routes {
    asking(following(switching(judgement(alerting(Routes::new(app))))))
        .add(Need::Viewer, routes!(kpis::all))
        .add(Need::Viewer, routes!(kpis::one))
        .add(Need::Viewer, routes!(kpis::catalogue))
        .add(Need::Viewer, routes!(kpis::series))
        .add(Need::Viewer, routes!(heat::heat))
        .add(Need::Viewer, routes!(requests::list))
        .add(Need::Viewer, routes!(requests::one))
        .add(Need::Viewer, routes!(prices::list))
        .add(Need::Operator, routes!(prices::set))
        .add(Need::Viewer, routes!(prices::one))
        .add(Need::Viewer, routes!(prices::lookup))
        .add(Need::Viewer, routes!(prices::preview))
        .add(Need::Operator, routes!(prices::reload))
        .add(Need::Operator, routes!(recompute::recompute))
        .add(Need::Viewer, routes!(live::stream))
        .add(Need::Viewer, routes!(health::errors))
        .add(Need::Viewer, routes!(health::health))
        .add(Need::Viewer, routes!(health::status))
        .add(Need::Viewer, routes!(clients::list))
        .add(Need::Sender, routes!(scores::submit))
        .add(Need::Viewer, routes!(scores::list))
        .add(Need::Sender, routes!(feedback::submit))
        .add(Need::Viewer, routes!(feedback::report))
        .add(Need::Viewer, routes!(checks::list))
        .add(Need::Viewer, routes!(budgets::list))
        .add(Need::Operator, routes!(budgets::release))
        .add(Need::Operator, routes!(import::import))
        .add(Need::Admin, routes!(keys::list))
        .add(Need::Admin, routes!(keys::create))
        .add(Need::Admin, routes!(keys::revoke))
        .add(Need::Nothing, routes!(session::show))
        .add(Need::Nothing, routes!(session::begin))
        .add(Need::Nothing, routes!(session::end))
        .add(Need::Viewer, routes!(openapi::json))
        .add(Need::Viewer, routes!(openapi::yaml))
        .add(Need::Viewer, routes!(metrics::metrics))
        .add(Need::Nothing, routes!(health::healthy))
        .add(Need::Nothing, routes!(health::ready))
        .add(Need::Operator, routes!(alerts::reload))
        .add(Need::Viewer, routes!(export::export))
        .add(Need::Viewer, routes!(reports::report))
        .add(Need::Viewer, routes!(reports::forecast::forecast))
        .add(Need::Viewer, routes!(reports::shelf::overview))
        .add(Need::Viewer, routes!(reports::shelf::kept))
        .add(Need::Operator, routes!(reports::send::letter))
        .add(Need::Viewer, routes!(reports::send::sent))
        .add(Need::Viewer, routes!(jobs::list))
        .add(Need::Viewer, routes!(jobs::history))
        .add(Need::Viewer, routes!(jobs::one))
        .add(Need::Operator, routes!(jobs::run))
        .add(Need::Viewer, routes!(ageing::fsck))
        .add(Need::Admin, routes!(ageing::prune))
        .add(Need::Admin, routes!(ageing::archive))
        .add(Need::Admin, routes!(ageing::attach))
}

fn alerting(routes: Routes) -> Routes {
    routes
        .add(Need::Viewer, routes!(alerts::all))
        .add(Need::Viewer, routes!(alerts::rules))
        .add(Need::Viewer, routes!(alerts::episodes::list))
        .add(Need::Viewer, routes!(alerts::episodes::one))
        .add(Need::Operator, routes!(alerts::acknowledge::by_api))
        .add(Need::Nothing, routes!(alerts::acknowledge::asked))
        .add(Need::Nothing, routes!(alerts::acknowledge::confirmed))
        .add(Need::Viewer, routes!(alerts::silences::list))
        .add(Need::Operator, routes!(alerts::silences::create))
        .add(Need::Viewer, routes!(alerts::silences::preview))
        .add(Need::Viewer, routes!(alerts::silences::one))
        .add(Need::Operator, routes!(alerts::silences::expire))
        .add(Need::Viewer, routes!(alerts::deliveries::list))
        .add(Need::Operator, routes!(alerts::deliveries::retry))
        .add(Need::Viewer, routes!(alerts::deliveries::noise))
        .add(Need::Operator, routes!(alerts::drill::begin))
        .add(Need::Viewer, routes!(alerts::drill::look))
        .add(Need::Operator, routes!(alerts::replay::run))
        .add(Need::Viewer, routes!(alertmanager::status::status))
        .add(Need::Viewer, routes!(alertmanager::status::receivers))
        .add(Need::Viewer, routes!(alertmanager::alerts::list))
        .add(Need::Operator, routes!(alertmanager::alerts::post))
        .add(Need::Viewer, routes!(alertmanager::alerts::groups))
        .add(Need::Viewer, routes!(alertmanager::silences::list))
        .add(Need::Operator, routes!(alertmanager::silences::post))
        .add(Need::Viewer, routes!(alertmanager::silences::one))
        .add(Need::Operator, routes!(alertmanager::silences::expire))
        .add(Need::Viewer, routes!(prometheus_rules::rules))
        .add(Need::Viewer, routes!(prometheus_rules::alerts))
}

fn judgement(routes: Routes) -> Routes {
    routes
        .add(Need::Viewer, routes!(diagnoses::one))
        .add(Need::Operator, routes!(analyses::start))
        .add(Need::Viewer, routes!(analyses::one))
        .add(Need::Viewer, routes!(baselines::list))
        .add(Need::Operator, routes!(baselines::propose))
        .add(Need::Viewer, routes!(baselines::history))
        .add(Need::Viewer, routes!(baselines::one))
        .add(Need::Operator, routes!(baselines::change))
        .add(Need::Viewer, routes!(regressions::list))
        .add(Need::Operator, routes!(regressions::check))
        .add(Need::Viewer, routes!(regressions::period))
        .add(Need::Viewer, routes!(regressions::watch))
        .add(Need::Viewer, routes!(quality::status))
        .add(Need::Viewer, routes!(quality::covered))
        .add(Need::Viewer, routes!(quality::agreed))
        .add(Need::Viewer, routes!(evidence::evidence))
        .conditional(Need::Operator, routes!(incidents::open))
        .add(Need::Viewer, routes!(incidents::list))
        .conditional(Need::Operator, routes!(incidents::close))
        .add(Need::Viewer, routes!(incidents::report))
        .conditional(Need::Operator, routes!(incidents::intensify))
        .conditional(Need::Operator, routes!(incidents::hook))
}

fn following(routes: Routes) -> Routes {
    routes
        .add(Need::Application, routes!(flags::one))
        .add(Need::Application, routes!(flags::all))
        .add(Need::Application, routes!(flags::configuration))
        .add(Need::Application, routes!(following::wait))
        .add(Need::Application, routes!(following::acknowledge))
        .add(Need::Application, routes!(following::env))
        .conditional(Need::Viewer, routes!(control::whole::show))
        .conditional(Need::Operator, routes!(control::whole::put))
        .add(Need::Operator, routes!(backups::gather))
        .add(Need::Operator, routes!(providers::list))
        .add(Need::Viewer, routes!(control::tune::show))
        .add(Need::Viewer, routes!(history::list))
        .conditional(Need::Operator, routes!(history::note))
}

#[cfg(feature = "sql")]
fn asking(routes: Routes) -> Routes {
    routes.add(Need::Viewer, routes!(sql::tables)).add(Need::Viewer, routes!(sql::run))
}

#[cfg(not(feature = "sql"))]
fn asking(routes: Routes) -> Routes {
    routes
}

fn switching(routes: Routes) -> Routes {
    routes
        .conditional(Need::Viewer, routes!(control::status::show))
        .conditional(Need::Operator, routes!(control::rollback::make))
        .conditional(Need::Operator, routes!(control::rollback::restore))
        .add(Need::Viewer, routes!(control::changes::list))
        .conditional(Need::Operator, routes!(control::changes::make))
        .conditional(Need::Operator, routes!(control::changes::undo))
        .conditional(Need::Operator, routes!(control::changes::profile))
        .add(Need::Viewer, routes!(control::verify::show))
        .add(Need::Viewer, routes!(control::cache::show))
        .add(Need::Viewer, routes!(control::cache::ages))
        .conditional(Need::Operator, routes!(control::cache::clear))
}

/// The router of API and page.
pub fn router(app: &App, page: axum::Router<()>) -> axum::Router<()> {
    declared(app).finish(app, page)
}
