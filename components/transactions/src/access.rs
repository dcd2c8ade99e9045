//! Who asks, and what they may see and move.

use crate::model::Account;
use crate::store;
use souk_kit::id::{AccountId, UserId};
use souk_kit::permission::scope::{ACCOUNT, TRANSACTIONS_READ, TRANSACTIONS_WRITE};
use souk_kit::{Caller, Conn, Problem, Result, Subject};

/// Whoever asks.
#[derive(Debug, Clone)]
pub struct Who {
    /// The person, if it is one.
    pub user: Option<UserId>,
    /// Whether they may see every account.
    pub reads_all: bool,
    /// Whether they may move everybody's money.
    pub writes_all: bool,
    /// Who they are, for the books.
    pub name: String,
}

impl Who {
    /// Somebody with an account of their own, or with a scope over all. Others are refused.
    pub fn of(caller: &Caller) -> Result<Self> {
        let (reads_all, writes_all) = (caller.has(TRANSACTIONS_READ), caller.has(TRANSACTIONS_WRITE));
        if !reads_all && !writes_all {
            caller.needs(ACCOUNT)?;
        }
        let user = match caller.subject {
            Subject::User(id) => Some(id),
            Subject::Anonymous | Subject::Client(_) | Subject::Service => None,
        };
        Ok(Self { user, reads_all: reads_all || writes_all, writes_all, name: caller.subject.to_string() })
    }

    /// Another service, acting for itself.
    pub fn service(name: &str) -> Self {
        Self { user: None, reads_all: true, writes_all: true, name: format!("service {name}") }
    }

    /// Whether the account is theirs.
    pub fn owns(&self, account: &Account) -> bool {
        account.owner.is_some() && account.owner == self.user
    }

    /// Whether they may look at it.
    pub fn may_see(&self, account: &Account) -> bool {
        self.reads_all || self.owns(account)
    }

    /// Whether they may spend what is in it.
    pub fn may_move(&self, account: &Account) -> bool {
        self.writes_all || self.owns(account)
    }
}

/// An account that they may see. Somebody else's is not there.
pub async fn account(conn: &Conn, who: &Who, id: AccountId) -> Result<Account> {
    let found = store::account::find(conn, id).await?.filter(|account| who.may_see(account));
    found.ok_or_else(Problem::not_found)
}

impl Who {
    /// Refuses everybody who may not move everybody's money.
    pub fn must_write(&self) -> Result<()> {
        match self.writes_all {
            true => Ok(()),
            false => Err(Problem::forbidden(format!("This needs the scope `{TRANSACTIONS_WRITE}`."))),
        }
    }
}
