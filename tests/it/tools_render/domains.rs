//! A service's own domains: added, verified, deleted, and refused where Render would.

use serde_json::{Value, json};
use xmrt::hub::{Doubt, ErrorClass, Reply};

use super::stage::{NOW, stage};

fn services() -> Value {
    json!({
        "services": [{"id": "srv-a", "name": "api"}, {"id": "srv-w", "name": "w", "type": "background_worker"},
                     {"id": "srv-b", "name": "web"}],
        "domains": [
            {"id": "cdm-1", "service_id": "srv-a", "name": "old.example.com", "verified": true},
            {"id": "cdm-2", "service_id": "srv-a", "name": "new.example.com", "leads_here": true},
            {"id": "cdm-3", "service_id": "srv-a", "name": "far.example.com"},
        ],
    })
}

fn of(name: &str) -> Value {
    json!({"service_id": "srv-a", "name": name})
}

fn names(list: &Value) -> Vec<&str> {
    let domains = list["domains"].as_array().unwrap();
    domains
        .iter()
        .map(|domain| domain["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn domains_are_listed_page_by_page_with_whether_their_dns_leads_here() {
    let stage = stage(services()).await;
    let first = json!({"service_id": "srv-a", "limit": 2});
    let first = stage.call("list_custom_domains", first).await.unwrap();
    assert_eq!(names(&first), ["old.example.com", "new.example.com"]);
    assert_eq!(
        (
            &first["domains"][0]["verification"],
            &first["domains"][1]["verification"],
            &first["domains"][0]["type"]
        ),
        (&json!("verified"), &json!("unverified"), &json!("subdomain"))
    );
    let rest = json!({"service_id": "srv-a", "limit": 2, "cursor": first["cursor"]});
    let rest = stage.call("list_custom_domains", rest).await.unwrap();
    assert_eq!(names(&rest), ["far.example.com"]);
    let missing = json!({"service_id": "srv-none"});
    let missing = stage.call("list_custom_domains", missing).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_root_domain_brings_its_www_and_a_lost_answer_is_found() {
    let stage = stage(services()).await;
    let mut dry = of("example.org");
    dry["dry_run"] = json!(true);
    let dry = stage.call("add_custom_domain", dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "POST", "path": "services/srv-a/custom-domains", "body": {"name": "example.org"}}])
    );
    let org = || of("example.org");
    assert_eq!(stage.look("add_custom_domain", org(), NOW).await, Reply::Absent);
    stage.fault("add_custom_domain", json!({"kind": "reply_lost"}));
    let doubt = stage.call("add_custom_domain", org()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    let Reply::Done(found) = stage.look("add_custom_domain", org(), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(names(&found), ["example.org", "www.example.org"]);
    assert_eq!(found["domains"][1]["redirect_for"], "example.org");
    assert!(
        found["note"]
            .as_str()
            .unwrap()
            .contains("render.verify_custom_domain"),
        "{found}"
    );
    assert_eq!(stage.effects(), ["add_custom_domain"]);
    let made = stage
        .call("add_custom_domain", of("www.example.net"))
        .await
        .unwrap();
    assert_eq!(names(&made), ["www.example.net"]);
}

#[tokio::test]
async fn verifying_asks_render_to_look_and_says_what_came_of_it() {
    let stage = stage(services()).await;
    let seen = stage
        .call("verify_custom_domain", of("new.example.com"))
        .await
        .unwrap();
    assert_eq!(
        (&seen["domains"][0]["verification"], &seen["note"]),
        (&json!("verified"), &Value::Null)
    );
    let far = stage
        .call("verify_custom_domain", of("far.example.com"))
        .await
        .unwrap();
    assert_eq!(far["domains"][0]["verification"], "unverified");
    assert!(
        far["note"].as_str().unwrap().contains("Not verified yet"),
        "{far}"
    );
    stage.fault("verify_custom_domain", json!({"kind": "reply_lost"}));
    let doubt = stage.call("verify_custom_domain", of("far.example.com")).await;
    assert_eq!(doubt.unwrap_err().class, ErrorClass::UnknownEffect);
    let missing = stage.call("verify_custom_domain", of("none.example.com")).await;
    assert_eq!(missing.unwrap_err().class, ErrorClass::NotFound);
    let facts = stage.hub.tool("render.verify_custom_domain").unwrap();
    assert_eq!(facts.promises.doubt, Doubt::Idempotent);
}

#[tokio::test]
async fn a_domain_is_deleted_and_its_absence_is_the_effect() {
    let stage = stage(services()).await;
    let old = || of("old.example.com");
    let mut dry = old();
    dry["dry_run"] = json!(true);
    assert_eq!(
        stage.call("delete_custom_domain", dry).await.unwrap()["dry_run"],
        json!([{"method": "DELETE", "path": "services/srv-a/custom-domains/old.example.com"}])
    );
    assert_eq!(
        stage.look("delete_custom_domain", old(), NOW).await,
        Reply::Absent
    );
    stage.fault("delete_custom_domain", json!({"kind": "reply_lost"}));
    stage.call("delete_custom_domain", old()).await.unwrap_err();
    let found = stage.look("delete_custom_domain", old(), NOW).await;
    assert!(
        matches!(&found, Reply::Done(gone) if gone["deleted"] == true),
        "{found:?}"
    );
    let again = stage.call("delete_custom_domain", old()).await.unwrap_err();
    assert_eq!(again.class, ErrorClass::NotFound);
    assert_eq!(stage.effects(), ["delete_custom_domain"]);
}

#[tokio::test]
async fn what_render_would_refuse_is_refused_with_its_class() {
    let stage = stage(services()).await;
    for (service, name, class, says) in [
        ("srv-b", "old.example.com", ErrorClass::Conflict, "in use"),
        (
            "srv-w",
            "w.example.com",
            ErrorClass::Invalid,
            "not supported for background_worker",
        ),
        ("srv-a", "api.onrender.com", ErrorClass::Invalid, "onrender.com"),
        (
            "srv-a",
            "https://example.com/x",
            ErrorClass::Invalid,
            "without https://",
        ),
        ("srv-a", "..", ErrorClass::Invalid, "not the name of a domain"),
        ("srv-none", "x.example.com", ErrorClass::NotFound, "srv-none"),
    ] {
        let arguments = json!({"service_id": service, "name": name});
        let error = stage.call("add_custom_domain", arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}
