//! The SQL.

pub mod mail;
pub mod reset;
pub mod wallet;

use self::mail::Link;
use crate::account::Profile;
use crate::credentials::Proven;
use crate::problem::UsersError;
use crate::rules::{self, History};
use serde_json::json;
use sha2::{Digest, Sha256};
use souk_kit::id::UserId;
use souk_kit::permission::Role;
use souk_kit::{Conn, DbError, Problem, Result, Row, Timestamp, Tx, params, words};
use std::time::Duration;

/// The columns of a profile, with the roles as a JSON array.
const PROFILE: &str = "SELECT id, email, email_verified_at IS NOT NULL AS email_verified, name, locale, phone, version, created_at, updated_at,
    (SELECT json_group_array(role) FROM user_roles WHERE user_id = users.id ORDER BY role) AS roles FROM users";

fn profile(row: Row<'_>) -> Result<Profile, DbError> {
    Ok(Profile {
        id: row.parse("id")?,
        email: row.get("email")?,
        email_verified: row.get("email_verified")?,
        name: row.get("name")?,
        locale: row.get("locale")?,
        phone: row.get("phone")?,
        roles: row.json("roles")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
    })
}

/// An account that is not deleted.
pub async fn find(conn: &Conn, id: UserId) -> Result<Profile> {
    let sql = format!("{PROFILE} WHERE id = ?1 AND deleted_at IS NULL");
    conn.one(&sql, params![id], profile).await?.ok_or_else(Problem::not_found)
}

/// The account with this e-mail address.
pub async fn find_by_email(conn: &Conn, email: &str) -> Result<Option<Profile>, DbError> {
    conn.one(&format!("{PROFILE} WHERE email = ?1"), params![email], profile).await
}

/// What a sign-in needs to know of an account that was proven to be somebody's.
pub async fn proven(conn: &Conn, id: UserId) -> Result<Proven> {
    let sql = "SELECT password_version, (SELECT json_group_array(role) FROM user_roles WHERE user_id = users.id) AS roles
                 FROM users WHERE id = ?1 AND deleted_at IS NULL";
    let read = |row: Row<'_>| {
        Ok(Proven { user_id: id, roles: row.json("roles")?, password_version: row.get("password_version")? })
    };
    conn.one(sql, params![id], read).await?.ok_or_else(Problem::not_found)
}

/// What is needed to insert an account.
pub struct NewUser<'a> {
    pub email: Option<&'a str>,
    pub password_hash: Option<&'a str>,
    pub name: Option<&'a str>,
    pub locale: &'a str,
    pub roles: &'a [Role],
}

/// Adds an account; `EmailTaken` when the address is somebody's.
pub async fn insert(tx: &mut Tx, user: &NewUser<'_>) -> Result<Profile> {
    let (id, now) = (UserId::new(), Timestamp::now());
    let inserted = tx
        .one(
            "INSERT INTO users (id, email, name, locale, password_hash, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (email) DO NOTHING RETURNING version",
            params![id, user.email, user.name, user.locale, user.password_hash, now],
            |row| row.get::<i64>("version"),
        )
        .await?;
    let version = inserted.ok_or(UsersError::EmailTaken)?;
    set_roles(tx, id, user.roles).await?;
    set_words(tx, id, &words::of_person(user.name, user.email.unwrap_or_default())).await?;
    Ok(Profile {
        id,
        email: user.email.map(str::to_owned),
        email_verified: false,
        name: user.name.map(str::to_owned),
        locale: user.locale.into(),
        phone: None,
        roles: user.roles.to_vec(),
        created_at: now,
        updated_at: now,
        version,
    })
}

/// Makes these the account's roles.
pub async fn set_roles(tx: &mut Tx, id: UserId, roles: &[Role]) -> Result<(), DbError> {
    let roles = json!(roles).to_string();
    tx.exec(
        "DELETE FROM user_roles WHERE user_id = ?1 AND role NOT IN (SELECT value FROM json_each(?2))",
        params![id, roles.as_str()],
    )
    .await?;
    tx.exec(
        "INSERT INTO user_roles (user_id, role) SELECT ?1, value FROM json_each(?2) WHERE true ON CONFLICT DO NOTHING",
        params![id, roles],
    )
    .await
}

