//! Noise without change, of the kinds a comparison must not be fooled by.

/// Kinds of noise, all with mean 0 and variance about 1.
pub(crate) const NOISES: [&str; 10] =
    ["iid", "lognormal", "t3", "ar.3", "ar.6", "day", "weekend", "week sine", "sd 2x", "mix"];
pub(crate) const SIZES: [(usize, usize); 5] = [(7, 7), (30, 7), (168, 24), (168, 168), (168, 8)];

#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut z = self.0;
        z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        z ^= z >> 33;
        ((z >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// t with 3 degrees of freedom, variance 1.
    pub(crate) fn t3(&mut self) -> f64 {
        let chi: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (chi / 3.0).sqrt() / 3.0_f64.sqrt()
    }

    pub(crate) fn ar(&mut self, phi: f64, n: usize) -> Vec<f64> {
        let mut at = self.normal();
        let scale = (1.0 - phi * phi).sqrt();
        (0..n)
            .map(|_| {
                at = phi * at + scale * self.normal();
                at
            })
            .collect()
    }
}

/// Baseline and current, one directly after the other, except autocorrelated ones, between which time has passed.
pub(crate) fn noise(kind: &str, n: usize, m: usize, random: &mut Random) -> (Vec<f64>, Vec<f64>) {
    let phase = random.unit();
    let mut whole: Vec<f64> = match kind {
        "ar.3" => [random.ar(0.3, n), random.ar(0.3, m)].concat(),
        "ar.6" => [random.ar(0.6, n), random.ar(0.6, m)].concat(),
        "mix" => (0..n + m).map(|at| within(if at < n { 0.12 } else { 0.31 }, random)).collect(),
        _ => {
            (0..n + m).map(|at| point(kind, at as f64 + (phase * 168.0).floor(), random)).collect()
        }
    };
    let current = whole.split_off(n);
    let doubled = if kind == "sd 2x" { 2.0 } else { 1.0 };
    (whole, current.into_iter().map(|v| v * doubled).collect())
}

fn point(kind: &str, hour: f64, random: &mut Random) -> f64 {
    match kind {
        // Mean e^{1/8}, variance e^{1/4}(e^{1/4} − 1).
        "lognormal" => ((0.5 * random.normal()).exp() - 0.125_f64.exp()) / 0.604,
        "t3" => random.t3(),
        "day" => random.normal() + 1.5 * (std::f64::consts::TAU * hour / 24.0).sin(),
        "weekend" => random.normal() + if hour % 168.0 >= 120.0 { 2.0 } else { 0.0 },
        "week sine" => random.normal() + 1.5 * (std::f64::consts::TAU * hour / 168.0).sin(),
        _ => random.normal(),
    }
}

/// A window of 60 requests of two kinds, the slow one at a share that moves: the mean of the kinds at the first shares, which
/// is what "like with like" leaves to be compared.
fn within(share: f64, random: &mut Random) -> f64 {
    let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
    for _ in 0..60 {
        let slow = random.unit() < share;
        let kind = usize::from(slow);
        sums[kind] += if slow { 3.0 } else { 1.0 } + 0.3 * random.normal();
        counts[kind] += 1.0;
    }
    let mean = |kind: usize, usual: f64| {
        if counts[kind] > 0.0 { sums[kind] / counts[kind] } else { usual }
    };
    (0.88 * mean(0, 1.0) + 0.12 * mean(1, 3.0) - 1.24) / (0.3 / 60.0_f64.sqrt())
}

/// Windows of requests that are all alike, each with a 95th percentile and its number of requests, drawn between bounds.
pub(crate) fn quantiles(
    windows: usize,
    requests: (f64, f64),
    random: &mut Random,
) -> (Vec<f64>, Vec<u64>) {
    let ratio = requests.1 / requests.0;
    (0..windows)
        .map(|_| {
            let count = (requests.0 * ratio.powf(random.unit())).floor();
            let mut latencies: Vec<f64> = Vec::new();
            while (latencies.len() as f64) < count {
                latencies.push((0.6 * random.normal()).exp());
            }
            latencies.sort_by(f64::total_cmp);
            let rank = latencies.len() * 95 / 100;
            (latencies[rank.min(latencies.len() - 1)], latencies.len() as u64)
        })
        .unzip()
}
