//! In: a part of the server, as a function that begins it. Out: it is at work until the server stops. Never: its death unnoticed.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long after its death a part of the server is begun again.
const BEGUN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Keeps a part of the server at work until `stopped`: one that dies of a bug is begun again. What it had in hand is in the
/// journal, under leases that end.
pub(super) fn part<F>(
    name: &'static str,
    stopped: &watch::Receiver<bool>,
    begin: impl Fn(watch::Receiver<bool>) -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut stop = stopped.clone();
    tokio::spawn(async move {
        // What it died of is told by its panic, without what looks like a secret.
        while tokio::spawn(begin(stop.clone())).await.is_err() {
            tracing::error!("{name} died, which is a bug in xmrt, and is begun again");
            let pause = tokio::time::timeout(BEGUN_AGAIN_AFTER, stop.wait_for(|stop| *stop));
            if pause.await.is_ok() {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_dies_is_begun_again_and_ends_when_it_is_told_to() {
        let (stop, stopped) = watch::channel(false);
        let (begun, mut seen) = watch::channel(0);
        let task = part("a test", &stopped, move |mut stop| {
            begun.send_modify(|times| *times += 1);
            let first = *begun.borrow() == 1;
            async move {
                if first {
                    std::panic::resume_unwind(Box::new("a bug"));
                }
                let _ = stop.wait_for(|stop| *stop).await;
            }
        });
        seen.wait_for(|times| *times == 2).await.unwrap();
        stop.send(true).unwrap();
        task.await.unwrap();
        assert_eq!(*seen.borrow(), 2);
    }
}
