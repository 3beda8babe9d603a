//! In: `REDIS_URL`. Out: a client of the server that holds our keys now. Never: a command of the journal.
//!
//! In a Cluster all keys of a journal lie in one slot, by their hash tag, and so on one node: whichever that is, it is
//! used as any other server. When the slot moves, the node is looked for again.

use std::sync::{Mutex, PoisonError};

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, Value};
use tokio::time::timeout;

use super::link::{self, CONNECT_MAX};
use super::reply;

/// Where our keys are, or how to find out.
#[derive(Debug)]
pub(super) enum Address {
    /// One server, or an address that follows the primary.
    One(Client),
    /// The nodes of a Cluster that were named.
    Cluster {
        /// The first of them, with user, password and TLS, which hold for all.
        first: Box<ConnectionInfo>,
        /// Nodes to ask: those that were named, and those that were told of since.
        nodes: Mutex<Vec<(String, u16)>>,
        /// A key of ours.
        key: String,
    },
}

/// What stands before `://` for a Cluster, and what the same is for one node.
const CLUSTERS: &[(&str, &str)] = &[
    ("redis+cluster://", "redis://"),
    ("rediss+cluster://", "rediss://"),
];

impl Address {
    /// `key` is one of the journal's keys.
    pub(super) fn parse(url: &str, key: String) -> Result<Self, RedisError> {
        let cluster = CLUSTERS
            .iter()
            .find_map(|(marked, plain)| Some((*plain, url.strip_prefix(marked)?)));
        let Some((scheme, rest)) = cluster else {
            return Ok(Self::One(client(info(url)?)?));
        };
        // `user:password@first:6379,second:6379`: what stands behind the first comma are only further nodes.
        let hosts = rest.rfind('@').unwrap_or_default();
        let comma = rest[hosts..].find(',').map_or(rest.len(), |comma| hosts + comma);
        let (first, others) = rest.split_at(comma);
        let first = info(&format!("{scheme}{first}"))?;
        let mut nodes = vec![host_and_port(first.addr())];
        for node in others.split(',').filter(|node| !node.is_empty()) {
            let node = node.trim_end_matches('/');
            nodes.push(host_and_port(info(&format!("{scheme}{node}"))?.addr()));
        }
        Ok(Self::Cluster {
            first: Box::new(first),
            nodes: Mutex::new(nodes),
            key,
        })
    }

    /// How it may be shown.
    pub(super) fn name(&self) -> String {
        match self {
            Self::One(client) => client.get_connection_info().addr().to_string(),
            Self::Cluster { first, .. } => format!("{} (a Cluster)", first.addr()),
        }
    }

    /// Whether our keys may move to another node.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster { .. })
    }

    /// The server to connect to now.
    pub(super) async fn locate(&self) -> Result<Client, String> {
        let (first, nodes, key) = match self {
            Self::One(client) => return Ok(client.clone()),
            Self::Cluster { first, nodes, key } => (first, nodes, key),
        };
        let known = nodes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut why = "no node of the Cluster is known".to_owned();
        for node in known {
            match timeout(2 * CONNECT_MAX, ask(first, &node, key)).await {
                Ok(Ok((owner, told))) => {
                    let mut nodes = nodes.lock().unwrap_or_else(PoisonError::into_inner);
                    for node in told {
                        if !nodes.contains(&node) {
                            nodes.push(node);
                        }
                    }
                    return client(at(first, &owner)).map_err(|error| error.to_string());
                }
                Ok(Err(error)) => why = format!("{}:{}: {error}", node.0, node.1),
                Err(_) => why = format!("{}:{} is silent", node.0, node.1),
            }
        }
        Err(why)
    }
}

fn info(url: &str) -> Result<ConnectionInfo, RedisError> {
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(url.into_connection_info()?.set_tcp_settings(tcp))
}

fn client(info: ConnectionInfo) -> Result<Client, RedisError> {
    Client::open(info)
}

