//! What only a shared server can do to a journal: die, stall, refuse, forget, be emptied; and be used by several.

mod away;
mod cluster;
mod cost;
mod doors;
mod indexes;
mod keys;
mod losses;
mod power;
mod sharing;
