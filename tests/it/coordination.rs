//! Tasks, agents and messages: over every store, with several boards at once, and through the doors.

mod model;
mod board;
mod races;
mod doors;
mod example;
