//! In: `if`s and `{{ templates }}`, and the values they name. Out: JSON, or an error that says which name is missing.
//! Never: a clock, chance, the environment; what was rendered is never evaluated again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::LazyLock;

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value as Mini};
use serde::Serialize;
use serde_json::Value;

use crate::rules::{filters, names};

/// Longest source of one expression or template, in bytes.
pub(crate) const SOURCE_BYTES_MAX: usize = 64 * 1024;
/// Longest output of one template, in bytes.
pub(crate) const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// Steps of the engine one evaluation may take; large texts cost steps, too. The worst there is ends well within 50 ms,
/// on a slow machine too: a test measures it.
const FUEL: u64 = 150_000;
/// How deep the engine may recurse.
const RECURSION_MAX: usize = 100;

/// What an expression can see.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The payload.
    pub event: Value,
    /// The envelope: see [`crate::rules::meta_of`].
    pub meta: Value,
    /// The rule's variables.
    pub vars: Value,
    /// Results so far, by step id.
    pub steps: Value,
    /// The run itself.
    pub run: Value,
    /// The item at hand, in an action with `for_each`.
    pub item: Option<Value>,
    /// The present, as far as this evaluation is concerned.
    pub now: Timestamp,
    /// The call's result, in `require`.
    pub result: Option<Value>,
}

/// An expression that could not be evaluated. It is never the same as "false".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// What went wrong, naming the path that is missing.
    pub message: String,
}

/// A source that does not compile: what, and where within it.
#[derive(Clone, Debug)]
pub(crate) struct SourceError {
    pub(crate) message: String,
    pub(crate) range: Option<Range<usize>>,
}

/// The names as the engine takes them; made once and used for all expressions about one event.
#[derive(Clone, Debug)]
pub(crate) struct Names(BTreeMap<&'static str, Mini>);

/// JSON as the engine takes it.
fn engine(value: impl Serialize) -> Mini {
    Mini::from(Serde(value))
}

impl Names {
    /// Those known when an event is matched.
    pub(crate) fn at_match(event: &Value, meta: &Value, vars: &Value, now: Timestamp) -> Self {
        Self(BTreeMap::from([
            ("event", engine(event)),
            ("meta", engine(meta)),
            ("vars", engine(vars)),
            ("now", Mini::from(now.to_string())),
        ]))
    }

    /// The same event, seen by a rule with other variables.
    pub(crate) fn with_vars(&self, vars: &Value) -> Self {
        let mut names = self.clone();
        names.0.insert("vars", engine(vars));
        names
    }

    /// The same event, of whose payload only a part is offered, seen by a rule with other variables.
    pub(crate) fn with(&self, payload: impl Serialize, vars: &Value) -> Self {
        let mut names = self.with_vars(vars);
        names.0.insert("event", engine(payload));
        names
    }

    /// Those known while a step is planned.
    pub(crate) fn of(scope: &Scope) -> Self {
        let mut names = Self::at_match(&scope.event, &scope.meta, &scope.vars, scope.now);
        names.0.insert("steps", engine(&scope.steps));
        names.0.insert("run", engine(&scope.run));
        if let Some(item) = &scope.item {
            names.0.insert("item", engine(item));
        }
        if let Some(result) = &scope.result {
            names.0.insert("result", engine(result));
        }
        names
    }

    /// The value at a dotted path: `None` when its first part is no name here at all, `Some(None)` when the path leads
    /// nowhere.
    pub(crate) fn lookup(&self, path: &str) -> Option<Option<Value>> {
        let mut segments = path.split('.');
        let mut value = self.0.get(segments.next()?)?.clone();
        for segment in segments {
            value = value.get_attr(segment).unwrap_or(Mini::UNDEFINED);
        }
        if value.is_undefined() {
            return Some(None);
        }
        Some(to_json(&value).ok())
    }

    fn context(&self) -> Mini {
        Mini::from(self.0.clone())
    }
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION_MAX);
    environment.set_debug(true);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    // `debug` would show the whole scope in an issue.
    environment.remove_global("debug");
    // A payload's null is nothing to print: a body that is not there is no text "none".
    environment.set_formatter(|out, state, value| {
        if value.is_none() {
            return Ok(());
        }
        minijinja::escape_formatter(out, state, value)
    });
    filters::install(&mut environment);
    environment
});

