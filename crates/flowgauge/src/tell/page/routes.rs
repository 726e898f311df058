//! The one way to add a route: with what it needs of the caller, and with its documentation.
//!
//! Default-deny: a handler without a [`Need`] does not compile here, one without documentation has
//! no `routes!`, and a path that was not added is answered 404 before any handler.

use super::{App, Problem, conditional, guard};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::sync::Arc;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What a route needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: it tells no figures.
    Nothing,
    /// May send requests, and what users and evaluators think of them.
    Sender,
    /// May send requests or read: an application that asks how it is switched.
    Application,
    /// May read.
    Viewer,
    /// May add data.
    Operator,
    /// May change who may.
    Admin,
}

/// A route as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Method.
    pub method: http::Method,
    /// Path with parameters in braces.
    pub path: String,
    /// What it needs.
    pub need: Need,
}

/// Routes being declared.
#[derive(Clone)]
pub struct Routes {
    app: App,
    router: OpenApiRouter<App>,
    declared: Vec<Declared>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("declared", &self.declared).finish_non_exhaustive()
    }
}

impl Routes {
    /// No route yet.
    #[must_use]
    pub fn new(app: &App) -> Self {
        let info = InfoBuilder::new()
            .title("flowgauge")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some("Figures, requests, health and keys of a running flowgauge."));
        let mut openapi = OpenApiBuilder::new().info(info.build()).build();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("key", bearer);
        let router = OpenApiRouter::with_openapi(openapi);
        Self { app: Arc::clone(app), router, declared: Vec::new() }
    }

    /// Adds a route of control: it answers with the generation in force as its tag, and takes `If-Match` and
    /// `Idempotency-Key`.
    #[must_use]
    pub fn conditional(self, need: Need, route: UtoipaMethodRouter<App>) -> Self {
        let (schemas, paths, methods) = route;
        let methods = methods.layer(from_fn_with_state(Arc::clone(&self.app), conditional::answer));
        self.add(need, (schemas, paths, methods))
    }

    /// Adds the route of a documented handler, guarded by what it needs.
    #[must_use]
    pub fn add(mut self, need: Need, route: UtoipaMethodRouter<App>) -> Self {
        let (schemas, mut paths, methods) = route;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                describe(operation, need);
                self.declared.push(Declared { method, path: path.clone(), need });
            }
        }
        let gate = guard::Gate { app: Arc::clone(&self.app), need };
        // `layer`, not `route_layer`: an unknown method of a known path is guarded too.
        let methods = methods.layer(from_fn_with_state(gate, guard::admit));
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    /// What was declared.
    #[must_use]
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The documentation.
    #[must_use]
    pub fn openapi(&self) -> &OpenApi {
        self.router.get_openapi()
    }

    /// The router; `page` serves what the API does not.
    pub(super) fn finish(self, app: &App, page: Router<()>) -> Router<()> {
        let (router, _) = self.router.split_for_parts();
        router
            .with_state(Arc::clone(app))
            .route("/api/{*rest}", axum::routing::any(unknown))
            .route("/-/{*rest}", axum::routing::any(unknown))
            .route("/ofrep/{*rest}", axum::routing::any(unknown))
            .merge(page)
            .layer(from_fn_with_state(Arc::clone(app), guard::front))
    }
}

async fn unknown() -> Response {
    let detail = "no such address; GET /api/v1/openapi.json lists all of them";
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}

fn operations(item: &mut PathItem) -> Vec<(http::Method, &mut Operation)> {
    let all = [
        (http::Method::GET, item.get.as_mut()),
        (http::Method::PUT, item.put.as_mut()),
        (http::Method::POST, item.post.as_mut()),
        (http::Method::DELETE, item.delete.as_mut()),
        (http::Method::PATCH, item.patch.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?))).collect()
}

fn describe(operation: &mut Operation, need: Need) {
    let scope = match need {
        Need::Nothing => return,
        Need::Sender | Need::Application => "gateway",
        Need::Viewer => "viewer",
        Need::Operator => "operator",
        Need::Admin => "admin",
    };
    operation.security = Some(vec![SecurityRequirement::new("key", [scope])]);
}
