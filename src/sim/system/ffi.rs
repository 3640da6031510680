//! The C interface of a built top: mirrors `sim/system_driver.h` and `sim/system_shim.cpp`.

use crate::sim::Error;
use crate::sim::lifecycle::Lifecycle;
use std::ffi::{c_char, c_void};
use std::path::Path;

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub seed: u64,
    pub read_latency: u32,
    pub write_latency: u32,
    pub jitter: u32,
    pub sector_cycles: u32,
    pub stall: u32,
    pub burst: u32,
    pub host_stall: u32,
    pub host_burst: u32,
    pub noise: u32,
    pub attributes: u32,
    pub patience: u64,
}

pub(super) const WRITE: u32 = 0;
pub(super) const READ: u32 = 1;

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct HostOp {
    pub kind: u32,
    pub address: u32,
    pub data: u32,
    pub resp: u32,
}

#[repr(C)]
pub(super) struct Status {
    pub status: u32,
    pub message: *const c_char,
    pub cycle: u64,
    pub total: u64,
    pub irq_rise: u64,
    pub irq_high: u64,
    pub irq: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Traffic {
    pub reads: u64,
    pub read_beats: u64,
    pub writes: u64,
    pub write_beats: u64,
    pub words_written: u64,
    pub read_wait: u64,
    pub write_wait: u64,
    pub most_outstanding: u64,
}

#[repr(C)]
pub(super) struct Activity {
    pub now: *const u64,
    pub at_irq: *const u64,
    pub samples: *const u64,
    pub done: *const u64,
    pub fields: u64,
    pub sample_count: u64,
    pub period: u64,
    pub done_count: u64,
}

/// Bytes of a sector handed over: its address and itself.
pub(super) const PUT: usize = 8 + 32;
/// Bytes of a written sector handed back: address, marks, itself.
pub(super) const DRAINED: usize = 8 + 4 + 32;

/// The entry points; they stay valid because the library is never unloaded before them.
pub(super) struct Functions {
    pub lifecycle: Lifecycle,
    pub configure: unsafe extern "C" fn(*mut c_void, *const Memory),
    pub fault: unsafe extern "C" fn(*mut c_void, u32),
    pub status: unsafe extern "C" fn(*mut c_void, *mut Status),
    pub reset: unsafe extern "C" fn(*mut c_void, u32),
    pub host: unsafe extern "C" fn(*mut c_void, *mut HostOp, u64),
    pub wait: unsafe extern "C" fn(*mut c_void, u64) -> bool,
    pub run: unsafe extern "C" fn(*mut c_void, u64),
    pub quiet: unsafe extern "C" fn(*mut c_void) -> bool,
    pub inject: unsafe extern "C" fn(*mut c_void, u32, bool, u64, u32),
    pub put: unsafe extern "C" fn(*mut c_void, u32, *const u8, u64),
    pub clear: unsafe extern "C" fn(*mut c_void, u32),
    pub drain: unsafe extern "C" fn(*mut c_void, u32, *mut *const u8) -> u64,
    pub traffic: unsafe extern "C" fn(*mut c_void, u32, *mut Traffic),
    pub activity: unsafe extern "C" fn(*mut c_void, *mut Activity),
    _library: libloading::Library,
}

impl Functions {
    pub fn load(path: &Path) -> Result<Self, Error> {
        let error = |source: libloading::Error| Error::Load {
            library: path.to_owned(),
            why: source.to_string(),
        };
        // SAFETY: the library was built by `Builder` from `sim/system_shim.cpp`, whose entry points have these types;
        // its initialisers only construct C++ statics.
        unsafe {
            let library = libloading::Library::new(path).map_err(error)?;
            Ok(Functions {
                lifecycle: Lifecycle::load(&library).map_err(error)?,
                configure: *library.get(b"spatten_system_configure\0").map_err(error)?,
                fault: *library.get(b"spatten_system_fault\0").map_err(error)?,
                status: *library.get(b"spatten_system_status\0").map_err(error)?,
                reset: *library.get(b"spatten_system_reset\0").map_err(error)?,
                host: *library.get(b"spatten_system_host\0").map_err(error)?,
                wait: *library.get(b"spatten_system_wait\0").map_err(error)?,
                run: *library.get(b"spatten_system_run\0").map_err(error)?,
                quiet: *library.get(b"spatten_system_quiet\0").map_err(error)?,
                inject: *library.get(b"spatten_system_inject\0").map_err(error)?,
                put: *library.get(b"spatten_system_put\0").map_err(error)?,
                clear: *library.get(b"spatten_system_clear\0").map_err(error)?,
                drain: *library.get(b"spatten_system_drain\0").map_err(error)?,
                traffic: *library.get(b"spatten_system_traffic\0").map_err(error)?,
                activity: *library.get(b"spatten_system_activity\0").map_err(error)?,
                _library: library,
            })
        }
    }
}
