//! Header field names: the known ones with their compact forms, everything else is `Other`.

/// A header field's name. Looking one up costs one comparison.
macro_rules! names {
    ($($variant:ident $text:literal $compact:literal;)*) => {
        /// The name of a header field (RFC 3261 §20 and extensions). `Other` is found by
        /// [`crate::Message::other`].
        #[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
        #[repr(u8)]
        pub enum HeaderName { $($variant,)* Other }

        /// Name, as we write it, and compact form.
        const TABLE: &[(HeaderName, &str, u8)] = &[$((HeaderName::$variant, $text, $compact),)*];

        impl HeaderName {
            /// As we write it. Empty for `Other`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other => "",
                }
            }
        }
    };
}

// The third column is the compact form (0: none), RFC 3261 §7.3.3 and IANA's registry.
names! {
    Accept "Accept" 0;
    AcceptContact "Accept-Contact" b'a';
    AcceptEncoding "Accept-Encoding" 0;
    AcceptLanguage "Accept-Language" 0;
    AlertInfo "Alert-Info" 0;
    Allow "Allow" 0;
    AllowEvents "Allow-Events" b'u';
    AnswerMode "Answer-Mode" 0;
    AuthenticationInfo "Authentication-Info" 0;
    Authorization "Authorization" 0;
    CallId "Call-ID" b'i';
    CallInfo "Call-Info" 0;
    Contact "Contact" b'm';
    ContentDisposition "Content-Disposition" 0;
    ContentEncoding "Content-Encoding" b'e';
    ContentLanguage "Content-Language" 0;
    ContentLength "Content-Length" b'l';
    ContentType "Content-Type" b'c';
    CSeq "CSeq" 0;
    Date "Date" 0;
    Diversion "Diversion" 0;
    Event "Event" b'o';
    Expires "Expires" 0;
    From "From" b'f';
    HistoryInfo "History-Info" 0;
    Identity "Identity" b'y';
    InReplyTo "In-Reply-To" 0;
    MaxForwards "Max-Forwards" 0;
    MimeVersion "MIME-Version" 0;
    MinExpires "Min-Expires" 0;
    MinSe "Min-SE" 0;
    Organization "Organization" 0;
    PAssertedIdentity "P-Asserted-Identity" 0;
    PPreferredIdentity "P-Preferred-Identity" 0;
    Path "Path" 0;
    Priority "Priority" 0;
    Privacy "Privacy" 0;
    ProxyAuthenticate "Proxy-Authenticate" 0;
    ProxyAuthorization "Proxy-Authorization" 0;
    ProxyRequire "Proxy-Require" 0;
    RAck "RAck" 0;
    Reason "Reason" 0;
    RecordRoute "Record-Route" 0;
    ReferTo "Refer-To" b'r';
    ReferredBy "Referred-By" b'b';
    RemotePartyId "Remote-Party-ID" 0;
    Replaces "Replaces" 0;
    ReplyTo "Reply-To" 0;
    Require "Require" 0;
    RetryAfter "Retry-After" 0;
    Route "Route" 0;
    RSeq "RSeq" 0;
    Server "Server" 0;
    ServiceRoute "Service-Route" 0;
    SessionExpires "Session-Expires" b'x';
    SubscriptionState "Subscription-State" 0;
    Subject "Subject" b's';
    Supported "Supported" b'k';
    Timestamp "Timestamp" 0;
    To "To" b't';
    Unsupported "Unsupported" 0;
    UserAgent "User-Agent" 0;
    UserToUser "User-to-User" 0;
    Via "Via" b'v';
    Warning "Warning" 0;
    WwwAuthenticate "WWW-Authenticate" 0;
}

impl HeaderName {
    /// Any case, long or compact form.
    pub fn read(name: &[u8]) -> Self {
        let Some(&first) = name.first() else { return Self::Other };
        let first = first.to_ascii_lowercase();
        if !first.is_ascii_lowercase() {
            return Self::Other;
        }
        if name.len() == 1 {
            return COMPACT[usize::from(first - b'a')];
        }
        match TABLE.get(usize::from(PLACES[place(name)])) {
            Some((known, text, _)) if text.as_bytes().eq_ignore_ascii_case(name) => *known,
            Some(_) | None => Self::Other,
        }
    }
}

/// Where a name of this length and these letters is looked for: no two known ones share a place.
const fn place(name: &[u8]) -> usize {
    let (first, middle, last) = (name[0], name[name.len() / 2], name[name.len() - 1]);
    let mixed = name.len() * 107
        + first.to_ascii_lowercase() as usize * 57
        + last.to_ascii_lowercase() as usize * 25
        + middle.to_ascii_lowercase() as usize * 123;
    mixed % PLACES_COUNT
}

const PLACES_COUNT: usize = 256;
/// No row has this number.
const NOBODY: u8 = u8::MAX;

/// The row of the name that has each place.
const PLACES: [u8; PLACES_COUNT] = {
    let mut places = [NOBODY; PLACES_COUNT];
    let mut row = 0;
    while row < TABLE.len() {
        let place = place(TABLE[row].1.as_bytes());
        assert!(places[place] == NOBODY, "two names share a place: other factors are needed");
        places[place] = row as u8;
        row += 1;
    }
    places
};

const COMPACT: [HeaderName; 26] = {
    let mut forms = [HeaderName::Other; 26];
    let mut row = 0;
    while row < TABLE.len() {
        if TABLE[row].2 != 0 {
            forms[(TABLE[row].2 - b'a') as usize] = TABLE[row].0;
        }
        row += 1;
    }
    forms
};
