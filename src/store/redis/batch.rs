//! In: events to be admitted, from many tasks. Out: their answers, from one script for all that had gathered. Never: an event that
//! waits for others to come; one that is refused because of another.
//!
//! A script costs the server as much for being called as for an event. So while as many scripts are under way as suffice to
//! keep it busy, what comes gathers, and the next script takes it together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::link::{CALL_MAX, Fault, Link};
use super::lock;
use super::reply::{self, Reply};
use super::scripts::{Args, Scripts};

/// How many scripts are under way at once: while the server does one, the next is on its way.
const AT_ONCE: usize = 2;
/// How many events a script takes at most, and how many bytes of them unless one has more: nobody else is served meanwhile.
const EVENTS_MAX: usize = 64;
const BYTES_MAX: usize = 1024 * 1024;

/// The admissions of one process.
#[derive(Clone, Debug)]
pub(super) struct Batches(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    link: Link,
    scripts: Arc<Scripts>,
    prefix: String,
    waiting: Mutex<VecDeque<Waiting>>,
    places: Arc<Semaphore>,
}

#[derive(Debug)]
struct Waiting {
    /// The journal that is meant, and the time; only what agrees in both is done together.
    head: Args,
    event: Args,
    answer: oneshot::Sender<Told>,
}

/// What became of an event in a script with others.
#[derive(Debug)]
pub(super) enum Told {
    /// It was done.
    Done(Reply),
    /// Nothing of it was done: asked for alone, it is told why.
    Alone(Args),
    /// There is no answer.
    Failed(Fault),
}

impl Batches {
    pub(super) fn new(link: Link, scripts: Arc<Scripts>, prefix: String) -> Self {
        Self(Arc::new(Shared {
            link,
            scripts,
            prefix,
            waiting: Mutex::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }))
    }

    /// Has an event admitted. Whoever no longer waits has given up on the answer, not on the event.
    pub(super) async fn admit(&self, head: Args, event: Args) -> Told {
        if let Err(away) = self.0.link.reachable() {
            return Told::Failed(away);
        }
        let (answer, told) = oneshot::channel();
        lock(&self.0.waiting).push_back(Waiting { head, event, answer });
        self.set_out();
        match timeout(CALL_MAX, told).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Told::Failed(Fault::Lost("whoever asked Redis has stopped".into())),
            Err(_) => Told::Failed(self.0.link.silent()),
        }
    }

    /// Sends scripts as long as something waits, if there is a place for that.
    fn set_out(&self) {
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else {
            return;
        };
        let batches = self.clone();
        tokio::spawn(async move { batches.work(place).await });
    }

    async fn work(self, place: OwnedSemaphorePermit) {
        loop {
            let batch = take(&mut lock(&self.0.waiting));
            if batch.is_empty() {
                break;
            }
            self.0.run(batch).await;
        }
        drop(place);
        // What came after the last look found no place.
        if !lock(&self.0.waiting).is_empty() {
            self.set_out();
        }
    }
}

/// The oldest of those that wait, and what can be done with it.
fn take(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut batch: Vec<Waiting> = Vec::new();
    let mut bytes = 0;
    while let Some(next) = waiting.front() {
        let fits = batch.first().is_none_or(|first| {
            first.head.begins_like(&next.head)
                && bytes + next.event.bytes() <= BYTES_MAX
                && batch.len() < EVENTS_MAX
        });
        if !fits {
            break;
        }
        if let Some(next) = waiting.pop_front() {
            bytes += next.event.bytes();
            batch.push(next);
        }
    }
    batch
}

impl Shared {
    async fn run(&self, batch: Vec<Waiting>) {
        let mut count = Args::new();
        count.count(batch.len());
        let Some(first) = batch.first() else { return };
        let mut args = vec![&first.head, &count];
        args.extend(batch.iter().map(|waiting| &waiting.event));
        let called = self.scripts.admit.call(&self.link, &self.prefix, &args).await;
        let told = called.and_then(reply::read).and_then(Reply::each);
        let mut told = told.map(Vec::into_iter);
        for waiting in batch {
            let told = match &mut told {
                Ok(answers) => match answers.next() {
                    Some(answer) if answer.word == "alone" => Told::Alone(waiting.event),
                    Some(answer) => Told::Done(answer),
                    None => Told::Failed(reply::odd("fewer answers than events")),
                },
                Err(Fault::Refused(_)) => Told::Alone(waiting.event),
                Err(Fault::Lost(why)) => Told::Failed(Fault::Lost(why.clone())),
                Err(Fault::Away(why)) => Told::Failed(Fault::Away(why.clone())),
            };
            // Whoever gave up gets its answer when it asks again.
            let _ = waiting.answer.send(told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(journal: &str, time: &str, bytes: usize) -> Waiting {
        let (mut head, mut event) = (Args::new(), Args::new());
        head.put(journal).put(time).put("whenever");
        event.put(vec![b'x'; bytes]);
        let (answer, _) = oneshot::channel();
        Waiting { head, event, answer }
    }

    fn sizes(all: Vec<Waiting>) -> Vec<usize> {
        let mut waiting = VecDeque::from(all);
        let mut sizes = Vec::new();
        while !waiting.is_empty() {
            sizes.push(take(&mut waiting).len());
        }
        sizes
    }

    #[test]
    fn a_script_takes_what_waits_up_to_its_limits_and_never_mixes_journals_or_times() {
        let many = (0..150).map(|_| waiting("j", "", 10)).collect();
        assert_eq!(sizes(many), [64, 64, 22]);
        let large = [10, BYTES_MAX * 3, 10, BYTES_MAX - 10, 1];
        let large = large.map(|bytes| waiting("j", "", bytes)).into();
        assert_eq!(sizes(large), [1, 1, 2, 1]);
        let mixed = [("j", "1"), ("j", "1"), ("j", "2"), ("k", "2"), ("k", "2")];
        let mixed = mixed.map(|(journal, time)| waiting(journal, time, 10)).into();
        assert_eq!(sizes(mixed), [2, 1, 2]);
    }
}
