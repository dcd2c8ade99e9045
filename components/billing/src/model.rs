//! Invoices and credit notes, as they are kept and as they go out.

use crate::order::{Line, Shipping, Totals};
use serde::{Deserialize, Serialize};
use souk_address::Address;
use souk_kit::id::{CreditNoteId, InvoiceId, MovementId, OrderId, PaymentId, RefundId, UserId};
use souk_kit::{Currency, Language, Money, Timestamp};
use utoipa::ToSchema;

/// Who sells, as it was configured when the document was issued.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Seller {
    /// The name of the business.
    pub name: String,
    /// The lines of its address.
    pub address: Vec<String>,
    /// Its number with the tax office.
    pub tax_id: Option<String>,
}

/// Who bought.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Buyer {
    /// The account; absent for a guest.
    pub user_id: Option<UserId>,
    /// Where messages went.
    pub email: String,
    /// Whom the document is made out to.
    pub billing_address: Address,
    /// Where the goods went.
    pub shipping_address: Address,
}

/// What was taxed in the same way: the tax breakdown has one for each rate, or set of rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxGroup {
    /// The taxes; none for what is not taxed.
    pub taxes: Vec<TaxShare>,
    /// What they are reckoned on.
    pub net: Money,
    /// With all of them.
    pub gross: Money,
}

/// A tax of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxShare {
    /// What it is called.
    pub label: String,
    /// Its rate in hundredths of a percent.
    #[schema(example = 2000)]
    pub rate_bp: u32,
    /// How much.
    pub amount: Money,
}

/// An invoice as it was issued. It never changes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IssuedInvoice {
    /// Its id.
    pub id: InvoiceId,
    /// Its number, without gaps within the year.
    #[schema(example = "INV-2026-000001")]
    pub number: String,
    /// The order.
    pub order_id: OrderId,
    /// The order's number.
    pub order_number: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it was to be paid, as it was issued: at once, if it was paid before.
    pub due_at: Timestamp,
    /// The language of the order.
    pub language: Language,
    /// The currency of every amount.
    pub currency: Currency,
    /// Who sells.
    pub seller: Seller,
    /// Who bought.
    pub buyer: Buyer,
    /// What was bought.
    pub lines: Vec<Line>,
    /// How it was sent.
    pub shipping: Shipping,
    /// The sums.
    pub totals: Totals,
    /// The tax breakdown: the gross amounts add up to the total.
    pub tax_breakdown: Vec<TaxGroup>,
}

/// How far an invoice is paid. One whose order is paid at once is issued as paid; one that waits for a bank transfer is open
/// until the money is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not yet, and there is time.
    Open,
    /// Not yet, and the time is over.
    Overdue,
    /// A part of it.
    PartiallyPaid,
    /// In full.
    Paid,
    /// In full, and a part was given back.
    PartiallyRefunded,
    /// In full, and all was given back.
    Refunded,
    /// Never, since the order was called off: a credit note has taken it back.
    Cancelled,
}

/// What money did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// It was taken from the buyer.
    Captured,
    /// It went back.
    Refunded,
}

impl MovementKind {
    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Refunded => "refunded",
        }
    }
}

/// Money that moved for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Movement {
    /// Its id.
    pub id: MovementId,
    /// What it did.
    #[schema(inline)]
    pub kind: MovementKind,
    /// By which payment provider.
    #[schema(example = "bank-transfer")]
    pub provider: String,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// The payment of an invoice, now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Payment {
    /// How far it is paid.
    pub status: Status,
    /// The payment.
    pub payment_id: Option<PaymentId>,
    /// When it is to be paid: later than the invoice says if the buyer was given more time.
    pub due_at: Timestamp,
    /// What a bank transfer for it is to name, if the buyer was told to make one.
    #[schema(example = "RF18539007547034")]
    pub reference: Option<String>,
    /// When it was paid in full.
    pub paid_at: Option<Timestamp>,
    /// How much is paid.
    pub paid: Money,
    /// How much of it was given back.
    pub refunded: Money,
    /// The money that moved for it, oldest first. It may be told of a moment later than the payment.
    pub movements: Vec<Movement>,
}

/// Why and how long it is kept.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Retention {
    /// The law requires it to be kept until then.
    pub until: Timestamp,
    /// When the buyer's personal data was erased everywhere else: since then it is kept for the law alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer_erased_at: Option<Timestamp>,
}

/// A credit note of an invoice, in short.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreditNoteSummary {
    /// Its id.
    pub id: CreditNoteId,
    /// Its number.
    pub number: String,
    /// How much is credited.
    pub amount: Money,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// An invoice, with what became of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Invoice {
    /// As it was issued.
    #[serde(flatten)]
    pub issued: IssuedInvoice,
    /// Its payment.
    pub payment: Payment,
    /// Its credit notes, oldest first.
    pub credit_notes: Vec<CreditNoteSummary>,
    /// Why and how long it is kept.
    pub retention: Retention,
}

/// An invoice in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvoiceSummary {
    /// Its id.
    pub id: InvoiceId,
    /// Its number.
    #[schema(example = "INV-2026-000001")]
    pub number: String,
    /// The order.
    pub order_id: OrderId,
    /// The account; absent for a guest.
    pub user_id: Option<UserId>,
    /// Where messages went.
    pub email: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it is to be paid.
    pub due_at: Timestamp,
    /// How far it is paid.
    pub status: Status,
    /// Its total.
    pub total: Money,
    /// How much of it is paid.
    pub paid: Money,
    /// How much of it was given back.
    pub refunded: Money,
}

/// A credit note as it was issued. It never changes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IssuedCreditNote {
    /// Its id.
    pub id: CreditNoteId,
    /// Its number, without gaps within the year.
    #[schema(example = "CRN-2026-000001")]
    pub number: String,
    /// The invoice that it corrects.
    pub invoice_id: InvoiceId,
    /// The number of that.
    pub invoice_number: String,
    /// The order.
    pub order_id: OrderId,
    /// The refund; null when nothing had been paid: then it takes the invoice back.
    pub refund_id: Option<RefundId>,
    /// Why, if it was said.
    pub reason: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When the money went back; null when there was none.
    pub refunded_at: Option<Timestamp>,
    /// The language of the order.
    pub language: Language,
    /// The currency of every amount.
    pub currency: Currency,
    /// Who sells.
    pub seller: Seller,
    /// Who bought.
    pub buyer: Buyer,
    /// How much is credited.
    pub amount: Money,
    /// The tax in it: the gross amounts add up to the amount.
    pub tax_breakdown: Vec<TaxGroup>,
}

/// Whether money has gone back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayoutState {
    /// It is on its way, as far as payments has told.
    Pending,
    /// It has.
    Done,
}

/// The money that went back for a credit note.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Payout {
    /// Whether it has.
    #[schema(inline)]
    pub state: PayoutState,
    /// By which payment provider, once it has.
    #[schema(example = "card-simulator")]
    pub provider: Option<String>,
    /// When it did.
    pub at: Option<Timestamp>,
}

/// A credit note, with what became of the money.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CreditNote {
    /// As it was issued.
    #[serde(flatten)]
    pub issued: IssuedCreditNote,
    /// The money that went back; null when nothing had been paid.
    pub payout: Option<Payout>,
}
