//! Who spoke with whom, and whether each heard the other: callers' and phones' accounts side by
//! side.

use super::party::{PhoneCall, PlacedCall, Sound};
use super::tone::Hearing;

/// An answered call and the phone that says it had that caller at that time.
#[derive(Clone, Debug)]
pub struct Conversation<'a> {
    pub call: &'a PlacedCall,
    pub phone: &'a PhoneCall,
    /// `None`: one of them has no voice.
    pub caller_hears: Option<Hearing>,
    pub phone_hears: Option<Hearing>,
}

impl Conversation<'_> {
    pub fn is_right_both_ways(&self) -> bool {
        self.caller_hears == Some(Hearing::Right) && self.phone_hears == Some(Hearing::Right)
    }
}

/// All answered calls, each with its phone.
#[derive(Clone, Debug, Default)]
pub struct Pairing<'a> {
    pub conversations: Vec<Conversation<'a>>,
    /// Answered calls that no phone knows of.
    pub calls_alone: Vec<&'a PlacedCall>,
    /// Confirmed phones whose caller was not answered, or talked with another phone.
    pub phones_alone: Vec<&'a PhoneCall>,
}

impl<'a> Pairing<'a> {
    /// Callers are told apart by their numbers, so those who overlap need different ones.
    pub fn of(calls: &'a [PlacedCall], phones: &'a [PhoneCall]) -> Self {
        let mut pairing = Pairing::default();
        let mut taken = vec![false; phones.len()];
        for call in calls {
            let Some(answered_at) = call.answered_at else { continue };
            let overlap = |phone: &PhoneCall| {
                let from = phone.confirmed_at.map(|at| at.max(answered_at));
                from.filter(|from| *from <= phone.ended_at.min(call.ended_at))
                    .map(|from| phone.ended_at.min(call.ended_at).saturating_duration_since(from))
            };
            let phone = phones
                .iter()
                .enumerate()
                .filter(|(n, phone)| !taken[*n] && is_same(&phone.caller, &call.plan.from))
                .filter_map(|(n, phone)| Some((overlap(phone)?, n)))
                .max();
            let Some((_, n)) = phone else {
                pairing.calls_alone.push(call);
                continue;
            };
            taken[n] = true;
            pairing.conversations.push(Conversation::of(call, &phones[n]));
        }
        let alone = phones.iter().zip(taken);
        let alone = alone.filter(|(phone, taken)| phone.confirmed_at.is_some() && !taken);
        pairing.phones_alone = alone.map(|(phone, _)| phone).collect();
        pairing
    }

    pub fn right_both_ways(&self) -> usize {
        self.conversations.iter().filter(|each| each.is_right_both_ways()).count()
    }

    /// Those with a wrong or a deaf ear.
    pub fn wrong(&self) -> impl Iterator<Item = &Conversation<'a>> {
        self.conversations.iter().filter(|each| !each.is_right_both_ways())
    }
}

impl<'a> Conversation<'a> {
    fn of(call: &'a PlacedCall, phone: &'a PhoneCall) -> Self {
        let (caller_hears, phone_hears) = match (call.plan.sound, phone.sound) {
            (Sound::Voice(his), Sound::Voice(hers)) => {
                (Some(call.heard.judge(hers)), Some(phone.heard.judge(his)))
            }
            (Sound::Off | Sound::Token | Sound::Voice(_), _) => (None, None),
        };
        Self { call, phone, caller_hears, phone_hears }
    }
}

/// Whether two spellings are one number: `+33199000010`, `0033199000010`, `0199000010`.
fn is_same(a: &str, b: &str) -> bool {
    fn last_digits(number: &str) -> Option<String> {
        let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
        (digits.len() >= 9).then(|| digits[digits.len() - 9..].iter().collect())
    }
    match (last_digits(a), last_digits(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
