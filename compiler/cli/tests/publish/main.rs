//! `meshc publish` with real repositories and over real transports: the built binary, run as a person or a job runs it.

mod boutique;
mod checkouts;
mod killed;
mod order;
mod ownership;
mod races;
mod refusals;
mod releases;
mod steps;
mod team;
mod transports;
