//! Which hosts a component may reach: Spin's `allowed_outbound_hosts`.

use std::net::IpAddr;
use std::ops::Range;

use url::Host;

/// The domain under which components call one another.
pub(crate) const INTERNAL_DOMAIN: &str = ".spin.internal";

/// One permitted target: `scheme://host[:port]`, each of which may be `*`.
#[derive(Debug, PartialEq)]
pub(crate) struct AllowedHost {
    /// `None`: any scheme.
    scheme: Option<String>,
    host: HostRule,
    /// `None`: any port.
    ports: Option<Range<u32>>,
}

#[derive(Debug, PartialEq)]
enum HostRule {
    Any,
    /// `*.example.com`, kept as `.example.com`.
    Below(String),
    /// The application itself.
    Itself,
    Exactly(Host),
    /// An address and how many of its bits count.
    Network(IpAddr, u8),
}

/// What a component's list permits.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// Reads the filled list. An empty entry permits nothing, so that an optional endpoint may stay unset.
    pub fn parse(list: &[String]) -> Result<Self, String> {
        let set = |entry: &&String| !matches!(entry.as_str(), "" | "http://" | "https://");
        list.iter().filter(set).map(|entry| AllowedHost::parse(entry)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `http[s]://host[:port]` may be called. `components` are those that `*.spin.internal` stands for.
    pub fn permits(&self, scheme: &str, host: &str, port: Option<u16>, components: &[String]) -> bool {
        let Ok(host) = Host::parse(host) else { return false };
        let port = port.or_else(|| known_port(scheme));
        self.0.iter().any(|rule| {
            rule.scheme.as_deref().is_none_or(|s| s == scheme)
                && rule.host.permits(&host, components)
                && match (&rule.ports, port) {
                    (None, _) => true,
                    (Some(ports), Some(port)) => ports.contains(&u32::from(port)),
                    (Some(_), None) => false,
                }
        })
    }

    /// Whether the application may be called by a path alone.
    pub fn permits_itself(&self) -> bool {
        let web = |scheme: &Option<String>| scheme.as_deref().is_none_or(|s| s == "http" || s == "https");
        self.0.iter().any(|rule| web(&rule.scheme) && matches!(rule.host, HostRule::Any | HostRule::Itself))
    }
}

impl AllowedHost {
    fn parse(text: &str) -> Result<Self, String> {
        let fault = |why: &str| format!("{text:?} {why}; write `scheme://host[:port]`, with `*` for any");
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| fault("has no scheme"))?;
        if scheme.is_empty() || (scheme != "*" && !scheme.chars().all(char::is_alphabetic)) {
            return Err(fault("has a scheme that is not a word"));
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (rest, ""),
        };
        let (port, path) = port.split_once('/').unwrap_or((port, ""));
        if !path.is_empty() {
            return Err(fault("has a path"));
        }
        let ports = match port {
            "*" => None,
            "" => {
                let known = known_port(scheme).ok_or_else(|| fault("needs a port"))?;
                Some(u32::from(known)..u32::from(known) + 1)
            }
            port => Some(ports(port).ok_or_else(|| fault("has a port that is no number"))?),
        };
        let scheme = (scheme != "*").then(|| scheme.to_owned());
        Ok(Self { scheme, host: HostRule::parse(host).map_err(|why| fault(&why))?, ports })
    }
}

/// `8080`, or `8000..8010` without its end, as in Spin.
fn ports(text: &str) -> Option<Range<u32>> {
    let number = |text: &str| text.parse::<u16>().ok().map(u32::from);
    match text.split_once("..") {
        Some((start, end)) => Some(number(start)?..number(end)?),
        None => number(text).map(|port| port..port + 1),
    }
}

fn known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        _ => None,
    }
}

impl HostRule {
    fn parse(host: &str) -> Result<Self, String> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            _ => {}
        }
        if let Some(network) = network(host) {
            return Ok(network);
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains('/') {
            return Err("has a path".to_owned());
        }
        let (below, name) = match host.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, host),
        };
        if name.contains('*') {
            return Err("has a wildcard that is not the first part of the host".to_owned());
        }
        match Host::parse(name).map_err(|e| format!("has a wrong host ({e})"))? {
            Host::Domain(domain) if below => Ok(Self::Below(format!(".{domain}"))),
            _ if below => Err("has a wildcard before an address".to_owned()),
            exact => Ok(Self::Exactly(exact)),
        }
    }

    fn permits(&self, host: &Host, components: &[String]) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Host::Domain(domain)) if suffix == INTERNAL_DOMAIN => domain
                .strip_suffix(INTERNAL_DOMAIN)
                .is_some_and(|name| components.iter().any(|component| component == name)),
            (Self::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Exactly(exact), host) => exact == host,
            (Self::Network(IpAddr::V4(net), bits), Host::Ipv4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0);
                net.to_bits() & mask == ip.to_bits() & mask
            }
            (Self::Network(IpAddr::V6(net), bits), Host::Ipv6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
                net.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// `10.0.0.0/8`.
fn network(text: &str) -> Option<HostRule> {
    let (ip, bits) = text.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(HostRule::Network(ip, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(rule: &str, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let hosts = AllowedHosts::parse(&[rule.to_owned()]).expect("a good rule");
        hosts.permits(scheme, host, port, &["users".to_owned(), "auth".to_owned()])
    }

    #[test]
    fn scheme_host_and_port_must_all_agree() {
        assert!(permits("https://api.example.com", "https", "api.example.com", None));
        assert!(permits("https://api.example.com", "https", "api.example.com", Some(443)));
        assert!(!permits("https://api.example.com", "http", "api.example.com", None));
        assert!(!permits("https://api.example.com", "https", "api.example.com", Some(8443)));
        assert!(!permits("https://api.example.com", "https", "example.com", None));
        assert!(permits("http://127.0.0.1:8545", "http", "127.0.0.1", Some(8545)));
        assert!(permits("*://*:*", "http", "anything", Some(1)));
    }

    #[test]
    fn wildcards_stand_for_one_side_of_the_host() {
        assert!(permits("https://*.example.com", "https", "a.b.example.com", None));
        assert!(!permits("https://*.example.com", "https", "example.com", None));
        assert!(!permits("https://*.example.com", "https", "badexample.com", None));
    }

    #[test]
    fn components_are_reached_only_if_they_exist() {
        assert!(permits("http://*.spin.internal", "http", "users.spin.internal", None));
        assert!(!permits("http://*.spin.internal", "http", "orders.spin.internal", None));
        assert!(permits("http://users.spin.internal", "http", "users.spin.internal", None));
        assert!(!permits("http://users.spin.internal", "http", "auth.spin.internal", None));
    }

    #[test]
    fn networks_and_port_ranges() {
        assert!(permits("http://10.0.0.0/8:*", "http", "10.1.2.3", Some(9)));
        assert!(!permits("http://10.0.0.0/8:*", "http", "11.0.0.1", Some(9)));
        assert!(permits("http://localhost:8000..8010", "http", "localhost", Some(8009)));
        assert!(!permits("http://localhost:8000..8010", "http", "localhost", Some(8010)));
        assert!(permits("http://[::1]:80", "http", "[::1]", None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in [
            "*",
            "example.com",
            "http://a.*.com",
            "http://a/b",
            "foo://a",
            "http://a:b",
            "insecure:allow-all",
        ] {
            assert!(AllowedHosts::parse(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(!AllowedHosts::parse(&[String::new()]).expect("nothing").permits("http", "a", None, &[]));
    }
}
