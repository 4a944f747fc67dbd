//! Answers to digest challenges, for requests of ours.

use crate::transaction::Draft;
use crate::{Credentials, HeaderName, Message};

/// The value of Authorization for the first challenge of `response` that the credentials fit.
pub(super) fn answer(
    credentials: &Credentials,
    response: &Message,
    challenge: HeaderName,
    draft: &Draft,
    cnonce: &str,
) -> Option<String> {
    let _ = (credentials, response, challenge, draft, cnonce);
    None
}
