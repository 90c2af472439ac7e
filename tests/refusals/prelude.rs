// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The declarations of the units in Rust.
#![allow(dead_code, unused_assignments, unused_imports, unused_mut, unused_variables, missing_docs, unreachable_pub, clippy::all)]
use kernel::{
    bindings,
    device::{self, Bound, Device},
    dma::{attrs::*, Coherent, CoherentBox, DmaMask},
    io::{io_project, io_read, io_write, Io},
    prelude::*,
    sync::aref::ARef,
    transmute::{AsBytes, FromBytes as AnyBits},
};

macro_rules! plain {
    ($name:ident) => {
        unsafe impl AsBytes for $name {}
        unsafe impl AnyBits for $name {}
    };
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Packet {
    address: u64,
    length: u32,
    flags: u32,
    queues: [u16; 4],
}
plain!(Packet);
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Other {
    number: u64,
}
plain!(Other);
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Padded {
    kind: u8,
    length: u32,
}
plain!(Padded);
type Packets = Coherent<[Packet]>;
type PacketBox = CoherentBox<[Packet]>;
