//! The endpoint against another one, or against hand-written messages, in virtual time.

mod pair;

mod calls;
