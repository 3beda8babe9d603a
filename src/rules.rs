//! In: the text of rule files, and events. Out: a [`RuleBook`] with [`Diagnostic`]s; a [`Verdict`] per rule and event,
//! and its [`Explanation`]. Never: files, clocks, storage, tools; the time is the event's own.
//!
//! A file is read into a tree that knows its places (`syntax`), checked against one table of keys (`keys`, `parse`), its
//! patterns (`when` → `pattern`) and expressions (`expression`) are compiled once, and what goes beyond the file's own
//! grammar, such as tools and their arguments, is looked at last (`check`). A book's rules are compiled together (`engine`),
//! so that an event costs what it matches, not what there is.

mod backtest;
mod book;
mod listening;
mod parse;
mod fields;
mod rule;
mod schedule;
mod testcase;
mod check;
mod lint;
mod allow;
mod advice;
mod fix;
mod changes;
mod payload;
mod vocabulary;
mod explain;
mod schema;
mod reference;
mod keys;
mod syntax;
mod when;
mod pattern;
mod engine;
mod glob;
mod hidden;
mod expression;
mod names;
mod filters;
mod duration;
mod diagnostic;

pub use backtest::{Comparison, Firing, NOT_SIMULATED, RuleChange, Side, compare};
pub use book::{
    Candidate, Coverage, Evaluation, Loaded, RuleBook, SourceFile, Verdict, load, meta_of, parse_pinned, stem,
};
pub use changes::changes;
pub use check::{Catalog, CatalogTool};
pub use diagnostic::{Diagnostic, Severity, render_diagnostics};
pub use duration::parse as duration_ms;
pub use explain::{
    ConditionView, Explanation, IfView, LimitView, OnRecord, PartView, Parts, PathView, PlanView, Ranked,
    Recorded, TestView, explain, ranking, ranking_page,
};
pub use expression::{ExprError, Scope};
pub use fix::{Fixed, Mended, fix, is_fixable};
pub use hidden::{is_hidden, visible};
pub use lint::{FIXABLE, Lint, lint, lints, lints_markdown, nearest_lint};
pub use reference::PAGE_HEAD;
pub use reference::{ExpressionExample, FILTERS, FORMS, FUNCTIONS, PATTERNS, PatternExample, TESTS, pages};
pub use rule::{Action, Concurrency, Debounce, Leave, Limits, Mode, Rate, Retry, Rule};
pub use schedule::{MISSED_NAMED, Schedule, Ticks};
pub use schema::schema;
pub use testcase::{Expected, GivenEvent, RuleTest, Said, TestEvent};
