//! The section `postgres`.

use super::{listener, path};
use crate::config::Listener;
use crate::config::postgres::{Certificate, Password, Postgres};
use crate::config::problem::{Place, Problem};
use crate::config::read::{self, Findings};
use crate::config::tree::Node;

pub(super) fn postgres(f: &mut Findings, root: &Node, base: Listener) -> Postgres {
    let told = Postgres {
        listener: listener(f, root, "postgres.listen", Some("postgres.enabled"), base),
        password: f.value(root, "postgres.password", Password::default(), password),
        tls: certificate(f, root),
        tls_only: f.value(root, "postgres.tls.required", false, read::boolean),
    };
    if told.tls_only && told.tls.is_none() {
        let why = "TLS is required and there is nothing to encrypt with";
        f.add(
            Problem::new(place(root, "postgres.tls.required"), why)
                .hint("name postgres.tls.certificate and postgres.tls.key"),
        );
    }
    told
}

fn password(text: &str) -> Result<Password, String> {
    match text {
        "scram" => Ok(Password::Scram),
        "plain" => Ok(Password::Plain),
        other => Err(format!("{other:?} is neither scram nor plain")),
    }
}

fn certificate(f: &mut Findings, root: &Node) -> Option<Certificate> {
    const CERTIFICATE: &str = "postgres.tls.certificate";
    const KEY: &str = "postgres.tls.key";
    let certificate = f.value(root, CERTIFICATE, None, |t| path(t).map(Some));
    let key = f.value(root, KEY, None, |t| path(t).map(Some));
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Certificate { certificate, key }),
        (None, None) => None,
        (certificate, _) => {
            let (named, missing) =
                if certificate.is_some() { (CERTIFICATE, KEY) } else { (KEY, CERTIFICATE) };
            let why = format!("{missing} is missing");
            f.add(Problem::new(place(root, named), why).hint("name both files, or neither"));
            None
        }
    }
}

fn place(root: &Node, key: &str) -> Place {
    root.at(key).map_or(Place::Default, |n| n.place.clone())
}
