//! Peers that take their time, and what they cost.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use xmrt::clock::Clock;
use xmrt::http::Limits;

use super::{Answer, House, Peer, issue, soon};

const HEAD: &[u8] = b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

/// Deadlines that a test can wait for.
fn impatient() -> Limits {
    Limits {
        head_deadline: Duration::from_millis(300),
        body_deadline: Duration::from_millis(600),
        progress_deadline: Duration::from_millis(300),
        drain_deadline: Duration::from_millis(500),
        ..Limits::default()
    }
}

fn since(begun: Instant) -> Duration {
    Clock::monotonic().duration_since(begun)
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_the_head_deadline() {
    let house = House::with(impatient()).await;
    let begun = Clock::monotonic();
    assert_eq!(Peer::connect(&house).await.answer().await, "");
    assert!(since(begun) >= Duration::from_millis(250) && since(begun) < Duration::from_secs(5));
    house.close().await;
}

#[tokio::test]
async fn a_connection_that_idles_after_an_answer_is_closed_too() {
    let house = House::with(impatient()).await;
    let mut peer = Peer::connect(&house).await;
    peer.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(peer.answer().await.starts_with("HTTP/1.1 200 "));
    house.close().await;
}

#[tokio::test]
async fn a_dripped_head_is_cut_off() {
    let house = House::with(impatient()).await;
    let mut peer = Peer::connect(&house).await;
    let begun = Clock::monotonic();
    for byte in HEAD.iter().cycle() {
        if peer.try_send(&[*byte]).await.is_err() {
            break;
        }
        assert!(
            since(begun) < Duration::from_secs(5),
            "still open after {:?}",
            since(begun)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.close().await;
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408_and_closed() {
    let house = House::with(impatient()).await;
    let mut peer = Peer::connect(&house).await;
    peer.send(HEAD).await;
    peer.send(b"content-length: 100\r\n\r\n{\"a\":").await;
    let answer = peer.answer().await;
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("too-slow"),
        "{answer}"
    );
    assert_eq!(house.events().await, 0);
    house.close().await;
}

#[tokio::test]
async fn endless_chunks_are_408_at_the_bodys_deadline_although_they_keep_coming() {
    let house = House::with(impatient()).await;
    let mut peer = Peer::connect(&house).await;
    let begun = Clock::monotonic();
    peer.send(HEAD).await;
    peer.send(b"transfer-encoding: chunked\r\n\r\n").await;
    while peer.try_send(b"1\r\nx\r\n").await.is_ok() {
        assert!(
            since(begun) < Duration::from_secs(5),
            "still taken after {:?}",
            since(begun)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        if since(begun) > Duration::from_millis(900) {
            break;
        }
    }
    let answer = peer.answer().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    house.close().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_is_dropped() {
    let house = House::with(impatient()).await;
    let text = "x".repeat(20 * 1024 * 1024);
    assert_eq!(
        house
            .github("push", "big", &serde_json::json!({ "text": text }))
            .await
            .status,
        202
    );
    let mut peer = Peer::connect(&house).await;
    let request = format!(
        "GET /api/v1/events/big HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        super::ADMIN_TOKEN
    );
    peer.send(request.as_bytes()).await;
    peer.first_line().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // What the kernel had taken still comes, the rest does not.
    assert!(peer.answer().await.len() < text.len());
    house.close().await;
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_a_free_place_and_are_then_served() {
    let limits = Limits {
        connections_max: 2,
        ..impatient()
    };
    let house = House::with(limits).await;
    let _idle = (Peer::connect(&house).await, Peer::connect(&house).await);
    let answer = soon(house.github("issues", "d-1", &issue(1))).await;
    assert_eq!(answer.status, 202);
    house.close().await;
}

#[tokio::test]
async fn many_slow_and_large_bodies_are_503_beyond_the_budget_and_memory_stays_bounded() {
    const BUDGET: usize = 8 * 1024 * 1024;
    const PEERS: usize = 48;
    let limits = Limits {
        bytes_in_flight_max: BUDGET,
        body_deadline: Duration::from_secs(15),
        progress_deadline: Duration::from_secs(15),
        ..impatient()
    };
    let house = House::with(limits).await;
    let chunk: &'static [u8] = vec![b' '; 1024 * 1024].leak();
    let before = resident_bytes();
    let mut peers = Vec::new();
    let mut refused = 0;
    for _ in 0..PEERS {
        let mut peer = Peer::connect(&house).await;
        peer.send(HEAD).await;
        peer.send(b"content-length: 26000000\r\n\r\n").await;
        for _ in 0..8 {
            // A refused peer is read from for a while, then closed.
            if peer.try_send(chunk).await.is_err() {
                break;
            }
        }
        peers.push(peer);
    }
    for peer in &mut peers {
        let mut status = [0; 12];
        let read = tokio::time::timeout(Duration::from_millis(100), peer.0.read_exact(&mut status)).await;
        refused += usize::from(read.is_ok_and(|read| read.is_ok()) && &status == b"HTTP/1.1 503");
    }
    let grown = resident_bytes().saturating_sub(before);
    // Without a budget it would be 384 MiB; other tests of this process use memory meanwhile, too.
    assert!(grown < 200 * 1024 * 1024, "grown by {} MiB", grown >> 20);
    assert!(
        refused >= PEERS / 2,
        "{refused} of {PEERS} were told to come again"
    );
    drop(peers);
    // The budget comes back with the bodies, all of it, however many pieces they came in.
    for _ in 0..2 * BUDGET / chunk.len() {
        let refused = soon(async {
            loop {
                let url = format!("{}/webhooks/github", house.url);
                let sent = house.client.post(url).body(chunk).send().await;
                if let Some(status) = sent
                    .ok()
                    .map(|answer| answer.status())
                    .filter(|status| *status != 503)
                {
                    break status;
                }
            }
        });
        assert!(refused.await.is_client_error());
    }
    let answer = soon(async {
        loop {
            let answer = house.github("issues", "d-1", &issue(1)).await;
            if answer.status != 503 {
                break answer;
            }
            assert_eq!(
                (answer.problem(), answer.header("retry-after")),
                ("unavailable", "5")
            );
        }
    });
    assert_eq!(answer.await.status, 202);
    house.close().await;
}

#[tokio::test]
async fn at_the_end_requests_under_way_are_answered_and_idle_connections_closed() {
    let house = House::with(Limits {
        drain_deadline: Duration::from_secs(10),
        ..Limits::default()
    })
    .await;
    let mut idle = Peer::connect(&house).await;
    let mut busy = Peer::connect(&house).await;
    busy.send(b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        .await;
    // Served once means accepted: connections are accepted in order.
    assert_eq!(house.get("/healthz").await.status, 200);
    let begun = Clock::monotonic();
    let closing = tokio::spawn(house.close());
    assert_eq!(idle.answer().await, "");
    busy.send(b"}").await;
    let answer = busy.answer().await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    soon(closing).await.unwrap();
    assert!(since(begun) < Duration::from_secs(5));
}

#[tokio::test]
async fn at_the_end_connections_that_do_not_end_are_closed_at_the_drain_deadline() {
    let limits = Limits {
        body_deadline: Duration::from_secs(60),
        progress_deadline: Duration::from_secs(60),
        ..impatient()
    };
    let house = House::with(limits).await;
    let mut stuck = Peer::connect(&house).await;
    stuck
        .send(b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        .await;
    assert_eq!(house.get("/healthz").await.status, 200);
    soon(house.close()).await;
    assert_eq!(stuck.answer().await, "");
}

#[tokio::test]
async fn after_the_end_nobody_is_let_in() {
    let house = House::open().await;
    let (url, client) = (house.url.clone(), house.client.clone());
    assert_eq!(
        Answer::of(client.get(format!("{url}/healthz")).send().await.unwrap())
            .await
            .status,
        200
    );
    house.close().await;
    assert!(client.get(format!("{url}/healthz")).send().await.is_err());
}

/// What this process holds in memory, in bytes.
#[expect(clippy::disallowed_methods, reason = "the kernel tells it in a file")]
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
