//! Typed ids: the one registry of what Souk names.
//!
//! An id is a prefix and a UUIDv7 (RFC 9562) in Crockford's base32, lower case: `usr_06b8…`. It sorts by the time it
//! was made, says what it names, and cannot be taken for another kind.

use data_encoding::{Encoding, Specification};
use std::sync::LazyLock;
use uuid::Uuid;

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.encoding().expect("the alphabet is 32 distinct symbols")
});

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl std::fmt::Display for InvalidId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("is not a valid id")
    }
}

impl std::error::Error for InvalidId {}

fn encode(prefix: &str, uuid: Uuid) -> String {
    let mut text = String::with_capacity(prefix.len() + 27);
    text.push_str(prefix);
    text.push('_');
    BASE32.encode_append(uuid.as_bytes(), &mut text);
    text
}

fn decode(prefix: &str, text: &str) -> Result<Uuid, InvalidId> {
    let encoded = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(InvalidId)?;
    let bytes = BASE32.decode(encoded.as_bytes()).map_err(|_| InvalidId)?;
    Uuid::from_slice(&bytes).map_err(|_| InvalidId)
}

/// The lowest UUIDv7 of a millisecond. Times before 1970 have none.
fn earliest(at: crate::Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text of every such id begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, later than those made before it.
            #[expect(clippy::new_without_default, reason = "a fresh id is no default value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// What no id that is made then or later sorts before.
            pub fn earliest(at: crate::Timestamp) -> Self {
                Self(earliest(at))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&encode($prefix, self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode($prefix, text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl From<$name> for spin_sdk::sqlite::Value {
            fn from(id: $name) -> Self {
                Self::Text(id.to_string())
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-hjkmnp-tv-z]{26}$")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

impl RequestId {
    /// A new id without asking the host for randomness: it is looked up in logs, and opens nothing.
    pub(crate) fn unique() -> Self {
        let millis = u64::try_from(crate::Timestamp::now().as_millis()).unwrap_or_default();
        let [_, _, _, _, _, _, rest @ ..] = crate::unique::number().to_be_bytes();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid())
    }
}

ids! {
    /// A person's account.
    UserId = "usr";
    /// An OAuth client: a program that signs people in, or acts for itself.
    ClientId = "cli";
    /// A sign-in: the family of refresh tokens that descend from it.
    SessionId = "ses";
    /// A mail to somebody.
    MailId = "mal";
    /// A browser in which a person is signed in.
    BrowserId = "brs";
    /// An entry of the audit log.
    AuditId = "aud";
    /// An access token (`jti`).
    TokenId = "tok";
    /// A product of the catalogue.
    ProductId = "prd";
    /// A variant of a product: what is bought.
    VariantId = "var";
    /// A category of the catalogue.
    CategoryId = "cat";
    /// An image of a product.
    ImageId = "img";
    /// What the shop knows of a person who buys, with an account or without.
    CustomerId = "cus";
    /// An address of a customer.
    AddressId = "adr";
    /// A place that stock lies at.
    LocationId = "loc";
    /// A change of stock.
    MovementId = "mov";
    /// Stock held for an order.
    ReservationId = "rsv";
    /// A cart.
    CartId = "crt";
    /// A line of a cart or of an order.
    LineId = "lin";
    /// An order.
    OrderId = "ord";
    /// A shipment of an order.
    ShipmentId = "shp";
    /// Goods that come back.
    ReturnId = "ret";
    /// A payment that is wanted: the payment intent of an order.
    PaymentId = "pay";
    /// One try to pay an intent.
    AttemptId = "att";
    /// Money given back.
    RefundId = "rfd";
    /// Money taken, in full or in part, after it was authorized.
    CaptureId = "cap";
    /// What was authorized and is let go.
    ReleaseId = "rel";
    /// An invoice.
    InvoiceId = "inv";
    /// A credit note.
    CreditNoteId = "crn";
    /// A job that runs over many rows (an import, an export).
    JobId = "job";
    /// A published event.
    EventId = "evt";
    /// One request, from the edge to the last service.
    RequestId = "req";
    /// An account of the ledger.
    AccountId = "acc";
    /// A transaction of the ledger: postings that sum to zero.
    TransactionId = "trx";
    /// Money of an account that is set aside for a later transaction.
    HoldId = "hld";
    /// Somebody outside whom an account's owner sends money to.
    BeneficiaryId = "ben";
    /// Transactions that are all posted, or none.
    BatchId = "bat";
    /// A price that holds for a time.
    QuoteId = "quo";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_own_text() {
        let id = UserId::new();
        assert_eq!(id.to_string().parse::<UserId>(), Ok(id));
        assert_eq!(id.to_string().len(), 30);
    }

    #[test]
    fn an_id_is_never_taken_for_another_kind() {
        assert_eq!(ProductId::new().to_string().parse::<UserId>(), Err(InvalidId));
    }

    #[test]
    fn noise_is_no_id() {
        for text in
            ["", "usr", "usr_", "usr_!", "usr_00000000000000000000000000ff", "USR_00000000000000000000000000"]
        {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<String> = (0..1000).map(|_| EventId::new().to_string()).collect();
        assert!(ids.is_sorted());
    }
}
