//! In: bodies of the largest size, many at once. Out: which were taken, and how much memory that took. Never: a body that
//! is neither taken nor refused.

use std::sync::Arc;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::client::{Client, Load};
use super::deliveries::Mix;
use super::receivers::{Kind, Receiver};
use super::setting::Setting;

const AT_ONCE: u64 = 32;
const EACH: u64 = 3;
/// Just below the limit of 25 MiB.
const BYTES: usize = 25 * 1024 * 1024 - 64 * 1024;

/// Many of the largest bodies at once: those beyond the budget are answered 503, and come again.
pub(super) fn measure(kind: Kind) -> Result<Value, String> {
    let mix = Arc::new(Mix::alike(BYTES, false)?);
    let receiver = Receiver::start(kind, &Setting::default())?;
    let idle = receiver.process.memory_mib()?.0;
    let (accepted, refused) = (Mutex::new(Vec::new()), Mutex::new(0_usize));
    std::thread::scope(|scope| -> Result<(), String> {
        let clients: Vec<_> = (0..AT_ONCE)
            .map(|place| {
                let (mix, receiver, accepted, refused) = (Arc::clone(&mix), &receiver, &accepted, &refused);
                scope.spawn(move || -> Result<(), String> {
                    let load = Load {
                        mix,
                        connections: 1,
                        fresh: true,
                        warm: 0.0,
                        seconds: 0.0,
                        rate: None,
                        from: 1,
                    };
                    let mut client = Client::new(receiver.address, receiver.kind.path(), load);
                    for turn in 0..EACH {
                        let number = place * EACH + turn + 1;
                        client.prepare(number);
                        match client.deliver()?.as_str() {
                            "202" => accepted.lock().map_err(died)?.push(number),
                            "503" => *refused.lock().map_err(died)? += 1,
                            other => return Err(format!("answered {other}")),
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| "a client died".to_owned())?)
    })?;
    let (after, most) = receiver.process.memory_mib()?;
    let (accepted, refused) = (
        accepted.into_inner().map_err(died)?,
        refused.into_inner().map_err(died)?,
    );
    let counted = receiver.count(&accepted)?.ok_or("nothing is stored")?;
    if counted.lost > 0 {
        return Err(format!("{} accepted bodies are lost", counted.lost));
    }
    Ok(json!({
        "at_once": AT_ONCE, "bytes": BYTES, "accepted": accepted.len(), "refused": refused, "idle_mib": idle, "most_mib": most,
        "after_mib": after,
    }))
}

fn died<T>(_: std::sync::PoisonError<T>) -> String {
    "a client died".into()
}
