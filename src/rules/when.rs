//! In: the `[when]` table. Out: compiled [`Condition`]s and what is wrong with it. Never: payloads.

use jiff::Timestamp;

use crate::rules::diagnostic::{Findings, did_you_mean, nearest};
use crate::rules::keys;
use crate::rules::pattern::{All, Bound, Check, Condition, Order, Path, Test, Tests, fold};
use crate::rules::syntax::{Entry, Kind, Node, find};
use crate::rules::when::operand::{number, order, text_check};

mod operand;

/// Compiles the conditions of `[when]`.
pub(crate) fn conditions(entries: &[Entry], findings: &mut Findings<'_>) -> All {
    let mut reader = Reader { findings };
    reader.all(entries)
}

/// Compiles what stands behind one path.
pub(crate) fn tests(node: &Node, findings: &mut Findings<'_>) -> Option<Tests> {
    Reader { findings }.tests(node, Place::Set, false)
}

/// Where an operator table stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Set,
    /// Inside `not` or `all`: asked of each value by itself.
    Single,
}

struct Reader<'f, 'a> {
    findings: &'f mut Findings<'a>,
}

impl Reader<'_, '_> {
    fn all(&mut self, entries: &[Entry]) -> All {
        let mut conditions = Vec::new();
        for entry in entries {
            self.condition(entry, &mut conditions);
        }
        All(conditions)
    }

    /// One entry where a path or a group stands.
    fn condition(&mut self, entry: &Entry, into: &mut Vec<Condition>) {
        match entry.key.as_str() {
            "any" | "all" => {
                if let Some(branches) = self.branches(entry) {
                    into.push(if entry.key == "any" {
                        Condition::Any(branches)
                    } else {
                        Condition::Every(branches)
                    });
                }
            }
            "not" => match entry.node.table() {
                Some([]) => self.empty(entry),
                Some(inner) => into.push(Condition::Not(self.all(inner))),
                None => {
                    self.findings
                        .error(
                            "pattern",
                            &entry.node.span,
                            format!("the group `not` takes a table, not {}", entry.node.type_name()),
                        )
                        .hint("the operator stands behind a path: `issue.state = { not = \"closed\" }`");
                }
            },
            name if keys::is_operator(name) => {
                self.findings
                    .error(
                        "operator-without-path",
                        &entry.key_span,
                        format!("the operator `{name}` has no path to look at"),
                    )
                    .hint(format!(
                        "write `<path> = {{ {name} = … }}`; a payload field of this name is `\".{name}\"`"
                    ));
            }
            name if keys::is_top_level(name) && self.looks_misplaced(name, &entry.node) => {
                self.findings
                    .error(
                        "misplaced-key",
                        &entry.key_span,
                        format!("`{name}` is a key of the rule, not a path of `[when]`"),
                    )
                    .hint(format!(
                        "top-level keys come before the first `[table]`; a payload field of this name is `\".{name}\"`"
                    ));
            }
            _ => self.field(Vec::new(), entry, into),
        }
    }

    /// `on = "github.…"` inside `[when]` is a slip; `action = "opened"` is a field of the payload.
    fn looks_misplaced(&self, name: &str, node: &Node) -> bool {
        matches!(name, "on" | "if" | "mode" | "off_reason") && node.table().is_none()
    }

    fn branches(&mut self, entry: &Entry) -> Option<Vec<All>> {
        let items = match entry.node.array() {
            Some([]) => {
                self.empty(entry);
                return None;
            }
            Some(items) => items,
            None => {
                let name = &entry.key;
                self.findings
                    .error(
                        "pattern",
                        &entry.node.span,
                        format!(
                            "the group `{name}` takes a list of tables, not {}",
                            entry.node.type_name()
                        ),
                    )
                    .hint(format!("write `{name} = [ {{ … }}, {{ … }} ]`"));
                return None;
            }
        };
        let mut branches = Vec::new();
        for item in items {
            match item.table() {
                Some([]) | None => {
                    self.findings.error(
                        "pattern",
                        &item.span,
                        format!("each branch of `{}` is a table of conditions", entry.key),
                    );
                }
                Some(inner) => branches.push(self.all(inner)),
            }
        }
        Some(branches)
    }

    fn empty(&mut self, entry: &Entry) {
        self.findings.error(
            "pattern",
            &entry.node.span,
            format!("`{}` has nothing in it", entry.key),
        );
    }

