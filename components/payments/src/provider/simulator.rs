//! The card simulator: a provider of which everything that a provider can do can be had, by the number of the card.
//!
//! Most of its cards answer here and now, since the answer follows from the number. Those that lose, delay or repeat
//! their answer are charges in books of their own ([`super::simulator_books`]), as a bank's would be: what they tell later
//! comes as signed webhooks, which the maintenance route sends.

use super::simulator_books as books;
use super::{
    Answer, Charge, Notice, Part, Proof, Provider, Said, Settled, Standing, Unanswered, What, signature,
};
use crate::card::Card;
use crate::method::MethodKind;
use crate::model::CardTrace;
use crate::problem::PaymentsError;
use futures::future::BoxFuture;
use garde::Validate;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use souk_kit::id::AttemptId;
use souk_kit::{Ctx, FieldError, Money, Problem, Result, Timestamp, settings, valid};
use std::time::Duration;

/// What a test card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Succeeds,
    IsDeclined(&'static str),
    AsksForACode,
    LosesTheAnswer,
    AnswersTwice,
    AnswersLate,
}

/// The test cards.
const CARDS: &[(&str, Manner)] = &[
    ("4242424242424242", Manner::Succeeds),
    ("4000000000000002", Manner::IsDeclined("card_declined")),
    ("4000000000009995", Manner::IsDeclined("insufficient_funds")),
    ("4000000000003220", Manner::AsksForACode),
    ("4000000000000119", Manner::LosesTheAnswer),
    ("4000000000005126", Manner::AnswersTwice),
    ("4000000000000341", Manner::AnswersLate),
];

/// What passes the challenge.
const CODE: &str = "123456";
/// What is declined when it does not.
const CHALLENGE_FAILED: &str = "challenge_failed";
/// How late the late card answers.
const LATE: Duration = Duration::from_secs(60);

fn manner(is_it: impl Fn(&str) -> bool) -> Option<Manner> {
    CARDS.iter().find(|(number, _)| is_it(number)).map(|(_, manner)| *manner)
}

/// What the card of a charge does; the last digits of the test cards all differ.
fn manner_of(charge: &Charge) -> Manner {
    let last4 = charge.last4.as_deref().unwrap_or("none");
    manner(|number| number.ends_with(last4)).unwrap_or(Manner::Succeeds)
}

/// What a charge comes to that nothing stands against.
fn success(charge: &Charge) -> Standing {
    if charge.capture { Standing::Captured } else { Standing::Authorized }
}

/// The variable that has the key of its webhooks.
pub const WEBHOOK_KEY: &str = "card_simulator_key";

/// What may be kept of a card; refuses one that the simulator has no use for.
pub fn accept(card: &Card) -> Result<CardTrace> {
    manner(|number| number == card.number()).ok_or(PaymentsError::UnknownTestCard)?;
    Ok(CardTrace { brand: "visa".to_owned(), last4: card.last4().to_owned() })
}

/// The provider.
pub struct CardSimulator;

impl Provider for CardSimulator {
    fn name(&self) -> &'static str {
        "card-simulator"
    }

    fn method(&self) -> MethodKind {
        MethodKind::Card
    }

    fn answers_here(&self, charge: &Charge) -> bool {
        matches!(manner_of(charge), Manner::Succeeds | Manner::IsDeclined(_) | Manner::AsksForACode)
    }

    fn create<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said> {
        Box::pin(async move {
            match self.answers_here(charge) {
                true => Ok(Standing::Created.into()),
                false => books::create(ctx, charge).await.map(Said::from),
            }
        })
    }

    fn authorize<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, proof: Proof<'a>) -> Answer<'a, Said> {
        Box::pin(async move { try_card(ctx, charge, proof).await.map(Said::from) })
    }

    fn capture<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        self.moves(ctx, charge, part, "capture.succeeded")
    }

    fn release<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        self.moves(ctx, charge, part, "release.succeeded")
    }

    fn cancel<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Standing> {
        Box::pin(async move {
            match self.answers_here(charge) {
                true => Ok(Standing::Cancelled),
                false => books::cancel(ctx, charge).await,
            }
        })
    }

    fn refund<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        self.moves(ctx, charge, part, "refund.succeeded")
    }

    fn webhook<'a>(
        &'a self,
        _ctx: &'a Ctx,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(async move {
            signature::verify(headers, body, Timestamp::now(), &settings::key(WEBHOOK_KEY).await?)?;
            valid::parse::<Webhook>(body)?.notice()
        })
    }
}

