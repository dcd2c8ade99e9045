//! Ethereum addresses, in the mixed case that is their checksum (ERC-55).

use sha3::{Digest, Keccak256};

/// An account's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address([u8; 20]);

impl Address {
    /// That of a public key: the last twenty bytes of the hash of its coordinates.
    pub fn of_public_key(coordinates: &[u8; 64]) -> Self {
        let hash: [u8; 32] = Keccak256::digest(coordinates).into();
        let mut address = [0; 20];
        address.copy_from_slice(&hash[12..]);
        Self(address)
    }

    /// What is wrong with text that is none.
    const MALFORMED: &'static str = "has no valid address";
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lower = hex::encode(self.0);
        let hash: [u8; 32] = Keccak256::digest(lower.as_bytes()).into();
        f.write_str("0x")?;
        for (index, digit) in lower.chars().enumerate() {
            let nibble = hash[index / 2] >> (4 * (1 - index % 2)) & 0xf;
            let digit = if nibble >= 8 { digit.to_ascii_uppercase() } else { digit };
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Address {
    type Err = &'static str;

    /// Reads an address whose checksum is right.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40).ok_or(Self::MALFORMED)?;
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| Self::MALFORMED)?;
        let address = Self(bytes);
        match address.to_string() == text {
            true => Ok(address),
            false => Err("has an address whose checksum (ERC-55) is wrong"),
        }
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of ERC-55.
    const EXAMPLES: [&str; 4] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn the_examples_of_the_standard_are_read_and_written() {
        for example in EXAMPLES {
            assert_eq!(example.parse::<Address>().unwrap().to_string(), example);
        }
    }

    #[test]
    fn another_case_is_another_checksum() {
        for example in EXAMPLES {
            assert!(example.to_lowercase().parse::<Address>().is_err());
            assert!(example.to_uppercase().replace("0X", "0x").parse::<Address>().is_err());
        }
        for text in [
            "",
            "0x",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
