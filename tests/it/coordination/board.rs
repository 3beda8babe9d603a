//! What the board says, conversation by conversation, over every store.

use serde_json::{Value, json};
use xmrt::clock::{Clock, after};
use xmrt::coordination::*;
use xmrt::journal::{AuditQuery, PAGE_MAX};

use crate::journal::desk::{Desk, at, desks};

fn board(desk: &Desk) -> (Board, Clock) {
    let clock = Clock::virtual_at(at(0));
    (Board::new(desk.store.clone(), clock.clone()), clock)
}

fn later(clock: &Clock, ms: i64) {
    clock.advance_to(after(clock.now(), ms));
}

fn can(words: &[&str]) -> Registration {
    Registration {
        capabilities: words.iter().map(|&word| word.into()).collect(),
        silent_ms: Some(60_000),
        ..Registration::default()
    }
}

fn wish(title: &str) -> NewTask {
    NewTask {
        title: title.into(),
        ..NewTask::default()
    }
}

fn fence(claimed: &Claimed) -> u64 {
    claimed.task.holder.as_ref().unwrap().fence
}

async fn claim(board: &Board, agent: &str, lease_ms: i64) -> Option<Claimed> {
    board.claim(agent, None, Some(lease_ms), None).await.unwrap()
}

#[tokio::test]
async fn the_most_urgent_task_goes_first_then_the_oldest_and_only_to_whom_can_do_it() {
    for desk in desks().await {
        let (board, clock) = board(&desk);
        board.register("eliza", can(&["rust"])).await.unwrap();
        board.register("otto", can(&["review", "rust"])).await.unwrap();
        for (title, priority, needs) in [
            ("old", 5, vec![]),
            ("young", 5, vec![]),
            ("urgent", 9, vec!["review".into()]),
        ] {
            later(&clock, 10);
            let task = NewTask {
                priority: Some(priority),
                needs,
                ..wish(title)
            };
            board.post("reactor", task).await.unwrap();
        }
        let mut order = Vec::new();
        for agent in ["eliza", "otto", "eliza"] {
            order.push(claim(&board, agent, 60_000).await.unwrap().task.title);
        }
        assert_eq!(order, ["old", "urgent", "young"], "{}", desk.name);
        assert!(claim(&board, "otto", 60_000).await.is_none(), "{}", desk.name);
        let stranger = board.claim("nobody", None, None, None).await.unwrap_err();
        assert!(stranger.to_string().contains("register_agent"), "{stranger}");
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_task_and_the_same_claim() {
    for desk in desks().await {
        let (board, _) = board(&desk);
        let keyed = |title: &str| NewTask {
            key: Some("step-1".into()),
            ..wish(title)
        };
        let (first, twice) = board.post("reactor", keyed("label it")).await.unwrap();
        assert!(!twice, "{}", desk.name);
        let (again, twice) = board.post("reactor", keyed("label it")).await.unwrap();
        assert!(twice && again.id == first.id, "{}", desk.name);
        let other = board.post("reactor", keyed("close it")).await.unwrap_err();
        assert!(matches!(other, BoardError::Conflict(_)), "{other}");
        board.post("reactor", wish("another")).await.unwrap();

        board.register("eliza", can(&[])).await.unwrap();
        let claim = async |key: &str| {
            let claimed = board
                .claim("eliza", None, None, Some(key.into()))
                .await
                .unwrap()
                .unwrap();
            (claimed.task.id.clone(), fence(&claimed))
        };
        let taken = claim("c1").await;
        assert_eq!(claim("c1").await, taken, "{}: the answer was lost", desk.name);
        assert_ne!(claim("c2").await.0, taken.0, "{}", desk.name);
        let done = board
            .complete("eliza", &taken.0, taken.1, json!({"n": 1}))
            .await
            .unwrap();
        assert_eq!(done.state, TaskState::Done);
        let again = board
            .complete("eliza", &taken.0, taken.1, json!({"n": 2}))
            .await
            .unwrap();
        assert_eq!(again.result, json!({"n": 1}), "{}: it was done once", desk.name);
    }
}

#[tokio::test]
async fn a_lease_that_ran_out_gives_the_task_to_another_and_the_former_holder_can_say_nothing_more() {
    for desk in desks().await {
        let (board, clock) = board(&desk);
        board.register("eliza", can(&[])).await.unwrap();
        board.register("otto", can(&[])).await.unwrap();
        let (task, _) = board.post("reactor", wish("work")).await.unwrap();
        let first = claim(&board, "eliza", 5_000).await.unwrap();
        later(&clock, 4_000);
        assert!(claim(&board, "otto", 5_000).await.is_none(), "{}", desk.name);
        let held = Holding {
            task: task.id.clone(),
            fence: fence(&first),
        };
        let updated = board.update("eliza", &held, Some("half"), None).await.unwrap();
        assert_eq!(updated.task.note.as_deref(), Some("half"), "{}", desk.name);
        later(&clock, 4_000);
        assert!(
            claim(&board, "otto", 5_000).await.is_none(),
            "{}: held for longer",
            desk.name
        );
        later(&clock, 1_000);
        let second = claim(&board, "otto", 5_000).await.unwrap();
        assert_eq!(second.task.id, task.id, "{}", desk.name);
        assert!(fence(&second) > fence(&first), "{}", desk.name);
        for said in [
            board
                .complete("eliza", &task.id, fence(&first), Value::Null)
                .await,
            board
                .fail("eliza", &task.id, fence(&first), "late", Some(0))
                .await,
            board
                .hand_off("eliza", &task.id, fence(&first), (None, None), None)
                .await,
            board
                .complete("eliza", &task.id, fence(&second), Value::Null)
                .await,
        ] {
            assert!(
                matches!(said, Err(BoardError::Lost { .. })),
                "{}: {said:?}",
                desk.name
            );
        }
        let beat = board
            .heartbeat("eliza", std::slice::from_ref(&held), None)
            .await
            .unwrap();
        assert_eq!((beat.held, beat.lost), (vec![], vec![held]), "{}", desk.name);
        board
            .complete("otto", &task.id, fence(&second), Value::Null)
            .await
            .unwrap();
        let words: Vec<_> = board
            .task(&task.id)
            .await
            .unwrap()
            .history
            .into_iter()
            .map(|seen| seen.what)
            .collect();
        assert_eq!(
            words,
            ["posted", "claimed", "lapsed", "claimed", "done"],
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn a_lease_that_ran_out_while_nobody_wanted_the_task_costs_nothing() {
    for desk in desks().await {
        let (board, clock) = board(&desk);
        board.register("eliza", can(&[])).await.unwrap();
        let (task, _) = board.post("reactor", wish("work")).await.unwrap();
        let held = claim(&board, "eliza", 1_000).await.unwrap();
        later(&clock, 30_000);
        let done = board
            .complete("eliza", &task.id, fence(&held), Value::Null)
            .await
            .unwrap();
        assert_eq!(done.state, TaskState::Done, "{}", desk.name);
    }
}

#[tokio::test]
async fn an_agent_that_goes_silent_loses_its_tasks_and_that_is_told_once_and_on_record() {
    for desk in desks().await {
        let (board, clock) = board(&desk);
        board.register("eliza", can(&[])).await.unwrap();
        let (task, _) = board.post("reactor", wish("work")).await.unwrap();
        claim(&board, "eliza", 3_600_000).await.unwrap();
        later(&clock, 59_999);
        assert_eq!(board.sweep().await.unwrap().silent, 0, "{}", desk.name);
        later(&clock, 1);
        board.sweep().await.unwrap();
        let swept = board.sweep().await.unwrap();
        assert_eq!(
            (swept.silent, swept.open, swept.claimed),
            (1, 1, 0),
            "{}",
            desk.name
        );
        assert_eq!(
            board.task(&task.id).await.unwrap().state,
            TaskState::Open,
            "{}",
            desk.name
        );
        let told: Vec<_> = board.tellings(10).await.unwrap();
        assert_eq!(told.len(), 1, "{}: {told:?}", desk.name);
        assert_eq!(told[0].kind, "agent_silent");
        board.told(&told[0]).await.unwrap();
        board.heartbeat("eliza", &[], None).await.unwrap();
        assert_eq!(board.sweep().await.unwrap().here, 1, "{}", desk.name);
        assert_eq!(board.tellings(10).await.unwrap(), [], "{}", desk.name);
        let trail = AuditQuery {
            limit: PAGE_MAX,
            ..AuditQuery::default()
        };
        let words: Vec<_> = desk
            .store
            .audited(&trail)
            .await
            .unwrap()
            .into_iter()
            .rev()
            .map(|seen| seen.entry.what)
            .collect();
        assert_eq!(
            words,
            [
                "agent.register",
                "task.post",
                "task.claimed",
                "task.lapsed",
                "agent.silent"
            ],
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn a_task_is_tried_as_often_as_it_says_and_then_given_up_with_the_last_reason() {
    for desk in desks().await {
        let (board, clock) = board(&desk);
        board.register("eliza", can(&[])).await.unwrap();
        let twice = NewTask {
            attempts_max: Some(2),
            ..wish("hard")
        };
        let (task, _) = board.post("reactor", twice).await.unwrap();
        let held = claim(&board, "eliza", 60_000).await.unwrap();
        let open = board
            .fail("eliza", &task.id, fence(&held), "no disk", Some(5_000))
            .await
            .unwrap();
        assert_eq!(open.state, TaskState::Open, "{}", desk.name);
        let again = board
            .fail("eliza", &task.id, fence(&held), "no disk", Some(5_000))
            .await
            .unwrap();
        assert_eq!(again.attempts, 1, "{}: said twice, it failed once", desk.name);
        assert!(
            claim(&board, "eliza", 60_000).await.is_none(),
            "{}: too early",
            desk.name
        );
        later(&clock, 5_000);
        let held = claim(&board, "eliza", 60_000).await.unwrap();
        let over = board
            .fail("eliza", &task.id, fence(&held), "no disk still", Some(0))
            .await
            .unwrap();
        assert_eq!(
            (over.state, over.reason.as_deref()),
            (TaskState::Failed, Some("no disk still"))
        );
        let told = board.tellings(10).await.unwrap();
        assert_eq!(
            told[0].payload["task"]["reason"], "no disk still",
            "{}",
            desk.name
        );
        let (late, _) = board
            .post(
                "reactor",
                NewTask {
                    expires_ms: Some(1_000),
                    ..wish("soon")
                },
            )
            .await
            .unwrap();
        later(&clock, 1_000);
        assert!(claim(&board, "eliza", 60_000).await.is_none(), "{}", desk.name);
        assert_eq!(
            board.task(&late.id).await.unwrap().state,
            TaskState::Failed,
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn a_task_that_is_handed_on_goes_to_whom_it_is_for_as_long_as_that_agent_is_there() {
    for desk in desks().await {
        let (board, clock) = board(&desk);
        for agent in ["eliza", "otto", "rita"] {
            board.register(agent, can(&[])).await.unwrap();
        }
        let (task, _) = board.post("reactor", wish("work")).await.unwrap();
        let held = claim(&board, "eliza", 60_000).await.unwrap();
        let handed = board
            .hand_off(
                "eliza",
                &task.id,
                fence(&held),
                (Some("rita".into()), None),
                Some("the tests fail"),
            )
            .await
            .unwrap();
        assert_eq!(
            (handed.state, handed.attempts),
            (TaskState::Open, 0),
            "{}",
            desk.name
        );
        assert!(claim(&board, "otto", 60_000).await.is_none(), "{}", desk.name);
        let direct = board.claim("otto", Some(&task.id), None, None).await.unwrap_err();
        assert!(direct.to_string().contains("for rita"), "{direct}");
        later(&clock, 40_000);
        board.heartbeat("otto", &[], None).await.unwrap();
        later(&clock, 20_000);
        let taken = claim(&board, "otto", 60_000).await.unwrap();
        assert_eq!(taken.task.id, task.id, "{}: rita is not there", desk.name);
    }
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_cancelled_by_whoever_posted_it_or_a_person() {
    for desk in desks().await {
        let (board, _) = board(&desk);
        board.register("eliza", can(&[])).await.unwrap();
        let (task, _) = board.post("otto", wish("work")).await.unwrap();
        let held = claim(&board, "eliza", 60_000).await.unwrap();
        let foreign = board.cancel("eliza", true, &task.id, None).await.unwrap_err();
        assert!(matches!(foreign, BoardError::Forbidden(_)), "{foreign}");
        board
            .cancel("api", false, &task.id, Some("not needed"))
            .await
            .unwrap();
        let late = board.complete("eliza", &task.id, fence(&held), Value::Null).await;
        assert!(
            matches!(late, Err(BoardError::Lost { .. })),
            "{}: {late:?}",
            desk.name
        );
        assert_eq!(board.sweep().await.unwrap().claimed, 0, "{}", desk.name);
    }
}

#[tokio::test]
async fn messages_arrive_in_order_once_and_come_again_until_they_were_read() {
    for desk in desks().await {
        let (board, _) = board(&desk);
        board.register("otto", can(&[])).await.unwrap();
        let letter = |text: &str, key: Option<&str>| NewLetter {
            to: "otto".into(),
            text: text.into(),
            task: None,
            key: key.map(Into::into),
        };
        let first = board.send("eliza", letter("one", Some("k"))).await.unwrap();
        let again = board.send("eliza", letter("one", Some("k"))).await.unwrap();
        assert_eq!(
            (first.seq, again.seq, again.duplicate),
            (1, 1, true),
            "{}",
            desk.name
        );
        board.send("rita", letter("two", None)).await.unwrap();
        let texts = async |after| {
            let (letters, _) = board.letters("otto", after, 10).await.unwrap();
            letters.into_iter().map(|letter| letter.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(None).await, ["one", "two"], "{}", desk.name);
        assert_eq!(
            texts(None).await,
            ["one", "two"],
            "{}: nobody said they were read",
            desk.name
        );
        let beat = board.heartbeat("otto", &[], Some(1)).await.unwrap();
        assert_eq!(beat.letters, 1, "{}", desk.name);
        assert_eq!(texts(None).await, ["two"], "{}", desk.name);
        assert_eq!(texts(Some(0)).await, ["one", "two"], "{}", desk.name);
        assert!(
            board.heartbeat("otto", &[], Some(9)).await.is_err(),
            "{}: there is no ninth",
            desk.name
        );
    }
}
