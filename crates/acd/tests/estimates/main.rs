//! The estimates against published values, limits, other methods and seeded simulations.

mod dice;
mod erlang;
mod figures;
mod outlook;
mod wait;
