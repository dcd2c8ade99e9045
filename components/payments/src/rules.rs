//! What may follow what, and how much is left: decisions without I/O.

use crate::event;
use crate::model::{Action, AttemptState, Capture, Intent, Kind, State, TransferState, Try};
use crate::problem::PaymentsError;
use crate::provider::Standing;
use souk_kit::{Money, Timestamp};
use std::time::Duration;

/// After so many declined methods nothing more is tried: somebody is looking for a card that works.
pub const MAX_DECLINES: i64 = 10;
/// How long a provider has for a call before it is asked how the matter stands.
pub const CALL_LASTS: Duration = Duration::from_secs(30);
/// How long a provider that is still working on it is left alone.
pub const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Whether another method may be tried.
pub const fn may_confirm(state: State) -> bool {
    matches!(state, State::RequiresMethod | State::RequiresAction)
}

/// Whether another amount may be wanted.
pub const fn may_change(state: State) -> bool {
    may_confirm(state)
}

/// Whether nothing was taken yet, so that it can be called off.
pub const fn may_cancel(intent: &Intent) -> bool {
    let before_capture = matches!(
        intent.state,
        State::RequiresMethod | State::RequiresAction | State::Processing | State::Authorized
    );
    before_capture && intent.captured + intent.capturing == 0
}

/// What becomes of a try when its provider says how it stands; nothing when that is no news: providers repeat themselves,
/// and tell the second thing before the first.
fn next(now: AttemptState, standing: &Standing) -> Option<AttemptState> {
    use AttemptState::{
        Authorized, Captured, Declined, Pending, Processing, RequiresAction, Voided, Voiding,
    };
    let (next, from): (_, &[AttemptState]) = match standing {
        Standing::Created => return None,
        // It was given up, and carried out all the same: it is undone once more.
        Standing::Authorized | Standing::Captured if now == Voided => (Voiding, &[Voided]),
        Standing::Processing => (Processing, &[Pending, RequiresAction, Processing]),
        Standing::RequiresAction => (RequiresAction, &[Pending, Processing]),
        Standing::Authorized => (Authorized, &[Pending, RequiresAction, Processing]),
        Standing::Captured => (Captured, &[Pending, RequiresAction, Processing, Authorized]),
        Standing::Declined(_) | Standing::Cancelled if now == Voiding => (Voided, &[Voiding]),
        Standing::Declined(_) | Standing::Cancelled => (Declined, &[Pending, RequiresAction, Processing]),
    };
    from.contains(&now).then_some(next)
}

/// Whether a try needs no answer any more: what it came to, its provider has said.
pub const fn is_final(state: AttemptState) -> bool {
    use AttemptState::{Authorized, Captured, Declined, Voided};
    matches!(state, Authorized | Captured | Declined | Voided)
}

/// Whether the news changed anything, and which event says so.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// It was known, or comes too late to matter.
    Old,
    /// Something changed, which concerns nobody else.
    Quiet,
    /// Something changed that others are told.
    Told(&'static str),
}

/// Takes in what a provider says of a try.
pub fn apply(intent: &mut Intent, attempt: &mut Try, standing: &Standing, now: Timestamp) -> News {
    let Some(next) = next(attempt.state, standing) else { return News::Old };
    if next == AttemptState::Captured && intent.capture == Capture::Manual {
        return News::Old; // Parts are taken one by one, and answered one by one.
    }
    attempt.state = next;
    attempt.ask_at = ask_at(next, attempt, now);
    match next {
        AttemptState::Processing => intent.state = State::Processing,
        AttemptState::RequiresAction => {
            intent.state = State::RequiresAction;
            if let Some(Action::Transfer { .. }) = attempt.notes.action {
                return News::Told(event::AWAITED);
            }
        }
        AttemptState::Authorized => {
            (intent.state, intent.authorized) = (State::Authorized, attempt.amount);
            return News::Told(event::AUTHORIZED);
        }
        AttemptState::Captured => {
            (intent.authorized, intent.captured) = (attempt.amount, attempt.amount);
            intent.state = State::Captured;
            return News::Told(event::CAPTURED);
        }
        AttemptState::Declined => {
            attempt.code = Some(standing.code().to_owned());
            intent.declines += 1;
            if intent.declines >= MAX_DECLINES {
                intent.state = State::Failed;
                return News::Told(event::FAILED);
            }
            intent.state = State::RequiresMethod;
        }
        AttemptState::Pending | AttemptState::Voiding | AttemptState::Voided => {}
    }
    News::Quiet
}

