use super::*;
use crate::model::{AccountKind, Kind};
use proptest::prelude::*;
use souk_ledger::{Audit, Entry};

const START: i64 = 1_000;

fn account(number: i64, kind: AccountKind, currency: &str, min_balance: Option<i64>) -> Account {
    Account {
        number,
        id: AccountId::new(),
        iban: Iban::make("XS", "SOUK", u64::try_from(number).unwrap()).unwrap(),
        kind,
        role: None,
        currency: currency.parse().unwrap(),
        owner: None,
        label: String::new(),
        is_open: true,
        balance: 0,
        held: 0,
        min_balance,
        daily_out: None,
        out_day: 0,
        out_today: 0,
        version: 1,
        created_at: Timestamp::from_millis(0),
    }
}

/// Two wallets of euros, one of dollars, and where money comes from and goes through.
fn book() -> Book {
    let wallet = |number, currency| account(number, AccountKind::Liability, currency, Some(0));
    let free = |number, kind, currency| account(number, kind, currency, None);
    Book::new(
        vec![
            wallet(1, "EUR"),
            wallet(2, "EUR"),
            wallet(3, "USD"),
            free(4, AccountKind::Asset, "EUR"),
            free(5, AccountKind::Liability, "EUR"),
            free(6, AccountKind::Liability, "USD"),
        ],
        Head::START,
    )
}

