//! `examples/two-agents`, as its README says to run it: two agents of Python, one of which is killed.

use std::path::Path;

use tokio::process::Command;

use crate::mcp::python;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_agents_one_is_killed_and_the_other_finishes_its_task() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/two-agents");
    let output = Command::new(folder.join("run"))
        .env("XMRT", env!("CARGO_BIN_EXE_xmrt"))
        .env("PYTHON", python())
        .env("NO_PROXY", "127.0.0.1,localhost")
        .output()
        .await
        .unwrap();
    let (told, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}\n{errors}");
    for line in [
        "eliza was killed",
        "otto: completed",
        "eliza lapsed: its lease ran out",
        "otto done",
    ] {
        assert!(told.contains(line), "{line}: {told}\n{errors}");
    }
    assert!(!told.contains("eliza: completed"), "{told}");
}
