//! What every built model has in common: it is made, traced and freed. Mirrors `sim/lifecycle.h`.

use super::Error;
use std::ffi::{CString, c_char, c_void};
use std::path::Path;

/// The C++ side, a header of every shim.
pub(super) const HEADER: (&str, &str) = ("lifecycle.h", include_str!("../../sim/lifecycle.h"));

/// Entry points of a library that stays loaded as long as its models live.
#[derive(Clone, Copy)]
pub(super) struct Lifecycle {
    new: unsafe extern "C" fn(u64) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    trace: unsafe extern "C" fn(*mut c_void, *const c_char) -> bool,
}

impl Lifecycle {
    /// Looks the entry points up.
    ///
    /// # Safety
    /// The library was built by `Builder`, with the entry points of `sim/lifecycle.h`.
    pub(super) unsafe fn load(library: &libloading::Library) -> Result<Self, libloading::Error> {
        // SAFETY: the entry points have these types.
        unsafe {
            Ok(Lifecycle {
                new: *library.get(b"spatten_new\0")?,
                free: *library.get(b"spatten_free\0")?,
                trace: *library.get(b"spatten_trace\0")?,
            })
        }
    }
}

/// A model of a library, which must outlive it.
pub(super) struct Model {
    pointer: *mut c_void,
    lifecycle: Lifecycle,
}

impl Model {
    /// Constructs a model of `top`; `seed` draws its power-up contents.
    ///
    /// # Errors
    /// [`Error::Construct`] when the model stops in its constructor.
    pub(super) fn new(lifecycle: Lifecycle, top: &str, seed: u64) -> Result<Self, Error> {
        // SAFETY: `new` takes any seed and returns null or an instance that `free` takes back.
        let pointer = unsafe { (lifecycle.new)(seed) };
        match pointer.is_null() {
            true => Err(Error::Construct(top.to_owned())),
            false => Ok(Model { pointer, lifecycle }),
        }
    }

    /// What the library's other entry points take.
    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }

    /// Writes a VCD of everything from now on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the design was built without `trace`.
    pub(super) fn trace(&mut self, path: &Path) -> Result<(), Error> {
        let text = path.to_str().and_then(|p| CString::new(p).ok());
        let text =
            text.ok_or_else(|| Error::Unsupported(format!("not a usable file name: {}", path.display())))?;
        // SAFETY: the model is live, the string ends in NUL and is copied.
        match unsafe { (self.lifecycle.trace)(self.pointer, text.as_ptr()) } {
            true => Ok(()),
            false => Err(Error::Unsupported("the design was built without trace".into())),
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `new` and is freed once.
        unsafe { (self.lifecycle.free)(self.pointer) }
    }
}