fn euro(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn now() -> Timestamp {
    Timestamp::from_millis(START)
}

fn pays(from: i64, to: i64, amount: i64) -> Draft {
    Draft::between(Kind::Transfer, from, to, euro(amount), "test")
}

fn audited(book: &Book) -> souk_ledger::Summary {
    let mut audit = Audit::default();
    let mut previous_hash = Hash::ZERO;
    for entry in &book.entries {
        let account = book.account(entry.account).unwrap();
        let transaction = book.transactions.iter().find(|it| it.number == entry.number).unwrap();
        let facts = Facts {
            seq: entry.seq,
            transaction_id: transaction.id.to_string(),
            kind: transaction.kind.name().into(),
            account_id: account.id.to_string(),
            currency: account.currency.code().into(),
            amount: entry.amount,
            balance: entry.balance,
            at_ms: entry.at.as_millis(),
        };
        audit.record(&souk_ledger::Record::Entry(Entry { facts, previous_hash, hash: entry.hash })).unwrap();
        previous_hash = entry.hash;
    }
    audit.finish().unwrap()
}

#[test]
fn money_that_is_not_there_is_not_moved() {
    let mut book = book();
    let refused = book.enter(pays(1, 2, 1), now()).unwrap_err();
    assert_eq!(refused, Refused::InsufficientFunds { available: euro(0), wanted: euro(1) });
    assert!(book.entries.is_empty() && book.transactions.is_empty());
    book.enter(pays(4, 1, 100), now()).unwrap();
    book.enter(pays(1, 2, 100), now()).unwrap();
    assert_eq!((book.account(1).unwrap().balance, book.account(2).unwrap().balance), (0, 100));
    // An asset counts the other way round.
    assert_eq!(book.account(4).unwrap().standing(), 100);
    assert_eq!(audited(&book).entries, 4);
}

#[test]
fn what_is_set_aside_cannot_be_spent() {
    let mut book = book();
    book.enter(pays(4, 1, 100), now()).unwrap();
    let outside = Draft { when: When::Cleared(now()), ..pays(1, 4, 60) };
    let mut pending = book.enter(outside, now()).unwrap().clone();
    assert_eq!((pending.state, pending.entries), (State::Pending, None));
    assert!(book.enter(pays(1, 2, 41), now()).is_err());
    book.release(1, 60);
    book.settle(&mut pending, None, now()).unwrap();
    assert_eq!((pending.state, book.account(1).unwrap().available()), (State::Posted, 40));
}

#[test]
fn the_limit_of_a_day_is_that_of_the_day() {
    let mut book = book();
    book.enter(pays(4, 1, 1000), now()).unwrap();
    let limited = |amount| Draft { limited: Some(Some(100)), ..pays(1, 2, amount) };
    book.enter(limited(60), now()).unwrap();
    let refused = book.enter(limited(41), now()).unwrap_err();
    assert_eq!(refused, Refused::DailyLimit { limit: euro(100), left: euro(40) });
    book.enter(limited(40), now()).unwrap();
    book.enter(pays(1, 2, 41), now()).unwrap(); // What is not limited does not count.
    book.enter(limited(100), Timestamp::from_millis(START + DAY_MS)).unwrap();
}

#[test]
fn a_closed_account_takes_nothing() {
    let mut book = book();
    book.accounts.get_mut(&2).unwrap().is_open = false;
    assert_eq!(book.enter(pays(4, 2, 1), now()), Err(Refused::AccountClosed));
}

#[test]
fn a_balance_never_wraps() {
    let mut book = book();
    book.enter(pays(4, 1, MAX_BALANCE), now()).unwrap();
    assert_eq!(book.enter(pays(5, 1, 1), now()), Err(Refused::BalanceOutOfRange));
    assert_eq!(book.enter(pays(4, 2, i64::MAX), now()), Err(Refused::BalanceOutOfRange));
}

#[test]
fn the_clock_may_go_back_and_the_ledger_does_not() {
    let mut book = book();
    book.enter(pays(4, 1, 5), now()).unwrap();
    book.enter(pays(1, 2, 5), Timestamp::from_millis(1)).unwrap();
    assert!(book.entries.iter().all(|entry| entry.at == now()));
}

#[derive(Debug, Clone)]
enum Operation {
    Pay(i64, i64, i64),
    Exchange(i64, i64),
    Send(i64, i64),
    Arrive(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let euros = || prop_oneof![Just(1_i64), Just(2), Just(4), Just(5)];
    prop_oneof![
        (euros(), euros(), 1..300_i64)
            .prop_filter("two accounts", |(from, to, _)| from != to)
            .prop_map(|(from, to, amount)| Operation::Pay(from, to, amount)),
        (1..200_i64, 1..300_i64).prop_map(|(euros, dollars)| Operation::Exchange(euros, dollars)),
        (1..=2_i64, 1..200_i64).prop_map(|(from, amount)| Operation::Send(from, amount)),
        (0..20_usize).prop_map(Operation::Arrive),
    ]
}

/// Does it, if it is allowed.
fn perform(book: &mut Book, sent: &mut Vec<Transaction>, operation: &Operation) {
    match *operation {
        Operation::Pay(from, to, amount) => drop(book.enter(pays(from, to, amount), now())),
        Operation::Exchange(euros, dollars) => {
            let lines = vec![Line(1, -euros), Line(5, euros), Line(6, -dollars), Line(3, dollars)];
            let received = Some(Money::new(dollars, "USD".parse().unwrap()));
            drop(book.enter(Draft { lines, received, ..pays(1, 3, euros) }, now()));
        }
        Operation::Send(from, amount) => {
            if let Ok(pending) =
                book.enter(Draft { when: When::Cleared(now()), ..pays(from, 4, amount) }, now())
            {
                sent.push(pending.clone());
            }
        }
        Operation::Arrive(which) if which < sent.len() => {
            let mut pending = sent.remove(which);
            book.release(pending.from.unwrap(), pending.amount.unwrap().amount);
            book.settle(&mut pending, None, now()).unwrap();
        }
        Operation::Arrive(_) => {}
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_books_are_sound(operations in proptest::collection::vec(operation(), 1..60)) {
        let (mut book, mut sent) = (book(), Vec::new());
        for operation in &operations {
            let before = (book.entries.len(), book.transactions.len());
            perform(&mut book, &mut sent, operation);
            prop_assert!(book.entries.len() >= before.0 && book.transactions.len() >= before.1);
            for account in book.accounts() {
                prop_assert!(account.held >= 0);
                prop_assert!(account.min_balance.is_none_or(|limit| account.available() >= limit));
            }
        }
        // The audit adds up each currency and each account, and follows the chain.
        prop_assert_eq!(audited(&book).entries, book.entries.len());
    }
}
