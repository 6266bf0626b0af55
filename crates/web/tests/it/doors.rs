//! Who comes in, and who does not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::served::{SCRAPER, Served};
use crate::stand_in::StandIn;

const PATHS: [&str; 8] = [
    "/",
    "/changes",
    "/hosts/runko",
    "/hosts/runko/logs",
    "/hosts/runko/timers",
    "/events",
    "/metrics",
    "/nothing",
];

async fn served() -> Served {
    Served::new(Arc::new(StandIn::new(30))).await
}

#[tokio::test]
async fn without_a_cookie_nothing_is_shown() {
    let served = served().await;
    for path in PATHS {
        let heard = served.send("GET", path, &[]).await;
        assert_eq!(heard.status, 403, "{path}");
        assert!(heard.body.contains("stead link"), "{path}");
        assert!(!heard.body.contains("runko"), "{path}");
        for cookie in ["stead=x", "", &format!("stead-{}=", served.address.port())] {
            let heard = served.send("GET", path, &[&format!("Cookie: {cookie}")]).await;
            assert_eq!(heard.status, 403, "{path} with `{cookie}`");
        }
    }
}

#[tokio::test]
async fn a_link_opens_the_page_once() {
    let served = served().await;
    let link = served.link();
    let first = served.send("GET", &link, &["Sec-Fetch-Site: none"]).await;
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    let cookie = first.header("set-cookie").expect("a cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let pair = format!("Cookie: {}", cookie.split(';').next().expect("a pair"));
    assert_eq!(served.send("GET", "/", &[&pair]).await.status, 200);

    let second = served.send("GET", &link, &[]).await;
    assert_eq!(second.status, 403);
    assert!(second.header("set-cookie").is_none());
    // Back in the same browser is no attack.
    let back = served.send("GET", &link, &[&pair]).await;
    assert_eq!((back.status, back.header("location")), (303, Some("/")));
    assert!(back.header("set-cookie").is_none());
}

#[tokio::test]
async fn looking_at_a_link_does_not_use_it_up() {
    let served = served().await;
    let link = served.link();
    assert_eq!(served.send("HEAD", &link, &[]).await.status, 403);
    assert_eq!(served.send("GET", &link, &["Sec-Purpose: prefetch"]).await.status, 403);
    assert_eq!(served.send("GET", &link, &["Sec-Fetch-Site: cross-site"]).await.status, 403);
    assert_eq!(served.send("GET", &link, &[]).await.status, 303);
}

#[tokio::test]
async fn a_link_from_the_node_opens_whatever_was_tried_before() {
    let served = served().await;
    for guess in ["", "0", &"0".repeat(64), &"a".repeat(4000), "%00", "%ff"] {
        let heard = served.send("GET", &format!("/?token={guess}"), &[]).await;
        assert_eq!(heard.status, 403, "{guess}");
    }
    served.enter().await;
}

#[tokio::test]
async fn a_rebound_name_and_other_sites_are_refused() {
    let served = served().await;
    let cookie = served.enter().await;
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]", "0.0.0.0:80"] {
        let head =
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\nConnection: close\r\n\r\n");
        let heard = served.raw(head.as_bytes()).await;
        assert_eq!(heard.status, 421, "{host}");
        assert!(!heard.body.contains("runko"));
    }
    let absolute = format!(
        "GET http://evil.example/ HTTP/1.1\r\nHost: {}\r\n{cookie}\r\nConnection: close\r\n\r\n",
        served.address
    );
    assert_eq!(served.raw(absolute.as_bytes()).await.status, 421);
    let nameless = format!("GET / HTTP/1.0\r\n{cookie}\r\n\r\n");
    assert_eq!(served.raw(nameless.as_bytes()).await.status, 400);

    for line in [
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: http://evil.example",
        "Origin: null",
    ] {
        let heard = served.send("GET", "/", &[&cookie, line]).await;
        assert_eq!(heard.status, 403, "{line}");
    }
    for line in ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"] {
        assert_eq!(served.send("GET", "/", &[&cookie, line]).await.status, 200, "{line}");
    }
}

