//! In: nothing. Out: the lists that can be seeded, in words, each with an example and who reads it. Never: their keys, which the
//! readers tell themselves.

use super::{List, around, github, render, runs};

/// `state.github`, in the order in which they build on each other.
pub(super) const GITHUB: &[List] = &[
    List {
        name: "repos",
        about: "A repository. One that anything else mentions is there without being listed.",
        example: r#"[{ full_name = "acme/api", private = true, default_branch = "main", topics = ["api"] }]"#,
        notes: &[
            ("full_name", "`owner/name`."),
            ("head_sha", "The commit that the default branch leads to."),
            (
                "has_discussions",
                "Gives it the categories that GitHub begins with.",
            ),
            ("topics", "Those it has; none by default."),
            ("protected", "Whether its default branch is; it is unless said."),
            ("truncated", "It holds more files than GitHub lists at once."),
        ],
        seeder: github::repo,
    },
    List {
        name: "branches",
        about: "A branch. With `files` or a `message`, what it leads to is a commit of its own.",
        example: r#"[{ repo = "acme/api", name = "fix/crash", message = "fix: no crash", files = ["src/lib.rs"] }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("sha", "What it leads to."),
            (
                "parent",
                "The commit before its own; the head of the default branch unless said.",
            ),
            ("files", "Paths that its commit changes."),
            ("at", "When its commit was made."),
        ],
        seeder: github::branch,
    },
    List {
        name: "labels",
        about: "A label that a repository has. Labels of issues are there without being listed.",
        example: r#"[{ repo = "acme/api", name = "bug", color = "d73a4a", description = "It is broken" }]"#,
        notes: &[(
            "repo",
            "`owner/name`; where it is left out, the only repository there is.",
        )],
        seeder: github::label,
    },
    List {
        name: "collaborators",
        about: "A person with rights in a repository.",
        example: r#"[{ repo = "acme/api", login = "mona", permission = "admin" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            (
                "permission",
                "`read`, `triage`, `write`, `maintain` or `admin`; `write` unless said.",
            ),
        ],
        seeder: github::collaborator,
    },
    List {
        name: "contents",
        about: "A file of a repository.",
        example: r#"[{ repo = "acme/api", path = "CODEOWNERS", content = "* @acme/core" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("ref", "On which branch or commit; on all unless said."),
            ("content", "Its text."),
        ],
        seeder: github::content,
    },
    List {
        name: "issues",
        about: "An issue.",
        example: r#"[{ repo = "acme/api", number = 7, title = "It crashes", author = "mona", labels = ["bug"], updated = "-40d" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The next one unless said."),
            ("labels", "Names; they become labels of the repository, too."),
            ("assignees", "Logins."),
            (
                "pull_request",
                "It is a pull request; `pulls` is the way to say more of it.",
            ),
            (
                "author_association",
                "`OWNER`, `MEMBER`, `CONTRIBUTOR`, `NONE`, …",
            ),
        ],
        seeder: github::issue,
    },
    List {
        name: "pulls",
        about: "A pull request, which is an issue, too.",
        example: r#"[{ repo = "acme/api", number = 12, title = "Fix it", head = "fix/crash", base = "main", files = ["src/lib.rs"] }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The next one unless said."),
            ("labels", "Names; they become labels of the repository, too."),
            ("assignees", "Logins."),
            ("head", "The branch it comes from."),
            ("head_repo", "The fork it comes from, `owner/name`."),
            (
                "files",
                "Paths, or tables as the API shows them: `filename`, `status`, `additions`, `deletions`, `patch`.",
            ),
            ("conflicts", "It cannot be merged."),
            ("merged", "It is; `merged_at` says when."),
            (
                "author_association",
                "`OWNER`, `MEMBER`, `CONTRIBUTOR`, `NONE`, …",
            ),
        ],
        seeder: github::pull,
    },
    List {
        name: "files",
        about: "A file that a pull request changes.",
        example: r#"[{ repo = "acme/api", number = 12, filename = "src/lib.rs", additions = 40 }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The pull request; where it is left out, the only one."),
            (
                "status",
                "`added`, `modified`, `removed`, `renamed`; `modified` unless said.",
            ),
        ],
        seeder: github::file,
    },
    List {
        name: "comments",
        about: "A comment on an issue or a pull request.",
        example: r#"[{ repo = "acme/api", number = 7, author = "hubot", body = "Seen it", created = "-2d" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The issue it is on."),
        ],
        seeder: github::comment,
    },
    List {
        name: "runs",
        about: "A workflow run.",
        example: r#"[{ repo = "acme/api", id = 9001, name = "CI", status = "completed", conclusion = "failure", jobs = ["build"], log = "error: it broke" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            (
                "status",
                "`queued`, `in_progress`, `completed`; `completed` unless said.",
            ),
            (
                "conclusion",
                "`success`, `failure`, …; only of what is completed.",
            ),
            ("jobs", "Their names; one called `build` unless said."),
            ("log", "What each of its jobs printed."),
            ("attempt", "1 unless said."),
        ],
        seeder: runs::run,
    },
    List {
        name: "releases",
        about: "A release; its tag is there, too, unless it is a draft.",
        example: r#"[{ repo = "acme/api", tag = "v1.2.0", name = "1.2", created = "-3d" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("target", "The branch or commit it is of."),
        ],
        seeder: around::release,
    },
    List {
        name: "visits",
        about: "What traffic a repository had: a day's `views` or `clones`, or a popular `path` or `referrer`.",
        example: r#"[{ repo = "acme/api", kind = "views", day = "-1d", count = 42, uniques = 17 }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("name", "The path or the referrer."),
        ],
        seeder: around::visit,
    },
    List {
        name: "alerts",
        about: "A security alert.",
        example: r#"[{ repo = "acme/api", kind = "dependabot", name = "lodash", severity = "critical" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("name", "The package, the rule or the secret's type."),
            ("severity", "`high` unless said."),
            ("state", "`open` unless said."),
        ],
        seeder: around::alert,
    },
    List {
        name: "discussions",
        about: "A discussion.",
        example: r#"[{ repo = "acme/api", number = 3, title = "How?", category = "q-a", comments = [{ id = 1, body = "Like this", author = "mona" }] }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            (
                "category",
                "Its slug: `announcements`, `general`, `ideas`, `q-a`; `general` unless said.",
            ),
            (
                "comments",
                "Tables of `id`, `body`, and perhaps `author` and `reply_to`.",
            ),
            ("answer", "The `id` of the comment that answers it."),
        ],
        seeder: around::discussion,
    },
    List {
        name: "invitations",
        about: "An invitation to a repository, to ourselves unless `invitee` says otherwise.",
        example: r#"[{ repo = "acme/api", inviter = "mona", role = "write" }]"#,
        notes: &[(
            "repo",
            "`owner/name`; where it is left out, the only repository there is.",
        )],
        seeder: around::invitation,
    },
    List {
        name: "members",
        about: "A member of an organization.",
        example: r#"[{ org = "acme", login = "mona", role = "admin" }]"#,
        notes: &[
            ("role", "`member` or `admin`; `member` unless said."),
            ("state", "`active` or `pending`; `active` unless said."),
        ],
        seeder: around::member,
    },
    List {
        name: "team_members",
        about: "A member of a team.",
        example: r#"[{ org = "acme", team = "release", login = "mona" }]"#,
        notes: &[
            ("team", "As it stands in the team's address."),
            ("role", "`member` or `maintainer`; `member` unless said."),
            (
                "state",
                "`active`, `pending`, or `none`: no member any more. `active` unless said.",
            ),
        ],
        seeder: around::team_member,
    },
];

