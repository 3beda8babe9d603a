//! In: figures with their spread. Out: drawings of them, as SVG. Never: a script, a font of our own.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::receivers::Kind;
use super::report::{Report, Spread, Turns};

const WIDTH: f64 = 760.0;
/// Where names end and bars begin.
const LEFT: f64 = 170.0;
const RIGHT: f64 = 110.0;
const ROW: f64 = 26.0;
const TOP: f64 = 44.0;

/// Draws what is in a report, one file a scenario or curve.
pub(super) fn draw(report: &Report, folder: &Path) -> Result<(), String> {
    let mut drawn = Vec::new();
    for scenario in &report.scenarios {
        for (what, figure) in [
            (
                "answers a second",
                (|one| one.per_second) as super::report::Figure,
            ),
            ("CPU per answer", |one| one.cpu_micros + one.redis_cpu_micros),
            ("p99", |one| one.p99_ms),
        ] {
            let rows: Vec<(String, Spread)> = scenario
                .receivers
                .iter()
                .filter_map(|Turns { name, .. }| {
                    let ratio = scenario.ratio(Kind::named(name).ok()?, Kind::Bare, figure)?;
                    Some((name.clone(), ratio))
                })
                .collect();
            let title = format!("{what}, as multiples of `bare`: {} connections", scenario.name);
            drawn.push((format!("{} {what}", scenario.name), bars(&title, &rows)));
        }
    }
    for (name, part) in &report.parts {
        curves(name, part, &mut drawn);
    }
    for (name, svg) in drawn {
        let path = folder.join(format!("{}.svg", name.replace(' ', "-")));
        std::fs::write(&path, svg).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Every figure of every list of points, however deep it lies; absolute ones apart.
fn curves(name: &str, part: &Value, drawn: &mut Vec<(String, String)>) {
    let Value::Object(fields) = part else { return };
    for (inner, part) in fields {
        curves(&format!("{name} {inner}"), part, drawn);
    }
    let Some(Value::Array(points)) = fields.get("points") else {
        return;
    };
    let unit = fields.get("unit").and_then(Value::as_str).unwrap_or(name);
    let figures = points.first().and_then(Value::as_object).into_iter().flatten();
    for figure in figures
        .map(|(figure, _)| figure)
        .filter(|figure| !figure.ends_with("micros"))
    {
        let point = |point: &Value| {
            let spread: Spread = serde_json::from_value(point[figure].clone()).ok()?;
            Some((point["at"].as_f64()?, spread))
        };
        if let Some(points) = points.iter().map(point).collect::<Option<Vec<_>>>() {
            let title = format!("{name}: {figure} over the first");
            drawn.push((format!("{name} {figure}"), line(&title, unit, &points)));
        }
    }
}

/// One bar a row, with a line over what the middle half lies between.
fn bars(title: &str, rows: &[(String, Spread)]) -> String {
    let most = rows.iter().map(|(_, spread)| spread.high).fold(1e-9, f64::max);
    let room = WIDTH - LEFT - RIGHT;
    let x = |value: f64| LEFT + value / most * room;
    let mut svg = head(title, TOP + ROW * rows.len() as f64 + 14.0);
    for (place, (name, spread)) in rows.iter().enumerate() {
        let y = TOP + ROW * place as f64;
        let middle = y + ROW / 2.0;
        let colour = if name.starts_with("xmrt") {
            "#2b6cb0"
        } else {
            "#a0aec0"
        };
        let _ = write!(
            svg,
            r##"<text x="{:.0}" y="{:.0}" text-anchor="end">{}</text><rect x="{LEFT}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{colour}"/><path d="M{:.1} {middle:.1}H{:.1}" stroke="#1a202c" stroke-width="2"/><text x="{:.0}" y="{:.0}">{:.2}</text>"##,
            LEFT - 8.0,
            middle + 4.0,
            escaped(name),
            y + 4.0,
            (x(spread.median) - LEFT).max(0.5),
            ROW - 8.0,
            x(spread.low),
            x(spread.high),
            x(spread.high) + 8.0,
            middle + 4.0,
            spread.median,
        );
    }
    svg + "</svg>\n"
}

/// A curve over a logarithmic scale, with a line over what the middle half of each point lies between.
fn line(title: &str, unit: &str, points: &[(f64, Spread)]) -> String {
    const HEIGHT: f64 = 260.0;
    let bottom = HEIGHT - 40.0;
    let log = |at: f64| at.max(1.0).ln();
    let (first, last) = (
        points.first().map_or(0.0, |one| log(one.0)),
        points.last().map_or(1.0, |one| log(one.0)),
    );
    let most = points.iter().map(|(_, spread)| spread.high).fold(1.0, f64::max) * 1.1;
    let x = |at: f64| 60.0 + (log(at) - first) / (last - first).max(1e-9) * (WIDTH - 120.0);
    let y = |value: f64| bottom - value / most * (bottom - TOP);
    let mut svg = head(title, HEIGHT);
    let _ = write!(
        svg,
        r##"<path d="M60 {0:.1}H{1}M60 {2:.1}H{1}" stroke="#cbd5e0"/><text x="52" y="{3:.1}" text-anchor="end">1</text><text x="52" y="{4:.1}" text-anchor="end">0</text><text x="{1}" y="{5:.1}" text-anchor="end">{6}</text>"##,
        y(1.0),
        WIDTH - 40.0,
        bottom,
        y(1.0) + 4.0,
        bottom + 4.0,
        bottom + 34.0,
        escaped(unit),
    );
    let path: Vec<String> = points
        .iter()
        .map(|(at, spread)| format!("{:.1} {:.1}", x(*at), y(spread.median)))
        .collect();
    let _ = write!(
        svg,
        r##"<path d="M{}" fill="none" stroke="#2b6cb0" stroke-width="2"/>"##,
        path.join("L")
    );
    for (at, spread) in points {
        let _ = write!(
            svg,
            r##"<path d="M{0:.1} {1:.1}V{2:.1}" stroke="#1a202c"/><circle cx="{0:.1}" cy="{3:.1}" r="3" fill="#2b6cb0"/><text x="{0:.1}" y="{4:.1}" text-anchor="middle">{at}</text><text x="{0:.1}" y="{5:.1}" text-anchor="middle">{6:.2}</text>"##,
            x(*at),
            y(spread.low),
            y(spread.high),
            y(spread.median),
            bottom + 18.0,
            y(spread.high) - 8.0,
            spread.median,
        );
    }
    svg + "</svg>\n"
}

fn head(title: &str, height: f64) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0}" viewBox="0 0 {WIDTH} {height:.0}" font-family="sans-serif" font-size="12" fill="#1a202c"><title>{0}</title><rect width="100%" height="100%" fill="#fff"/><text x="16" y="24" font-size="14">{0}</text>"##,
        escaped(title)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
