//! Requests of AWS clients, without a store or a socket.

mod sigv4;
