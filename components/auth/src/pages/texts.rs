//! What the pages say, a table for each language. What stands in braces is put in.

use souk_kit::Language;

/// The texts of the pages.
pub struct Texts {
    pub sign_in: &'static str,
    pub sign_in_for: &'static str,
    pub email: &'static str,
    pub password: &'static str,
    pub forgot: &'static str,
    pub cancel: &'static str,
    pub wrong_credentials: &'static str,
    pub too_many_attempts: &'static str,
    pub page_too_old: &'static str,
    pub fill_in: &'static str,

    pub choose: &'static str,
    pub choose_for: &'static str,
    pub go_on_as: &'static str,
    pub use_other: &'static str,

    pub consent: &'static str,
    pub consent_who: &'static str,
    pub consent_list: &'static str,
    pub allow: &'static str,
    pub deny: &'static str,
    pub leads_to: &'static str,

    pub sign_out: &'static str,
    pub sign_out_ask: &'static str,
    pub sign_out_no: &'static str,
    pub signed_out: &'static str,
    pub signed_out_about: &'static str,
    pub still_signed_in: &'static str,
    pub still_signed_in_about: &'static str,

    pub forgot_about: &'static str,
    pub forgot_go: &'static str,
    pub forgot_done: &'static str,
    pub forgot_done_about: &'static str,
    pub no_email: &'static str,
    pub reset: &'static str,
    pub reset_about: &'static str,
    pub reset_go: &'static str,
    pub reset_done: &'static str,
    pub reset_done_about: &'static str,
    pub new_password: &'static str,
    pub new_password_hint: &'static str,
    pub weak_password: &'static str,
    pub verify: &'static str,
    pub verify_about: &'static str,
    pub verify_go: &'static str,
    pub verify_done: &'static str,
    pub verify_done_about: &'static str,
    pub gone: &'static str,
    pub gone_reset: &'static str,
    pub gone_verify: &'static str,

    pub cannot: &'static str,
    pub cannot_what_to_do: &'static str,
    pub unknown_client: &'static str,
    pub unknown_redirect: &'static str,
    pub bad_request: &'static str,
    pub foreign_form: &'static str,
    pub busy: &'static str,
    pub busy_about: &'static str,
    pub broken: &'static str,
    pub broken_about: &'static str,
    pub request_id: &'static str,

    scopes: &'static [(&'static str, &'static str)],
}

/// The texts in a language.
pub const fn texts(language: Language) -> &'static Texts {
    match language {
        Language::En => &EN,
        Language::Fr => &FR,
    }
}

impl Texts {
    /// What a scope allows, in words; its name where there are none.
    pub fn scope<'s>(&self, name: &'s str) -> &'s str
    where
        'static: 's,
    {
        self.scopes.iter().find(|(scope, _)| *scope == name).map_or(name, |(_, about)| about)
    }
}