fn host_and_port(address: &ConnectionAddr) -> (String, u16) {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => (host.clone(), *port),
        _ => (String::new(), 0),
    }
}

/// The same connection to another node.
fn at(first: &ConnectionInfo, node: &(String, u16)) -> ConnectionInfo {
    let mut address = first.addr().clone();
    match &mut address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            (*host, *port) = node.clone();
        }
        _ => {}
    }
    first.clone().set_addr(address)
}

type Node = (String, u16);

/// Asks a node which one holds the key's slot, and which others there are.
async fn ask(first: &ConnectionInfo, node: &Node, key: &str) -> Result<(Node, Vec<Node>), String> {
    let client = client(at(first, node)).map_err(|error| error.to_string())?;
    let connection = link::connect(&client).await?;
    let mut command = redis::cmd("CLUSTER");
    command.arg("KEYSLOT").arg(key);
    let slot = link::say(connection.clone(), &command)
        .await
        .map_err(|error| link::advised(&error))?;
    let slot = reply::number(slot).map_err(|_| "CLUSTER KEYSLOT gave no number".to_owned())?;
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let slots = link::say(connection, &command)
        .await
        .map_err(|error| link::advised(&error))?;
    let (mut owner, mut told) = (None, Vec::new());
    for range in reply::list(slots).map_err(|_| "CLUSTER SLOTS gave no list".to_owned())? {
        let mut parts = reply::list(range).unwrap_or_default().into_iter();
        let mut bound = || parts.next().and_then(|bound| reply::number(bound).ok());
        let (Some(from), Some(to)) = (bound(), bound()) else {
            continue;
        };
        // The first is the primary, its replicas follow.
        let nodes: Vec<Node> = parts.filter_map(|told| read_node(told, &node.0)).collect();
        if (from..=to).contains(&slot) {
            owner = nodes.first().cloned();
        }
        told.extend(nodes);
    }
    let owner = owner.ok_or_else(|| format!("no node of the Cluster holds slot {slot}"))?;
    Ok((owner, told))
}

/// `[host, port, id, …]`; without a host it is the one that was asked.
fn read_node(told: Value, asked: &str) -> Option<Node> {
    let mut parts = reply::list(told).ok()?.into_iter();
    let host = match parts.next()? {
        Value::Nil => String::new(),
        host => reply::text(host).ok()?,
    };
    let port = u16::try_from(reply::number(parts.next()?).ok()?).ok()?;
    let host = if host.is_empty() || host == "?" {
        asked.to_owned()
    } else {
        host
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_of_a_cluster_share_user_password_and_tls() {
        let address = Address::parse(
            "rediss+cluster://user:wo,rd@one:7000,two:7001,three",
            "{x}:meta".into(),
        );
        assert!(matches!(address, Ok(Address::Cluster { .. })), "{address:?}");
        let Ok(Address::Cluster { first, nodes, .. }) = address else {
            return;
        };
        let nodes = nodes.into_inner().unwrap();
        let names: Vec<String> = nodes
            .iter()
            .map(|(host, port)| format!("{host}:{port}"))
            .collect();
        assert_eq!(names, ["one:7000", "two:7001", "three:6379"]);
        let other = at(&first, &nodes[1]);
        assert!(matches!(other.addr(), ConnectionAddr::TcpTls { host, port: 7001, .. } if host == "two"));
        assert_eq!(other.redis_settings().username(), Some("user"));
    }

    #[test]
    fn any_other_address_is_one_server() {
        for url in ["redis://localhost", "rediss://:word@localhost:6380/1"] {
            assert!(
                matches!(Address::parse(url, String::new()), Ok(Address::One(_))),
                "{url}"
            );
        }
        assert!(Address::parse("redis+cluster://", String::new()).is_err());
        assert!(Address::parse("http://localhost", String::new()).is_err());
    }
}
