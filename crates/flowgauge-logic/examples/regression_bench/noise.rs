//! A fixed generator of random numbers and the noises made from it, for the examples that simulate.
//!
//! Owns determinism: SplitMix64 (Steele, Lea, Flood 2014) and Box–Muller, so that each run and each machine sees the same
//! numbers. Refuses other sources of chance.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    state: u64,
    spare: Option<f64>,
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        let mut noise = Self { state: seed.wrapping_mul(0xD1B5_4A32_D192_ED03), spare: None };
        noise.bits();
        noise
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform on (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(z) = self.spare.take() {
            return z;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// AR(1) with standard normal margins.
    pub(crate) fn autoregressive(&mut self, n: usize, phi: f64) -> Vec<f64> {
        let fresh = (1.0 - phi * phi).sqrt();
        let mut level = self.normal();
        (0..n)
            .map(|_| {
                let now = level;
                level = phi * level + fresh * self.normal();
                now
            })
            .collect()
    }
}