static EN: Texts = Texts {
    sign_in: "Sign in",
    sign_in_for: "to go on to {client}",
    email: "E-mail address",
    password: "Password",
    forgot: "Forgot your password?",
    cancel: "Cancel",
    wrong_credentials: "The e-mail address or the password is wrong.",
    too_many_attempts: "Too many attempts have failed. Try again in {wait} seconds.",
    page_too_old: "The page was open for too long, or your browser keeps no cookies. Please try again.",
    fill_in: "Fill in your e-mail address and your password.",

    choose: "Which account?",
    choose_for: "Choose the account to go on to {client} with.",
    go_on_as: "Go on as {who}",
    use_other: "Use another account",

    consent: "{client} asks for access",
    consent_who: "You are signed in as {who}.",
    consent_list: "If you allow it, {client} may:",
    allow: "Allow",
    deny: "Do not allow",
    leads_to: "You will go on to {place}.",

    sign_out: "Sign out",
    sign_out_ask: "Do you want to sign out here, and of the applications that you signed in to from here?",
    sign_out_no: "Stay signed in",
    signed_out: "You are signed out",
    signed_out_about: "You can close this page.",
    still_signed_in: "You are still signed in",
    still_signed_in_about: "Nothing was changed. You can close this page.",

    forgot_about: "Tell us the e-mail address of your account. We send you a link with which you can choose a new password.",
    forgot_go: "Send the link",
    forgot_done: "Look into your mail",
    forgot_done_about: "If there is an account with this address, a link is on its way. It holds for an hour.",
    no_email: "That is no e-mail address.",
    reset: "Choose a new password",
    reset_about: "Wherever you are signed in now, you will have to sign in again.",
    reset_go: "Change the password",
    reset_done: "Your password is changed",
    reset_done_about: "You can sign in with it now, and close this page.",
    new_password: "New password",
    new_password_hint: "At least 10 characters. A few words that nobody would guess are best.",
    weak_password: "This password will not do: it is shorter than 10 characters, or one of the first that attackers try.",
    verify: "Confirm your e-mail address",
    verify_about: "Is the address yours to which we sent the link?",
    verify_go: "Yes, confirm it",
    verify_done: "Your e-mail address is confirmed",
    verify_done_about: "Thank you. You can close this page.",
    gone: "The link is not valid any more: it was used, has expired, or was never sent.",
    gone_reset: "Ask for another link",
    gone_verify: "You can have another link sent in the settings of your account.",

    cannot: "This does not work",
    cannot_what_to_do: "Go back to where you came from and try again. If it happens again, tell them what this page says.",
    unknown_client: "The application that sent you here is not known.",
    unknown_redirect: "The application wants you to be sent to an address that it has not registered.",
    bad_request: "The application sent you here with a request that cannot be read: {why}.",
    foreign_form: "The form did not come from this site, so nothing was done.",
    busy: "Please try again in a moment",
    busy_about: "A service that is needed does not answer right now.",
    broken: "Something went wrong",
    broken_about: "The fault is ours. It has been logged.",
    request_id: "Request",

    scopes: &[
        ("openid", "know who you are: your account’s number"),
        ("profile", "see your name"),
        ("email", "see your e-mail address"),
        ("phone", "see your telephone number"),
        ("offline_access", "do all this while you are away"),
        ("account", "read, change and delete your account, and shop for you"),
        ("products:write", "change the catalogue"),
        ("customers:read", "read every customer’s record"),
        ("customers:write", "change every customer’s record"),
        ("inventory:read", "read stock and its movements"),
        ("inventory:write", "move and count stock"),
        ("orders:read", "read everybody’s orders"),
        ("orders:write", "change, ship, cancel and refund everybody’s orders"),
        ("payments:read", "read every payment"),
        ("payments:write", "capture, cancel and refund payments"),
        ("billing:read", "read every invoice, credit note and statement"),
        ("transactions:read", "read every account of the ledger"),
        ("transactions:write", "post and reverse in the ledger"),
        ("prices:write", "set rates"),
        ("users:read", "read everybody’s account"),
        ("users:write", "change everybody’s account and roles"),
        ("clients:read", "see which applications are registered"),
        ("clients:write", "register, change and delete applications"),
        ("audit:read", "read the security log"),
        ("tokens:introspect", "look into everybody’s tokens"),
        ("suite", "operate the suite"),
    ],
};

