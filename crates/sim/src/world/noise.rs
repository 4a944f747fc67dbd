//! Noise from nowhere: bytes that are no SIP, and requests of people we do not know.

use std::net::SocketAddr;

use bytes::Bytes;
use sip::{Flow, Message};

use super::World;
use crate::failure::{Check, Failure};
use crate::scene::{Noise, trunk_address};
use crate::tally::Happening;
use crate::wire::{self, ENGINE, Head};

impl World {
    pub(super) fn noise(&mut self, noise: Noise) -> Result<(), Failure> {
        match noise {
            Noise::Garbage(kind) => {
                self.tally.note(Happening::Garbage);
                let bytes = self.garbage(kind);
                let flow = self.flow(trunk_address(0));
                self.receive(flow, bytes)
            }
            Noise::Stranger(kind) => {
                self.tally.note(Happening::Stranger);
                let address = SocketAddr::from(([203, 0, 113, kind], 5060));
                let method =
                    ["INVITE", "OPTIONS", "BYE", "MESSAGE", "CANCEL"][usize::from(kind) % 5];
                let bytes = wire::request(
                    &Head {
                        method,
                        uri: &format!("sip:+33140000000@{ENGINE}"),
                        via: address,
                        branch: &format!("z9hG4bKs{kind}"),
                        from: "<sip:100@203.0.113.1>;tag=s",
                        to: &format!("<sip:100@{ENGINE}>"),
                        call_id: &format!("s{kind}"),
                        cseq: 1,
                    },
                    "Contact: <sip:100@203.0.113.1>\r\n",
                    None,
                );
                let before = self.engine.ledger().strangers;
                self.receive(self.flow(address), bytes)?;
                if self.engine.ledger().strangers != before + 1 {
                    return Err(Failure::new(Check::Intruder, "a stranger is not counted"));
                }
                Ok(())
            }
        }
    }

    fn garbage(&mut self, kind: u8) -> Bytes {
        let sound = wire::request(
            &Head {
                method: "INVITE",
                uri: &format!("sip:+33140000000@{ENGINE}"),
                via: trunk_address(0),
                branch: &format!("z9hG4bKn{kind}"),
                from: "<sip:1@192.0.2.10>;tag=n",
                to: &format!("<sip:1@{ENGINE}>"),
                // No byte of it that is changed makes it a call of somebody else.
                call_id: &format!("garbage-{kind}"),
                cseq: 1,
            },
            "Contact: <sip:1@192.0.2.10>\r\n",
            None,
        );
        match kind % 4 {
            0 => Bytes::from_static(b"\r\n\r\n"),
            1 => (0..kind).map(|_| self.dice.below(256) as u8).collect(),
            2 => sound.slice(..usize::from(kind).min(sound.len() - 30)),
            _ => {
                let mut bytes = sound.to_vec();
                // The start line and Via are broken, so that it can be no call.
                bytes[3] = b'\x01';
                for _ in 0..kind / 16 {
                    let at = self.dice.below(bytes.len() as u64) as usize;
                    bytes[at] = self.dice.below(256) as u8;
                }
                bytes[2] = b' ';
                Bytes::from(bytes)
            }
        }
    }

    /// Nobody we know: only a REGISTER is answered, and what is broken says nothing.
    pub(super) fn stranger_is_told(
        &mut self,
        flow: Flow,
        message: &Message,
    ) -> Result<(), Failure> {
        let is_trunk = (0..self.scene.config.trunks.len())
            .any(|trunk| trunk_address(trunk).ip() == flow.remote.ip());
        if is_trunk || message.method() == sip::Method::Register {
            return Ok(());
        }
        Err(Failure::new(Check::Intruder, format!("{} is told {message:?}", flow.remote)))
    }
}