    fn field(&mut self, mut path: Vec<String>, entry: &Entry, into: &mut Vec<Condition>) {
        let literal = entry.key.strip_prefix('.');
        let key = literal.unwrap_or(&entry.key);
        if key.is_empty() || key.split('.').any(str::is_empty) {
            self.findings.error(
                "pattern",
                &entry.key_span,
                format!("`{}` is not a path: a segment is empty", entry.key),
            );
            return;
        }
        path.extend(key.split('.').map(str::to_owned));
        if let Some(inner) = entry.node.table() {
            let operators = inner.iter().filter(|entry| keys::is_operator(&entry.key)).count();
            if inner.is_empty() {
                self.empty(entry);
                return;
            }
            if operators == 0 {
                for child in inner {
                    self.child(&path, child, into);
                }
                return;
            }
            if operators < inner.len() {
                self.mixed(&path, inner);
                return;
            }
        }
        if let Some(tests) = self.tests(&entry.node, Place::Set, false) {
            into.push(Condition::Field {
                path: Path(path),
                tests,
            });
        }
    }

    fn child(&mut self, path: &[String], child: &Entry, into: &mut Vec<Condition>) {
        if child.key == "any" {
            self.findings
                .error(
                    "pattern",
                    &child.key_span,
                    "the group `any` stands in `[when]` itself, not below a path",
                )
                .hint("several values: `path = [\"a\", \"b\"]`; a payload field of this name is `\".any\"`");
            return;
        }
        self.field(path.to_vec(), child, into);
    }

    fn mixed(&mut self, path: &[String], inner: &[Entry]) {
        let Some(stranger) = inner.iter().find(|entry| !keys::is_operator(&entry.key)) else {
            return;
        };
        let key = stranger.key.as_str();
        let path = path.join(".");
        let hint = nearest(key, keys::operators()).map_or_else(
            || {
                format!(
                    "if `{key}` is a field of the payload, say it by its own path: `{path}.{key} = …`, \
                     and quote the shorter path: `\"{path}\" = {{ … }}`"
                )
            },
            |near| format!("did you mean the operator `{near}`?"),
        );
        self.findings
            .error(
                "mixed-table",
                &stranger.key_span,
                format!("`{key}` is not an operator, but its neighbors are: a table holds operators or fields, not both"),
            )
            .hint(hint);
    }

    fn tests(&mut self, node: &Node, place: Place, fold_case: bool) -> Option<Tests> {
        match &node.kind {
            Kind::Table(entries) => self.operator_table(node, entries, place, fold_case),
            _ => Some(Tests(vec![self.equals(node, place, fold_case, "equals")?])),
        }
    }

