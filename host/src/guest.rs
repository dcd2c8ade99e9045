//! The state of one instance: what its component may do, and the tables that WASI needs.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use std::time::Duration;

use wasmtime::component::{HasData, ResourceTable};
use wasmtime::{StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::engine::EPOCH;
use crate::fate::Fate;
use crate::key_value::Store;
use crate::logs::Outputs;
use crate::outbound::Outbound;
use crate::sqlite::Database;

/// What one component was granted by the manifest, the same for all its instances.
pub(crate) struct Grants {
    pub component: String,
    pub variables: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    /// Folders of this machine and where the component sees them, read-only.
    pub folders: Vec<(PathBuf, String)>,
    pub databases: HashMap<String, Database>,
    pub stores: HashMap<String, Store>,
    pub allowed_hosts: AllowedHosts,
    pub outputs: Outputs,
    pub memory_bytes: usize,
    pub compute_timeout: Duration,
}

/// The data of one instance's store.
pub(crate) struct Guest {
    pub grants: Arc<Grants>,
    pub table: ResourceTable,
    pub limits: StoreLimits,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    /// Epochs that it has computed through since it last asked the host for anything.
    busy: u32,
    fate: Fate,
    /// A test has it trap with its next answer from the database.
    pub doomed: bool,
    /// Counts this instance as alive while it exists.
    _alive: Alive,
}

/// A share in the count of living instances.
pub(crate) type Alive = Arc<()>;

/// The face under which the host's interfaces find a [`Guest`].
pub(crate) struct HasGuest;

impl HasData for HasGuest {
    type Data<'a> = &'a mut Guest;
}

impl Guest {
    pub fn new(grants: Arc<Grants>, outbound: Outbound, fate: Fate, alive: Alive) -> wasmtime::Result<Self> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(grants.outputs.out.clone()).stderr(grants.outputs.err.clone());
        // Network access goes through `wasi:http` alone, where the allowed hosts are checked.
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        for (name, value) in &grants.environment {
            wasi.env(name, value);
        }
        for (folder, place) in &grants.folders {
            wasi.preopened_dir(folder, place, FsPerms::ReadOnly)?;
        }
        Ok(Self {
            limits: StoreLimitsBuilder::new().memory_size(grants.memory_bytes).build(),
            grants,
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound,
            busy: 0,
            fate,
            doomed: false,
            _alive: alive,
        })
    }

    /// It asks the host for something, so it is not in an endless loop.
    pub fn asks(&mut self) -> &mut Self {
        self.busy = 0;
        self
    }

    /// It has computed through an epoch: it gives way to others, and is cut off when it never asks for anything. One that
    /// loops would else take its share of the machine for ever, long after its caller has gone.
    pub fn computes(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.busy += 1;
        if EPOCH * self.busy <= self.grants.compute_timeout {
            return Ok(UpdateDeadline::Yield(1));
        }
        self.fate.give_up();
        let seconds = self.grants.compute_timeout.as_secs_f32();
        Err(wasmtime::format_err!("it computed for {seconds} s without asking the host for anything"))
    }

    pub fn http_view(&mut self) -> WasiHttpCtxView<'_> {
        self.asks();
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.asks();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http_view()
    }
}
