//! `wasi:keyvalue@0.2.0-draft2`: stores, batches and atomics.

use wasmtime::component::Resource;

use super::{Store, Swap};
use crate::bindings::wasi::keyvalue::atomics::{CasError, Host as AtomicsHost, HostCas};
use crate::bindings::wasi::keyvalue::batch::Host as BatchHost;
use crate::bindings::wasi::keyvalue::store::{Error, Host, HostBucket, KeyResponse};
use crate::guest::Guest;

type Pairs<V> = Vec<(String, V)>;

impl Guest {
    fn bucket(&mut self, bucket: &Resource<Store>) -> Result<Store, Error> {
        self.table.get(bucket).cloned().map_err(|_| Error::NoSuchStore)
    }

    fn push_swap(&mut self, swap: Swap) -> Result<Resource<Swap>, Error> {
        self.table.push(swap).map_err(|e| Error::Other(e.to_string()))
    }
}

impl Host for Guest {
    async fn open(&mut self, identifier: String) -> Result<Resource<Store>, Error> {
        let store = self.grants.stores.get(&identifier).cloned().ok_or(Error::AccessDenied)?;
        self.table.push(store).map_err(|e| Error::Other(e.to_string()))
    }

    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl HostBucket for Guest {
    async fn get(&mut self, bucket: Resource<Store>, key: String) -> Result<Option<Vec<u8>>, Error> {
        self.bucket(&bucket)?.get(key).await.map_err(Error::Other)
    }

    async fn set(&mut self, bucket: Resource<Store>, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.bucket(&bucket)?.set(key, value).await.map_err(Error::Other)
    }

    async fn delete(&mut self, bucket: Resource<Store>, key: String) -> Result<(), Error> {
        self.bucket(&bucket)?.delete(key).await.map_err(Error::Other)
    }

    async fn exists(&mut self, bucket: Resource<Store>, key: String) -> Result<bool, Error> {
        self.bucket(&bucket)?.get(key).await.map(|value| value.is_some()).map_err(Error::Other)
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Store>,
        cursor: Option<String>,
    ) -> Result<KeyResponse, Error> {
        // Every key comes at once, so no cursor was ever given out.
        if cursor.is_some() {
            return Err(Error::Other("list_keys: cursor not supported".to_owned()));
        }
        let keys = self.bucket(&bucket)?.keys().await.map_err(Error::Other)?;
        Ok(KeyResponse { keys, cursor: None })
    }

    async fn drop(&mut self, bucket: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl BatchHost for Guest {
    async fn get_many(
        &mut self,
        bucket: Resource<Store>,
        keys: Vec<String>,
    ) -> Result<Pairs<Option<Vec<u8>>>, Error> {
        self.bucket(&bucket)?.get_many(keys).await.map_err(Error::Other)
    }

    async fn set_many(&mut self, bucket: Resource<Store>, pairs: Pairs<Vec<u8>>) -> Result<(), Error> {
        self.bucket(&bucket)?.set_many(pairs).await.map_err(Error::Other)
    }

    async fn delete_many(&mut self, bucket: Resource<Store>, keys: Vec<String>) -> Result<(), Error> {
        self.bucket(&bucket)?.delete_many(keys).await.map_err(Error::Other)
    }
}

impl AtomicsHost for Guest {
    async fn increment(&mut self, bucket: Resource<Store>, key: String, delta: i64) -> Result<i64, Error> {
        self.bucket(&bucket)?.increment(key, delta).await.map_err(Error::Other)
    }

    async fn swap(&mut self, swap: Resource<Swap>, value: Vec<u8>) -> Result<(), CasError> {
        let gone = |_| CasError::StoreError(Error::Other("compare and swap not found".to_owned()));
        let Swap { store, key, seen } = self.table.delete(swap).map_err(gone)?;
        let failed = |fault| CasError::StoreError(Error::Other(fault));
        if store.swap(key.clone(), seen, value).await.map_err(failed)? {
            return Ok(());
        }
        let seen = store.get(key.clone()).await.map_err(failed)?;
        let fresh = self.push_swap(Swap { store, key, seen }).map_err(CasError::StoreError)?;
        Err(CasError::CasFailed(fresh))
    }

    fn convert_cas_error(&mut self, error: CasError) -> wasmtime::Result<CasError> {
        Ok(error)
    }
}

impl HostCas for Guest {
    async fn new(&mut self, bucket: Resource<Store>, key: String) -> Result<Resource<Swap>, Error> {
        let store = self.bucket(&bucket)?;
        self.push_swap(Swap { store, key, seen: None })
    }

    async fn current(&mut self, swap: Resource<Swap>) -> Result<Option<Vec<u8>>, Error> {
        let gone = |_| Error::Other("compare and swap not found".to_owned());
        let (store, key) =
            self.table.get(&swap).map(|swap| (swap.store.clone(), swap.key.clone())).map_err(gone)?;
        let seen = store.get(key).await.map_err(Error::Other)?;
        self.table.get_mut(&swap).map_err(gone)?.seen.clone_from(&seen);
        Ok(seen)
    }

    async fn drop(&mut self, swap: Resource<Swap>) -> wasmtime::Result<()> {
        self.table.delete(swap)?;
        Ok(())
    }
}