/// Does what the card does.
async fn try_card(ctx: &Ctx, charge: &Charge, proof: Proof<'_>) -> Result<Standing, Unanswered> {
    let now = Timestamp::now();
    let manner = match &proof {
        Proof::Card(card) => manner(|number| number == card.number()),
        Proof::Challenge(_) => Some(manner_of(charge)),
        Proof::SignedIn | Proof::Elsewhere => None,
    };
    let manner = manner.ok_or_else(|| Unanswered("not a test card".into()))?;
    match (manner, proof) {
        (Manner::Succeeds, _) => Ok(success(charge)),
        (Manner::IsDeclined(code), _) => Ok(Standing::Declined(code.into())),
        (Manner::AsksForACode, Proof::Challenge(CODE)) => Ok(success(charge)),
        (Manner::AsksForACode, Proof::Challenge(_)) => Ok(Standing::Declined(CHALLENGE_FAILED.into())),
        (Manner::AsksForACode, _) => Ok(Standing::RequiresAction),
        (Manner::LosesTheAnswer, _) => {
            books::authorize(ctx, charge, &success(charge), now, 1).await?;
            Err(Unanswered("the simulated connection broke".into()))
        }
        (Manner::AnswersTwice, _) => books::authorize(ctx, charge, &success(charge), now, 2).await,
        (Manner::AnswersLate, _) => books::authorize(ctx, charge, &success(charge), now.after(LATE), 1).await,
    }
}

impl CardSimulator {
    /// Moves a part of a charge. The card that answers twice tells of it by webhook, too, and twice.
    fn moves<'a>(
        &'a self,
        ctx: &'a Ctx,
        charge: &'a Charge,
        part: &'a Part,
        kind: &'static str,
    ) -> Answer<'a, Settled> {
        Box::pin(async move {
            if manner_of(charge) == Manner::AnswersTwice {
                let webhook = Webhook::about(kind, part.key.clone(), part.amount, &part.key);
                books::tell(ctx, &[webhook.clone(), webhook]).await?;
            }
            Ok(Settled::Done)
        })
    }
}

/// A webhook of the simulator.
#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    #[garde(length(min = 1, max = 100))]
    id: String,
    #[serde(rename = "type")]
    #[garde(length(max = 100))]
    kind: String,
    #[garde(skip)]
    data: Data,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    /// The key of the charge or of its part.
    key: String,
    amount: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Webhook {
    /// The same thing told again has the same id.
    fn about(kind: &str, key: String, amount: Money, of: &str) -> Self {
        Self { id: format!("{kind}.{of}"), kind: kind.to_owned(), data: Data { key, amount, code: None } }
    }

    /// That a charge stands so.
    pub fn of_charge(charge: &Charge, standing: &Standing) -> Self {
        let kind = if *standing == Standing::Captured { "charge.captured" } else { "charge.authorized" };
        let key = charge.key.to_string();
        Self::about(kind, key.clone(), charge.amount, &key)
    }

    fn notice(self) -> Result<Notice> {
        let Data { key, amount, code } = self.data;
        let wrong = |pointer: &str, detail: &str| Problem::invalid(vec![FieldError::at(pointer, detail)]);
        let charge = |standing| {
            let key =
                key.parse::<AttemptId>().map_err(|_| wrong("/data/key", "is not the key of a charge"))?;
            Ok(What::Charge(key, amount, standing))
        };
        let what = match self.kind.as_str() {
            "charge.authorized" => charge(Standing::Authorized),
            "charge.captured" => charge(Standing::Captured),
            "charge.processing" => charge(Standing::Processing),
            "charge.declined" => charge(Standing::Declined(code.unwrap_or_else(|| "card_declined".into()))),
            "capture.succeeded" | "release.succeeded" | "refund.succeeded" => {
                Ok(What::Part(key.clone(), amount, Settled::Done))
            }
            "capture.failed" | "release.failed" | "refund.failed" => {
                Ok(What::Part(key.clone(), amount, Settled::Refused))
            }
            _ => Err(wrong("/type", "is not a type that the simulator has")),
        };
        Ok(Notice { event_id: self.id, what: what? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_last_digits_tell_the_test_cards_apart() {
        let ends: HashSet<&str> = CARDS.iter().map(|(number, _)| &number[12..]).collect();
        assert_eq!(ends.len(), CARDS.len());
    }
}
