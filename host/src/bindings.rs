//! The Spin interfaces that the host implements, generated from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "souk:host/offers",
    imports: { default: async | trappable },
    with: {
        "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
        "spin:key-value/key-value.store": crate::key_value::Store,
        "wasi:keyvalue/store.bucket": crate::key_value::Store,
        "wasi:keyvalue/atomics.cas": crate::key_value::Swap,
    },
    trappable_error_type: {
        "spin:sqlite/sqlite.error" => crate::bindings::spin::sqlite::sqlite::Error,
        "spin:key-value/key-value.error" => crate::bindings::spin::key_value::key_value::Error,
        "spin:variables/variables.error" => crate::bindings::spin::variables::variables::Error,
        "wasi:keyvalue/store.error" => crate::bindings::wasi::keyvalue::store::Error,
        "wasi:keyvalue/atomics.cas-error" => crate::bindings::wasi::keyvalue::atomics::CasError,
    },
});