/// Names that are functions of the engine, not paths.
pub(crate) fn is_function(name: &str) -> bool {
    ENVIRONMENT.globals().any(|(global, _)| global == name)
}

/// One expression.
#[derive(Debug)]
pub(crate) struct Expression {
    text: String,
    compiled: minijinja::Expression<'static, 'static>,
}

impl Expression {
    pub(crate) fn compile(text: &str) -> Result<Self, SourceError> {
        bounded(text)?;
        names::check_length(text, true)?;
        let environment: &'static Environment<'static> = &ENVIRONMENT;
        let compiled = environment
            .compile_expression_owned(text.to_owned())
            .map_err(|error| source_error(&error))?;
        let expression = Self {
            text: text.to_owned(),
            compiled,
        };
        names::check_calls(&expression.text, true)?;
        Ok(expression)
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The paths it mentions, such as `event.issue.title`.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        self.compiled.undeclared_variables(true).into_iter().collect()
    }

    /// Its value as JSON; an undefined result is an error.
    pub(crate) fn value(&self, names: &Names) -> Result<Value, ExprError> {
        let value = self
            .compiled
            .eval(names.context())
            .map_err(|error| expr_error(&error))?;
        if value.is_undefined() {
            return Err(ExprError {
                message: format!("`{}` is undefined", self.text.trim()),
            });
        }
        to_json(&value)
    }

    /// Whether it holds, by the engine's notion of truth (zero and an empty list are false); an undefined value is an
    /// error.
    pub(crate) fn holds(&self, names: &Names) -> Result<bool, ExprError> {
        let value = self
            .compiled
            .eval(names.context())
            .map_err(|error| expr_error(&error))?;
        if value.is_undefined() {
            return Err(ExprError {
                message: format!("`{}` is undefined", self.text.trim()),
            });
        }
        Ok(value.is_true())
    }
}

fn to_json(value: &Mini) -> Result<Value, ExprError> {
    let failed = |error: serde_json::Error| ExprError {
        message: format!("the value cannot be JSON: {error}"),
    };
    // Measured before it is made: the engine's lists may be made as they are read, and have any length.
    let mut size = Limited::default();
    match serde_json::to_writer(&mut size, value) {
        Err(_) if size.full => Err(too_large()),
        Err(error) => Err(failed(error)),
        Ok(()) => serde_json::to_value(value).map_err(failed),
    }
}

/// A string that may hold `{{ … }}`.
#[derive(Debug)]
pub(crate) enum Template {
    /// No template at all.
    Constant(String),
    /// One single expression: it keeps its type.
    Value(Expression),
    /// Text around expressions.
    Text { text: String, paths: BTreeSet<String> },
}

impl Template {
    /// As it was written.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::Constant(text) | Self::Text { text, .. } => text.clone(),
            Self::Value(expression) => format!("{{{{ {} }}}}", expression.text()),
        }
    }

    pub(crate) fn compile(text: &str) -> Result<Self, SourceError> {
        bounded(text)?;
        if !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            return Ok(Self::Constant(text.to_owned()));
        }
        if let Some(inner) = single(text) {
            match Expression::compile(inner) {
                Ok(expression) => return Ok(Self::Value(expression)),
                Err(error) if !inner.contains("}}") => {
                    let start = inner.as_ptr() as usize - text.as_ptr() as usize;
                    return Err(SourceError {
                        range: error.range.map(|at| at.start + start..at.end + start),
                        ..error
                    });
                }
                // `{{ a }} and {{ b }}` only looks like one.
                Err(_) => {}
            }
        }
        names::check_length(text, false)?;
        let template = ENVIRONMENT
            .template_from_str(text)
            .map_err(|error| source_error(&error))?;
        let paths = template.undeclared_variables(true).into_iter().collect();
        names::check_calls(text, false)?;
        Ok(Self::Text {
            text: text.to_owned(),
            paths,
        })
    }

    /// The paths it mentions.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        match self {
            Self::Constant(_) => BTreeSet::new(),
            Self::Value(expression) => expression.paths(),
            Self::Text { paths, .. } => paths.clone(),
        }
    }

    /// As it was written, braces and all.
    pub(crate) fn source(&self) -> String {
        match self {
            Self::Constant(text) | Self::Text { text, .. } => text.clone(),
            Self::Value(expression) => format!("{{{{ {} }}}}", expression.text().trim()),
        }
    }

    pub(crate) fn value(&self, names: &Names) -> Result<Value, ExprError> {
        match self {
            Self::Constant(text) => Ok(Value::from(text.as_str())),
            Self::Value(expression) => expression.value(names),
            Self::Text { text, .. } => render(text, names).map(Value::from),
        }
    }

    /// As text, for keys: a number is its digits, a list or table its JSON; nothing at all is an error.
    pub(crate) fn text(&self, names: &Names) -> Result<String, ExprError> {
        match self.value(names)? {
            Value::String(text) if text.is_empty() => Err(ExprError {
                message: "the key came out empty".into(),
            }),
            Value::String(text) => Ok(text),
            Value::Null => Err(ExprError {
                message: "the key came out null".into(),
            }),
            other => Ok(other.to_string()),
        }
    }
}

