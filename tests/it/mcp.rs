//! What agents connect to: the gateway in front of the hub, over streamable HTTP and over stdio, with clients of our
//! own making and with real ones.

mod clients;
mod desk;
mod doors;
mod gateway;
mod progress;
mod reading;
mod stdio;
mod streams;
mod tokens;
mod watching;

pub(crate) use clients::python;
