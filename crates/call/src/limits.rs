//! Caps on what an INVITE names, and on what reloads leave behind. Those of tables are in [`crate::Limits`].

/// Entries of `Diversion`, and as many of `History-Info`, that are looked at. Networks cut a forwarding
/// loop far earlier. Beyond: the oldest are passed over.
pub(crate) const FORWARDINGS_MAX: usize = 20;
/// Values of `P-Asserted-Identity`, and as many of `Remote-Party-ID`, that are looked at: RFC 3325 §9.1
/// allows two. Those beyond are passed over.
pub(crate) const IDENTITIES_MAX: usize = 4;
/// Prompts that are gone from the configuration and kept for callers who may yet hear them. Beyond: the
/// one that is gone for longest is forgotten, and who would have heard it hears busy.
pub(crate) const FORMER_PROMPTS_MAX: usize = 500;
