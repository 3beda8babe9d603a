//! `xmrt.scan_repository`, `propose_improvement` and `improvement_status` over MCP, on GitHub as the sandbox has it, over HTTP.

mod proposals;
mod refusals;
mod scanning;

use serde_json::{Value, json};

use super::stage::{KEY, Stage, hub, stage};

impl Stage {
    /// A question of the test's own, past the witness.
    async fn github(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.running.github_url());
        let answer = web().get(url).bearer_auth("token").send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn file(&self, repo: &str, branch: &str, path: &str) -> String {
        use base64::Engine;
        let found = self
            .github(&format!("/repos/{repo}/contents/{path}?ref={branch}"))
            .await;
        let packed: String = found["content"]
            .as_str()
            .unwrap_or_else(|| panic!("{path}: {found}"))
            .split_whitespace()
            .collect();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(packed).unwrap()).unwrap()
    }
}

/// GitHub refuses whoever does not say who they are.
fn web() -> reqwest::Client {
    reqwest::Client::builder().user_agent("test").build().unwrap()
}

/// Files of a repository, as the sandbox is told of them.
fn files(repo: &str, all: &[(&str, &str)]) -> Vec<Value> {
    all.iter()
        .map(|(path, content)| json!({"repo": repo, "path": path, "content": content}))
        .collect()
}

fn finding<'a>(scan: &'a Value, check: &str) -> &'a Value {
    let found = scan["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["check"] == check);
    found.unwrap_or_else(|| panic!("no finding {check}: {scan:#}"))
}
