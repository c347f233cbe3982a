//! HMAC-SHA-1 of several factors at once.
//!
//! One loop over the factors, with straight code in it: the compiler turns that into vector
//! instructions. The messages have fixed lengths, so most words of the blocks are constants.

/// Number of factors that are computed at once.
pub(super) const LANES: usize = 8;

/// The truncated MACs (RFC 4226 §5.3) of [`LANES`] factors, from the states after the inner and
/// the outer padded key block.
pub(super) fn truncated(&[inner, outer]: &[[u32; 5]; 2], factors: [u64; LANES]) -> [u32; LANES] {
    let (mut high, mut low) = ([0; LANES], [0; LANES]);
    for (lane, factor) in factors.into_iter().enumerate() {
        let [a, b, c, d, e, f, g, h] = factor.to_be_bytes();
        high[lane] = u32::from_be_bytes([a, b, c, d]);
        low[lane] = u32::from_be_bytes([e, f, g, h]);
    }
    let [mut a, mut b, mut c, mut d, mut e] = [[0; LANES]; 5];
    #[allow(clippy::needless_range_loop, reason = "five arrays are filled at the same place")]
    for lane in 0..LANES {
        let digest = compress(inner, last_block([high[lane], low[lane]]));
        [a[lane], b[lane], c[lane], d[lane], e[lane]] = compress(outer, last_block(digest));
    }
    let mut values = [0; LANES];
    for (lane, value) in values.iter_mut().enumerate() {
        *value = truncate([a[lane], b[lane], c[lane], d[lane], e[lane]]);
    }
    values
}

/// A message with its padding, preceded by one padded key block.
#[inline(always)]
fn last_block<const WORDS: usize>(message: [u32; WORDS]) -> [u32; 16] {
    let mut block = [0; 16];
    block[..WORDS].copy_from_slice(&message);
    block[WORDS] = 0x8000_0000;
    block[15] = const {
        let mut bits = 16 * 32;
        let mut words = WORDS;
        while words > 0 {
            bits += 32;
            words -= 1;
        }
        bits
    };
    block
}

/// One round, which leaves the names of the words to be turned by one place.
macro_rules! round {
    ($a:ident $b:ident $c:ident $d:ident $e:ident, $w:ident, $t:expr, $mix:ident, $k:expr) => {
        // The message schedule, in the place of the word of 16 rounds before.
        if $t >= 16 {
            let word = $w[($t + 13) % 16] ^ $w[($t + 8) % 16] ^ $w[($t + 2) % 16] ^ $w[$t % 16];
            $w[$t % 16] = word.rotate_left(1);
        }
        let sum = $e.wrapping_add($k).wrapping_add($w[$t % 16]);
        $e = $a.rotate_left(5).wrapping_add($mix($b, $c, $d)).wrapping_add(sum);
        $b = $b.rotate_left(30);
    };
}

/// Five rounds, after which the names are back in their places.
macro_rules! five_rounds {
    ($a:ident $b:ident $c:ident $d:ident $e:ident, $w:ident, $t:expr, $mix:ident, $k:expr) => {
        round!($a $b $c $d $e, $w, $t, $mix, $k);
        round!($e $a $b $c $d, $w, $t + 1, $mix, $k);
        round!($d $e $a $b $c, $w, $t + 2, $mix, $k);
        round!($c $d $e $a $b, $w, $t + 3, $mix, $k);
        round!($b $c $d $e $a, $w, $t + 4, $mix, $k);
    };
}

/// The rounds of one constant.
macro_rules! twenty_rounds {
    ($a:ident $b:ident $c:ident $d:ident $e:ident, $w:ident, $t:expr, $mix:ident, $k:expr) => {
        five_rounds!($a $b $c $d $e, $w, $t, $mix, $k);
        five_rounds!($a $b $c $d $e, $w, $t + 5, $mix, $k);
        five_rounds!($a $b $c $d $e, $w, $t + 10, $mix, $k);
        five_rounds!($a $b $c $d $e, $w, $t + 15, $mix, $k);
    };
}

/// The compression of SHA-1 (FIPS 180-4 §6.1.2), as straight code.
#[inline(always)]
fn compress(state: [u32; 5], mut w: [u32; 16]) -> [u32; 5] {
    let [mut a, mut b, mut c, mut d, mut e] = state;
    twenty_rounds!(a b c d e, w, 0, choose, 0x5a82_7999_u32);
    twenty_rounds!(a b c d e, w, 20, parity, 0x6ed9_eba1_u32);
    twenty_rounds!(a b c d e, w, 40, majority, 0x8f1b_bcdc_u32);
    twenty_rounds!(a b c d e, w, 60, parity, 0xca62_c1d6_u32);
    let [f, g, h, i, j] = state;
    [a.wrapping_add(f), b.wrapping_add(g), c.wrapping_add(h), d.wrapping_add(i), e.wrapping_add(j)]
}

#[inline(always)]
fn choose(x: u32, y: u32, z: u32) -> u32 {
    z ^ (x & (y ^ z))
}

#[inline(always)]
fn parity(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

#[inline(always)]
fn majority(x: u32, y: u32, z: u32) -> u32 {
    (x & y) | (z & (x | y))
}

/// 31 bits at the offset in the last four bits (RFC 4226 §5.3).
#[inline(always)]
fn truncate(mac: [u32; 5]) -> u32 {
    let [last, ..] = mac[4].to_le_bytes();
    let (word, byte) = (usize::from(last >> 2 & 3), usize::from(last & 3));
    let bytes = (u64::from(mac[word]) << 32 | u64::from(mac[word + 1])).to_be_bytes();
    u32::from_be_bytes([bytes[byte], bytes[byte + 1], bytes[byte + 2], bytes[byte + 3]])
        & 0x7fff_ffff
}
