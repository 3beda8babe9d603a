//! In: an expression or a template. Out: the paths whose values go into what it gives, through filters, choices and loops,
//! every mention of a loop's item by what the item is, and what a path is compared with where that is written down. Never:
//! values; where it cannot be followed, more is said to go in than does.

use std::ops::Range;

use minijinja::machinery::ast::{BinOp, BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::{Span, parse, parse_expr};
use minijinja::value::Value;

use crate::rules::check::compared::{Compared, How, literals};

/// A path whose value goes in: `event.issue.title`, from the root of all names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) path: Vec<String>,
    /// Where it is written.
    pub(super) place: Range<usize>,
    /// It is what goes in as it is, or one of it, or a part of it; not something made of it.
    pub(super) itself: bool,
    /// It goes in quoted as data.
    pub(super) fenced: bool,
}

/// A mention of what a loop goes through, by a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ByName {
    /// As it is written: `item.name`.
    pub(super) written: Vec<String>,
    /// What it is: `event.issue.labels.name`.
    pub(super) path: Vec<String>,
    pub(super) place: Range<usize>,
}

/// What a source comes down to.
#[derive(Debug, Default)]
pub(super) struct Traced {
    /// What goes into its value.
    pub(super) origins: Vec<Origin>,
    /// What is mentioned by a loop's name.
    pub(super) by_name: Vec<ByName>,
    /// What is compared with what is written down.
    pub(super) compared: Vec<Compared>,
}

/// Follows an expression (`if`, `require`). `item` is what the items of its action's `for_each` come from, if it has one.
pub(super) fn expression(text: &str, item: Option<&[Origin]>) -> Traced {
    let mut tracer = Tracer::new(item);
    if let Ok(expr) = parse_expr(text) {
        let origins = tracer.expr(&expr);
        tracer.traced.origins = origins;
    }
    tracer.traced
}

/// The same for a text with `{{ … }}`.
pub(super) fn template(text: &str, item: Option<&[Origin]>) -> Traced {
    let mut tracer = Tracer::new(item);
    if let Ok(Stmt::Template(whole)) = parse(text, "<text>", minijinja::syntax::SyntaxConfig::default()) {
        let origins = tracer.body(&whole.children);
        tracer.traced.origins = origins;
    }
    tracer.traced
}

/// Filters that give what they get, or some of it.
const CHOOSING: &[&str] = &[
    "selectattr",
    "rejectattr",
    "select",
    "reject",
    "sort",
    "reverse",
    "unique",
    "list",
    "first",
    "last",
    "default",
    "d",
    "map",
    "min",
    "max",
    "safe",
];
/// Filters whose arguments only say which or how, and go into nothing.
const ASKING: &[&str] = &[
    "selectattr",
    "rejectattr",
    "select",
    "reject",
    "sort",
    "unique",
    "batch",
    "slice",
    "min",
    "max",
    "truncate",
    "truncate_bytes",
    "split",
    "groupby",
];
/// Filters that only count.
const COUNTING: &[&str] = &["length", "count"];

struct Tracer {
    /// Names of loops, assignments and macros, the innermost last, and what they stand for.
    locals: Vec<(String, Vec<Origin>)>,
    traced: Traced,
}

impl Tracer {
    fn new(item: Option<&[Origin]>) -> Self {
        Self {
            locals: item
                .iter()
                .map(|origins| ("item".to_owned(), origins.to_vec()))
                .collect(),
            traced: Traced::default(),
        }
    }

