//! What the integration layer costs: the same tool called directly through the SDK's client, and through the hub, in turn
//! in one run. Prints the ratio.
//!
//!     cargo bench --bench hub
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reads the clock, prints, and stops where something is wrong"
)]

use std::time::{Duration, Instant};

use rmcp::model::{CallToolRequestParams, JsonObject, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, RoleClient, RunningService};
use rmcp::{ClientServiceExt, ServiceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use xmrt::hub::{CallMeta, Hub, Reply, ToolError};
use xmrt::tools::toolbox::{Ctx, Toolbox, reads};

const ROUNDS: usize = 40;
const CALLS: usize = 250;
const SOON: Duration = Duration::from_secs(10);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Text {
    /// What is said.
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct Said {
    text: String,
}

async fn echo(_: Ctx<()>, text: Text) -> Result<Said, ToolError> {
    Ok(Said { text: text.text })
}

fn server() -> Toolbox<()> {
    Toolbox::named("bench", "For a bench.", ()).with(reads("echo", "Echo", "Says it again.").answers(echo))
}

async fn client() -> RunningService<RoleClient, ()> {
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move { server().serve(far).await.unwrap().waiting().await });
    let hello = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    ().serve_with_lifecycle(near, hello).await.unwrap()
}

fn arguments() -> JsonObject {
    json!({ "text": "x".repeat(200) }).as_object().cloned().unwrap()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let client = client().await;
    let hub = Hub::builder().serve("bench", server()).start().await.unwrap();
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            let request = CallToolRequestParams::new("echo").with_arguments(arguments());
            let answer = client.call_tool(request).await.unwrap();
            assert!(answer.structured_content.is_some());
        }
        let took = begun.elapsed();
        let begun = Instant::now();
        for _ in 0..CALLS {
            let answer = hub
                .call("bench.echo", arguments().into(), CallMeta::default(), SOON)
                .await;
            assert!(matches!(answer, Ok(Reply::Done(_))));
        }
        // The first rounds warm both up.
        if round >= ROUNDS / 4 {
            direct.push(took);
            through.push(begun.elapsed());
        }
    }
    let (direct, through) = (median(&mut direct), median(&mut through));
    println!(
        "direct       {direct:>8.1} µs a call (median of {} rounds)",
        ROUNDS - ROUNDS / 4
    );
    println!("through hub  {through:>8.1} µs a call");
    println!(
        "ratio        {:>8.2}   (at most 1.20 is the aim)",
        through / direct
    );
    hub.stop().await;
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred calls")]
fn median(rounds: &mut [Duration]) -> f64 {
    rounds.sort();
    rounds[rounds.len() / 2].as_secs_f64() * 1e6 / CALLS as f64
}
