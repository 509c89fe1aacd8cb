//! `alerts` checks: which alerts are firing, by Alertmanager's own account.
//!
//! Alertmanager is asked and not Prometheus, because what it holds is what pages people: routed, grouped, without
//! what is silenced or inhibited. It is a witness and not the target, so its refusal leaves us blind.

use reqwest::Url;
use serde::Deserialize;

use super::blind;
use super::http::{Web, parse_url};
use super::metric::page;
use crate::check::{Blind, Facts, Reason};

/// One alert of the answer, as far as it matters here.
#[derive(Deserialize)]
struct Alert {
    labels: Labels,
}

#[derive(Deserialize)]
struct Labels {
    /// Prometheus always sets it; others that send alerts may not.
    #[serde(default)]
    alertname: String,
}

/// Asks for the firing alerts that match all of `matching`.
pub(super) async fn look(web: &Web, url: &str, matching: &[String]) -> Result<Facts, Blind> {
    let url = alerts_url(url, matching)?;
    let text = page(web, url, "application/json", |_| false).await?;
    let alerts: Vec<Alert> = serde_json::from_slice(&text).map_err(|error| {
        blind(
            Reason::Parse,
            format!("the answer isn't a list of alerts: {error}"),
        )
    })?;
    let mut firing: Vec<String> = alerts
        .into_iter()
        .map(|alert| alert.labels.alertname)
        .collect();
    firing.sort();
    firing.dedup();
    Ok(Facts::Alerts { firing })
}

/// Alertmanager's API, version 2: <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>.
fn alerts_url(base: &str, matching: &[String]) -> Result<Url, Blind> {
    let mut url = parse_url(base)?;
    url.path_segments_mut()
        .map_err(|()| blind(Reason::Parse, "the URL can't be the base of a path"))?
        .pop_if_empty()
        .extend(["api", "v2", "alerts"]);
    let firing = [
        ("active", "true"),
        ("silenced", "false"),
        ("inhibited", "false"),
    ];
    url.query_pairs_mut()
        .extend_pairs(firing)
        .extend_pairs(matching.iter().map(|matcher| ("filter", matcher)));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, Uri};
    use tokio::net::TcpListener;

    use super::*;

    async fn ask(routes: Router, matching: &[&str]) -> Result<Facts, Blind> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/am/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let matching: Vec<String> = matching.iter().map(ToString::to_string).collect();
        look(&Web::default(), &url, &matching).await
    }

    #[tokio::test]
    async fn alerts_are_named_once_and_in_order() {
        let answer = r#"[{"labels":{"alertname":"Watchdog","pod":"b"},"status":{"state":"active"}},
            {"labels":{"alertname":"HighErrors"}},{"labels":{"alertname":"Watchdog","pod":"a"}}]"#;
        let firing = vec!["HighErrors".to_owned(), "Watchdog".to_owned()];
        assert_eq!(
            ask(Router::new().fallback(move || async move { answer }), &[]).await,
            Ok(Facts::Alerts { firing })
        );
        assert_eq!(
            ask(Router::new().fallback(|| async { "[]" }), &[]).await,
            Ok(Facts::Alerts { firing: Vec::new() })
        );
    }

    #[tokio::test]
    async fn every_matcher_is_sent_and_only_what_fires_is_asked_for() {
        let echo = |uri: Uri| async move { format!(r#"[{{"labels":{{"alertname":"{uri}"}}}}]"#) };
        let asked = ask(
            Router::new().fallback(echo),
            &[r#"severity="page""#, "team=~\"a|b\""],
        )
        .await;
        let uri = "/am/api/v2/alerts?active=true&silenced=false&inhibited=false\
            &filter=severity%3D%22page%22&filter=team%3D%7E%22a%7Cb%22";
        assert_eq!(
            asked,
            Ok(Facts::Alerts {
                firing: vec![uri.to_owned()]
            })
        );
    }

    #[tokio::test]
    async fn an_alertmanager_that_is_down_or_lost_leaves_us_blind() {
        let down = ask(
            Router::new().fallback(|| async { StatusCode::SERVICE_UNAVAILABLE }),
            &[],
        )
        .await;
        assert_eq!(down, Err(blind(Reason::NoData, "HTTP 503")));
        let lost = ask(Router::new().fallback(|| async { "<html>" }), &[]).await;
        assert_eq!(lost.map_err(|blind| blind.reason), Err(Reason::Parse));
        let refused = look(&Web::default(), "http://127.0.0.1:1", &[]).await;
        assert_eq!(refused.map_err(|blind| blind.reason), Err(Reason::Connect));
    }
}
