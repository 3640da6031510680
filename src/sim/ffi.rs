//! The C interface of a built library: mirrors `sim/stream_driver.cpp`.

use super::Error;
use super::lifecycle::Lifecycle;
use std::ffi::{c_char, c_void};
use std::path::Path;

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub kind: u32,
    pub a: u32,
    pub b: u32,
}

#[repr(C)]
pub(super) struct Input {
    pub words: *const u32,
    pub beats: u64,
    pub pace: Pace,
}

#[repr(C)]
pub(super) struct Output {
    pub beats: u64,
    pub pace: Pace,
}

#[repr(C)]
pub(super) struct Run {
    pub seed: u64,
    pub inputs: *const Input,
    pub outputs: *const Output,
    pub ports: *const u32,
    pub patience: u64,
    pub drain: u64,
    pub reset_at: u64,
    pub reset_cycles: u32,
    pub probe: u32,
}

#[repr(C)]
pub(super) struct Received {
    pub words: *const u32,
    pub cycles: *const u64,
    pub beats: u64,
}

#[repr(C)]
pub(super) struct Accepted {
    pub cycles: *const u64,
    pub beats: u64,
}

#[repr(C)]
pub(super) struct RunResult {
    pub status: u32,
    pub cycles: u64,
    pub total: u64,
    pub message: *const c_char,
    pub outputs: *const Received,
    pub inputs: *const Accepted,
    pub ports: *const u32,
    pub tallies: *const u64,
}

pub(super) const DONE: u32 = 0;
pub(super) const HUNG: u32 = 1;
pub(super) const PROTOCOL: u32 = 2;

/// The entry points; they stay valid because the library is never unloaded before them.
pub(super) struct Functions {
    pub lifecycle: Lifecycle,
    pub run: unsafe extern "C" fn(*mut c_void, *const Run, *mut RunResult),
    _library: libloading::Library,
}

impl Functions {
    pub fn load(path: &Path) -> Result<Self, Error> {
        let error = |source: libloading::Error| Error::Load {
            library: path.to_owned(),
            why: source.to_string(),
        };
        // SAFETY: the library was built by `Builder` from `sim/stream_driver.cpp`, whose entry points have these types; its
        // initialisers only construct C++ statics.
        unsafe {
            let library = libloading::Library::new(path).map_err(error)?;
            Ok(Functions {
                lifecycle: Lifecycle::load(&library).map_err(error)?,
                run: *library.get(b"spatten_run\0").map_err(error)?,
                _library: library,
            })
        }
    }
}
