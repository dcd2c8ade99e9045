//! What people do with their accounts, as sentences.

use crate::answer::Answer;
use crate::person::{Person, Tokens};
use crate::project::unique;
use crate::suite::Suite;
use serde_json::{Value, json};

/// The password of everybody who does not choose another one.
pub const PASSWORD: &str = "correct horse battery";

/// What somebody sends to register, under an e-mail address that nobody has.
pub fn user(name: &str) -> Value {
    let email = format!("{}@example.com", unique(name).replace(' ', "-"));
    json!({"email": email, "password": PASSWORD, "name": name})
}

impl Suite {
    /// Somebody registers. They sign in when they first need to.
    pub async fn sign_up(&self, name: &str) -> Person {
        let user = user(name);
        let answer = self.stranger().registers(&user).await.is(201);
        let email = user["email"].as_str().unwrap_or_default().to_owned();
        Person::with_account(
            self.place().clone(),
            name,
            answer.text("/id").to_owned(),
            email,
            PASSWORD.into(),
        )
    }

    /// Somebody who runs the catalogue.
    pub async fn merchant(&self) -> Person {
        let merchant = self.sign_up("the merchant").await;
        self.admin().await.gives_roles(&merchant, &["merchant"]).await.is(200).accept();
        merchant
    }
}

impl Person {
    /// Registers an account: see [`user`].
    pub async fn registers(&self, user: &Value) -> Answer {
        self.post("/api/v1/users", user).without_token().await
    }

    /// Signs in with this e-mail address and password.
    pub async fn signs_in_as(&self, email: &str, password: &str) -> Answer {
        self.post("/api/v1/auth/login", &json!({"email": email, "password": password})).without_token().await
    }

    /// Signs in afresh and goes on with the new tokens.
    pub async fn signs_in(&self) -> Tokens {
        self.holds(None).await;
        self.tokens().await
    }

    /// Exchanges a refresh token for a new pair.
    pub async fn refreshes(&self, refresh_token: &str) -> Answer {
        self.post("/api/v1/auth/refresh", &json!({"refresh_token": refresh_token})).without_token().await
    }

    /// Signs out: the refresh token is worth nothing any more.
    pub async fn signs_out(&self, refresh_token: &str) -> Answer {
        self.post("/api/v1/auth/logout", &json!({"refresh_token": refresh_token})).await
    }

    /// Reads the own profile.
    pub async fn reads_profile(&self) -> Answer {
        self.get("/api/v1/users/me").await
    }

    /// Changes the own profile.
    pub async fn changes_profile(&self, change: &Value) -> Answer {
        self.patch("/api/v1/users/me", change).await
    }

    /// Changes the own password, and remembers it if that worked.
    pub async fn changes_password(&self, new: &str) -> Answer {
        let change = json!({"current_password": self.password(), "new_password": new});
        let answer = self.post("/api/v1/users/me/password", &change).await;
        if answer.is_success() {
            self.remembers_password(new);
        }
        answer
    }

    /// Deletes the own account.
    pub async fn deletes_account(&self) -> Answer {
        self.delete("/api/v1/users/me").json(&json!({"password": self.password()})).await
    }

    /// Gives somebody exactly these roles.
    pub async fn gives_roles(&self, person: &Person, roles: &[&str]) -> Answer {
        self.put(format!("/api/v1/users/{}/roles", person.id()), &json!({"roles": roles})).await
    }
}
