//! Secrets of agents and phones: digests in the configuration, or a password in a file of its own.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sip::{Account, Algorithm};

use super::fields::Place;
use super::file::SecretFile;
use super::mistake::{Mistake, Mistakes};
use super::regular::{self, Unreadable};
use crate::limits::CONFIG_FILE_BYTES_MAX;

/// Octets of a password.
const PASSWORD_BYTES_MAX: usize = 256;

/// Whose secret it is, and where it is written.
pub(super) struct Of<'s, 't> {
    pub(super) name: &'s str,
    pub(super) place: &'s Place<'t>,
    pub(super) secret: &'s SecretFile<'t>,
    /// Relative paths start from the folder of the file that names them.
    pub(super) folder: &'s Path,
    pub(super) realm: Option<&'s str>,
}

pub(super) fn account(of: &Of<'_, '_>, offered: &[Algorithm], mistakes: &mut Mistakes) -> Account {
    let Of { name, place, secret, folder, realm } = *of;
    let mut account = Account { ha1_md5: secret.ha1, ha1_sha256: secret.ha1_sha256 };
    let has_digest = account.ha1_md5.is_some() || account.ha1_sha256.is_some();
    let Some(file) = &secret.file else {
        if !secret.is_tried {
            mistakes.push(place.within("ha1").missing(
                "missing: the phone could not register",
                format!(
                    "write `ha1 = \"…\"` with what `monoligne ha1 {} {}` prints",
                    name,
                    realm.unwrap_or("REALM")
                ),
            ));
        }
        let is_usable = offered.iter().any(|algorithm| match algorithm {
            Algorithm::Md5 => account.ha1_md5.is_some(),
            Algorithm::Sha256 => account.ha1_sha256.is_some(),
        });
        if has_digest && !is_usable {
            mistakes.push(place.missing(
                "the digest is of no algorithm that phones are asked for",
                "write the other of `ha1` and `ha1_sha256`, or add its algorithm to `algorithms` \
                 in [registrar]",
            ));
        }
        return account;
    };
    if has_digest {
        mistakes.push(file.place.mistake("a second secret beside `ha1`", "keep one of them"));
    }
    match read(&folder.join(&file.value)) {
        Ok(password) => {
            let realm = realm.unwrap_or_default();
            account.ha1_md5 = Some(sip::ha1_md5(name, realm, &password));
            account.ha1_sha256 = Some(sip::ha1_sha256(name, realm, &password));
        }
        Err((fault, remedy)) => {
            let mistake: Mistake = file.place.mistake(fault, remedy);
            mistakes.push(mistake);
        }
    }
    account
}

/// The file's first line. Everybody's to read is no secret.
fn read(path: &Path) -> Result<String, (String, String)> {
    let shown = path.display();
    let failed = |error: Unreadable| {
        (
            format!("{shown} cannot be read: {error}"),
            "write the password into this file, readable for monoligne's user".to_owned(),
        )
    };
    let mode = std::fs::metadata(path).map_err(|error| failed(error.into()))?.mode();
    if mode & 0o007 != 0 {
        return Err((
            format!("{shown} may be read or written by everybody (mode {:03o})", mode & 0o777),
            format!("chmod 640 {shown}"),
        ));
    }
    let bytes = regular::read(path, CONFIG_FILE_BYTES_MAX).map_err(failed)?;
    match str::from_utf8(&bytes).unwrap_or_default().lines().next().map(str::trim_end) {
        Some(password) if (1..=PASSWORD_BYTES_MAX).contains(&password.len()) => {
            Ok(password.to_owned())
        }
        _ => Err((
            format!("{shown} holds no password"),
            format!("write it as the first line, of at most {PASSWORD_BYTES_MAX} octets"),
        )),
    }
}