static FR: Texts = Texts {
    sign_in: "Se connecter",
    sign_in_for: "pour continuer vers {client}",
    email: "Adresse e-mail",
    password: "Mot de passe",
    forgot: "Mot de passe oublié ?",
    cancel: "Annuler",
    wrong_credentials: "L’adresse e-mail ou le mot de passe est incorrect.",
    too_many_attempts: "Trop de tentatives ont échoué. Réessayez dans {wait} secondes.",
    page_too_old: "La page est restée ouverte trop longtemps, ou votre navigateur ne garde pas les cookies. Veuillez réessayer.",
    fill_in: "Saisissez votre adresse e-mail et votre mot de passe.",

    choose: "Quel compte ?",
    choose_for: "Choisissez le compte avec lequel continuer vers {client}.",
    go_on_as: "Continuer en tant que {who}",
    use_other: "Utiliser un autre compte",

    consent: "{client} demande un accès",
    consent_who: "Vous êtes connecté en tant que {who}.",
    consent_list: "Si vous l’autorisez, {client} pourra :",
    allow: "Autoriser",
    deny: "Ne pas autoriser",
    leads_to: "Vous continuerez vers {place}.",

    sign_out: "Se déconnecter",
    sign_out_ask: "Voulez-vous vous déconnecter ici, et des applications auxquelles vous vous êtes connecté depuis ici ?",
    sign_out_no: "Rester connecté",
    signed_out: "Vous êtes déconnecté",
    signed_out_about: "Vous pouvez fermer cette page.",
    still_signed_in: "Vous êtes toujours connecté",
    still_signed_in_about: "Rien n’a été modifié. Vous pouvez fermer cette page.",

    forgot_about: "Indiquez l’adresse e-mail de votre compte. Nous vous envoyons un lien pour choisir un nouveau mot de passe.",
    forgot_go: "Envoyer le lien",
    forgot_done: "Consultez vos messages",
    forgot_done_about: "S’il existe un compte avec cette adresse, un lien est en route. Il est valable une heure.",
    no_email: "Ce n’est pas une adresse e-mail.",
    reset: "Choisissez un nouveau mot de passe",
    reset_about: "Partout où vous êtes connecté, il faudra vous reconnecter.",
    reset_go: "Modifier le mot de passe",
    reset_done: "Votre mot de passe est modifié",
    reset_done_about: "Vous pouvez maintenant l’utiliser pour vous connecter, et fermer cette page.",
    new_password: "Nouveau mot de passe",
    new_password_hint: "Au moins 10 caractères. Le mieux : quelques mots que personne ne devinerait.",
    weak_password: "Ce mot de passe ne convient pas : il a moins de 10 caractères, ou c’est l’un des premiers que l’on essaie.",
    verify: "Confirmez votre adresse e-mail",
    verify_about: "L’adresse à laquelle nous avons envoyé le lien est-elle la vôtre ?",
    verify_go: "Oui, la confirmer",
    verify_done: "Votre adresse e-mail est confirmée",
    verify_done_about: "Merci. Vous pouvez fermer cette page.",
    gone: "Le lien n’est plus valable : il a été utilisé, a expiré ou n’a jamais été envoyé.",
    gone_reset: "Demander un autre lien",
    gone_verify: "Vous pouvez demander un autre lien dans les réglages de votre compte.",

    cannot: "Cela ne fonctionne pas",
    cannot_what_to_do: "Revenez d’où vous venez et réessayez. Si cela se reproduit, communiquez-leur ce que dit cette page.",
    unknown_client: "L’application qui vous a envoyé ici n’est pas connue.",
    unknown_redirect: "L’application veut vous envoyer vers une adresse qu’elle n’a pas enregistrée.",
    bad_request: "L’application vous a envoyé ici avec une demande illisible : {why}.",
    foreign_form: "Le formulaire ne provient pas de ce site : rien n’a été fait.",
    busy: "Veuillez réessayer dans un instant",
    busy_about: "Un service nécessaire ne répond pas en ce moment.",
    broken: "Une erreur s’est produite",
    broken_about: "La faute est de notre côté. Elle a été consignée.",
    request_id: "Requête",

    scopes: &[
        ("openid", "savoir qui vous êtes : le numéro de votre compte"),
        ("profile", "voir votre nom"),
        ("email", "voir votre adresse e-mail"),
        ("phone", "voir votre numéro de téléphone"),
        ("offline_access", "faire tout cela en votre absence"),
        ("account", "lire, modifier et supprimer votre compte, et acheter pour vous"),
        ("products:write", "modifier le catalogue"),
        ("customers:read", "lire les fiches de tous les clients"),
        ("customers:write", "modifier les fiches de tous les clients"),
        ("inventory:read", "lire les stocks et leurs mouvements"),
        ("inventory:write", "déplacer et compter les stocks"),
        ("orders:read", "lire les commandes de tous"),
        ("orders:write", "modifier, expédier, annuler et rembourser les commandes de tous"),
        ("payments:read", "lire tous les paiements"),
        ("payments:write", "encaisser, annuler et rembourser des paiements"),
        ("billing:read", "lire toutes les factures, tous les avoirs et relevés"),
        ("transactions:read", "lire tous les comptes du grand livre"),
        ("transactions:write", "écrire et contre-passer dans le grand livre"),
        ("prices:write", "fixer les taux"),
        ("users:read", "lire les comptes de tous"),
        ("users:write", "modifier les comptes et les rôles de tous"),
        ("clients:read", "voir quelles applications sont enregistrées"),
        ("clients:write", "enregistrer, modifier et supprimer des applications"),
        ("audit:read", "lire le journal de sécurité"),
        ("tokens:introspect", "examiner les jetons de tous"),
        ("suite", "exploiter la suite"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use souk_kit::permission::scope;

    #[test]
    fn every_scope_has_words_in_every_language() {
        for (name, _) in scope::ALL {
            for language in [Language::En, Language::Fr] {
                assert_ne!(texts(language).scope(name), *name, "{} {name}", language.code());
            }
        }
    }
}
