//! The rules of the scheduler, as sentences, in virtual time; then random days.

mod days;
mod floor;
mod offers;
mod order;
mod plans;
mod secretaries;
mod setups;
