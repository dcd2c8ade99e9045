//! Signatures of messages: by a key (EIP-191), or by a contract that says so itself (ERC-1271).

use super::address::Address;
use k256::ecdsa::{RecoveryId, Signature as Ecdsa, VerifyingKey};
use sha3::{Digest, Keccak256};

/// The longest signature that is read, in bytes: contracts of many owners have long ones.
pub const MAX_SIGNATURE: usize = 4 << 10;

/// The hash that is signed for a text (EIP-191, version `E`).
pub fn hash(message: &str) -> [u8; 32] {
    let prefix = format!("\x19Ethereum Signed Message:\n{}", message.len());
    Keccak256::new().chain_update(prefix).chain_update(message).finalize().into()
}

/// The bytes of a signature in hexadecimal.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let bytes = hex::decode(text.strip_prefix("0x")?).ok()?;
    (!bytes.is_empty() && bytes.len() <= MAX_SIGNATURE).then_some(bytes)
}

/// Whose key has signed; nothing when it is no signature of a key. Takes milliseconds.
pub fn signer(hash: &[u8; 32], signature: &[u8]) -> Option<Address> {
    let (rs, v) = signature.split_at_checked(64)?;
    // Most wallets add 27 to what is the recovery id; hardware wallets do not.
    let parity = match v {
        [v @ (0 | 27)] | [v @ (1 | 28)] => RecoveryId::from_byte(v % 27)?,
        _ => return None,
    };
    let signature = Ecdsa::from_slice(rs).ok()?;
    // Every signature has a twin with the other half of s, which no wallet makes (EIP-2).
    if signature.normalize_s() != signature {
        return None;
    }
    let key = VerifyingKey::recover_from_prehash(hash, &signature, parity).ok()?;
    let point = key.to_sec1_point(false);
    let coordinates: [u8; 64] = point.as_bytes().get(1..)?.try_into().ok()?;
    Some(Address::of_public_key(&coordinates))
}

/// `isValidSignature(bytes32,bytes)`: the first four bytes of the hash of that, and what a contract answers that says yes.
const IS_VALID_SIGNATURE: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];

/// The call that asks a contract, ABI-encoded.
pub fn question(hash: &[u8; 32], signature: &[u8]) -> String {
    let word = |number: usize| {
        let mut word = [0; 32];
        word[24..].copy_from_slice(&(number as u64).to_be_bytes());
        word
    };
    let padding = vec![0; signature.len().next_multiple_of(32) - signature.len()];
    // The offset of the bytes, counted from behind the selector; their length; the bytes.
    let parts = [&IS_VALID_SIGNATURE[..], hash, &word(64), &word(signature.len()), signature, &padding];
    format!("0x{}", hex::encode(parts.concat()))
}

/// Whether the contract said yes: the magic value, left-aligned in a word. What is no contract answers nothing.
pub fn is_yes(answer: &str) -> bool {
    let bytes = answer.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok()).unwrap_or_default();
    bytes.len() == 32 && bytes.starts_with(&IS_VALID_SIGNATURE) && bytes[4..].iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_encoded_as_the_abi_says() {
        let call = question(&[0xab; 32], &[0xcd; 65]);
        let expected = [
            "0x1626ba7e",
            &"ab".repeat(32),
            &format!("{:064x}", 64),
            &format!("{:064x}", 65),
            &"cd".repeat(65),
            &"00".repeat(31),
        ];
        assert_eq!(call, expected.concat());
        assert!(question(&[0; 32], &[1; 64]).ends_with(&"01".repeat(64)), "nothing to fill up");
    }

    #[test]
    fn only_the_magic_value_is_yes() {
        assert!(is_yes(&format!("0x1626ba7e{}", "00".repeat(28))));
        for no in [
            "0x",
            "0x1626ba7e",
            &format!("0x{}", "00".repeat(32)),
            &format!("0x{}1626ba7e", "00".repeat(28)),
            &format!("0x1626ba7e{}01", "00".repeat(27)),
            &format!("0x{:064x}", 1),
            &format!("1626ba7e{}", "00".repeat(28)),
        ] {
            assert!(!is_yes(no), "{no}");
        }
    }
}
