//! In: paths, a title, a text. Out: what sort of files those are, what makes them risky, what the words declare. Never: their content.

use std::sync::LazyLock;

use regex::Regex;

use super::{Changed, NAMED_MAX, Risk};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Test,
    Docs,
    /// Settings, scripts, pictures: neither code nor prose.
    Other,
    /// A machine writes it.
    Generated,
}

/// Files that package managers write.
const LOCKFILES: [&str; 14] = [
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "poetry.lock",
    "uv.lock",
    "pipfile.lock",
    "gemfile.lock",
    "composer.lock",
    "go.sum",
    "flake.lock",
    "mix.lock",
];
/// Files that say what a project depends on.
const MANIFESTS: [&str; 14] = [
    "cargo.toml",
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "setup.py",
    "pipfile",
    "gemfile",
    "composer.json",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "mix.exs",
    "flake.nix",
];
/// Folders in which a machine writes.
const GENERATED_FOLDERS: [&str; 7] = [
    "vendor",
    "node_modules",
    "dist",
    "third_party",
    "__snapshots__",
    "snapshots",
    "generated",
];
const GENERATED_ENDINGS: [&str; 6] = [".min.js", ".min.css", ".map", ".snap", ".pb.go", "_pb2.py"];
const TEST_FOLDERS: [&str; 6] = ["test", "tests", "spec", "specs", "__tests__", "testdata"];
const DOC_ENDINGS: [&str; 5] = ["md", "mdx", "rst", "adoc", "txt"];
const CODE_ENDINGS: [&str; 31] = [
    "rs", "go", "py", "js", "mjs", "cjs", "ts", "tsx", "jsx", "java", "kt", "kts", "rb", "php", "cs", "c",
    "h", "cc", "cpp", "hpp", "swift", "scala", "ex", "exs", "erl", "hs", "lua", "dart", "vue", "svelte",
    "sql",
];

/// How a title declares its kind: the words of conventional commits, and which label they are.
const DECLARED: [(&str, &str); 9] = [
    ("fix", "bug"),
    ("bugfix", "bug"),
    ("feat", "enhancement"),
    ("feature", "enhancement"),
    ("docs", "documentation"),
    ("doc", "documentation"),
    ("perf", "performance"),
    ("security", "security"),
    ("deps", "dependencies"),
];

static TITLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*\[?([A-Za-z]{2,12})(?:\([^)]{0,60}\))?\]?!?\s*(?::|\])").ok());
static CLOSES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+",
        r"(?:(?:https://github\.com/)?([\w.-]{1,100}/[\w.-]{1,100})(?:#|/issues/)|#)([0-9]{1,9})\b"
    ))
    .ok()
});
static CODE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?s)```.*?(?:```|\z)|~~~.*?(?:~~~|\z)|`[^`\n]*`").ok());
static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?(?:-->|\z)").ok());

fn parts(path: &str) -> (Vec<String>, String) {
    let mut folders: Vec<String> = path.split('/').map(str::to_ascii_lowercase).collect();
    let name = folders.pop().unwrap_or_default();
    (folders, name)
}

fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

pub(super) fn kind_of(path: &str) -> Kind {
    let (folders, name) = parts(path);
    let within = |names: &[&str]| folders.iter().any(|folder| names.contains(&folder.as_str()));
    let stem = name.split('.').next().unwrap_or_default();
    let is_test_name = stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || name.contains(".test.")
        || name.contains(".spec.")
        || (stem.ends_with("test") && matches!(ending(&name), "java" | "kt" | "scala" | "cs"));
    if LOCKFILES.contains(&name.as_str())
        || within(&GENERATED_FOLDERS)
        || GENERATED_ENDINGS.iter().any(|end| name.ends_with(end))
    {
        return Kind::Generated;
    }
    if within(&TEST_FOLDERS) || is_test_name {
        return Kind::Test;
    }
    match ending(&name) {
        end if CODE_ENDINGS.contains(&end) => Kind::Code,
        end if DOC_ENDINGS.contains(&end) && !MANIFESTS.contains(&name.as_str()) => Kind::Docs,
        _ if folders.first().is_some_and(|folder| folder == "docs") => Kind::Docs,
        _ => Kind::Other,
    }
}

/// A kind of risk: its name, why it matters, and which paths have it.
type Sort = (&'static str, &'static str, fn(&[String], &str) -> bool);

/// The heaviest first.
const RISKS: [Sort; 7] = [
    (
        "workflows",
        "what it changes there runs with the repository's token and secrets once it is merged",
        |folders, name| {
            let in_github = folders.first().is_some_and(|folder| folder == ".github");
            (in_github
                && folders
                    .get(1)
                    .is_some_and(|folder| folder == "workflows" || folder == "actions"))
                || matches!(
                    name,
                    "action.yml" | "action.yaml" | ".gitlab-ci.yml" | "jenkinsfile"
                )
        },
    ),
    (
        "owners",
        "it changes who is asked for reviews from now on",
        |_, name| name == "codeowners",
    ),
    (
        "secrets",
        "a file of this name may hold keys or passwords",
        |_, name| {
            let is_env = name == ".env"
                || (name.starts_with(".env.") && !name.contains("example") && !name.contains("sample"));
            is_env
                || matches!(ending(name), "pem" | "key" | "p12" | "pfx")
                || name.starts_with("id_rsa")
                || name.starts_with("id_ed25519")
        },
    ),
    ("access", "its path speaks of who may do what", |folders, name| {
        let words = folders.iter().map(String::as_str).chain([name]);
        let mut words = words.flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric()));
        words.any(|word| {
            matches!(
                word,
                "auth"
                    | "oauth"
                    | "login"
                    | "session"
                    | "sessions"
                    | "permission"
                    | "permissions"
                    | "password"
                    | "passwords"
                    | "crypto"
                    | "token"
                    | "tokens"
                    | "acl"
                    | "rbac"
                    | "jwt"
                    | "saml"
            )
        })
    }),
    (
        "migrations",
        "data that is changed by it cannot be rolled back with the code",
        |folders, name| {
            let in_folder = folders
                .iter()
                .any(|folder| matches!(folder.as_str(), "migrations" | "migration" | "migrate"));
            in_folder || name.starts_with("schema.sql") || name == "schema.prisma"
        },
    ),
    ("dependencies", "it changes whose code is built in", |_, name| {
        LOCKFILES.contains(&name) || MANIFESTS.contains(&name)
    }),
    (
        "deployment",
        "it changes what runs, and where",
        |folders, name| {
            let in_folder = folders.iter().any(|folder| {
                matches!(
                    folder.as_str(),
                    "terraform" | "helm" | "k8s" | "kubernetes" | "ansible"
                )
            });
            let is_docker = name.starts_with("dockerfile")
                || name.starts_with("docker-compose")
                || name.starts_with("compose.");
            in_folder
                || is_docker
                || matches!(name, "render.yaml" | "procfile" | "fly.toml")
                || ending(name) == "tf"
        },
    ),
];

/// What a reviewer should look at first.
pub(super) fn risks(files: &[Changed]) -> Vec<Risk> {
    let gone = files
        .iter()
        .filter(|file| file.removed && kind_of(&file.path) == Kind::Test);
    let gone: Vec<String> = gone.map(|file| file.path.clone()).take(NAMED_MAX).collect();
    let gone = (!gone.is_empty()).then_some(Risk {
        kind: "tests",
        why: "what it tested is not tested any more, unless another does",
        paths: gone,
    });
    let found = RISKS.iter().filter_map(|(kind, why, is)| {
        let is = |path: &str| {
            // A guide about deploying deploys nothing; a list of owners is no prose.
            if kind_of(path) == Kind::Docs && !path.ends_with("CODEOWNERS") {
                return false;
            }
            let (folders, name) = parts(path);
            is(&folders, &name)
        };
        // What is moved away from there counts as well.
        let hits = files
            .iter()
            .filter(|file| is(&file.path) || file.before.as_deref().is_some_and(is));
        let paths: Vec<String> = hits.map(|file| file.path.clone()).take(NAMED_MAX).collect();
        (!paths.is_empty()).then_some(Risk { kind, why, paths })
    });
    found.chain(gone).collect()
}

/// The word that a title declares its kind with, and the label that is.
pub(super) fn declared(title: &str) -> Option<(String, &'static str)> {
    let word = TITLE
        .as_ref()?
        .captures(title)?
        .get(1)?
        .as_str()
        .to_ascii_lowercase();
    let label = DECLARED.iter().find(|(known, _)| *known == word)?.1;
    Some((word, label))
}

/// What alone is changed, and the label that is.
pub(super) fn alone(files: &[Changed]) -> Option<(&'static str, &'static str)> {
    if files.is_empty() {
        return None;
    }
    let all = |is: fn(&Changed) -> bool| files.iter().all(is);
    if all(|file| kind_of(&file.path) == Kind::Docs) {
        return Some(("documentation", "documentation"));
    }
    let is_dependency = |file: &Changed| {
        let (_, name) = parts(&file.path);
        LOCKFILES.contains(&name.as_str()) || MANIFESTS.contains(&name.as_str())
    };
    all(is_dependency).then_some(("dependencies", "dependencies"))
}

/// Numbers of the repository's issues that a merge closes. GitHub looks for them in the text, and not in code.
pub(super) fn closes(repo: &str, body: &str) -> Vec<u64> {
    let text = without_comments(body);
    let text = match CODE.as_ref() {
        Some(pattern) => pattern.replace_all(&text, " "),
        None => text.as_str().into(),
    };
    let of_repo = |found: &regex::Captures<'_>| {
        found
            .get(1)
            .is_none_or(|named| named.as_str().eq_ignore_ascii_case(repo))
    };
    let mut numbers: Vec<u64> = CLOSES
        .iter()
        .flat_map(|pattern| pattern.captures_iter(&text))
        .filter(of_repo)
        .filter_map(|found| found.get(2)?.as_str().parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// A text without what a template's comments say.
pub(super) fn without_comments(body: &str) -> String {
    match COMMENT.as_ref() {
        Some(pattern) => pattern.replace_all(body, " ").into_owned(),
        None => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_paths() {
        for (path, kind) in [
            ("src/lib.rs", Kind::Code),
            ("src/test_util.py", Kind::Test),
            ("pkg/server_test.go", Kind::Test),
            ("web/App.test.tsx", Kind::Test),
            ("src/test/java/AppTest.java", Kind::Test),
            ("src/main/java/Latest.java", Kind::Test),
            ("tests/it/main.rs", Kind::Test),
            ("README.md", Kind::Docs),
            ("docs/picture.png", Kind::Docs),
            ("Cargo.lock", Kind::Generated),
            ("web/dist/app.js", Kind::Generated),
            ("tests/__snapshots__/a.snap", Kind::Generated),
            ("requirements.txt", Kind::Other),
            (".github/workflows/ci.yml", Kind::Other),
            ("", Kind::Other),
        ] {
            // `Latest.java` is the price of a name being all there is to go by.
            assert_eq!(kind_of(path), kind, "{path}");
        }
    }

    #[test]
    fn risks_are_named_with_their_places() {
        let changed = |path: &str| Changed {
            path: path.to_owned(),
            ..Changed::default()
        };
        let kinds = |paths: &[&str]| -> Vec<&'static str> {
            let files: Vec<Changed> = paths.iter().map(|path| changed(path)).collect();
            risks(&files).iter().map(|risk| risk.kind).collect()
        };
        assert_eq!(
            kinds(&["src/lib.rs", "README.md", ".env.example", "src/author.rs"]),
            [""; 0]
        );
        assert_eq!(
            kinds(&[
                "infra/main.tf",
                "Cargo.toml",
                "db/migrations/1.sql",
                "src/oauth.rs",
                "server.pem",
                ".github/CODEOWNERS",
                ".github/workflows/ci.yml",
            ]),
            [
                "workflows",
                "owners",
                "secrets",
                "access",
                "migrations",
                "dependencies",
                "deployment"
            ]
        );
        // Moved away from there.
        let moved = Changed {
            before: Some(".github/workflows/ci.yml".to_owned()),
            ..changed("old/ci.yml")
        };
        assert_eq!(risks(&[moved])[0].paths, ["old/ci.yml"]);
        let many: Vec<Changed> = (0..20).map(|n| changed(&format!("{n}/Cargo.lock"))).collect();
        assert_eq!(risks(&many)[0].paths.len(), NAMED_MAX);
    }

    #[test]
    fn titles_and_texts_declare() {
        for (title, label) in [
            ("fix: a crash", Some("bug")),
            ("Fix(api)!: a crash", Some("bug")),
            ("[docs] say more", Some("documentation")),
            ("feat: more", Some("enhancement")),
            ("Fix a crash", None),
            ("chore: tidy", None),
            ("", None),
        ] {
            assert_eq!(declared(title).map(|(_, label)| label), label, "{title}");
        }
        let body = "Fixes #3, closes: #12 and #7.\n<!-- closes #99 -->\nResolved #3. prefixes #8\n`fixes #20`\n```\nfixes #21\n```\n\
                    Closes acme/API#30, fixes other/place#31, resolves https://github.com/acme/api/issues/32";
        assert_eq!(closes("acme/api", body), [3, 12, 30, 32]);
    }
}
