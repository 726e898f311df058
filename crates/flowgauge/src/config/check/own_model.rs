//! A model that flowgauge asks for itself: who answers for it, and with whose key.

use super::super::Config;
use super::super::problem::Problem;
use super::super::read::Findings;
use super::super::tree::Node;
use super::no_such_provider;

/// How addresses on this machine begin.
const OWN: [&str; 3] = ["http://127.", "http://localhost", "http://[::1]"];

/// A model and its provider.
pub(super) struct OwnModel {
    pub(super) model: String,
    pub(super) provider: String,
    /// Whether it is somewhere else, where it costs money and takes a key.
    pub(super) is_public: bool,
}

/// The model a node names, asked of the provider it names, else of the first; nothing where it names none. `who` says
/// in words who has no caller's key.
pub(super) fn own_model(
    f: &mut Findings,
    node: &Node,
    config: &Config,
    who: &str,
) -> Option<OwnModel> {
    let (model, place) = f.text(node, "model").filter(|(t, _)| !t.is_empty())?;
    let names: Vec<&str> = config.gateway.providers.iter().map(|p| p.name.as_str()).collect();
    let provider = match f.text(node, "provider").filter(|(t, _)| !t.is_empty()) {
        Some((name, place)) => {
            if !names.contains(&name) {
                no_such_provider(f, name, place, &names);
            }
            name.to_owned()
        }
        None => names.first().map(|name| (*name).to_owned()).unwrap_or_default(),
    };
    let asked = config.gateway.providers.iter().find(|p| p.name == provider);
    let is_public = asked.is_some_and(|p| !OWN.iter().any(|own| p.base_url.starts_with(own)));
    if is_public && asked.is_some_and(|p| p.api_key.is_none()) {
        let why = format!("the provider {provider:?} has no api_key, and {who} no caller's");
        f.add(Problem::new(place.clone(), why).hint("add api_key: env:NAME to the provider"));
    }
    Some(OwnModel { model: model.to_owned(), provider, is_public })
}
