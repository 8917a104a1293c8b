//! The campaign file from outside: what it means, what is said of one that means nothing, and what holds for any.

mod corpus;
mod fixture;
mod golden;
mod mutate;
mod properties;
mod robust;
mod rules;
mod schema;

use furlong_domain::campaign::{CampaignFile, Plan, PlanOptions};

pub(crate) fn plan(name: &str, text: &str) -> Result<Plan, String> {
    let file = CampaignFile::parse(name, text, &fixture::includes()).map_err(|error| error.to_string())?;
    file.plan(&fixture::catalog(), &PlanOptions::default()).map_err(|error| error.to_string())
}
