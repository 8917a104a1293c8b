//! Execution providers, and what is required of one.

use std::collections::BTreeMap;

use super::{load::scaled, texts};
use crate::{
    ProviderName, Requirement,
    campaign::{Place, node::Node, shape::Check},
};

/// A provider, how it is set up, and who takes what it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::campaign) struct Provider {
    pub(super) name: ProviderName,
    pub(super) options: BTreeMap<String, String>,
    /// A path on the device.
    pub(super) library: Option<String>,
    /// Without the CPU, which always comes last.
    pub(super) fallback: Vec<ProviderName>,
}

impl Provider {
    const CPU: Self = Self { name: ProviderName::CPU, options: BTreeMap::new(), library: None, fallback: Vec::new() };

    /// The name alone, if nothing else is said of it.
    pub(in crate::campaign) fn name(&self) -> &ProviderName {
        &self.name
    }
}

pub(super) fn provider(cell: &Node, check: &mut Check) -> Provider {
    let Some(node) = cell.get("provider") else { return Provider::CPU };
    if let Some(items) = node.list() {
        preferences(items, check);
    }
    let first = node.list().and_then(<[Node]>::first).unwrap_or(node);
    if let (Some(true), Some(at)) = (name(first).as_ref().map(ProviderName::is_cpu), setup(first)) {
        check.problem(
            at,
            "provider `cpu` has neither a library nor options",
            "it is part of the runtime: write `provider: cpu`",
        );
    }
    provider_of(node).unwrap_or(Provider::CPU)
}

/// Says what a list of providers gets wrong.
fn preferences(items: &[Node], check: &mut Check) {
    for (index, item) in items.iter().enumerate() {
        let Some(provider) = name(item) else { continue };
        if items[..index].iter().any(|earlier| name(earlier).as_ref() == Some(&provider)) {
            check.problem(item.at, format!("provider `{provider}` stands twice in a list of preferences"), "");
        } else if provider.is_cpu() && index + 1 < items.len() {
            let hint = "put cpu last, or leave it out: it always is";
            check.problem(item.at, "provider `cpu` takes every operator: what follows is never asked", hint);
        } else if let Some(at) = setup(item).filter(|_| index > 0) {
            let hint = "set up the first; write the others as names";
            check.problem(at, "only the first of several providers has a library or options", hint);
        }
    }
}

fn name(node: &Node) -> Option<ProviderName> {
    let name = node.text().or_else(|| node.entries().first().map(|entry| &*entry.key.value));
    ProviderName::parse(name?)
}

/// Where it has a library or options.
fn setup(node: &Node) -> Option<Place> {
    let body = &node.entries().first()?.value;
    let options = body.get("options").and_then(|options| options.entries().first()).map(|option| option.key.at);
    body.get("library").map(|library| library.at).or(options)
}

/// What its shape allows; `None` without a name.
pub(in crate::campaign) fn provider_of(node: &Node) -> Option<Provider> {
    let (first, rest) = match node.list() {
        Some(items) => items.split_first()?,
        None => (node, [].as_slice()),
    };
    let body = first.entries().first().map(|entry| &entry.value);
    Some(Provider {
        name: name(first)?,
        options: texts(body.and_then(|body| body.get("options"))),
        library: body.and_then(|body| body.get("library")).and_then(Node::text).map(str::to_owned),
        fallback: rest.iter().filter_map(name).filter(|name| !name.is_cpu()).collect(),
    })
}

/// A requirement that no placement of the cell could meet is a mistake in the file, not an invalid run.
pub(super) fn require(cell: &Node, provider: &Provider, check: &mut Check) -> Option<Requirement> {
    let required = cell.at_path(&["require", "provider"])?;
    let name = ProviderName::parse(required.text()?)?;
    let share = cell.at_path(&["require", "min_share"]).and_then(Node::decimal)?;
    if !name.is_cpu() && name != provider.name && !provider.fallback.contains(&name) {
        let message = format!("require.provider is {name}, but there are cells with provider {}", provider.name);
        let hint = format!("give every cell the provider {name}, or overlay the requirement onto those that have it");
        check.problem(required.at, message, &hint);
    }
    Some(Requirement { provider: name, min_share_millionths: u32::try_from(scaled(share, 1e6)?).ok()? })
}
