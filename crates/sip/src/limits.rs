//! Caps on what the network feeds. Each says what happens beyond it.

/// Octets of one message, body included. Offsets are 16 bits wide. Beyond: 513.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Header fields (lines after unfolding) in one message. Beyond: 400.
pub const HEADERS_MAX: usize = 256;
/// Octets of one header field, name and folds included. Beyond: 400.
pub const HEADER_BYTES_MAX: usize = 8_192;
/// Octets of a Request-URI. Beyond: 414.
pub const REQUEST_URI_BYTES_MAX: usize = 2_048;
/// Via values in one message: RFC 3261's Max-Forwards starts at 70. Beyond: 400.
pub const VIAS_MAX: usize = 70;
/// Octets of a method's name. Beyond: 501.
pub const METHOD_BYTES_MAX: usize = 64;
/// Header fields held without an allocation: an operator's INVITE has 20 to 30.
pub(crate) const HEADERS_INLINE: usize = 32;

/// Parts of a multipart body. Beyond: 400.
pub const MULTIPART_PARTS_MAX: usize = 16;
/// Multiparts within multiparts. Beyond: a media type that we do not read.
pub const MULTIPART_DEPTH_MAX: usize = 3;
/// Octets of a multipart's boundary (RFC 2046 §5.1.1). Beyond: 400.
pub const BOUNDARY_BYTES_MAX: usize = 70;

/// Refused INVITEs that are remembered for 64·T1, so that their copies are none of their own. When
/// full the oldest is forgotten.
pub const REFUSALS_MAX: usize = 4_096;

/// Octets of a request that may go in one datagram: what fits nearly every path (RFC 3261 §18.1.1).
/// Beyond: TCP is tried first.
pub const DATAGRAM_BYTES_SAFE: usize = 1_300;
/// Seconds that a peer without TCP is remembered as such.
pub const NO_TCP_SECS: u64 = 3_600;
/// Peers so remembered. Beyond: the oldest is tried again.
pub const NO_TCP_MAX: usize = 4_096;

/// Octets of a session description. Beyond: refused as too large.
pub const SDP_BYTES_MAX: usize = 16_384;
/// `m=` lines in a session description. Beyond: refused.
pub const SDP_MEDIA_MAX: usize = 16;
/// Formats of one `m=` line that are looked at. Those beyond are ignored.
pub const SDP_FORMATS_MAX: usize = 64;

/// Seconds that a digest nonce lives. Beyond: `stale=true`.
pub const NONCE_LIFE_SECS: u64 = 300;
/// Nonces whose `nc` window is kept. When full the oldest is forgotten and answers `stale=true`.
pub const NONCE_WINDOWS_MAX: usize = 4_096;
