//! The records of the server under test, read back from its SQLite file.

#[derive(Clone, Debug)]
pub struct CallRow {}
#[derive(Clone, Debug)]
pub struct OfferRow {}
#[derive(Clone, Debug)]
pub struct Records {}
