//! The configurations of MCP clients in docs/mcp.md are ones that can be copied: in the language of their file, and naming a command
//! or an endpoint that there is.

use std::process::Command;

use serde_json::Value;

use super::read;

/// The clients, and the language of the block that is theirs.
const CLIENTS: [(&str, &str); 5] = [
    ("**Claude Code**", "sh"),
    ("**Codex**", "toml"),
    ("**Claude Desktop**", "json"),
    ("**Cursor**", "json"),
    ("**VS Code**", "json"),
];

/// The first block of a language behind a heading.
fn block<'t>(page: &'t str, heading: &str, language: &str) -> &'t str {
    let (_, after) = page
        .split_once(heading)
        .unwrap_or_else(|| panic!("docs/mcp.md has no {heading}"));
    let (_, after) = after
        .split_once("```")
        .unwrap_or_else(|| panic!("{heading} shows nothing"));
    let block = after.strip_prefix(&format!("{language}\n"));
    let block = block.unwrap_or_else(|| panic!("{heading} shows no {language}"));
    block
        .split_once("\n```")
        .unwrap_or_else(|| panic!("{heading} does not end"))
        .0
}

/// That the program takes these arguments, without doing what they say.
fn exists(client: &str, command: &str, arguments: &[String]) {
    assert_eq!(command, "xmrt", "{client} starts another program");
    let told = Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    assert!(
        told.status.success(),
        "{client}: xmrt {arguments:?} is no command"
    );
    let help = String::from_utf8(told.stdout).unwrap();
    assert!(
        help.contains("MCP server on standard input and output"),
        "{client}: {help}"
    );
}

/// Every server of a configuration: started by a command, or reached at an address.
fn servers(client: &str, servers: &serde_json::Map<String, Value>) -> usize {
    for (name, server) in servers {
        if let Some(command) = server["command"].as_str() {
            let arguments = server["args"].as_array().unwrap().iter();
            let arguments: Vec<String> = arguments.map(|word| word.as_str().unwrap().to_owned()).collect();
            exists(client, command, &arguments);
        } else {
            let url = server["url"]
                .as_str()
                .unwrap_or_else(|| panic!("{client}: {name} leads nowhere"));
            assert!(url.ends_with(":8080/mcp"), "{client}: {name} leads to {url}");
            let bearer = server["headers"]["Authorization"]
                .as_str()
                .or(server["bearer_token_env_var"].as_str());
            assert!(bearer.is_some(), "{client}: {name} shows no token");
        }
    }
    servers.len()
}

#[test]
fn every_clients_configuration_can_be_copied() {
    let page = read("docs/mcp.md");
    let mut seen = 0;
    for (client, language) in CLIENTS {
        let text = block(&page, client, language);
        seen += match language {
            "json" => {
                let whole: Value =
                    serde_json::from_str(text).unwrap_or_else(|error| panic!("{client}: {error}"));
                let listed = whole["mcpServers"].as_object().or(whole["servers"].as_object());
                servers(
                    client,
                    listed.unwrap_or_else(|| panic!("{client} lists no servers")),
                )
            }
            "toml" => {
                let whole: toml::Table =
                    toml::from_str(text).unwrap_or_else(|error| panic!("{client}: {error}"));
                let whole = serde_json::to_value(whole).unwrap();
                servers(client, whole["mcp_servers"].as_object().unwrap())
            }
            _ => {
                let mut commands = 0;
                for line in text.lines() {
                    assert!(line.starts_with("claude mcp add "), "{line}");
                    assert_eq!(line.matches('"').count() % 2, 0, "{line}");
                    commands += 1;
                    if let Some((_, command)) = line.split_once(" -- ") {
                        let mut words = command.split_whitespace().map(str::to_owned);
                        let program = words.next().unwrap();
                        exists(client, &program, &words.collect::<Vec<_>>());
                    } else {
                        assert!(
                            line.contains(" http://127.0.0.1:8080/mcp ") && line.contains("--header"),
                            "{line}"
                        );
                    }
                }
                commands
            }
        };
    }
    assert_eq!(seen, 9, "each client by a command, and most also at an address");
}
