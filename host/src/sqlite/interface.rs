//! The interface's functions over [`Connection`].

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use wasmtime::StoreContextMut;
use wasmtime::component::{
    Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult, VecBuffer,
};

use super::{Answer, Connection, Rest, ended};
use crate::bindings::spin::sqlite::sqlite::{
    Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
};
use crate::guest::{Guest, HasGuest};

type Streamed = (Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>);

impl Guest {
    fn open_database(&mut self, label: &str) -> Result<Resource<Connection>, Error> {
        let connection = self.grants.databases.get(label).ok_or(Error::AccessDenied)?.connect();
        self.table.push(connection).map_err(|e| Error::Io(e.to_string()))
    }

    fn connection(&mut self, connection: &Resource<Connection>) -> Result<Connection, Error> {
        self.table.get(connection).cloned().map_err(|_| Error::InvalidConnection)
    }

    fn connection_for(
        &mut self,
        connection: &Resource<Connection>,
        statement: &str,
    ) -> Result<Connection, Error> {
        let connection = self.connection(connection)?;
        if connection.traps() {
            self.doomed = true;
            return Err(Error::InvalidConnection);
        }
        tracing::trace!(component = self.grants.component, statement);
        Ok(connection)
    }
}

impl Host for Guest {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        match self.doomed {
            true => Err(wasmtime::format_err!("a test has it trap here")),
            false => Ok(error),
        }
    }
}

impl HostConnection for Guest {
    async fn open(&mut self, database: String) -> Result<Resource<Connection>, Error> {
        self.open_database(&database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<QueryResult, Error> {
        let connection = self.connection_for(&connection, &statement)?;
        let (columns, rows) = connection.execute_whole(statement, parameters).await?;
        Ok(QueryResult { columns, rows })
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.table.get(&connection)?.clone().last_insert_rowid().await)
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&connection)?.clone().changes().await)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for HasGuest {
    async fn open_async(store: &Accessor<T, Self>, database: String) -> Result<Resource<Connection>, Error> {
        store.with(|mut access| access.get().open_database(&database))
    }

    async fn execute_async(
        store: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Streamed, Error> {
        let connection = store.with(|mut access| access.get().connection_for(&connection, &statement))?;
        let Answer { columns, rows, rest } = connection.execute(statement, parameters).await;
        let readers = store.with(|mut access| match rest {
            Rest::Ended(end) => wasmtime::error::Ok((
                StreamReader::new(&mut access, rows)?,
                FutureReader::new(&mut access, async move { wasmtime::error::Ok(end) })?,
            )),
            Rest::Streams { batches, end } => wasmtime::error::Ok((
                StreamReader::new(&mut access, Batches { first: rows, batches })?,
                FutureReader::new(&mut access, async move { wasmtime::error::Ok(ended(end).await) })?,
            )),
        });
        let (rows, end) = readers.map_err(|e| Error::Io(e.to_string()))?;
        Ok((columns, rows, end))
    }

    async fn last_insert_rowid_async(
        store: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = store.with(|mut access| access.get().table.get(&connection).cloned())?;
        Ok(connection.last_insert_rowid().await)
    }

    async fn changes_async(
        store: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = store.with(|mut access| access.get().table.get(&connection).cloned())?;
        Ok(connection.changes().await)
    }
}

/// The rows of a large result, batch by batch.
struct Batches {
    first: Vec<RowResult>,
    batches: tokio::sync::mpsc::Receiver<Vec<RowResult>>,
}

impl<D> StreamProducer<D> for Batches {
    type Item = RowResult;
    type Buffer = VecBuffer<RowResult>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, RowResult, VecBuffer<RowResult>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        // A guest that only asks whether rows are there is told yes without one being read.
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let batch = if this.first.is_empty() {
            match this.batches.poll_recv(cx) {
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                polled => ready!(polled),
            }
        } else {
            Some(std::mem::take(&mut this.first))
        };
        match batch {
            None => Poll::Ready(Ok(StreamResult::Dropped)),
            Some(batch) => {
                destination.set_buffer(VecBuffer::from(batch));
                Poll::Ready(Ok(StreamResult::Completed))
            }
        }
    }
}