/// `state.render`, in the order in which they build on each other.
pub(super) const RENDER: &[List] = &[
    List {
        name: "workspaces",
        about: "A workspace.",
        example: r#"[{ id = "tea-acme", plan = "professional" }]"#,
        notes: &[(
            "admin",
            "Whether our key may change its settings; so unless said.",
        )],
        seeder: render::workspace,
    },
    List {
        name: "services",
        about: "A service. One that anything else mentions is there without being listed.",
        example: r#"[{ id = "srv-a", name = "api-prod", type = "web_service", repo = "acme/api", env_vars = { LOG = "debug" } }]"#,
        notes: &[
            (
                "type",
                "`web_service`, `private_service`, `background_worker`, `cron_job`, `static_site`.",
            ),
            ("repo", "`owner/name`, or an address."),
            ("suspended", "`true`, or `\"suspended\"` as the API has it."),
            ("auto_deploy", "`false`, or `\"no\"` as the API has it."),
            ("auto_deploy_trigger", "`commit`, `checksPass` or `off`."),
            ("schedule", "When a cron job runs."),
            (
                "image",
                "Of a service that is made of an image and not of a repository.",
            ),
            ("autoscaling", "As the API shows it."),
            ("env_vars", "Its environment: a table of texts."),
            ("instances", "How many."),
        ],
        seeder: render::service,
    },
    List {
        name: "deploys",
        about: "A deploy; the newest first, as the API lists them.",
        example: r#"[{ id = "dep-2", service_id = "srv-a", status = "live", finished = "-10m" }, { id = "dep-1", service_id = "srv-a", status = "deactivated", known_good = true }]"#,
        notes: &[
            ("service_id", "Where it is left out, the only service there is."),
            ("service_name", "Gives the service its name."),
            (
                "known_good",
                "`true`: it was live for days without a failure; `false`: it failed while it was live.",
            ),
            ("commit", "Its commit's id."),
            ("trigger", "`new_commit` unless said."),
            ("status", "`live` unless said."),
            ("image", "Of a deploy that was made of an image."),
        ],
        seeder: render::deploy,
    },
    List {
        name: "events",
        about: "What happened to a service; the newest first, as the API lists them.",
        example: r#"[{ service_id = "srv-a", type = "server_failed", at = "-5m", details = { reason = { unhealthy = "health check failed" } } }]"#,
        notes: &[
            ("service_id", "Where it is left out, the only service there is."),
            ("details", "As the API shows them."),
        ],
        seeder: render::event,
    },
    List {
        name: "logs",
        about: "A line of a service's log.",
        example: r#"[{ service_id = "srv-a", message = "listening on 8080", level = "info", at = "-1m" }]"#,
        notes: &[
            ("service_id", "Where it is left out, the only service there is."),
            ("type", "`app`, `request` or `build`; `app` unless said."),
            ("level", "`info` unless said."),
        ],
        seeder: render::log,
    },
    List {
        name: "metrics",
        about: "One line of a chart.",
        example: r#"[{ service_id = "srv-a", metric = "cpu", values = [0.2, 0.9], at = "now", labels = { instance = "srv-a-1" } }]"#,
        notes: &[
            ("service_id", "Where it is left out, the only service there is."),
            ("metric", "`cpu`, `memory`, `http-requests`, …"),
            ("values", "Numbers, the last of them at `at`."),
            ("step_seconds", "How far apart the values are; 60 unless said."),
        ],
        seeder: render::metric,
    },
    List {
        name: "webhooks",
        about: "A webhook that is registered at Render.",
        example: r#"[{ id = "whk-a", url = "https://example.org/hook", events = ["deploy_ended"] }]"#,
        notes: &[
            ("events", "Which it is told of; all unless said."),
            ("secret", "What signs it."),
        ],
        seeder: render::webhook,
    },
    List {
        name: "env_groups",
        about: "An environment group.",
        example: r#"[{ id = "evg-a", name = "shared", vars = { LOG = "debug" }, services = ["srv-a"] }]"#,
        notes: &[
            ("services", "Ids of those that it is linked to."),
            ("vars", "A table of texts."),
        ],
        seeder: render::env_group,
    },
    List {
        name: "domains",
        about: "A custom domain.",
        example: r#"[{ service_id = "srv-a", name = "api.example.org", verified = true }]"#,
        notes: &[
            ("service_id", "Where it is left out, the only service there is."),
            (
                "leads_here",
                "Whether its DNS leads to the service; as `verified` unless said.",
            ),
        ],
        seeder: render::domain,
    },
    List {
        name: "databases",
        about: "A Postgres database (`dpg-…`) or a Key Value store (`red-…`).",
        example: r#"[{ id = "dpg-a", name = "main", plan = "basic_1gb", details = { version = "16" } }]"#,
        notes: &[("details", "What else the API shows of it, in its own names.")],
        seeder: render::database,
    },
];
