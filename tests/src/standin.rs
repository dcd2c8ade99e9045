//! Stand-ins: servers on loopback that a test puts where a service would be.