async fn set_words(tx: &mut Tx, id: UserId, words: &[String]) -> Result<(), DbError> {
    tx.exec("DELETE FROM user_words WHERE user_id = ?1", params![id]).await?;
    tx.exec(
        "INSERT INTO user_words (user_id, word) SELECT ?1, value FROM json_each(?2)",
        params![id, json!(words).to_string()],
    )
    .await
}

/// Stores a changed profile under its next version.
pub async fn update(tx: &mut Tx, profile: &mut Profile) -> Result<()> {
    profile.version += 1;
    profile.updated_at = Timestamp::now();
    tx.exec(
        "UPDATE users SET name = ?2, locale = ?3, phone = ?4, version = ?5, updated_at = ?6 WHERE id = ?1",
        params![
            profile.id,
            profile.name.as_deref(),
            profile.locale.as_str(),
            profile.phone.as_deref(),
            profile.version,
            profile.updated_at
        ],
    )
    .await?;
    Ok(set_words(tx, profile.id, &words_of(profile)).await?)
}

fn words_of(profile: &Profile) -> Vec<String> {
    words::of_person(profile.name.as_deref(), profile.email.as_deref().unwrap_or_default())
}

/// Gives an account another e-mail address, which nobody has confirmed; `EmailTaken` when it is somebody's.
pub async fn set_email(tx: &mut Tx, old: &Profile, email: &str) -> Result<Profile> {
    if find_by_email(tx, email).await?.is_some() {
        return Err(UsersError::EmailTaken.into());
    }
    let mut new = Profile { email: Some(email.to_owned()), email_verified: false, ..old.clone() };
    let sql = "UPDATE users SET email = ?2, email_verified_at = NULL WHERE id = ?1";
    tx.exec(sql, params![old.id, email]).await?;
    update(tx, &mut new).await?;
    Ok(new)
}

/// Notes that mail to an account's address arrives; false when the account has another address by now.
pub async fn confirm_email(tx: &mut Tx, link: &Link) -> Result<bool, DbError> {
    let now = Timestamp::now();
    let confirmed = tx
        .one(
            "UPDATE users SET email_verified_at = coalesce(email_verified_at, ?3), version = version + 1, updated_at = ?3
              WHERE id = ?1 AND email = ?2 RETURNING 1 AS confirmed",
            params![link.user_id, link.email.as_str(), now],
            |row| row.get::<i64>("confirmed"),
        )
        .await?;
    Ok(confirmed.is_some())
}

/// Gives the owner of a link another password, and answers its version; nothing when the account has another address by now.
/// Failures that were counted against the old one are forgotten.
pub async fn renew_password(tx: &mut Tx, link: &Link, hash: &str) -> Result<Option<i64>, DbError> {
    let failures = params![email_hash(&link.email)];
    tx.exec("DELETE FROM sign_in_failures WHERE email_hash = ?1", failures).await?;
    tx.one(
        "UPDATE users SET password_hash = ?3, password_version = password_version + 1
          WHERE id = ?1 AND email = ?2 RETURNING password_version",
        params![link.user_id, link.email.as_str(), hash],
        |row| row.get("password_version"),
    )
    .await
}

/// Replaces the password of `version` and answers the new one's version; nothing when it is another by now.
pub async fn set_password(tx: &mut Tx, id: UserId, version: i64, hash: &str) -> Result<Option<i64>, DbError> {
    tx.one(
        "UPDATE users SET password_hash = ?3, password_version = password_version + 1
          WHERE id = ?1 AND password_version = ?2 AND deleted_at IS NULL RETURNING password_version",
        params![id, version, hash],
        |row| row.get("password_version"),
    )
    .await
}

/// Stores another hash of the same password.
pub async fn renew_hash(tx: &mut Tx, id: UserId, hash: &str) -> Result<(), DbError> {
    tx.exec("UPDATE users SET password_hash = ?2 WHERE id = ?1", params![id, hash]).await
}

