//! What agents connect to: the gateway in front of the hub, over streamable HTTP and over stdio, with clients of our
//! own making and with real ones.

mod clients;
mod doors;
mod gateway;
mod stdio;
mod streams;
