//! The signed address in a message.

use super::firing;
use crate::api::client::{ask, get, request};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::Full;

#[tokio::test]
async fn looking_at_the_address_changes_nothing_and_sending_its_form_acknowledges() {
    let (served, open) = firing().await;
    let addr = served.running.addr;
    let desk = served.running.app().desk();
    let link = desk.ack_link(open.id).unwrap();
    let path = link.strip_prefix(&format!("http://{addr}")).unwrap();
    let asked = get(addr, path).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.text().contains("<form method=\"post\">"), "{}", asked.text());
    assert_eq!(asked.headers["referrer-policy"], "same-origin");
    assert!(
        asked.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
    );
    assert_eq!(desk.store().episode(open.id).unwrap().unwrap().acked, None);
    let origin = format!("http://{addr}");
    let form = request("POST", addr, path)
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from_static(b"by=Ada+%3Cops%3E")))
        .unwrap();
    let done = ask(addr, form).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert!(done.text().contains("Acknowledged by Ada &lt;ops&gt;"), "{}", done.text());
    let acked = desk.store().episode(open.id).unwrap().unwrap().acked.unwrap();
    assert_eq!(acked.by, "Ada <ops>");
    served.running.stop().await;
}

#[tokio::test]
async fn another_address_or_another_site_acknowledges_nothing() {
    let (served, open) = firing().await;
    let addr = served.running.addr;
    let desk = served.running.app().desk();
    let link = desk.ack_link(open.id).unwrap();
    let path = link.strip_prefix(&format!("http://{addr}")).unwrap();
    let mut other = path.to_owned();
    other.replace_range(path.len() - 5..path.len() - 4, "A");
    let wrong = if other == path { format!("{path}x") } else { other };
    for method in ["GET", "POST"] {
        let asked = request(method, addr, &wrong).body(Full::default()).unwrap();
        assert_eq!(ask(addr, asked).await.status, StatusCode::NOT_FOUND, "{method}");
    }
    let foreign = request("POST", addr, path).header("origin", "https://evil.example");
    let refused = ask(addr, foreign.body(Full::default()).unwrap()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.store().episode(open.id).unwrap().unwrap().acked, None);
    served.running.stop().await;
}
