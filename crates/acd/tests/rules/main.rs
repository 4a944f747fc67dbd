//! The rules of the scheduler, as sentences, in virtual time; then random days.

mod calendar;
mod changes;
mod circles;
mod days;
mod figures;
mod floor;
mod forwards;
mod holidays;
mod hours;
mod offers;
mod operators;
mod order;
mod overflows;
mod overrides;
mod plans;
mod returned;
mod secretaries;
mod setups;
mod several;
mod situations;
mod staff;
mod starvation;
mod ten_years;
mod told;
mod urgency;
mod verdicts;
