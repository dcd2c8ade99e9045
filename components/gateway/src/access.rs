//! The access table: every operation that can be reached from outside, and what it needs. Nothing else exists.

use http::Method;
use matchit::Router;
use souk_kit::permission::scope::{
    ACCOUNT, AUDIT_READ, BILLING_READ, CLIENTS_READ, CLIENTS_WRITE, CUSTOMERS_READ, CUSTOMERS_WRITE,
    INVENTORY_READ, INVENTORY_WRITE, OPENID, ORDERS_READ, ORDERS_WRITE, PAYMENTS_READ, PAYMENTS_WRITE,
    PRICES_WRITE, PRODUCTS_WRITE, SUITE, TRANSACTIONS_READ, TRANSACTIONS_WRITE, USERS_READ, USERS_WRITE,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing; a token may be there.
    Nothing,
    /// A token of whoever it belongs to, which the service checks, or one with this scope over everybody's.
    Owner(&'static str),
    /// The token of whoever it belongs to, or the secret that a guest has to it, which the service checks; or a token with
    /// this scope over everybody's.
    Holder(&'static str),
    /// A token with this scope.
    Scope(&'static str),
    /// A credential that the service itself checks: `Authorization` is passed on as it is.
    OwnCredential,
    /// A browser that shows a page: its cookies are passed on, and no token is looked at.
    Page,
}

impl Needs {
    /// What stands in the documentation, and the scope that it names.
    pub const fn documented(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Nothing => ("nothing", None),
            Self::Scope(scope) => ("scope", Some(scope)),
            Self::Owner(scope) => ("owner", Some(scope)),
            Self::Holder(scope) => ("holder", Some(scope)),
            Self::OwnCredential => ("credential", None),
            Self::Page => ("page", None),
        }
    }
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// The pattern of its path, as clients see it.
    pub path: &'static str,
    /// The service that answers.
    pub service: &'static str,
    /// What a caller needs.
    pub needs: Needs,
    /// The largest body that is passed on, in bytes.
    pub max_body: u64,
    /// How long the answer may take to begin.
    pub patience: Duration,
}

use Needs::{Holder, Nothing, OwnCredential, Owner, Page, Scope};

const MEGABYTE: u64 = 1 << 20;
/// An image of 5 MB, and a little room so that the service can say itself what is too much.
const IMAGE: u64 = 6 * MEGABYTE;
/// A catalogue to import.
const BULK: u64 = 512 * MEGABYTE;

const PATIENCE: Duration = Duration::from_secs(30);
const BULK_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// The table. Paths are under `/api/v1` but for those of standard protocols.
#[rustfmt::skip]
const TABLE: &[(Method, &str, &str, Needs)] = &[
    (Method::POST,   "/users",                          "users",    Nothing),
    (Method::GET,    "/users",                          "users",    Scope(USERS_READ)),
    (Method::POST,   "/users/bootstrap",                "users",    OwnCredential),
    (Method::GET,    "/users/me",                       "users",    Scope(ACCOUNT)),
    (Method::PATCH,  "/users/me",                       "users",    Scope(ACCOUNT)),
    (Method::DELETE, "/users/me",                       "users",    Scope(ACCOUNT)),
    (Method::POST,   "/users/me/password",              "users",    Scope(ACCOUNT)),
    (Method::PUT,    "/users/me/email",                 "users",    Scope(ACCOUNT)),
    (Method::POST,   "/users/me/email/verification",    "users",    Scope(ACCOUNT)),
    (Method::GET,    "/users/me/wallets",               "users",    Scope(ACCOUNT)),
    (Method::POST,   "/users/me/wallets",               "users",    Scope(ACCOUNT)),
    (Method::DELETE, "/users/me/wallets/{address}",     "users",    Scope(ACCOUNT)),
    (Method::POST,   "/users/email/verify",             "users",    Nothing),
    (Method::POST,   "/users/password-reset",           "users",    Nothing),
    (Method::POST,   "/users/password-reset/confirm",   "users",    Nothing),
    (Method::GET,    "/users/mail",                     "users",    Scope(SUITE)),
    (Method::GET,    "/users/mail/{id}",                "users",    Scope(SUITE)),
    (Method::GET,    "/users/{id}",                     "users",    Owner(USERS_READ)),
    (Method::PATCH,  "/users/{id}",                     "users",    Scope(USERS_WRITE)),
    (Method::DELETE, "/users/{id}",                     "users",    Scope(USERS_WRITE)),
    (Method::PUT,    "/users/{id}/roles",               "users",    Scope(USERS_WRITE)),

    (Method::POST,   "/auth/login",                     "auth",     Nothing),
    (Method::POST,   "/auth/siwe/nonce",                "auth",     Nothing),
    (Method::POST,   "/auth/siwe",                      "auth",     Nothing),
    (Method::POST,   "/auth/refresh",                   "auth",     Nothing),
    (Method::POST,   "/auth/logout",                    "auth",     Nothing),
    (Method::GET,    "/auth/sessions",                  "auth",     Scope(ACCOUNT)),
    (Method::DELETE, "/auth/sessions/{id}",             "auth",     Scope(ACCOUNT)),
    (Method::GET,    "/auth/consents",                  "auth",     Scope(ACCOUNT)),
    (Method::DELETE, "/auth/consents/{client_id}",      "auth",     Scope(ACCOUNT)),
    (Method::GET,    "/auth/audit",                     "auth",     Scope(AUDIT_READ)),
    (Method::POST,   "/auth/keys/rotate",               "auth",     Scope(SUITE)),
    (Method::GET,    "/auth/clients",                   "auth",     Scope(CLIENTS_READ)),
    (Method::POST,   "/auth/clients",                   "auth",     Scope(CLIENTS_WRITE)),
    (Method::GET,    "/auth/clients/{id}",              "auth",     Scope(CLIENTS_READ)),
    (Method::PATCH,  "/auth/clients/{id}",              "auth",     Scope(CLIENTS_WRITE)),
    (Method::DELETE, "/auth/clients/{id}",              "auth",     Scope(CLIENTS_WRITE)),
    (Method::POST,   "/auth/clients/{id}/secret",       "auth",     Scope(CLIENTS_WRITE)),
    (Method::POST,   "/oauth2/token",                   "auth",     OwnCredential),
    (Method::POST,   "/oauth2/introspect",              "auth",     OwnCredential),
    (Method::POST,   "/oauth2/revoke",                  "auth",     OwnCredential),
    (Method::GET,    "/userinfo",                       "auth",     Scope(OPENID)),
    (Method::POST,   "/userinfo",                       "auth",     Scope(OPENID)),
    (Method::GET,    "/.well-known/openid-configuration", "auth",   Nothing),
    (Method::GET,    "/.well-known/oauth-authorization-server", "auth", Nothing),
    (Method::GET,    "/oauth2/authorize",               "auth",     Page),
    (Method::POST,   "/oauth2/authorize",               "auth",     Page),
    (Method::GET,    "/oauth2/logout",                  "auth",     Page),
    (Method::POST,   "/oauth2/logout",                  "auth",     Page),
    (Method::GET,    "/oauth2/forgot",                  "auth",     Page),
    (Method::POST,   "/oauth2/forgot",                  "auth",     Page),
    (Method::GET,    "/oauth2/reset",                   "auth",     Page),
    (Method::POST,   "/oauth2/reset",                   "auth",     Page),
    (Method::GET,    "/oauth2/verify",                  "auth",     Page),
    (Method::POST,   "/oauth2/verify",                  "auth",     Page),
    (Method::GET,    "/.well-known/jwks.json",          "auth",     Nothing),

    (Method::GET,    "/products",                       "products", Nothing),
    (Method::POST,   "/products",                       "products", Scope(PRODUCTS_WRITE)),
    (Method::POST,   "/products/import",                "products", Scope(PRODUCTS_WRITE)),
    (Method::GET,    "/products/import/{id}",           "products", Scope(PRODUCTS_WRITE)),
    (Method::GET,    "/products/export",                "products", Scope(PRODUCTS_WRITE)),
    (Method::GET,    "/products/images/{id}",           "products", Nothing),
    (Method::GET,    "/products/variants",              "products", Nothing),
    (Method::GET,    "/products/{id}",                  "products", Nothing),
    (Method::PATCH,  "/products/{id}",                  "products", Scope(PRODUCTS_WRITE)),
    (Method::DELETE, "/products/{id}",                  "products", Scope(PRODUCTS_WRITE)),
    (Method::POST,   "/products/{id}/restore",          "products", Scope(PRODUCTS_WRITE)),
    (Method::POST,   "/products/{id}/images",           "products", Scope(PRODUCTS_WRITE)),
    (Method::PATCH,  "/products/{id}/images/{image}",   "products", Scope(PRODUCTS_WRITE)),
    (Method::DELETE, "/products/{id}/images/{image}",   "products", Scope(PRODUCTS_WRITE)),
    (Method::GET,    "/categories",                     "products", Nothing),
    (Method::POST,   "/categories",                     "products", Scope(PRODUCTS_WRITE)),
    (Method::PATCH,  "/categories/{slug}",              "products", Scope(PRODUCTS_WRITE)),
    (Method::DELETE, "/categories/{slug}",              "products", Scope(PRODUCTS_WRITE)),

    (Method::POST,   "/carts",                          "orders",   Nothing),
    (Method::GET,    "/carts/me",                       "orders",   Scope(ACCOUNT)),
    (Method::POST,   "/carts/me/merge",                 "orders",   Scope(ACCOUNT)),
    (Method::GET,    "/carts/{id}",                     "orders",   Holder(ORDERS_READ)),
    (Method::PATCH,  "/carts/{id}",                     "orders",   Nothing),
    (Method::DELETE, "/carts/{id}",                     "orders",   Nothing),
    (Method::POST,   "/carts/{id}/lines",               "orders",   Nothing),
    (Method::PATCH,  "/carts/{id}/lines/{line}",        "orders",   Nothing),
    (Method::DELETE, "/carts/{id}/lines/{line}",        "orders",   Nothing),
    (Method::POST,   "/orders",                         "orders",   Nothing),
    (Method::GET,    "/orders",                         "orders",   Owner(ORDERS_READ)),
    (Method::GET,    "/orders/{id}",                    "orders",   Holder(ORDERS_READ)),
    (Method::PATCH,  "/orders/{id}",                    "orders",   Holder(ORDERS_WRITE)),
    (Method::DELETE, "/orders/{id}",                    "orders",   Scope(ORDERS_WRITE)),
    (Method::GET,    "/orders/{id}/history",            "orders",   Holder(ORDERS_READ)),
    (Method::GET,    "/orders/{id}/events",             "orders",   Holder(ORDERS_READ)),
    (Method::POST,   "/orders/{id}/cancel",             "orders",   Holder(ORDERS_WRITE)),
    (Method::POST,   "/orders/{id}/refunds",            "orders",   Scope(ORDERS_WRITE)),
    (Method::POST,   "/orders/{id}/fulfil",             "orders",   Scope(ORDERS_WRITE)),
    (Method::POST,   "/orders/{id}/shipments",          "orders",   Scope(ORDERS_WRITE)),
    (Method::POST,   "/orders/{id}/shipments/{shipment}/deliver", "orders", Scope(ORDERS_WRITE)),
    (Method::POST,   "/orders/{id}/returns",            "orders",   Holder(ORDERS_WRITE)),
    (Method::POST,   "/orders/{id}/returns/{return}/decide", "orders", Scope(ORDERS_WRITE)),

    (Method::GET,    "/payments/intents",               "payments", Scope(PAYMENTS_READ)),
    (Method::GET,    "/payments/intents/{id}",          "payments", Holder(PAYMENTS_READ)),
    (Method::POST,   "/payments/intents/{id}/confirm",  "payments", Nothing),
    (Method::POST,   "/payments/intents/{id}/challenge", "payments", Nothing),
    (Method::POST,   "/payments/intents/{id}/continue", "payments", Nothing),
    (Method::GET,    "/payments/methods",               "payments", Nothing),
    (Method::POST,   "/payments/intents/{id}/capture",  "payments", Scope(PAYMENTS_WRITE)),
    (Method::POST,   "/payments/intents/{id}/cancel",   "payments", Scope(PAYMENTS_WRITE)),
    (Method::POST,   "/payments/intents/{id}/refunds",  "payments", Scope(PAYMENTS_WRITE)),
    (Method::GET,    "/payments/receipts",              "payments", Scope(PAYMENTS_READ)),
    (Method::POST,   "/payments/receipts/{id}/allocate", "payments", Scope(PAYMENTS_WRITE)),
    (Method::POST,   "/payments/receipts/{id}/return",  "payments", Scope(PAYMENTS_WRITE)),
    (Method::POST,   "/payments/webhooks/{provider}",   "payments", OwnCredential),

    (Method::GET,    "/inventory/locations",            "inventory", Scope(INVENTORY_READ)),
    (Method::POST,   "/inventory/locations",            "inventory", Scope(INVENTORY_WRITE)),
    (Method::PATCH,  "/inventory/locations/{id}",       "inventory", Scope(INVENTORY_WRITE)),
    (Method::GET,    "/inventory/availability",         "inventory", Nothing),
    (Method::GET,    "/inventory/stock",                "inventory", Scope(INVENTORY_READ)),
    (Method::PUT,    "/inventory/stock/{variant}",      "inventory", Scope(INVENTORY_WRITE)),
    (Method::GET,    "/inventory/movements",            "inventory", Scope(INVENTORY_READ)),
    (Method::POST,   "/inventory/movements",            "inventory", Scope(INVENTORY_WRITE)),
    (Method::POST,   "/inventory/counts",               "inventory", Scope(INVENTORY_WRITE)),
    (Method::GET,    "/inventory/reservations/{order_id}", "inventory", Scope(INVENTORY_READ)),

    (Method::POST,   "/customers",                           "customers", Scope(CUSTOMERS_WRITE)),
    (Method::GET,    "/customers",                           "customers", Scope(CUSTOMERS_READ)),
    (Method::GET,    "/customers/{id}",                      "customers", Owner(CUSTOMERS_READ)),
    (Method::PATCH,  "/customers/{id}",                      "customers", Owner(CUSTOMERS_WRITE)),
    (Method::DELETE, "/customers/{id}",                      "customers", Owner(CUSTOMERS_WRITE)),
    (Method::GET,    "/customers/{id}/orders",               "customers", Owner(ORDERS_READ)),
    (Method::GET,    "/customers/{id}/export",               "customers", Owner(CUSTOMERS_READ)),
    (Method::POST,   "/customers/{id}/addresses",            "customers", Owner(CUSTOMERS_WRITE)),
    (Method::GET,    "/customers/{id}/addresses",            "customers", Owner(CUSTOMERS_READ)),
    (Method::GET,    "/customers/{id}/addresses/{address}",  "customers", Owner(CUSTOMERS_READ)),
    (Method::PATCH,  "/customers/{id}/addresses/{address}",  "customers", Owner(CUSTOMERS_WRITE)),
    (Method::DELETE, "/customers/{id}/addresses/{address}",  "customers", Owner(CUSTOMERS_WRITE)),

    (Method::GET,    "/invoices",                            "billing",   Holder(BILLING_READ)),
    (Method::GET,    "/invoices/{id}",                       "billing",   Holder(BILLING_READ)),
    (Method::GET,    "/credit-notes/{id}",                   "billing",   Holder(BILLING_READ)),
    (Method::GET,    "/statements",                          "billing",   Scope(BILLING_READ)),
    (Method::GET,    "/statements/me",                       "billing",   Scope(ACCOUNT)),

    (Method::GET,    "/prices/instruments",                  "prices",    Nothing),
    (Method::PUT,    "/prices/instruments/{code}",           "prices",    Scope(PRICES_WRITE)),
    (Method::DELETE, "/prices/instruments/{code}",           "prices",    Scope(PRICES_WRITE)),
    (Method::GET,    "/prices/rates",                        "prices",    Nothing),
    (Method::PUT,    "/prices/rates/{base}/{quote}",         "prices",    Scope(PRICES_WRITE)),
    (Method::DELETE, "/prices/rates/{base}/{quote}",         "prices",    Scope(PRICES_WRITE)),
    (Method::GET,    "/prices/rates/{base}/{quote}/history", "prices",    Nothing),
    (Method::POST,   "/prices/refresh",                      "prices",    Scope(PRICES_WRITE)),
    (Method::GET,    "/prices/convert",                      "prices",    Nothing),
    (Method::POST,   "/prices/quotes",                       "prices",    Scope(ACCOUNT)),
    (Method::GET,    "/prices/quotes/{id}",                  "prices",    Scope(ACCOUNT)),

    (Method::GET,     "/accounts",                             "transactions", Owner(TRANSACTIONS_READ)),
    (Method::POST,    "/accounts",                             "transactions", Owner(TRANSACTIONS_WRITE)),
    (Method::GET,     "/accounts/{id}",                        "transactions", Owner(TRANSACTIONS_READ)),
    (Method::PATCH,   "/accounts/{id}",                        "transactions", Owner(TRANSACTIONS_WRITE)),
    (Method::GET,     "/accounts/{id}/balance",                "transactions", Owner(TRANSACTIONS_READ)),
    (Method::GET,     "/accounts/{id}/statement",              "transactions", Owner(TRANSACTIONS_READ)),
    (Method::GET,     "/transactions",                         "transactions", Owner(TRANSACTIONS_READ)),
    (Method::POST,    "/transactions",                         "transactions", Owner(TRANSACTIONS_WRITE)),
    (Method::POST,    "/transactions/batches",                 "transactions", Owner(TRANSACTIONS_WRITE)),
    (Method::GET,     "/transactions/reconciliation",          "transactions", Scope(TRANSACTIONS_READ)),
    (Method::GET,     "/transactions/{id}",                    "transactions", Owner(TRANSACTIONS_READ)),
    (Method::PATCH,   "/transactions/{id}",                    "transactions", Owner(TRANSACTIONS_WRITE)),
    (Method::POST,    "/transactions/{id}/reverse",            "transactions", Scope(TRANSACTIONS_WRITE)),
    (Method::GET,     "/transactions/{id}/proof",              "transactions", Owner(TRANSACTIONS_READ)),
    (Method::GET,     "/holds",                                "transactions", Owner(TRANSACTIONS_READ)),
    (Method::POST,    "/holds",                                "transactions", Scope(TRANSACTIONS_WRITE)),
    (Method::GET,     "/holds/{id}",                           "transactions", Owner(TRANSACTIONS_READ)),
    (Method::POST,    "/holds/{id}/capture",                   "transactions", Scope(TRANSACTIONS_WRITE)),
    (Method::POST,    "/holds/{id}/release",                   "transactions", Scope(TRANSACTIONS_WRITE)),
    (Method::GET,     "/beneficiaries",                        "transactions", Scope(ACCOUNT)),
    (Method::POST,    "/beneficiaries",                        "transactions", Scope(ACCOUNT)),
    (Method::DELETE,  "/beneficiaries/{id}",                   "transactions", Scope(ACCOUNT)),
    (Method::POST,    "/clearing/incoming",                    "transactions", Scope(TRANSACTIONS_WRITE)),
    (Method::GET,     "/ledger/roots",                         "transactions", Scope(TRANSACTIONS_READ)),
    (Method::GET,     "/ledger/entries",                       "transactions", Scope(TRANSACTIONS_READ)),
];

/// Where the suite's own API begins.
pub const PREFIX: &str = "/api/v1";

impl Operation {
    fn of((method, path, service, needs): &(Method, &'static str, &'static str, Needs)) -> Self {
        let (max_body, patience) = match *path {
            "/products/import" | "/products/export" => (BULK, BULK_PATIENCE),
            "/products/{id}/images" => (IMAGE, PATIENCE),
            _ => (MEGABYTE, PATIENCE),
        };
        Self { method: method.clone(), path, service, needs: *needs, max_body, patience }
    }
}

/// Every operation, in the order of the table.
pub static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| TABLE.iter().map(Operation::of).collect());

/// Services that nobody reaches from outside, and that belong to the suite all the same.
const WITHIN: &[&str] = &["rules"];

/// The services behind the gateway.
pub fn services() -> Vec<&'static str> {
    let mut services: Vec<_> = TABLE.iter().map(|(_, _, service, _)| *service).collect();
    services.extend(WITHIN);
    services.sort_unstable();
    services.dedup();
    services
}