/// Erases everything personal and keeps the id, which orders and invoices refer to.
pub async fn erase(tx: &mut Tx, profile: &Profile) -> Result<(), DbError> {
    let id = profile.id;
    if let Some(email) = &profile.email {
        for table in ["sign_in_failures", "known_networks", "reset_requests"] {
            let sql = format!("DELETE FROM {table} WHERE email_hash = ?1");
            tx.exec(&sql, params![email_hash(email)]).await?;
        }
    }
    mail::forget(tx, id).await?;
    tx.exec("DELETE FROM wallets WHERE user_id = ?1", params![id]).await?;
    tx.exec("DELETE FROM user_roles WHERE user_id = ?1", params![id]).await?;
    tx.exec("DELETE FROM user_words WHERE user_id = ?1", params![id]).await?;
    tx.exec(
        "UPDATE users SET email = NULL, email_verified_at = NULL, name = NULL, phone = NULL, password_hash = NULL, locale = 'en',
                version = version + 1, updated_at = ?2, deleted_at = ?2 WHERE id = ?1",
        params![id, Timestamp::now()],
    )
    .await
}

/// How many administrators there are, beside this person.
pub async fn other_administrators(conn: &Conn, id: Option<UserId>) -> Result<i64, DbError> {
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    let sql = "SELECT count(*) AS others FROM user_roles WHERE role = 'admin' AND user_id <> ?1";
    Ok(conn.one(sql, params![id], |row| row.get("others")).await?.unwrap_or_default())
}

/// Which accounts a list shows.
pub struct Filter<'a> {
    /// The beginnings of words of the name or of the e-mail address, all of which there must be.
    pub words: &'a [String],
    /// A role.
    pub role: Option<Role>,
    /// The id after which the page begins.
    pub after: Option<UserId>,
    /// How many at most.
    pub limit: u32,
}

/// A page of accounts, oldest first. Indexes: the primary keys of `user_words` and `user_roles_by_role`.
pub async fn list(conn: &Conn, filter: &Filter<'_>) -> Result<Vec<Profile>, DbError> {
    let mut sql = format!("{PROFILE} WHERE deleted_at IS NULL AND id > ?1");
    let after = filter.after.map(|id| id.to_string()).unwrap_or_default();
    let role = filter.role.map(Role::name).unwrap_or_default();
    let mut parameters = params![after, role, filter.limit];
    if filter.role.is_some() {
        sql += " AND id IN (SELECT user_id FROM user_roles WHERE role = ?2)";
    }
    for word in filter.words {
        parameters.push(word.as_str().into());
        let n = parameters.len();
        sql += &format!(
            " AND id IN (SELECT user_id FROM user_words WHERE word >= ?{n} AND word < ?{n} || char(0x10ffff))"
        );
    }
    sql += " ORDER BY id LIMIT ?3";
    conn.all(&sql, parameters, profile).await
}

/// What is known of an e-mail address and of guesses at its password, in one question.
pub struct Credentials {
    pub user_id: Option<UserId>,
    pub password_hash: Option<String>,
    pub password_version: i64,
    pub roles: Vec<Role>,
    pub history: History,
}

impl Credentials {
    /// Whether nobody has changed the password in between, or deleted the account.
    pub fn is_same_password(&self, other: &Self) -> bool {
        self.user_id.is_some()
            && (self.user_id, self.password_version) == (other.user_id, other.password_version)
    }
}

/// E-mail addresses that failed are not kept as such: they need not be anybody's.
fn email_hash(email: &str) -> Vec<u8> {
    Sha256::digest(email).to_vec()
}

