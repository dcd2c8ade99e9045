//! Accounts: who people are, how they prove it, what they are to the shop, and what is written to them.
//!
//! Keeps: an e-mail address and a wallet belong to one account; a password is stored only as an argon2id hash; something opens
//! every account; a link that was mailed and a nonce that was signed work once, and neither can be read from the database; nobody
//! learns by asking for a new password whether an address has an account; there is always an administrator once there was one;
//! a deleted account keeps its id, which orders and invoices refer to, and nothing else.
//!
//! Calls a mail API (`mail_url`) and, for wallets that are contracts, a chain's node (`wallet_rpc_url`). Publishes
//! `souk.user.registered`, `.deleted`, `.password_changed`, `.roles_changed`, `.email_changed`, `.email_verified` and
//! `.wallet_linked`; auth ends sessions on the second and the third and keeps all of them in its audit log, and customers
//! erase what they know of somebody on the second.

mod account;
mod administration;
mod credentials;
mod email;
mod guess;
mod mail;
mod outside;
mod ownership;
mod password;
mod problem;
mod reset;
mod rules;
mod siwe;
mod store;
mod trace;
mod wallet;

use souk_kit::{Ctx, Database, Result, Service, Subscription};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "users",
    about: "Accounts: registration, profile, password, wallets, mail, roles, deletion.",
    database: Some(Database {
        label: "users",
        migrations: &[("users/0001_users", include_str!("../../../sql/users/0001_users.sql"))],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[
        Subscription { event: "souk.user.deleted", subscriber: "auth" },
        Subscription { event: "souk.user.deleted", subscriber: "customers" },
        Subscription { event: "souk.user.deleted", subscriber: "prices" },
        Subscription { event: "souk.user.deleted", subscriber: "transactions" },
        Subscription { event: "souk.user.password_changed", subscriber: "auth" },
        Subscription { event: "souk.user.email_changed", subscriber: "auth" },
        Subscription { event: "souk.user.email_verified", subscriber: "auth" },
        Subscription { event: "souk.user.wallet_linked", subscriber: "auth" },
        Subscription { event: "souk.user.registered", subscriber: "auth" },
        Subscription { event: "souk.user.roles_changed", subscriber: "auth" },
    ],
    maintain: Some(|ctx| Box::pin(maintain(ctx))),
    ..Service::BASE
};

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(account::register, administration::list))
        .routes(routes!(account::read, account::update, account::delete))
        .routes(routes!(account::change_password))
        .routes(routes!(email::change))
        .routes(routes!(email::ask_again))
        .routes(routes!(email::verify))
        .routes(routes!(reset::ask))
        .routes(routes!(reset::confirm))
        .routes(routes!(wallet::list, wallet::link))
        .routes(routes!(wallet::unlink))
        .routes(routes!(mail::list))
        .routes(routes!(mail::read))
        .routes(routes!(administration::bootstrap))
        .routes(routes!(administration::read, administration::update, administration::delete))
        .routes(routes!(administration::set_roles))
        .routes(routes!(credentials::check))
        .routes(routes!(credentials::roles))
        .routes(routes!(credentials::person))
        .routes(routes!(wallet::terms))
        .routes(routes!(wallet::check))
}

async fn maintain(ctx: Ctx) -> Result<()> {
    reset::resume(&ctx).await?;
    mail::deliver(&ctx).await?;
    credentials::purge(&ctx).await
}
