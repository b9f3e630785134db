//! Checksums of texts, in hexadecimal: CRC32, SHA1, SHA2.

use datafusion::{arrow::array::ArrayRef, error::Result};
use sha1::{Digest, Sha1};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::types::SqlType;

use super::{
    arguments::Arguments,
    function::{
        Definition,
        Kind::{Integer, Text},
        TEXT, form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["crc32"],
        forms: &[form(&[Text], SqlType::Varchar { length: 8 }, crc32)],
    },
    Definition {
        names: &["sha1", "sha", "func_sha1"],
        forms: &[form(&[Text], SqlType::Varchar { length: 40 }, sha1)],
    },
    Definition { names: &["sha2"], forms: &[form(&[Text, Integer], TEXT, sha2)] },
];

/// The remainders of each byte by the polynomial of CRC-32C, its bits reversed.
static REMAINDERS: [u32; 256] = remainders(0x82f6_3b78);

const fn remainders(polynomial: u32) -> [u32; 256] {
    let mut table = [0_u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1 == 1;
            remainder >>= 1;
            if carry {
                remainder ^= polynomial;
            }
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
}

fn crc32c(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        let at = (crc ^ u32::from(*byte)) & 0xff;
        REMAINDERS[at as usize] ^ (crc >> 8)
    });
    !crc
}

/// The guide: "based on the CRC-32C polynomial".
fn crc32(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| Some(Ok(format!("{:08x}", crc32c(a.text(0, row)?.as_bytes())))))
}

fn sha1(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| Some(Ok(hexadecimal(&Sha1::digest(a.text(0, row)?)))))
}

/// A number of bits that there is no function for gives an empty text.
fn sha2(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| {
        let (text, bits) = (a.text(0, row)?, a.integer(1, row)?);
        Some(Ok(match bits {
            0 | 256 => hexadecimal(&Sha256::digest(text)),
            224 => hexadecimal(&Sha224::digest(text)),
            384 => hexadecimal(&Sha384::digest(text)),
            512 => hexadecimal(&Sha512::digest(text)),
            _ => String::new(),
        }))
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