    fn body(&mut self, statements: &[Stmt<'_>]) -> Vec<Origin> {
        statements
            .iter()
            .flat_map(|inner| self.statement(inner))
            .collect()
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Vec<Origin> {
        match statement {
            Stmt::Template(inner) => self.body(&inner.children),
            Stmt::EmitExpr(inner) => self.expr(&inner.expr),
            Stmt::ForLoop(inner) => {
                let through = self.expr(&inner.iter);
                let outside = self.locals.len();
                self.bind(&inner.target, &through);
                self.locals.push(("loop".to_owned(), Vec::new()));
                if let Some(filter) = &inner.filter_expr {
                    self.expr(filter);
                }
                let mut found = self.body(&inner.body);
                self.locals.truncate(outside);
                found.extend(self.body(&inner.else_body));
                found
            }
            Stmt::IfCond(inner) => {
                self.expr(&inner.expr);
                let mut found = self.body(&inner.true_body);
                found.extend(self.body(&inner.false_body));
                found
            }
            Stmt::WithBlock(inner) => {
                let outside = self.locals.len();
                for (target, value) in &inner.assignments {
                    let origins = self.expr(value);
                    self.bind(target, &origins);
                }
                let found = self.body(&inner.body);
                self.locals.truncate(outside);
                found
            }
            Stmt::Set(inner) => {
                let origins = self.expr(&inner.expr);
                self.bind(&inner.target, &origins);
                Vec::new()
            }
            Stmt::SetBlock(inner) => {
                let origins = made(self.body(&inner.body));
                self.bind(&inner.target, &origins);
                Vec::new()
            }
            Stmt::AutoEscape(inner) => self.body(&inner.body),
            Stmt::FilterBlock(inner) => {
                let found = made(self.body(&inner.body));
                match &inner.filter {
                    Expr::Filter(filter) if filter.name == "fence" => fenced(found),
                    _ => found,
                }
            }
            Stmt::Macro(inner) => {
                let outside = self.locals.len();
                // What it is called with goes in where it is called.
                for argument in &inner.args {
                    self.bind(argument, &[]);
                }
                let found = self.body(&inner.body);
                self.locals.truncate(outside);
                found
            }
            Stmt::CallBlock(inner) => {
                let mut found = self.arguments(&inner.call.args);
                found.extend(self.body(&inner.macro_decl.body));
                found
            }
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) | Stmt::Do(_) => Vec::new(),
            // Includes and blocks are of other templates, and there are none.
            _ => Vec::new(),
        }
    }

    fn bind(&mut self, target: &Expr<'_>, origins: &[Origin]) {
        match target {
            Expr::Var(name) => self.locals.push((name.id.to_owned(), origins.to_vec())),
            Expr::List(several) => {
                for inner in &several.items {
                    self.bind(inner, &made(origins.to_vec()));
                }
            }
            Expr::Tuple(several) => {
                for inner in &several.items {
                    self.bind(inner, &made(origins.to_vec()));
                }
            }
            // `{% set ns.text = … %}` adds to what `ns` stands for.
            Expr::GetAttr(inner) => {
                if let Expr::Var(name) = &inner.expr {
                    let mut all = self.local(name.id).map(<[Origin]>::to_vec).unwrap_or_default();
                    all.extend(made(origins.to_vec()));
                    self.locals.push((name.id.to_owned(), all));
                }
            }
            _ => {}
        }
    }

    fn local(&self, name: &str) -> Option<&[Origin]> {
        let mut locals = self.locals.iter().rev();
        locals
            .find(|(known, _)| known == name)
            .map(|(_, origins)| origins.as_slice())
    }

    fn expr(&mut self, expr: &Expr<'_>) -> Vec<Origin> {
        if let Some((written, span)) = chain(expr) {
            return self.named(&written, &span);
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => Vec::new(),
            Expr::GetAttr(inner) => longer(self.expr(&inner.expr), inner.name),
            // What stands in the brackets chooses among what is before them, and does not go in itself.
            Expr::GetItem(inner) => {
                self.expr(&inner.subscript_expr);
                let found = self.expr(&inner.expr);
                match segment(&inner.subscript_expr) {
                    Some(Some(name)) => longer(found, &name),
                    Some(None) => found,
                    None => made(found),
                }
            }
            Expr::Slice(inner) => self.expr(&inner.expr),
            Expr::UnaryOp(inner) => match inner.op {
                minijinja::machinery::ast::UnaryOpKind::Not => {
                    self.expr(&inner.expr);
                    Vec::new()
                }
                minijinja::machinery::ast::UnaryOpKind::Neg => made(self.expr(&inner.expr)),
            },
            Expr::BinOp(inner) => {
                let (mut both, right) = (self.expr(&inner.left), self.expr(&inner.right));
                self.compare(inner, &both, &right);
                both.extend(right);
                match inner.op {
                    BinOpKind::Eq
                    | BinOpKind::Ne
                    | BinOpKind::Lt
                    | BinOpKind::Lte
                    | BinOpKind::Gt
                    | BinOpKind::Gte
                    | BinOpKind::In => Vec::new(),
                    BinOpKind::ScAnd | BinOpKind::ScOr => both,
                    _ => made(both),
                }
            }
            Expr::Compare(inner) => {
                self.expr(&inner.expr);
                for compared in &inner.ops {
                    self.expr(&compared.expr);
                }
                Vec::new()
            }
            Expr::IfExpr(inner) => {
                self.expr(&inner.test_expr);
                let mut either = self.expr(&inner.true_expr);
                if let Some(other) = &inner.false_expr {
                    either.extend(self.expr(other));
                }
                either
            }
            Expr::Filter(inner) => {
                let before = inner
                    .expr
                    .as_ref()
                    .map(|before| self.expr(before))
                    .unwrap_or_default();
                self.filtered(inner.name, before, &inner.args)
            }
            Expr::Test(inner) => {
                self.expr(&inner.expr);
                self.arguments(&inner.args);
                Vec::new()
            }
            Expr::Call(inner) => {
                let mut found = match &inner.expr {
                    // A method of what is before the dot.
                    Expr::GetAttr(method) => self.expr(&method.expr),
                    _ => Vec::new(),
                };
                found.extend(self.arguments(&inner.args));
                made(found)
            }
            Expr::List(inner) => inner.items.iter().flat_map(|item| self.expr(item)).collect(),
            Expr::Tuple(inner) => inner.items.iter().flat_map(|item| self.expr(item)).collect(),
            Expr::Map(inner) => {
                let parts = inner.keys.iter().chain(&inner.values);
                made(parts.flat_map(|part| self.expr(part)).collect())
            }
        }
    }

    /// Notes a comparison of a path with something that is written down.
    fn compare(&mut self, both: &BinOp<'_>, left: &[Origin], right: &[Origin]) {
        let ordered = matches!(
            both.op,
            BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte
        );
        let (path, how, literal) = match (both.op, &both.left, &both.right) {
            (BinOpKind::In, Expr::Const(_), list) if chain(list).is_some() => {
                (right, How::Within, &both.left)
            }
            (BinOpKind::In, _, Expr::List(_) | Expr::Tuple(_))
            | (BinOpKind::Eq | BinOpKind::Ne, _, Expr::Const(_))
                if chain(&both.left).is_some() =>
            {
                (left, How::Equal, &both.right)
            }
            (BinOpKind::Eq | BinOpKind::Ne, Expr::Const(_), other) if chain(other).is_some() => {
                (right, How::Equal, &both.left)
            }
            (_, _, Expr::Const(_)) if ordered && chain(&both.left).is_some() => {
                (left, How::Ordered, &both.right)
            }
            (_, Expr::Const(_), other) if ordered && chain(other).is_some() => {
                (right, How::Ordered, &both.left)
            }
            _ => return,
        };
        let one_of_several = [&both.left, &both.right].into_iter().any(|side| match side {
            Expr::GetItem(inner) => matches!(segment(&inner.subscript_expr), Some(None)),
            _ => false,
        });
        if let [only] = path
            && only.itself
            && !one_of_several
        {
            let written = literals(literal);
            self.traced
                .compared
                .extend(written.into_iter().map(|(with, place)| Compared {
                    path: only.path.clone(),
                    how,
                    with,
                    place,
                }));
        }
    }

    fn filtered(&mut self, name: &str, before: Vec<Origin>, arguments: &[CallArg<'_>]) -> Vec<Origin> {
        let given = self.arguments(arguments);
        if COUNTING.contains(&name) {
            return Vec::new();
        }
        let attribute = arguments.iter().find_map(|argument| match argument {
            CallArg::Kwarg("attribute", Expr::Const(path)) => path.value.as_str().map(str::to_owned),
            _ => None,
        });
        let mut found = match (name, attribute) {
            ("map", Some(path)) => path.split('.').fold(before, longer),
            // With another filter.
            ("map", None) => made(before),
            ("fence", _) => fenced(before),
            _ if CHOOSING.contains(&name) => before,
            _ => made(before),
        };
        if !ASKING.contains(&name) {
            found.extend(given);
        }
        found
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) -> Vec<Origin> {
        let values = arguments.iter().map(|argument| match argument {
            CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value) => value,
        });
        values.flat_map(|value| self.expr(value)).collect()
    }

    /// A path as it is written, which may begin with a name of a loop.
    fn named(&mut self, written: &[String], span: &Span) -> Vec<Origin> {
        let place = span.start_offset as usize..span.end_offset as usize;
        let Some((name, rest)) = written.split_first() else {
            return Vec::new();
        };
        let Some(origins) = self.local(name).map(<[Origin]>::to_vec) else {
            return vec![Origin {
                path: written.to_vec(),
                place,
                itself: true,
                fenced: false,
            }];
        };
        let found: Vec<Origin> = origins
            .into_iter()
            .map(|origin| Origin {
                path: origin.path.iter().chain(rest).cloned().collect(),
                place: place.clone(),
                ..origin
            })
            .collect();
        if let [only] = found.as_slice()
            && only.itself
            && !rest.is_empty()
        {
            self.traced.by_name.push(ByName {
                written: written.to_vec(),
                path: only.path.clone(),
                place,
            });
        }
        found
    }
}

/// A path of names, from its root; numbers in brackets choose among several and are left out.
fn chain(expr: &Expr<'_>) -> Option<(Vec<String>, Span)> {
    match expr {
        Expr::Var(name) => Some((vec![name.id.to_owned()], name.span())),
        Expr::GetAttr(inner) => {
            let (mut path, before) = chain(&inner.expr)?;
            path.push(inner.name.to_owned());
            Some((path, joined(before, inner.span())))
        }
        Expr::GetItem(inner) => {
            let (mut path, before) = chain(&inner.expr)?;
            path.extend(segment(&inner.subscript_expr)?);
            Some((path, joined(before, inner.span())))
        }
        _ => None,
    }
}

fn joined(before: Span, whole: Span) -> Span {
    Span {
        end_offset: whole.end_offset.max(before.end_offset),
        ..before
    }
}

/// What brackets name: a field, or one of several (`Some(None)`); `None` where it is not written down.
fn segment(subscript: &Expr<'_>) -> Option<Option<String>> {
    let Expr::Const(value) = subscript else {
        return None;
    };
    let value: &Value = &value.value;
    match value.as_str() {
        Some(name) => Some(Some(name.to_owned())),
        None => value.is_number().then_some(None),
    }
}

fn longer(mut origins: Vec<Origin>, name: &str) -> Vec<Origin> {
    for origin in &mut origins {
        origin.path.push(name.to_owned());
    }
    origins
}

/// These were quoted as data.
fn fenced(origins: Vec<Origin>) -> Vec<Origin> {
    let mut quoted = made(origins);
    for origin in &mut quoted {
        origin.fenced = true;
    }
    quoted
}

/// Something else was made of these.
fn made(mut origins: Vec<Origin>) -> Vec<Origin> {
    for origin in &mut origins {
        origin.itself = false;
    }
    origins
}