/// The credentials of an e-mail address, and what is remembered of failures.
pub async fn credentials(conn: &Conn, email: &str, network: &str) -> Result<Credentials, DbError> {
    let now = Timestamp::now();
    let since = move |at: Option<i64>| {
        Duration::from_millis(u64::try_from(now.as_millis() - at.unwrap_or_default()).unwrap_or_default())
    };
    let found = conn
        .one(
            "SELECT u.id, u.password_hash, coalesce(u.password_version, 0) AS password_version,
                    coalesce((SELECT json_group_array(role) FROM user_roles WHERE user_id = u.id), '[]') AS roles,
                    here.failures AS here, here.last_failure_at AS here_at,
                    overall.failures AS overall, overall.last_failure_at AS overall_at,
                    EXISTS (SELECT 1 FROM known_networks
                             WHERE email_hash = ?2 AND network = ?3 AND last_success_at >= ?4) AS known
               FROM (SELECT 1)
               LEFT JOIN users u ON u.email = ?1
               LEFT JOIN sign_in_failures here ON here.email_hash = ?2 AND here.network = ?3
               LEFT JOIN sign_in_failures overall ON overall.email_hash = ?2 AND overall.network = '*'",
            params![email, email_hash(email), network, now.before(rules::NETWORK_KNOWN_FOR)],
            |row| {
                Ok(Credentials {
                    user_id: row.get::<Option<&str>>("id")?.and_then(|id| id.parse().ok()),
                    password_hash: row.get("password_hash")?,
                    password_version: row.get("password_version")?,
                    roles: row.json("roles")?,
                    history: History {
                        from_here: row.get::<Option<u32>>("here")?.unwrap_or_default(),
                        since_here: since(row.get("here_at")?),
                        overall: row.get::<Option<u32>>("overall")?.unwrap_or_default(),
                        since_overall: since(row.get("overall_at")?),
                        is_known: row.get("known")?,
                    },
                })
            },
        )
        .await?;
    found.ok_or_else(|| DbError::Other("credentials gave no row".into()))
}

/// Notes a wrong guess.
pub async fn note_failure(tx: &mut Tx, email: &str, network: &str) -> Result<(), DbError> {
    let now = Timestamp::now();
    tx.exec(
        "INSERT INTO sign_in_failures (email_hash, network, failures, last_failure_at) VALUES (?1, ?2, 1, ?3), (?1, '*', 1, ?3)
         ON CONFLICT (email_hash, network) DO UPDATE SET
           failures = CASE WHEN last_failure_at < ?4 THEN 1 ELSE min(failures + 1, 1000000) END,
           last_failure_at = excluded.last_failure_at",
        params![email_hash(email), network, now, now.before(rules::FAILURES_COUNT_FOR)],
    )
    .await
}

/// Notes a right guess: its network is the owner's, and owes nothing any more.
pub async fn note_success(tx: &mut Tx, email: &str, network: &str) -> Result<(), DbError> {
    let hash = email_hash(email);
    let sql = "DELETE FROM sign_in_failures WHERE email_hash = ?1 AND network = ?2";
    tx.exec(sql, params![hash.clone(), network]).await?;
    let now = Timestamp::now();
    // Once a day is often enough to remember a network for a month.
    let yesterday = now.before(Duration::from_secs(24 * 3600));
    let noted = tx
        .one(
            "INSERT INTO known_networks (email_hash, network, last_success_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (email_hash, network) DO UPDATE SET last_success_at = excluded.last_success_at
              WHERE last_success_at < ?4 RETURNING 1 AS noted",
            params![hash.clone(), network, now, yesterday],
            |row| row.get::<i64>("noted"),
        )
        .await?;
    if noted.is_none() {
        return Ok(());
    }
    tx.exec(
        "DELETE FROM known_networks WHERE email_hash = ?1 AND network IN (
           SELECT network FROM known_networks WHERE email_hash = ?1 ORDER BY last_success_at DESC LIMIT -1 OFFSET ?2)",
        params![hash, rules::MAX_KNOWN_NETWORKS],
    )
    .await
}

/// Forgets failures that no longer count, those beyond what is kept, and networks that nobody has come from for long.
pub async fn purge(conn: &Conn) -> Result<(), DbError> {
    let now = Timestamp::now();
    let failures = params![now.before(rules::FAILURES_COUNT_FOR)];
    conn.exec("DELETE FROM sign_in_failures WHERE last_failure_at < ?1", failures).await?;
    // Addresses that failed once, of which an attacker can make up any number, do not drive out one that is under attack.
    conn.exec(
        "DELETE FROM sign_in_failures WHERE (email_hash, network) IN (
           SELECT email_hash, network FROM sign_in_failures ORDER BY failures DESC, last_failure_at DESC
            LIMIT -1 OFFSET ?1)",
        params![rules::MAX_FAILURES_KEPT],
    )
    .await?;
    let networks = params![now.before(rules::NETWORK_KNOWN_FOR)];
    conn.exec("DELETE FROM known_networks WHERE last_success_at < ?1", networks).await
}