#[tokio::test]
async fn only_reading_is_answered() {
    let served = served().await;
    let cookie = served.enter().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let heard = served.send(method, "/", &[&cookie, "Content-Length: 0"]).await;
        assert_eq!((heard.status, heard.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let head = served.send("HEAD", "/", &[&cookie]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn every_answer_carries_the_safety_lines() {
    let served = served().await;
    let cookie = served.enter().await;
    for (path, line) in [("/", ""), ("/", &*cookie), ("/nothing", &cookie), ("/metrics", &cookie)] {
        let lines = [line];
        let heard = served.send("GET", path, if line.is_empty() { &[] } else { &lines }).await;
        let policy = heard.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(heard.header(name), Some(value), "{path}");
        }
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let served = served().await;
    let cookie = served.enter().await;
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/hosts/..%2f..%2fetc%2fpasswd",
        "/hosts/%2e%2e",
        "/hosts/%00",
        "/hosts/%ff%fe",
        "/hosts/nobody",
        "/hosts/RUNKO",
        "/hosts/runko/",
        "/style.0000000000000000.css",
        "//evil.example/",
    ] {
        let heard = served.send("GET", path, &[&cookie]).await;
        assert!(matches!(heard.status, 400 | 404), "{path}: {}", heard.status);
        assert!(!heard.body.contains("root:x:"), "{path}");
    }
}

#[tokio::test]
async fn the_scraper_reads_metrics_and_nothing_else() {
    let served = served().await;
    let bearer = format!("Authorization: Bearer {SCRAPER}");
    for path in PATHS {
        let heard = served.send("GET", path, &[&bearer]).await;
        assert_eq!(heard.status, if path == "/metrics" { 200 } else { 403 }, "{path}");
    }
    for wrong in ["Bearer ", "Bearer x", "Basic eA==", SCRAPER] {
        let heard = served.send("GET", "/metrics", &[&format!("Authorization: {wrong}")]).await;
        assert_eq!(heard.status, 403, "{wrong}");
    }
}

#[tokio::test]
async fn huge_and_broken_heads_are_refused() {
    let served = served().await;
    let host = served.address;
    let long = "x".repeat(1 << 20);
    let many = "X-A: b\r\n".repeat(5_000);
    for request in [
        format!("GET /{long} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{many}\r\n"),
        format!("{long}\r\n\r\n"),
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    ] {
        let heard = served.raw(request.as_bytes()).await;
        let shown: String = request.chars().take(40).collect();
        assert!((400..500).contains(&heard.status) || heard.status == 0, "{shown}: {heard:?}");
        assert!(!heard.body.contains("runko"));
    }
    served.enter().await;
}

#[tokio::test]
async fn a_slow_head_is_cut_off_and_delays_nobody() {
    let served = served().await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(served.address).await.expect("connected");
        stream.write_all(b"GET / HTTP/1.1\r\nHo").await.expect("sent");
        slow.push(stream);
    }
    let begun = Instant::now();
    served.enter().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(15), slow[0].read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "a head may not take for ever");
}

#[tokio::test]
async fn assets_are_kept_by_the_browser_and_shown_to_nobody_else() {
    let served = served().await;
    let page = served.page("/").await;
    for (kind, mark) in [("text/css", "href=\"/style."), ("text/javascript", "src=\"/script.")] {
        let at = page.body.find(mark).expect("an asset") + mark.find('/').expect("a path");
        let path = page.body[at..].split('"').next().expect("an end");
        assert_eq!(served.send("GET", path, &[]).await.status, 403);
        let asset = served.page(path).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("content-type").is_some_and(|found| found.starts_with(kind)));
        assert!(asset.header("cache-control").is_some_and(|found| found.contains("immutable")));
    }
}
