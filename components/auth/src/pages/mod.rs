//! The pages of the authorization server: signing in, choosing, allowing, signing out, and what went wrong.

mod consent;
mod failure;
mod login;
mod logout;
pub mod recovery;
pub mod texts;

pub use consent::{choose, consent};
pub use failure::{fault, log_fault, refusal};
pub use login::login;
pub use logout::{ask, told};

use crate::page::hidden;
use maud::{Markup, html};
use souk_kit::Language;

/// What the pages of an authorization request have in common.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Whom they speak to.
    pub language: Language,
    /// The name of the application that asks.
    pub client: &'a str,
    /// Where its answers go.
    pub redirect_uri: &'a str,
    /// The query of the page's address, where its form goes to.
    pub query: &'a str,
    /// The code of its form.
    pub csrf: &'a str,
}

impl View<'_> {
    /// The form, back to the address of the page.
    fn form(&self, content: Markup) -> Markup {
        html! {
            form method="post" action=(format!("/oauth2/authorize?{}", self.query)) {
                (hidden("csrf", self.csrf))
                (content)
            }
        }
    }
}

/// A button that takes a step.
fn step(name: &str, label: &str) -> Markup {
    html! { button name="step" value=(name) { (label) } }
}

/// The same for what is not the first choice; it needs no field filled in.
fn other_step(name: &str, label: &str) -> Markup {
    html! { button.other name="step" value=(name) formnovalidate { (label) } }
}
