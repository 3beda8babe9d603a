//! In: a number. Out: the delivery of that number: event, id, body, signature. Never: two that are alike.
//!
//! What a body has in common with others of its kind comes first and is signed once; the number is at its end. So
//! making and signing a delivery costs the client next to nothing, whatever its size.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the deliveries are signed with.
pub(super) const SECRET: &str = "the secret of the load";
/// The label for which a rule fires.
pub(super) const FIRES: &str = "fires";

/// A kind of delivery, and how many of 200 are of it.
pub(super) struct Kind {
    pub(super) of_200: usize,
    pub(super) event: &'static str,
    pub(super) action: Option<&'static str>,
    pub(super) bytes: usize,
    /// The object in the payload that has the number.
    object: &'static str,
    label: &'static str,
}

const fn kind(
    of_200: usize,
    event: &'static str,
    action: Option<&'static str>,
    kib: usize,
    object: &'static str,
) -> Kind {
    Kind {
        of_200,
        event,
        action,
        bytes: kib * 1024,
        object,
        label: "bug",
    }
}

/// What a busy organization sends, roughly: much of CI, some talk, a few large pushes. One in ten fires.
pub(super) const KINDS: [Kind; 8] = [
    kind(30, "watch", Some("started"), 2, "license"),
    kind(46, "workflow_job", Some("completed"), 6, "workflow_job"),
    Kind {
        label: FIRES,
        ..kind(20, "issues", Some("opened"), 8, "issue")
    },
    kind(30, "issues", Some("labeled"), 8, "issue"),
    kind(44, "issue_comment", Some("created"), 12, "issue"),
    kind(24, "pull_request", Some("synchronize"), 24, "pull_request"),
    kind(5, "push", None, 100, "head_commit"),
    kind(1, "push", None, 1024, "head_commit"),
];

/// All kinds, each with the beginning of its body.
pub(super) struct Mix {
    shapes: Vec<Shape>,
    /// Which kind the delivery of a number is of.
    places: Vec<usize>,
}

#[derive(Clone)]
struct Shape {
    event: &'static str,
    beginning: String,
    signed: Hmac<Sha256>,
}

impl Mix {
    /// The mix of [`KINDS`].
    pub(super) fn realistic() -> Result<Self, String> {
        Self::of(&KINDS.iter().collect::<Vec<_>>())
    }

    /// Only deliveries that fire a rule, of about so many bytes.
    pub(super) fn alike(bytes: usize, fires: bool) -> Result<Self, String> {
        let label = if fires { FIRES } else { "bug" };
        Self::of(&[&Kind {
            label,
            bytes,
            ..kind(1, "issues", Some("opened"), 0, "issue")
        }])
    }

    fn of(kinds: &[&Kind]) -> Result<Self, String> {
        let shapes: Vec<Shape> = kinds
            .iter()
            .map(|kind| Shape::of(kind))
            .collect::<Result<_, _>>()?;
        let in_order: Vec<usize> = kinds
            .iter()
            .enumerate()
            .flat_map(|(place, kind)| std::iter::repeat_n(place, kind.of_200))
            .collect();
        // 73 has no divisor in common with 200: every kind is spread evenly.
        let places = (0..in_order.len())
            .map(|number| in_order[number * 73 % in_order.len()])
            .collect();
        Ok(Self { shapes, places })
    }

    /// Bytes of a body on average.
    pub(super) fn bytes(&self) -> usize {
        let all: usize = self
            .places
            .iter()
            .map(|place| self.shapes[*place].beginning.len())
            .sum();
        all / self.places.len()
    }

