//! In: JSON that strangers wrote. Out: HTML to fold and read, of a bounded size. Never: a character of theirs that is markup.

use serde_json::Value;

use super::view::cut;

/// The longest text that is shown of one value, in characters.
const TEXT_CHARS_MAX: usize = 600;
/// Up to which depth objects and lists are open.
const OPEN_DEPTH: usize = 2;
/// Below this depth nothing is shown: no browser lays out more in a readable way.
const DEPTH_MAX: usize = 40;

/// How an object or a list ends.
const END: &str = "</ul></details></li>";

/// What may still be written of one page's JSON, in bytes.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// A tree of nested lists. `None` for what does not fit is told at its place.
    pub(super) fn tree(&mut self, value: &Value) -> String {
        let mut html = String::new();
        self.node(&mut html, None, value, 0);
        html
    }

    /// The value as text with line breaks; a part of it where not all fits.
    pub(super) fn pretty(&mut self, value: &Value, bytes_max: usize) -> String {
        let text = match value {
            Value::String(text) => text.clone(),
            value => serde_json::to_string_pretty(value).unwrap_or_default(),
        };
        let mut html = String::new();
        let room = self.0.min(bytes_max);
        for character in text.chars() {
            if html.len() >= room {
                html.push_str("\n… (cut here; the API shows all of it)");
                break;
            }
            push(&mut html, character);
        }
        self.0 = self.0.saturating_sub(html.len());
        html
    }

    fn node(&mut self, html: &mut String, key: Option<&str>, value: &Value, depth: usize) {
        let before = html.len();
        let key = key.map_or(String::new(), |key| {
            format!(
                "<span class=\"key\">{}</span> ",
                escaped(&cut(key, TEXT_CHARS_MAX))
            )
        });
        let children: Vec<(Option<&str>, &Value)> = match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (Some(key.as_str()), value))
                .collect(),
            Value::Array(items) => items.iter().map(|value| (None, value)).collect(),
            _ => Vec::new(),
        };
        if children.is_empty() {
            html.push_str(&format!("<li>{key}{}</li>", leaf(value)));
            self.0 = self.0.saturating_sub(html.len() - before);
            return;
        }
        let (count, what) = (children.len(), if value.is_array() { "items" } else { "fields" });
        let open = if depth < OPEN_DEPTH && count <= 40 {
            " open"
        } else {
            ""
        };
        html.push_str(&format!(
            "<li><details{open}><summary>{key}<span class=\"count\">{count} {what}</span></summary><ul>"
        ));
        // Its end is written in any case.
        self.0 = self.0.saturating_sub(html.len() - before + END.len());
        for (shown, (key, value)) in children.into_iter().enumerate() {
            if self.0 == 0 || depth >= DEPTH_MAX {
                html.push_str(&format!(
                    "<li class=\"cut\">{} more, in the API</li>",
                    count - shown
                ));
                break;
            }
            self.node(html, key, value, depth + 1);
        }
        html.push_str(END);
    }
}

fn leaf(value: &Value) -> String {
    let (class, text) = match value {
        Value::String(text) => ("text", format!("\"{}\"", cut(text, TEXT_CHARS_MAX))),
        value => ("plain", value.to_string()),
    };
    format!("<span class=\"{class}\">{}</span>", escaped(&text))
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut html, character));
    html
}

/// Between tags nothing else means anything.
fn push(html: &mut String, character: char) {
    match character {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        other => html.push(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn no_text_of_a_payload_becomes_markup(key in ".*", text in "(<|>|&|\"|'|.){0,40}") {
            let html = Budget::new(10_000).tree(&json!({ key: [text] }));
            let ours = ["<li>", "</li>", "<ul>", "</ul>", "</details>", "<summary>", "</summary>", "</span>", "<details open>",
                "<span class=\"key\">", "<span class=\"count\">", "<span class=\"text\">"];
            let rest = ours.iter().fold(html, |html, tag| html.replace(tag, ""));
            prop_assert!(!rest.contains(['<', '>']), "{rest}");
        }

        #[test]
        fn pretty_text_has_no_markup_at_all(text in "(<|>|&|\"|.){0,60}", max in 0_usize..80) {
            let html = Budget::new(1000).pretty(&json!({ "a": text }), max);
            prop_assert!(!html.contains(['<', '>']), "{html}");
        }
    }

    #[test]
    fn a_large_payload_is_cut_and_says_how_much_is_left() {
        let large: Vec<Value> = (0..100_000).map(|number| json!({ "number": number })).collect();
        let html = Budget::new(40_000).tree(&json!(large));
        assert!(html.len() < 42_000, "{}", html.len());
        assert!(html.contains("more, in the API"));
    }

    #[test]
    fn a_deep_payload_ends_somewhere() {
        let deep = (0..120).fold(json!(1), |value, _| json!([value]));
        assert!(Budget::new(40_000).tree(&deep).contains("1 more, in the API"));
    }
}
