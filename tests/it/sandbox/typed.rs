//! octocrab's own types are the judge of the GitHub shapes.
use super::*;
use octocrab::models::issues::{Comment, Issue};
use octocrab::models::pulls::PullRequest;
use octocrab::models::repos::{ContentItems, DiffEntry};
use octocrab::models::workflows::{Job, Run};
use octocrab::models::{Label, Repository, UserProfile};
use octocrab::params::State::All;
use octocrab::{Octocrab, Page};

fn octocrab(story: &Story) -> Octocrab {
    let builder = Octocrab::builder()
        .base_uri(story.running.github_url())
        .expect("a base");
    builder
        .personal_token("github-test".to_owned())
        .build()
        .expect("a client")
}

#[test]
fn octocrab_understands_people_repositories_and_refusals() {
    story(|story| async {
        story.seed(acme());
        let hub = octocrab(&story);
        let me: UserProfile = hub.get("/user", None::<&()>).await.expect("me");
        assert_eq!(me.login, "xmrt-bot");
        assert_eq!(hub.current().user().await.expect("me").login, "xmrt-bot");
        let repo: Repository = hub.repos("acme", "api").get().await.expect("a repository");
        assert_eq!(repo.full_name.as_deref(), Some("acme/api"));
        let missing = hub.issues("acme", "api").get(99).await.expect_err("not there");
        let told = matches!(missing, octocrab::Error::GitHub { ref source, .. } if source.status_code == 404);
        assert!(told, "{missing:?}");
        story
    });
}

#[test]
fn octocrab_understands_issues_labels_and_comments() {
    story(|story| async {
        story.seed(acme());
        let hub = octocrab(&story);
        let issues = hub.issues("acme", "api");
        let issue: Issue = issues.get(2).await.expect("an issue");
        assert_eq!(
            (issue.title.as_str(), issue.labels.len(), issue.comments),
            ("Crash on start", 1, 1)
        );
        let first = issues.list().state(All).per_page(2).send().await.expect("a page");
        assert_eq!((first.items.len(), first.next.is_some()), (2, true));
        let rest = hub
            .get_page::<Issue>(&first.next)
            .await
            .expect("the next page")
            .expect("one");
        assert_eq!(rest.items.len(), 1);
        let make = issues.create("T").body("B").labels(vec!["new".to_owned()]);
        let made: Issue = Box::pin(make.send()).await.expect("made");
        let labels: Vec<Label> = issues
            .add_labels(made.number, &["x".to_owned()])
            .await
            .expect("labels");
        assert_eq!(labels.len(), 2);
        let comment: Comment = issues.create_comment(made.number, "hi").await.expect("a comment");
        assert_eq!(comment.body.as_deref(), Some("hi"));
        let comments = issues.list_comments(made.number).send().await.expect("comments");
        assert_eq!(comments.items.len(), 1);
        let query = "repo:acme/api is:issue crash";
        let found = hub
            .search()
            .issues_and_pull_requests(query)
            .send()
            .await
            .expect("found");
        assert_eq!(found.total_count, Some(1));
        story
    });
}

#[test]
fn octocrab_understands_pull_requests_runs_and_files() {
    story(|story| async {
        story.seed(acme());
        story.seed(json!({"github": {
            "contents": [{"path": "docs/guide.md", "content": "# Guide"}, {"path": "README.md", "content": "hello"}],
            "runs": [{"id": 77, "conclusion": "failure", "jobs": ["build", "lint"]}],
        }}));
        let hub = octocrab(&story);
        let pulls = hub.pulls("acme", "api");
        let pull: PullRequest = pulls.get(3).await.expect("a pull request");
        assert_eq!(
            (pull.head.ref_field.as_str(), pull.changed_files),
            ("fix", Some(2))
        );
        let files: Page<DiffEntry> = pulls.list_files(3).await.expect("files");
        assert_eq!(files.items[0].filename, "src/main.rs");
        assert_eq!(pulls.list().send().await.expect("pulls").items.len(), 1);
        let workflows = hub.workflows("acme", "api");
        assert_eq!(
            workflows.list_all_runs().send().await.expect("runs").items.len(),
            1
        );
        let run: Run = workflows.get(77.into()).await.expect("a run");
        assert_eq!(run.conclusion.as_deref(), Some("failure"));
        let jobs: Page<Job> = workflows.list_jobs(77.into()).send().await.expect("jobs");
        assert_eq!(jobs.items.len(), 2);
        let repo = hub.repos("acme", "api");
        let mut file: ContentItems = repo
            .get_content()
            .path("docs/guide.md")
            .send()
            .await
            .expect("a file");
        assert_eq!(file.take_items()[0].decoded_content().as_deref(), Some("# Guide"));
        let folder: ContentItems = repo.get_content().path("").send().await.expect("a folder");
        let kinds: Vec<&str> = folder.items.iter().map(|item| item.r#type.as_str()).collect();
        assert_eq!(kinds, ["file", "dir"]);
        story
    });
}