/// What stands inside, when a string is one `{{ … }}` and nothing else.
fn single(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    // The engine's whitespace control marks belong to the braces.
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_suffix(['-', '+']).unwrap_or(inner))
}

fn render(text: &str, names: &Names) -> Result<String, ExprError> {
    let template = ENVIRONMENT
        .template_from_str(text)
        .map_err(|error| expr_error(&error))?;
    let mut output = Limited::default();
    match template.render_captured_to(names.context(), &mut output) {
        Ok(_) => String::from_utf8(output.written).map_err(|_| ExprError {
            message: "the output is not UTF-8".into(),
        }),
        Err(_) if output.full => Err(too_large()),
        Err(error) => Err(expr_error(&error)),
    }
}

/// A writer that refuses to grow beyond [`OUTPUT_BYTES_MAX`].
#[derive(Default)]
struct Limited {
    written: Vec<u8>,
    full: bool,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.full = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_large() -> ExprError {
    ExprError {
        message: "the output is larger than 1 MiB".into(),
    }
}

fn bounded(text: &str) -> Result<(), SourceError> {
    if text.len() <= SOURCE_BYTES_MAX {
        return Ok(());
    }
    Err(SourceError {
        message: format!("longer than {SOURCE_BYTES_MAX} bytes"),
        range: None,
    })
}

fn source_error(error: &minijinja::Error) -> SourceError {
    SourceError {
        message: error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned),
        range: error.range(),
    }
}

fn expr_error(error: &minijinja::Error) -> ExprError {
    let mention = error
        .template_source()
        .zip(error.range())
        .and_then(|(source, range)| source.get(range))
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let message = match error.kind() {
        ErrorKind::OutOfFuel => "the expression took too many steps and was stopped".to_owned(),
        ErrorKind::UndefinedError => undefined(error, mention),
        kind => {
            let what = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
            match mention {
                Some(mention) => format!("{what} (in `{mention}`)"),
                None => what,
            }
        }
    };
    ExprError { message }
}

fn undefined(error: &minijinja::Error, mention: Option<&str>) -> String {
    match (error.detail(), mention) {
        (Some(detail), _) => detail.to_owned(),
        (None, Some(mention)) => format!("`{mention}` is undefined"),
        (None, None) => "a name is undefined".to_owned(),
    }
}

/// Whether the engine knows a filter or a test of this name.
pub(crate) fn knows(kind: Call, name: &str) -> bool {
    let probe = match kind {
        Call::Filter => format!("none|{name}"),
        Call::Test => format!("none is {name}"),
    };
    let Ok(expression) = ENVIRONMENT.compile_expression(&probe) else {
        // Not a name the parser takes at this place: its own message is the better one.
        return true;
    };
    !matches!(
        expression.eval(()).map_err(|error| error.kind()),
        Err(ErrorKind::UnknownFilter | ErrorKind::UnknownTest)
    )
}

/// What stands behind `|` or `is`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Filter,
    Test,
}
