//! Caps on what an INVITE names. Those of tables are in [`crate::Limits`].

/// Entries of `Diversion`, and as many of `History-Info`, that are looked at. Networks cut a forwarding
/// loop far earlier. Beyond: the oldest are passed over.
pub(crate) const FORWARDINGS_MAX: usize = 20;
/// Values of `P-Asserted-Identity`, and as many of `Remote-Party-ID`, that are looked at: RFC 3325 §9.1
/// allows two. Those beyond are passed over.
pub(crate) const IDENTITIES_MAX: usize = 4;
