//! Pages for people: server-rendered, no script, one style sheet. Shows what the engine, the store and
//! [`crate::summary`] know, and decides nothing.

mod accuracy;
mod campaign;
mod chart;
mod devices;
mod layout;
mod overview;
mod run;
mod trace_chart;

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use domain::{CampaignId, RunId};
use maud::{Markup, html};
use tracing::error;

use self::layout::{Page, page};
use crate::{engine::Engine, store::StoreError};

pub(crate) fn router(engine: Engine) -> Router {
    Router::new()
        .route("/", get(|State(engine): State<Engine>| async move { answer(overview::render(&engine).await) }))
        .route("/devices", get(|State(engine): State<Engine>| async move { answer(devices::render(&engine).await) }))
        .route("/c/{id}", get(campaign_page))
        .route("/r/{id}", get(run_page))
        .route(
            "/style.css",
            get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")) }),
        )
        .with_state(engine)
}

async fn campaign_page(State(engine): State<Engine>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<CampaignId>() else { return not_found() };
    answer_if_any(campaign::render(&engine, id).await)
}

async fn run_page(State(engine): State<Engine>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<RunId>() else { return not_found() };
    answer_if_any(run::render(&engine, id).await)
}

fn answer_if_any(rendered: Result<Option<Markup>, StoreError>) -> Response {
    match rendered {
        Ok(None) => not_found(),
        Ok(Some(markup)) => answer(Ok(markup)),
        Err(error) => answer(Err(error)),
    }
}

fn answer(rendered: Result<Markup, StoreError>) -> Response {
    match rendered {
        Ok(markup) => markup.into_response(),
        Err(error) if error.is_transient() => {
            let body = html! { p { "The database does not answer right now. This page tries again by itself." } };
            (StatusCode::SERVICE_UNAVAILABLE, page(Page { title: "Unavailable", refresh: true }, &body)).into_response()
        }
        Err(store_error) => {
            error!(error = &store_error as &dyn std::error::Error, "a page could not be made");
            let body = html! { p { "This page could not be made. The coordinator's log says why." } };
            (StatusCode::INTERNAL_SERVER_ERROR, page(Page { title: "Error", refresh: false }, &body)).into_response()
        }
    }
}

/// The page for addresses that lead nowhere.
pub(crate) fn not_found() -> Response {
    let body = html! {
        p { "There is nothing here. " a href="/" { "Campaigns and devices" } " are on the first page." }
    };
    (StatusCode::NOT_FOUND, page(Page { title: "Not found", refresh: false }, &body)).into_response()
}
