//! In: `POST /graphql`. Out: the route of the operation it names; of an answer, the fields that the document selects.
//! Never: the whole language: one operation, no directives, only named fragments, each spread on a line of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::str::Chars;

use http::Method;
use serde_json::{Map, Value, json};

use super::app::reaches;
use super::{Repo, commits, contents, discussions, merging};
use crate::sandbox::call::{Answer, Call, Outcome, Route};
use crate::sandbox::state::World;

/// Every operation that the GitHub side knows, by its name in our documents.
const OPERATIONS: &[(&str, Route)] = &[
    ("CommitFiles", write("commit_files", commits::create_on_branch)),
    ("PullMerging", read("get_pull_request", merging::get)),
    ("EnableAutoMerge", write("enable_auto_merge", merging::enable)),
    ("ConvertToDraft", write("set_draft", merging::to_draft)),
    ("MarkReady", write("set_draft", merging::to_ready)),
    ("TransferIssue", write("transfer_issue", merging::transfer)),
    ("ReadFiles", read("read_files", contents::files)),
    ("Overview", read("get_overview", commits::overview)),
    ("ListCategories", read("list_categories", discussions::categories)),
    ("ListDiscussions", read("list_discussions", discussions::list)),
    ("GetDiscussion", read("get_discussion", discussions::get)),
    ("LatestComments", read("get_discussion", discussions::get)),
    (
        "CreateDiscussion",
        write("create_discussion", discussions::create),
    ),
    (
        "CommentOnDiscussion",
        write("comment_on_discussion", discussions::comment),
    ),
    (
        "UpdateDiscussion",
        write("update_discussion", discussions::update),
    ),
    ("MarkAnswer", write("mark_answer", discussions::mark_answer)),
    ("CloseDiscussion", write("close_discussion", discussions::close)),
    ("LockDiscussion", write("lock_discussion", discussions::lock)),
];

/// A query: it goes out with `POST`, too, and changes nothing.
const fn read(operation: &'static str, run: fn(&mut World, &Call) -> Outcome) -> Route {
    Route::new("GET", GRAPHQL, operation, run)
}

/// A mutation.
const fn write(operation: &'static str, run: fn(&mut World, &Call) -> Outcome) -> Route {
    Route::new("POST", GRAPHQL, operation, run)
}

pub(in crate::sandbox) const GRAPHQL: &str = "/graphql";

/// The route of the operation that a call names; of any other call, none.
pub(in crate::sandbox) fn operation(call: &Call) -> Option<&'static Route> {
    if call.path != GRAPHQL || call.method != Method::POST {
        return None;
    }
    let body = call.object()?;
    let named = body.get("operationName")?.as_str()?;
    let document = body.get("query")?.as_str()?;
    // The name must be that of the document's operation.
    let header = document.split('{').next()?;
    let own = header.split(['(', ' ']).nth(1)?;
    OPERATIONS
        .iter()
        .find(|(name, _)| *name == named && own == named)
        .map(|(_, route)| route)
}

/// A document that names no operation known here.
pub(super) fn unknown(_: &mut World, call: &Call) -> Outcome {
    let named = call.object().and_then(|body| body.get("operationName").cloned());
    Err(refusal(
        None,
        "",
        &format!("No operation named {} is known here", named.unwrap_or_default()),
    ))
}

/// GraphQL refuses in a 200.
pub(super) fn refusal(kind: Option<&str>, field: &str, message: &str) -> Answer {
    let mut problem = json!({"message": message, "locations": [{"line": 2, "column": 3}]});
    if let Some(kind) = kind {
        problem["type"] = kind.into();
        problem["path"] = json!([field]);
    }
    Answer::ok(json!({"data": {field: null}, "errors": [problem]}))
}

pub(super) fn missing(field: &str, message: &str) -> Answer {
    refusal(Some("NOT_FOUND"), field, message)
}

/// There is nothing of that id.
pub(super) fn no_node(field: &str, id: &str) -> Answer {
    missing(
        field,
        &format!("Could not resolve to a node with the global id of '{id}'."),
    )
}

/// The repository that a call's variables name, where its token reaches it.
pub(super) fn repo_of<'w>(
    world: &'w World,
    call: &Call,
    given: &Map<String, Value>,
) -> Result<&'w Repo, Answer> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = format!("{}/{}", text("owner"), text("name"));
    world
        .github
        .repo(&name)
        .filter(|_| reaches(world, call, &name))
        .ok_or_else(|| no_repository("repository", &name))
}

/// There is no repository of that name.
pub(super) fn no_repository(field: &str, name: &str) -> Answer {
    missing(
        field,
        &format!("Could not resolve to a Repository with the name '{name}'."),
    )
}

