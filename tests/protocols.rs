//! One-time codes, security keys and the relying party, without a store or a socket.

mod otp;
mod usb;
mod usb_memory;
mod webauthn;