    /// A scalar or a list, wherever it stands.
    fn equals(
        &mut self,
        node: &Node,
        place: Place,
        ignore_case: bool,
        operator: &'static str,
    ) -> Option<Test> {
        let check = match &node.kind {
            Kind::Array(items) => {
                let elements =
                    self.elements(node, items, |reader, item| reader.tests(item, place, ignore_case))?;
                Check::AnyOf(elements)
            }
            Kind::Text(text) if ignore_case => Check::EqualsFolded(fold(text)),
            Kind::Text(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Bool(_) => Check::Equals(node.json()),
            Kind::Date(_) => {
                self.findings
                    .error("pattern", &node.span, "payloads hold no dates, only text")
                    .hint("quote it; to compare times use `lt`, `lte`, `gt` or `gte`");
                return None;
            }
            Kind::Table(_) => {
                self.wrong_operand(operator, "a string, a number, a boolean or a list of them", node);
                return None;
            }
        };
        Some(Test {
            operator,
            expected: node.json(),
            ignore_case,
            check,
        })
    }

    fn elements(
        &mut self,
        node: &Node,
        items: &[Node],
        mut one: impl FnMut(&mut Self, &Node) -> Option<Tests>,
    ) -> Option<Vec<Tests>> {
        if items.is_empty() {
            self.findings
                .error("empty-list", &node.span, "an empty list never matches")
                .hint("to ask for an empty list write `{ count = 0 }`");
            return None;
        }
        let elements: Vec<Tests> = items.iter().filter_map(|item| one(self, item)).collect();
        (elements.len() == items.len()).then_some(elements)
    }

    fn operator_table(
        &mut self,
        node: &Node,
        entries: &[Entry],
        place: Place,
        outer_fold: bool,
    ) -> Option<Tests> {
        let mut fold_case = outer_fold;
        if let Some(entry) = find(entries, "ignore_case") {
            match entry.node.kind {
                Kind::Bool(flag) => fold_case = flag,
                _ => self.wrong_operand("ignore_case", "`true` or `false`", &entry.node),
            }
            if entries.len() == 1 {
                self.findings
                    .error(
                        "pattern",
                        &entry.key_span,
                        "`ignore_case` stands beside an operator",
                    )
                    .hint("`{ equals = \"bug\", ignore_case = true }`");
                return None;
            }
        }
        if entries.is_empty() {
            self.findings
                .error("pattern", &node.span, "this table has no operator in it");
            return None;
        }
        let mut tests = Vec::new();
        let mut complete = true;
        for entry in entries.iter().filter(|entry| entry.key != "ignore_case") {
            match self.operator(entry, place, fold_case) {
                Some(test) => tests.push(test),
                None => complete = false,
            }
        }
        complete.then_some(Tests(tests))
    }

    fn operator(&mut self, entry: &Entry, place: Place, fold_case: bool) -> Option<Test> {
        let Some(operator) = keys::operators().find(|name| *name == entry.key) else {
            self.findings
                .error(
                    "unknown-operator",
                    &entry.key_span,
                    format!("there is no operator `{}`", entry.key),
                )
                .maybe_hint(did_you_mean(&entry.key, keys::operators()));
            return None;
        };
        let node = &entry.node;
        let check = match operator {
            "equals" => return self.equals(node, place, fold_case, operator),
            "not" => Check::NoneOf(self.tests(node, Place::Single, fold_case)?),
            "all" => Check::Each(self.tests(node, Place::Single, fold_case)?),
            "exists" => match node.kind {
                Kind::Bool(flag) => Check::Exists(flag),
                _ => {
                    self.wrong_operand(operator, "`true` or `false`", node);
                    return None;
                }
            },
            "count" if place == Place::Single => {
                self.findings
                    .error(
                        "pattern",
                        &entry.key_span,
                        "inside `not` and `all` each value is asked by itself, so there is nothing to count",
                    )
                    .hint("negate the group instead: `not = { labels = { count = 2 } }`");
                return None;
            }
            "count" => self.count(node)?,
            "lt" | "lte" | "gt" | "gte" => self.compare(operator, node)?,
            _ => return self.text_operator(operator, node, fold_case),
        };
        Some(Test {
            operator,
            expected: node.json(),
            ignore_case: fold_case,
            check,
        })
    }

    /// Operators on text take a string, or a list of strings of which one must match.
    fn text_operator(&mut self, operator: &'static str, node: &Node, ignore_case: bool) -> Option<Test> {
        let check = match &node.kind {
            Kind::Text(text) => match text_check(operator, text, ignore_case) {
                Ok(check) => check,
                Err(message) => {
                    self.findings.error("pattern", &node.span, message);
                    return None;
                }
            },
            Kind::Array(items) => Check::AnyOf(self.elements(node, items, |reader, item| {
                if item.array().is_some() {
                    reader.wrong_operand(operator, "a string", item);
                    return None;
                }
                Some(Tests(vec![reader.text_operator(operator, item, ignore_case)?]))
            })?),
            _ => {
                self.wrong_operand(operator, "a string", node);
                return None;
            }
        };
        Some(Test {
            operator,
            expected: node.json(),
            ignore_case,
            check,
        })
    }

    fn compare(&mut self, operator: &str, node: &Node) -> Option<Check> {
        let bound = match &node.kind {
            Kind::Text(text) | Kind::Date(text) => text.parse::<Timestamp>().ok().map(Bound::Time),
            _ => number(node).map(Bound::Number),
        };
        let Some(bound) = bound else {
            self.wrong_operand(
                operator,
                "a number or an RFC 3339 time (`\"2026-11-01T00:00:00Z\"`)",
                node,
            );
            return None;
        };
        Some(Check::Compare(order(operator), bound))
    }

    fn count(&mut self, node: &Node) -> Option<Check> {
        const WANTED: &str = "a number, or a table of `lt`, `lte`, `gt`, `gte`, `equals` with numbers";
        let mut bounds = Vec::new();
        match &node.kind {
            Kind::Table(entries) if !entries.is_empty() => {
                for entry in entries {
                    let known = matches!(entry.key.as_str(), "equals" | "lt" | "lte" | "gt" | "gte");
                    match number(&entry.node).filter(|_| known) {
                        Some(number) => bounds.push((order(&entry.key), number)),
                        None => {
                            self.wrong_operand("count", WANTED, node);
                            return None;
                        }
                    }
                }
            }
            _ => match number(node) {
                Some(number) => bounds.push((Order::Equal, number)),
                None => {
                    self.wrong_operand("count", WANTED, node);
                    return None;
                }
            },
        }
        Some(Check::Count(bounds))
    }

    fn wrong_operand(&mut self, operator: &str, wanted: &str, node: &Node) {
        self.findings.error(
            "operand",
            &node.span,
            format!("`{operator}` takes {wanted}, not {}", node.type_name()),
        );
    }
}
