//! `spin:key-value@3.0`.

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Store;
use crate::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::guest::{Guest, HasGuest};

type Keys = (StreamReader<String>, FutureReader<Result<(), Error>>);

impl Host for Guest {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl HostStore for Guest {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl<T: Send> HostStoreWithStore<T> for HasGuest {
    async fn open(access: &Accessor<T, Self>, label: String) -> Result<Resource<Store>, Error> {
        access.with(|mut access| {
            let guest = access.get();
            let store = guest.grants.stores.get(&label).cloned().ok_or(Error::AccessDenied)?;
            guest.table.push(store).map_err(|_| Error::StoreTableFull)
        })
    }

    async fn get(
        access: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        find(access, &store)?.get(key).await.map_err(Error::Other)
    }

    async fn set(
        access: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        find(access, &store)?.set(key, value).await.map_err(Error::Other)
    }

    async fn delete(access: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Result<(), Error> {
        find(access, &store)?.delete(key).await.map_err(Error::Other)
    }

    async fn exists(access: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Result<bool, Error> {
        find(access, &store)?.get(key).await.map(|value| value.is_some()).map_err(Error::Other)
    }

    async fn get_keys(access: &Accessor<T, Self>, store: Resource<Store>) -> wasmtime::Result<Keys> {
        let store = find(access, &store)?;
        let (keys, end) = match store.keys().await {
            Ok(keys) => (keys, Ok(())),
            Err(fault) => (Vec::new(), Err(Error::Other(fault))),
        };
        access.with(|mut access| {
            let end = async move { wasmtime::error::Ok(end) };
            Ok((StreamReader::new(&mut access, keys)?, FutureReader::new(&mut access, end)?))
        })
    }
}

fn find<T: Send>(access: &Accessor<T, HasGuest>, store: &Resource<Store>) -> Result<Store, Error> {
    access.with(|mut access| access.get().table.get(store).cloned()).map_err(|_| Error::NoSuchStore)
}
