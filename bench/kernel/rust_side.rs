// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The side in Rust: what a driver does with `CoherentBox` and `Coherent`, and with their accessors.

use kernel::{
    bindings,
    device::{
        Bound,
        Device, //
    },
    dma::{
        Coherent,
        CoherentBox, //
    },
    ffi::{
        c_char,
        c_int,
        c_void, //
    },
    io::{
        io_project,
        io_read,
        io_write, //
    },
    prelude::*,
    transmute, //
};

const FILLED: u64 = 42;
const ELEMENTS: usize = 64;

#[repr(C)]
#[derive(Clone, Copy)]
struct Desc {
    addr: u64,
    len: u32,
    flags: u32,
}

// SAFETY: The fields fill the struct.
unsafe impl transmute::AsBytes for Desc {}
// SAFETY: Each field is an integer.
unsafe impl transmute::FromBytes for Desc {}

fn round(dev: &Device<Bound>, count: usize, fill: bool) -> Result {
    let mut owned: CoherentBox<[u64]> = CoherentBox::zeroed_slice(dev, count, GFP_KERNEL)?;

    if fill {
        owned.fill(FILLED);
    } else {
        owned[0] = FILLED;
    }
    let shared: Coherent<[u64]> = owned.into();
    io_write!(shared, [try: 1], shared.dma_address());
    if io_read!(shared, [try: 0]) != FILLED {
        return Err(EIO);
    }
    Ok(())
}

fn errno(result: Result) -> c_int {
    result.map_or_else(|err| err.to_errno(), |()| 0)
}

/// Runs a round, as `run_raw()` does in C.
///
/// # Safety
///
/// `dev` is bound to a driver.
#[no_mangle]
pub unsafe extern "C" fn bench_rust_round(
    dev: *mut bindings::device,
    count: usize,
    fill: bool,
) -> c_int {
    // SAFETY: The caller guarantees it.
    errno(round(unsafe { Device::from_raw(dev) }, count, fill))
}

type Access<T> = extern "C" fn(object: &T, i: usize, value: &mut u32) -> c_int;

extern "C" fn read_try(object: &Coherent<[Desc]>, i: usize, value: &mut u32) -> c_int {
    errno((|| {
        *value = io_read!(object, [try: i].len);
        Ok(())
    })())
}

extern "C" fn write_try(object: &Coherent<[Desc]>, i: usize, value: &mut u32) -> c_int {
    errno((|| {
        io_write!(object, [try: i].len, *value);
        Ok(())
    })())
}

extern "C" fn read_panic(object: &Coherent<[Desc]>, i: usize, value: &mut u32) -> c_int {
    *value = io_read!(object, [panic: i].len);
    0
}

extern "C" fn write_panic(object: &Coherent<[Desc]>, i: usize, value: &mut u32) -> c_int {
    io_write!(object, [panic: i].len, *value);
    0
}

extern "C" fn read_one(object: &Coherent<Desc>, _: usize, value: &mut u32) -> c_int {
    *value = io_read!(object, .len);
    0
}

extern "C" fn write_one(object: &Coherent<Desc>, _: usize, value: &mut u32) -> c_int {
    io_write!(object, .len, *value);
    0
}

// The mask proves that the index is in bounds.
extern "C" fn read_ring(object: &Coherent<[Desc; ELEMENTS]>, i: usize, value: &mut u32) -> c_int {
    *value = io_read!(object, [build: i & (ELEMENTS - 1)].len);
    0
}

extern "C" fn write_ring(object: &Coherent<[Desc; ELEMENTS]>, i: usize, value: &mut u32) -> c_int {
    io_write!(object, [build: i & (ELEMENTS - 1)].len, *value);
    0
}

extern "C" fn addr_at(object: &Coherent<[Desc]>, i: usize, value: &mut u32) -> c_int {
    errno((|| {
        *value = io_project!(object, [try: i]).dma_address() as u32;
        Ok(())
    })())
}

extern "C" {
    fn bench_accessor(
        side: *const c_char,
        name: *const c_char,
        call: *const c_void,
        object: *const c_void,
    ) -> c_int;
}

fn measure<T>(side: &CStr, name: &CStr, call: Access<T>, object: &T) -> Result {
    // SAFETY: C calls `call` with `object`, and with a pointer to a value of its own.
    kernel::error::to_result(unsafe {
        bench_accessor(
            side.as_ptr().cast(),
            name.as_ptr().cast(),
            call as *const c_void,
            core::ptr::from_ref(object).cast(),
        )
    })
}

fn accessors(dev: &Device<Bound>) -> Result {
    let slice: Coherent<[Desc]> = Coherent::zeroed_slice(dev, ELEMENTS, GFP_KERNEL)?;
    let one: Coherent<Desc> = Coherent::zeroed(dev, GFP_KERNEL)?;
    let ring: Coherent<[Desc; ELEMENTS]> = Coherent::zeroed(dev, GFP_KERNEL)?;

    measure(c"Rust [try]", c"read", read_try, &slice)?;
    measure(c"Rust [try]", c"write", write_try, &slice)?;
    measure(c"Rust [panic]", c"read", read_panic, &slice)?;
    measure(c"Rust [panic]", c"write", write_panic, &slice)?;
    measure(c"Rust", c"read of one element", read_one, &one)?;
    measure(c"Rust", c"write of one element", write_one, &one)?;
    measure(c"Rust [build]", c"read of a ring", read_ring, &ring)?;
    measure(c"Rust [build]", c"write of a ring", write_ring, &ring)?;
    measure(c"Rust [try]", c"address of an element", addr_at, &slice)
}

/// Measures the accessors.
///
/// # Safety
///
/// `dev` is bound to a driver.
#[no_mangle]
pub unsafe extern "C" fn bench_accessors_rust(dev: *mut bindings::device) -> c_int {
    // SAFETY: The caller guarantees it.
    errno(accessors(unsafe { Device::from_raw(dev) }))
}