/// Whether a path is that of a standard protocol, which has no prefix before it.
pub fn is_standard(path: &str) -> bool {
    path.starts_with("/.well-known/") || path.starts_with("/oauth2/") || path == "/userinfo"
}

/// Where the service sees a path, and whether it is under the API's prefix.
pub fn service_path(path: &str) -> Option<&str> {
    match path.strip_prefix(PREFIX) {
        Some(inner) if inner.starts_with('/') && !is_standard(inner) => Some(inner),
        _ if is_standard(path) => Some(path),
        _ => None,
    }
}

static ROUTER: LazyLock<Router<Vec<&'static Operation>>> = LazyLock::new(|| {
    let mut paths: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in OPERATIONS.iter() {
        paths.entry(operation.path).or_default().push(operation);
    }
    let mut router = Router::new();
    for (path, operations) in paths {
        router.insert(path, operations).expect("the patterns of the table do not clash");
    }
    router
});

/// The operations on a path as the service sees it; nothing when there is none.
pub fn operations(path: &str) -> Option<&'static [&'static Operation]> {
    ROUTER.at(path).ok().map(|found| found.value.as_slice())
}

/// The operation of a method; HEAD is answered as GET is.
pub fn select(operations: &[&'static Operation], method: &Method) -> Option<&'static Operation> {
    let wanted = if *method == Method::HEAD { &Method::GET } else { method };
    operations.iter().copied().find(|operation| operation.method == *wanted)
}

/// The methods of a path, for `Allow`.
pub fn allowed(operations: &[&'static Operation]) -> String {
    let mut methods: Vec<&str> = operations.iter().map(|operation| operation.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.join(", ")
}

/// Whether a path is what it seems: another reader could take dots, doubled or encoded slashes for another path.
pub fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let encoded = ["%2f", "%5c", "%00", "%2e", "%25"].iter().any(|code| lower.contains(code));
    let dots = path.split('/').any(|segment| segment == "." || segment == "..");
    !encoded
        && !dots
        && !path.contains("//")
        && !path.contains('\\')
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: Method, path: &str) -> Option<&'static Operation> {
        operations(service_path(path)?).and_then(|found| select(found, &method))
    }

    #[test]
    fn what_is_not_in_the_table_does_not_exist() {
        for path in [
            "/api/v1/internal/maintenance",
            "/api/v1/metrics",
            "/api/v1/oauth2/token",
            "/api/v1/userinfo",
            "/users",
            "/api/v1",
            "/api/v1users",
            "/internal/events",
        ] {
            assert!(find(Method::POST, path).is_none() && find(Method::GET, path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_fixed_path_is_preferred_to_a_pattern() {
        assert_eq!(find(Method::GET, "/api/v1/users/me").unwrap().path, "/users/me");
        assert_eq!(find(Method::GET, "/api/v1/users/usr_1").unwrap().path, "/users/{id}");
        assert_eq!(find(Method::GET, "/api/v1/products/images/img_1").unwrap().path, "/products/images/{id}");
        assert_eq!(find(Method::HEAD, "/api/v1/products/lamp").unwrap().path, "/products/{id}");
    }

    #[test]
    fn a_path_that_could_be_read_in_two_ways_is_not_plain() {
        assert!(is_plain("/api/v1/products/caf%C3%A9-lamp"));
        for path in
            ["/api/v1/../x", "/api//v1", "/a/%2e%2E/b", "/a%2Fb", "/a\\b", "/a%00", "/a/./b", "/%252e"]
        {
            assert!(!is_plain(path), "{path}");
        }
    }

    /// What a stranger may do beside reading: come in, and buy. A guest's cart and order are opened by their token, which
    /// their service checks.
    #[test]
    fn strangers_may_come_in_and_buy_and_nothing_else() {
        let open = OPERATIONS.iter().filter(|it| {
            matches!(it.needs, Nothing | Holder(_)) && !matches!(it.method, Method::GET | Method::HEAD)
        });
        let mut paths: Vec<_> = open.map(|operation| operation.path).collect();
        paths.dedup();
        let expected = [
            "/users",
            "/users/email/verify",
            "/users/password-reset",
            "/users/password-reset/confirm",
            "/auth/login",
            "/auth/siwe/nonce",
            "/auth/siwe",
            "/auth/refresh",
            "/auth/logout",
            "/carts",
            "/carts/{id}",
            "/carts/{id}/lines",
            "/carts/{id}/lines/{line}",
            "/orders",
            "/orders/{id}",
            "/orders/{id}/cancel",
            "/orders/{id}/returns",
            "/payments/intents/{id}/confirm",
            "/payments/intents/{id}/challenge",
            "/payments/intents/{id}/continue",
        ];
        assert_eq!(paths, expected);
    }
}
