//! Servers of others, as `xmrt.toml` says them.

use secrecy::ExposeSecret;
use xmrt::config::Settings;

use super::with_file;

/// The settings of one `[mcp.notes]` table.
fn attached(table: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
    with_file(&format!("[mcp.notes]\n{table}"), environment)
}

#[test]
fn an_external_server_sees_the_variables_it_names_and_those_that_are_missing_are_known() {
    let environment = [("A_TOKEN", "the token"), ("PATH", "/bin"), ("OTHER", "no")];
    let table = "command = [\"notes\", \"--stdio\"]\nenv = [\"A_TOKEN\", \"NOT_SET\"]\ntimeout = \"5s\"";
    let settings = attached(table, &environment).unwrap();
    let notes = &settings.mcp["notes"];
    let seen: Vec<(&str, &str)> = notes
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    assert_eq!(seen, [("A_TOKEN", "the token"), ("PATH", "/bin")]);
    assert_eq!(notes.missing, ["NOT_SET"]);
    assert_eq!(notes.server.call_timeout().as_secs(), 5);
    assert!(!format!("{settings:?}").contains("the token"));
    let remote =
        "url = \"https://mcp.example.com/mcp\"\nheaders = { Authorization = \"Bearer ${A_TOKEN}!\" }";
    let settings = attached(remote, &environment).unwrap();
    let (name, value) = &settings.mcp["notes"].headers[0];
    assert_eq!(
        (name.as_str(), value.expose_secret()),
        ("Authorization", "Bearer the token!")
    );
}

#[test]
fn an_external_server_that_cannot_be_meant_is_refused() {
    let cases = [
        ("", "say where it is"),
        (
            "command = [\"a\"]\nurl = \"https://a.test\"",
            "exclude each other",
        ),
        ("command = [\"\"]", "names no program"),
        ("command = [\"a\"]\nheaders = { A = \"b\" }", "belong to a `url`"),
        (
            "url = \"https://a.test\"\nenv = [\"A\"]",
            "belongs to a `command`",
        ),
        ("url = \"file:///etc/passwd\"", "write https://"),
        ("command = [\"a\"]\ntimeout = \"soon\"", "`timeout` is \"soon\""),
        ("command = [\"a\"]\nhealth = \"1ms\"", "`health` is \"1ms\""),
        (
            "url = \"https://a.test\"\nheaders = { A = \"${B\" }",
            "does not close it",
        ),
        (
            "command = [\"a\"]\ntools = [\"b\"]\n[mcp.notes.tool.c]\nread_only = true",
            "a tool that `tools` does not name",
        ),
        ("command = [\"a\"]\nshell = true", "unknown field `shell`"),
    ];
    for (table, part) in cases {
        let error = attached(table, &[]).unwrap_err();
        assert!(error.contains(part), "{table}: {error}");
    }
    for name in ["github", "all", "Notes", "a_name_that_is_much_too_long"] {
        let error = with_file(&format!("[mcp.{name}]\ncommand = [\"a\"]"), &[]).unwrap_err();
        assert!(error.contains("name"), "{name}: {error}");
    }
}
