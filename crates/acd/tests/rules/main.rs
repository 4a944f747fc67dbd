//! The rules of the scheduler, as sentences, in virtual time; then random days.

mod calendar;
mod changes;
mod days;
mod floor;
mod holidays;
mod hours;
mod offers;
mod order;
mod plans;
mod secretaries;
mod setups;
mod situations;
mod staff;
mod ten_years;