/// When the provider is asked about a try that stands so; never when it has said all, or only the buyer can go on.
fn ask_at(state: AttemptState, attempt: &Try, now: Timestamp) -> Option<Timestamp> {
    match (state, &attempt.notes.action) {
        (AttemptState::Processing, _) | (AttemptState::RequiresAction, Some(Action::Redirect { .. })) => {
            Some(now.after(ASK_AGAIN))
        }
        (AttemptState::Voiding, _) => Some(now),
        (AttemptState::RequiresAction, Some(Action::Transfer { until, .. })) => Some(*until),
        _ => None,
    }
}

/// What is held, and neither taken nor let go nor about to be.
pub const fn held(intent: &Intent) -> i64 {
    intent.authorized - intent.captured - intent.capturing - intent.released
}

/// How much a capture takes: what is wanted, or all that is left; nothing when there is nothing left to take.
pub fn to_capture(intent: &Intent, wanted: Option<i64>) -> Result<Option<i64>, PaymentsError> {
    let left = held(intent);
    match (intent.state, wanted) {
        (State::Authorized | State::PartiallyCaptured, Some(amount)) if amount <= left => Ok(Some(amount)),
        (State::Authorized | State::PartiallyCaptured | State::Captured, Some(_)) => {
            Err(PaymentsError::CaptureExceeds(intent.money(left)))
        }
        (State::Authorized | State::PartiallyCaptured | State::Captured, None) => {
            Ok(Some(left).filter(|left| *left > 0))
        }
        (state, _) => Err(PaymentsError::State(state)),
    }
}

/// How much a refund gives back: exactly what is wanted.
pub fn to_refund(intent: &Intent, wanted: i64) -> Result<i64, PaymentsError> {
    let left = intent.captured - intent.refunded - intent.refunding;
    match intent.state {
        State::Captured | State::PartiallyCaptured | State::PartiallyRefunded | State::Refunded => {
            if wanted <= left { Ok(wanted) } else { Err(PaymentsError::RefundExceeds(intent.money(left))) }
        }
        state => Err(PaymentsError::State(state)),
    }
}

/// Sets an amount aside until the provider has answered.
pub fn set_aside(intent: &mut Intent, kind: Kind, amount: i64) {
    match kind {
        Kind::Capture => intent.capturing += amount,
        Kind::Release => intent.released += amount,
        Kind::Refund => intent.refunding += amount,
    }
}

/// Books what was set aside, or gives it free. Gives the event that says so.
pub fn book(intent: &mut Intent, kind: Kind, amount: i64, state: TransferState) -> Option<&'static str> {
    set_aside(intent, kind, -amount);
    let mut told = None;
    if state == TransferState::Succeeded {
        told = match kind {
            Kind::Capture => {
                intent.captured += amount;
                Some(event::CAPTURED)
            }
            Kind::Release => {
                intent.released += amount;
                None
            }
            Kind::Refund => {
                intent.refunded += amount;
                Some(event::REFUNDED)
            }
        };
    }
    intent.state = state_of(intent);
    told
}

/// The state of an intent that was authorized, by its sums.
const fn state_of(intent: &Intent) -> State {
    match (intent.captured, intent.refunded) {
        (0, _) => State::Authorized,
        (captured, 0) if captured + intent.released < intent.authorized => State::PartiallyCaptured,
        (_, 0) => State::Captured,
        (captured, refunded) if refunded < captured => State::PartiallyRefunded,
        _ => State::Refunded,
    }
}

