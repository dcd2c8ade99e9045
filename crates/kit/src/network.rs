//! Networks of clients: who fails at many addresses of one network is one.

use std::net::IpAddr;

/// The network that an address is of: a /24 of IPv4, a /64 of IPv6.
pub fn of(address: Option<&str>) -> String {
    match address.and_then(|text| text.parse::<IpAddr>().ok()) {
        Some(IpAddr::V4(v4)) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Some(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        None => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn neighbours_share_a_network() {
        assert_eq!(of(Some("192.0.2.7")), of(Some("192.0.2.200")));
        assert_eq!(of(Some("2001:db8::1")), of(Some("2001:db8::ffff")));
        assert_ne!(of(Some("192.0.2.7")), of(Some("192.0.3.7")));
    }
}
