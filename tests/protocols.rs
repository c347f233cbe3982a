//! One-time codes, token files, security keys and the relying party, without a store or a socket.

mod import;
mod otp;
mod usb;
mod usb_memory;
mod webauthn;