/// The variables of a call; one that the document wants and that is not there is refused.
pub(super) fn variables(call: &Call) -> Result<Map<String, Value>, Answer> {
    let body = call.object().unwrap_or_default();
    let given = body
        .get("variables")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let document = body.get("query").and_then(Value::as_str).unwrap_or_default();
    // The whole document is looked at before anything is done.
    spread(document)?;
    let header = document.split('{').next().unwrap_or_default();
    for declared in header.split('$').skip(1) {
        let (name, rest) = declared.split_once(':').unwrap_or((declared, ""));
        let kind = rest.trim_start().split([',', ')']).next().unwrap_or_default();
        let wanted = kind.trim_end().ends_with('!') && !kind.contains('=');
        if wanted && given.get(name.trim()).is_none_or(Value::is_null) {
            let message = format!(
                "Variable ${} of type {} was provided invalid value",
                name.trim(),
                kind.trim()
            );
            return Err(refusal(None, "", &message));
        }
    }
    Ok(given)
}

/// The object `input` of a mutation.
pub(super) fn input(call: &Call) -> Result<Map<String, Value>, Answer> {
    let input = variables(call)?.remove("input");
    match input {
        Some(Value::Object(input)) => Ok(input),
        _ => Err(refusal(None, "", "Variable $input was provided invalid value")),
    }
}

/// What the document selects of `data`.
pub(super) fn selected(call: &Call, data: Value) -> Outcome {
    let body = call.object().unwrap_or_default();
    let document = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let operation = spread(document)?;
    let (_, selected) = operation.split_once('{').unwrap_or_default();
    let mut signs = selected.chars();
    let selection = fields(&mut signs);
    Ok(Answer::ok(json!({"data": only(data, &selection)})))
}

/// The document's operation, with the fields of its fragments where they are spread. Like GitHub it refuses a fragment that is
/// not there, and one that nothing spreads.
fn spread(document: &str) -> Result<String, Answer> {
    let mut parts = document.split("\nfragment ");
    let operation = parts.next().unwrap_or_default();
    let mut fragments: BTreeMap<&str, &str> = parts
        .filter_map(|part| {
            let (head, fields) = part.split_once('{')?;
            Some((
                head.split_whitespace().next()?,
                fields.trim_end().strip_suffix('}')?,
            ))
        })
        .collect();
    let (mut spread, mut used) = (Vec::new(), BTreeSet::new());
    for line in operation.lines() {
        match line.trim_start().strip_prefix("...") {
            None => spread.push(line),
            Some(name) => match fragments.get(name) {
                Some(fields) => {
                    used.insert(name);
                    spread.push(fields);
                }
                None => {
                    return Err(refusal(
                        None,
                        "",
                        &format!("Fragment {name} was used, but not defined"),
                    ));
                }
            },
        }
    }
    fragments.retain(|name, _| !used.contains(name));
    match fragments.keys().next() {
        Some(name) => Err(refusal(
            None,
            "",
            &format!("Fragment {name} was defined, but not used"),
        )),
        None => Ok(spread.join("\n")),
    }
}

/// A field, and what is selected of it.
struct Field(String, Vec<Field>);

/// The fields up to the closing brace. One that has an alias is known by that.
fn fields(signs: &mut Chars<'_>) -> Vec<Field> {
    let (mut found, mut word): (Vec<Field>, String) = (Vec::new(), String::new());
    let mut aliased = false;
    while let Some(sign) = signs.next() {
        if sign.is_alphanumeric() || sign == '_' {
            word.push(sign);
            continue;
        }
        if !word.is_empty() {
            let name = std::mem::take(&mut word);
            if !std::mem::take(&mut aliased) {
                found.push(Field(name, Vec::new()));
            }
        }
        match sign {
            ':' => aliased = true,
            '(' => skip(signs),
            '{' => {
                let inner = fields(signs);
                if let Some(field) = found.last_mut() {
                    field.1 = inner;
                }
            }
            '}' => return found,
            _ => {}
        }
    }
    found
}

/// Passes over arguments.
fn skip(signs: &mut Chars<'_>) {
    let mut depth = 1;
    for sign in signs.by_ref() {
        match sign {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn only(value: Value, fields: &[Field]) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| only(item, fields)).collect(),
        Value::Object(mut object) if !fields.is_empty() => {
            let kept = fields.iter().filter_map(|Field(name, inner)| {
                let value = object.remove(name)?;
                Some((name.clone(), only(value, inner)))
            });
            Value::Object(kept.collect())
        }
        other => other,
    }
}