/// Whether an amount of somebody's can be wanted: positive, and not beyond what is exact.
pub fn is_amount(money: &Money) -> bool {
    (1..=souk_kit::money::MAX_AMOUNT).contains(&money.amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use souk_kit::Currency;
    use souk_kit::id::{OrderId, PaymentId};

    fn payment(capture: Capture) -> (Intent, Try) {
        let (id, now) = (PaymentId::new(), Timestamp::now());
        let intent = Intent {
            id,
            order_id: OrderId::new(),
            user_id: None,
            currency: Currency::EUR,
            amount: 1000,
            capture,
            return_url: None,
            revision: 0,
            state: State::RequiresMethod,
            authorized: 0,
            capturing: 0,
            captured: 0,
            released: 0,
            refunding: 0,
            refunded: 0,
            declines: 0,
            created_at: now,
            updated_at: now,
        };
        let attempt = Try::new(&intent, "any", None);
        (intent, attempt)
    }

    fn standing() -> impl Strategy<Value = Standing> {
        prop_oneof![
            Just(Standing::Created),
            Just(Standing::RequiresAction),
            Just(Standing::Processing),
            Just(Standing::Authorized),
            Just(Standing::Captured),
            Just(Standing::Declined("no".into())),
            Just(Standing::Cancelled),
        ]
    }

    proptest! {
        #[test]
        fn in_whatever_order_news_come_success_is_told_once_and_stays(
            news in proptest::collection::vec(standing(), 0..12),
        ) {
            let (mut intent, mut attempt) = payment(Capture::Automatic);
            let mut told = Vec::new();
            for standing in &news {
                let was_captured = intent.state == State::Captured;
                if let News::Told(kind) = apply(&mut intent, &mut attempt, standing, Timestamp::now()) {
                    told.push(kind);
                }
                prop_assert!(!was_captured || intent.state == State::Captured);
            }
            prop_assert!(told.iter().filter(|kind| **kind == event::CAPTURED).count() <= 1);
            prop_assert!(told.iter().filter(|kind| **kind == event::AUTHORIZED).count() <= 1);
            prop_assert!(told.last() != Some(&event::AUTHORIZED) || intent.captured == 0);
        }

        #[test]
        fn whatever_is_asked_for_the_sums_hold(
            wishes in proptest::collection::vec((0_u8..3, 1_i64..1500, 0_u8..3), 0..30),
        ) {
            let (mut intent, mut attempt) = payment(Capture::Manual);
            apply(&mut intent, &mut attempt, &Standing::Authorized, Timestamp::now());
            let mut open = Vec::new();
            for (kind, amount, answer) in wishes {
                let kind = [Kind::Capture, Kind::Release, Kind::Refund][usize::from(kind)];
                let granted = match kind {
                    Kind::Release => Some(held(&intent)).filter(|left| *left > 0),
                    Kind::Capture => to_capture(&intent, Some(amount)).ok().flatten(),
                    Kind::Refund => to_refund(&intent, amount).ok(),
                };
                if let Some(amount) = granted {
                    set_aside(&mut intent, kind, amount);
                    open.push((kind, amount));
                }
                if answer > 0 && let Some((kind, amount)) = open.pop() {
                    let state = if answer == 1 { TransferState::Succeeded } else { TransferState::Failed };
                    book(&mut intent, kind, amount, state);
                }
                prop_assert!(intent.captured + intent.capturing + intent.released <= intent.authorized);
                prop_assert!(intent.refunded + intent.refunding <= intent.captured);
                prop_assert!(intent.capturing >= 0 && intent.refunding >= 0 && intent.released >= 0);
                let is_all = intent.captured > 0 && intent.captured + intent.released == intent.authorized;
                prop_assert!(!is_all || intent.refunded > 0 || !open.is_empty() || intent.state == State::Captured);
            }
        }
    }

    #[test]
    fn what_was_given_up_is_not_paid_any_more() {
        let (mut intent, mut attempt) = payment(Capture::Automatic);
        (intent.state, attempt.state) = (State::Cancelled, AttemptState::Voiding);
        let before = intent.clone();
        assert_eq!(apply(&mut intent, &mut attempt, &Standing::Captured, Timestamp::now()), News::Old);
        assert_eq!(intent, before);
    }

    #[test]
    fn the_tenth_decline_is_the_last() {
        let (mut intent, mut attempt) = payment(Capture::Automatic);
        for _ in 1..MAX_DECLINES {
            attempt.state = AttemptState::Pending;
            apply(&mut intent, &mut attempt, &Standing::Declined("no".into()), Timestamp::now());
            assert_eq!(intent.state, State::RequiresMethod);
        }
        attempt.state = AttemptState::Pending;
        let told = apply(&mut intent, &mut attempt, &Standing::Declined("no".into()), Timestamp::now());
        assert_eq!((told, intent.state), (News::Told(event::FAILED), State::Failed));
    }
}
