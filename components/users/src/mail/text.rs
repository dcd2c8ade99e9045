//! What mails say, in English and French.

use super::{Kind, Letter};
use souk_kit::{Language, Result, settings};

/// A mail as its reader sees it.
#[derive(Debug)]
pub struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The words of a mail; `{about}` stands for what it is about.
struct Words {
    subject: &'static str,
    /// What happened, or what to do.
    opening: &'static str,
    /// What the link is called.
    link: Option<&'static str>,
    /// What else to know.
    closing: &'static str,
}

/// Composes a mail.
pub async fn compose(letter: &Letter) -> Result<Written> {
    let public_url = settings::variable("public_url").await?;
    let page = match letter.kind {
        Kind::Verify => Some("verify"),
        Kind::Reset => Some("reset"),
        Kind::PasswordChanged | Kind::EmailChanged | Kind::WalletLinked | Kind::WalletUnlinked => None,
    };
    let link = match page {
        Some(page) => {
            let (token, language) = (super::token(letter.id).await?, letter.language.code());
            Some(format!("{public_url}/oauth2/{page}?token={}&ui_locales={language}", token.expose()))
        }
        None => None,
    };
    Ok(written(letter.kind, letter.language, link.as_deref(), letter.about.as_deref().unwrap_or_default()))
}

fn written(kind: Kind, language: Language, link: Option<&str>, about: &str) -> Written {
    let words = words(kind, language);
    let (hello, bye) = match language {
        Language::En => ("Hello,", "The shop"),
        Language::Fr => ("Bonjour,", "La boutique"),
    };
    let opening = words.opening.replace("{about}", about);
    let mut text = vec![hello.to_owned(), opening.clone()];
    let mut html = vec![paragraph(hello), paragraph(&opening)];
    if let (Some(label), Some(link)) = (words.link, link) {
        text.push(link.to_owned());
        html.push(format!("<p><a href=\"{}\">{}</a></p>", escaped(link), escaped(label)));
        // Who reads without links, or does not trust them, can copy the address.
        html.push(paragraph(link));
    }
    for part in [words.closing, bye] {
        text.push(part.to_owned());
        html.push(paragraph(part));
    }
    let html = format!(
        "<!DOCTYPE html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head><body>{}</body></html>",
        language.code(),
        escaped(words.subject),
        html.concat()
    );
    Written { subject: words.subject.to_owned(), text: text.join("\n\n") + "\n", html }
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn words(kind: Kind, language: Language) -> Words {
    match language {
        Language::En => english(kind),
        Language::Fr => french(kind),
    }
}

const NOT_YOU: &str = "If this was not you, choose a new password at once (“Forgot your password?” on the sign-in page) and write to us.";
const PAS_VOUS: &str = "Si ce n’était pas vous, choisissez tout de suite un nouveau mot de passe (« Mot de passe oublié ? » sur la page de connexion) et écrivez-nous.";

fn english(kind: Kind) -> Words {
    match kind {
        Kind::Verify => Words {
            subject: "Confirm your e-mail address",
            opening: "please confirm that this is your e-mail address. The link holds for 24 hours.",
            link: Some("Confirm the address"),
            closing: "If you have no account with us, you need do nothing: without your confirmation the address stays unconfirmed.",
        },
        Kind::Reset => Words {
            subject: "Choose a new password",
            opening: "somebody asked for a new password for your account. With this link you can choose one, once and within an hour.",
            link: Some("Choose a new password"),
            closing: "If this was not you, you need do nothing: your password stays as it is.",
        },
        Kind::PasswordChanged => Words {
            subject: "Your password was changed",
            opening: "the password of your account was just changed. Wherever else you were signed in, you have to sign in again.",
            link: None,
            closing: NOT_YOU,
        },
        Kind::EmailChanged => Words {
            subject: "Your e-mail address was changed",
            opening: "your account has another e-mail address now. You will get no more mail at this one.",
            link: None,
            closing: "If this was not you, write to us at once.",
        },
        Kind::WalletLinked => Words {
            subject: "A wallet was linked to your account",
            opening: "the wallet {about} can now sign in to your account.",
            link: None,
            closing: NOT_YOU,
        },
        Kind::WalletUnlinked => Words {
            subject: "A wallet was unlinked from your account",
            opening: "the wallet {about} cannot sign in to your account any more. Wherever else you were signed in, you have to sign in again.",
            link: None,
            closing: NOT_YOU,
        },
    }
}

fn french(kind: Kind) -> Words {
    match kind {
        Kind::Verify => Words {
            subject: "Confirmez votre adresse e-mail",
            opening: "merci de confirmer que cette adresse e-mail est la vôtre. Le lien est valable 24 heures.",
            link: Some("Confirmer l’adresse"),
            closing: "Si vous n’avez pas de compte chez nous, vous n’avez rien à faire : sans votre accord, l’adresse reste non confirmée.",
        },
        Kind::Reset => Words {
            subject: "Choisissez un nouveau mot de passe",
            opening: "quelqu’un a demandé un nouveau mot de passe pour votre compte. Ce lien permet d’en choisir un, une seule fois et pendant une heure.",
            link: Some("Choisir un nouveau mot de passe"),
            closing: "Si ce n’était pas vous, vous n’avez rien à faire : votre mot de passe reste le même.",
        },
        Kind::PasswordChanged => Words {
            subject: "Votre mot de passe a été modifié",
            opening: "le mot de passe de votre compte vient d’être modifié. Partout ailleurs, il faudra vous reconnecter.",
            link: None,
            closing: PAS_VOUS,
        },
        Kind::EmailChanged => Words {
            subject: "Votre adresse e-mail a été modifiée",
            opening: "votre compte a maintenant une autre adresse e-mail. Vous ne recevrez plus de messages à celle-ci.",
            link: None,
            closing: "Si ce n’était pas vous, écrivez-nous tout de suite.",
        },
        Kind::WalletLinked => Words {
            subject: "Un portefeuille a été associé à votre compte",
            opening: "le portefeuille {about} permet maintenant de se connecter à votre compte.",
            link: None,
            closing: PAS_VOUS,
        },
        Kind::WalletUnlinked => Words {
            subject: "Un portefeuille a été dissocié de votre compte",
            opening: "le portefeuille {about} ne permet plus de se connecter à votre compte. Partout ailleurs, il faudra vous reconnecter.",
            link: None,
            closing: PAS_VOUS,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mail_is_written_in_both_languages() {
        for kind in Kind::ALL {
            let link = kind.link_lifetime().map(|_| "https://shop.example/oauth2/x?token=t&ui_locales=fr");
            let [english, french] = [Language::En, Language::Fr].map(|it| written(kind, it, link, "0xAbC"));
            assert_ne!(english.subject, french.subject);
            assert_ne!(english.text, french.text);
            for mail in [english, french] {
                assert!(!mail.text.contains('{') && !mail.html.contains('{'), "{mail:?}");
                assert_eq!(mail.text.contains("token=t&ui"), link.is_some());
                assert_eq!(
                    mail.html.contains("href=\"https://shop.example/oauth2/x?token=t&amp;ui"),
                    link.is_some()
                );
            }
        }
    }

    #[test]
    fn what_a_mail_names_becomes_no_markup() {
        let mail = written(Kind::WalletLinked, Language::En, None, "<b>&\"");
        assert!(mail.html.contains("&lt;b&gt;&amp;&quot;") && mail.text.contains("<b>&\""));
    }
}