    /// Writes the request that delivers `number` over `into`.
    pub(super) fn request(&self, number: u64, to: &Target<'_>, into: &mut Vec<u8>) {
        let shape = &self.shapes[self.places[number as usize % self.places.len()]];
        let end = format!("{number}}}}}");
        let signature = hex::encode(shape.signed.clone().chain_update(&end).finalize().into_bytes());
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: GitHub-Hookshot/load\r\ncontent-type: application/json\r\n\
             x-github-event: {}\r\nx-github-delivery: {}\r\nx-hub-signature-256: sha256={signature}\r\n{}content-length: {}\r\n\r\n",
            to.path,
            to.host,
            shape.event,
            id(number),
            if to.keeps_alive {
                ""
            } else {
                "connection: close\r\n"
            },
            shape.beginning.len() + end.len(),
        );
        into.clear();
        into.extend_from_slice(head.as_bytes());
        into.extend_from_slice(shape.beginning.as_bytes());
        into.extend_from_slice(end.as_bytes());
    }
}

/// Where a request goes.
pub(super) struct Target<'a> {
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) keeps_alive: bool,
}

/// The delivery id of a number, of the form of GitHub's own: a UUID that begins with the time in steps of 100 ns, as if 5,000
/// came in a second. So indexes are met as they are in earnest.
pub(super) fn id(number: u64) -> String {
    const STEPS: u64 = 2_000;
    let time = number * STEPS + scrambled(number) % STEPS;
    format!(
        "{:08x}-{:04x}-11ef-8000-{number:012x}",
        time as u32,
        time >> 32 & 0xffff
    )
}

/// The number of an id made by [`id`].
pub(super) fn number(id: &str) -> Option<u64> {
    u64::from_str_radix(id.rsplit('-').next()?, 16).ok()
}

fn scrambled(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Shape {
    fn of(kind: &Kind) -> Result<Self, String> {
        let mut text = String::from("{");
        if let Some(action) = kind.action {
            let _ = write!(text, r#""action":"{action}","#);
        }
        text.push_str(
            r#""sender":{"login":"mona","type":"User","id":1},"organization":{"login":"acme"},"repository":{"name":"svc-78-api","full_name":"acme/svc-78-api","private":true,"#,
        );
        // Shared by all events of a repository: as much as GitHub says of one, or half of a small body.
        let repository = (kind.bytes / 2).min(5 * 1024);
        let _ = write!(text, "{}}},", fields(0, repository));
        let _ = write!(
            text,
            r#""{}":{{"state":"open","title":"The page stays empty after the update","user":{{"login":"mona"}},"labels":[{{"name":"{}","color":"ff0000"}}],"parts":[{{"part":0"#,
            kind.object, kind.label
        );
        // A long one is a list of things of a usual size.
        let mut part = 0;
        while text.len() + PART_BYTES + 256 < kind.bytes {
            part += 1;
            text.push_str("},{");
            text.push_str(&fields(part, PART_BYTES));
        }
        text.push_str(r#"}],"number":"#);
        let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self {
            event: kind.event,
            signed: key.chain_update(&text),
            beginning: text,
        })
    }
}

/// What one thing in a list takes.
const PART_BYTES: usize = 1000;

const NAMES: [&str; 12] = [
    "forks",
    "keys",
    "collaborators",
    "teams",
    "hooks",
    "issue_events",
    "assignees",
    "branches",
    "tags",
    "blobs",
    "git_refs",
    "stargazers",
];

/// Fields as GitHub's payloads are full of: addresses mostly, then hashes, ids and flags.
fn fields(seed: u64, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 128);
    let mut place = 0_u64;
    loop {
        let drawn = scrambled(seed << 20 | place);
        let name = NAMES[place as usize % NAMES.len()];
        match place % 6 {
            4 => {
                let _ = write!(
                    text,
                    r#""{name}_{place}_sha":"{drawn:016x}{:016x}""#,
                    scrambled(drawn)
                );
            }
            5 => {
                let _ = write!(
                    text,
                    r#""{name}_{place}_id":{},"{name}_{place}_flag":true"#,
                    drawn >> 32
                );
            }
            _ => {
                let _ = write!(
                    text,
                    r#""{name}_{place}_url":"https://api.github.example/repos/acme/svc-78-api/{name}/{}{{/id}}""#,
                    drawn >> 48
                );
            }
        }
        if text.len() >= bytes {
            return text;
        }
        text.push(',');
        place += 1;
    }
}
