//! U2F as a simulated key speaks it.

use std::time::Instant;

use crate::device::{Device, Touch};

impl Device {
    pub fn u2f(&mut self, apdu: &[u8]) -> Vec<u8> {
        let word = |word: u16| word.to_be_bytes().to_vec();
        let data = apdu.get(7..apdu.len() - 2).unwrap_or_default();
        match (apdu[1], apdu[2]) {
            (0x03, _) => [&b"U2F_V2"[..], &[0x90, 0]].concat(),
            (0x01, _) => {
                if !self.u2f_touched() {
                    return word(0x6985);
                }
                let (challenge, application) =
                    (data[..32].try_into().unwrap(), data[32..64].try_into().unwrap());
                let authority = self.authority.clone();
                [self.key.u2f_register(&challenge, &application, &authority), word(0x9000)].concat()
            }
            (0x02, control) => {
                let (challenge, application) =
                    (data[..32].try_into().unwrap(), data[32..64].try_into().unwrap());
                let handle = &data[65..65 + usize::from(data[64])];
                if !self.key.holds(handle, &application) {
                    return word(0x6a80);
                }
                if control == 0x07 || !self.u2f_touched() {
                    return word(0x6985);
                }
                [self.key.u2f_authenticate(&challenge, &application, handle).unwrap(), word(0x9000)]
                    .concat()
            }
            _ => word(0x6d00),
        }
    }

    fn u2f_touched(&mut self) -> bool {
        let asked = *self.u2f_asked.get_or_insert_with(|| {
            self.blinked += 1;
            Instant::now()
        });
        let touched = matches!(self.touch, Touch::After(delay) if asked.elapsed() >= delay);
        if touched {
            self.u2f_asked = None;
        }
        touched
    }
}
