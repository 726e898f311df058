//! How a call ended, and whose fault it was.

use super::{Text, closed_set};
use serde::{Deserialize, Serialize};

/// How a call ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// In one word.
    pub status: Status,
    /// Which kind of failure; `none` where it did not fail.
    pub class: ErrorClass,
    /// Status of the upstream's answer, else of our own.
    pub http_status: Option<u16>,
    /// Code or type as the provider names it, e.g. `rate_limit_exceeded`.
    pub error_type: Option<Text>,
    /// Why generation ended, e.g. `stop`; several are joined by a comma.
    pub finish_reason: Option<Text>,
    /// The client's own retry count (`x-stainless-retry-count`).
    pub client_retry: u16,
    /// Upstream requests made for this call.
    pub attempts: u16,
    /// Why another target than the first answered, e.g. `upstream_5xx`.
    pub fallback_reason: Option<Text>,
}

closed_set!(
    /// How a call ended.
    Status {
        /// Answered in full.
        #[default]
        Ok = "ok",
        /// Failed.
        Error = "error",
        /// The client went away.
        Cancelled = "cancelled",
        /// The answer stopped before its end.
        Truncated = "truncated",
        /// flowgauge stopped while the call was in flight.
        Interrupted = "interrupted",
        /// flowgauge did not forward it (limit, budget, bad key).
        Refused = "refused",
    }
);

closed_set!(
    /// Kinds of failure. Those of the client's making never count in the error rate.
    ErrorClass {
        /// None.
        #[default]
        None = "none",
        /// The upstream answered 5xx.
        Upstream5xx = "upstream_5xx",
        /// The upstream answered 429.
        Upstream429 = "upstream_429",
        /// No answer in time.
        Timeout = "timeout",
        /// Could not connect, or the connection broke.
        Unreachable = "unreachable",
        /// An error event inside a 200 stream.
        InStream = "in_stream",
        /// The answer ended early.
        Truncated = "truncated",
        /// The upstream answered 4xx: the request was wrong.
        Client4xx = "client_4xx",
        /// Our own limit refused it.
        OwnLimit = "own_limit",
        /// flowgauge failed.
        Gateway = "gateway",
        /// A failure reported by a producer without a class.
        Reported = "reported",
    }
);

impl ErrorClass {
    /// Whether it counts in the error rate (catalogue D5): faults of upstream, network and gateway
    /// do; a wrong request, our own limits and a client that left are counted apart.
    #[must_use]
    pub const fn counts_as_failure(self) -> bool {
        match self {
            Self::None | Self::Client4xx | Self::OwnLimit => false,
            Self::Upstream5xx
            | Self::Upstream429
            | Self::Timeout
            | Self::Unreachable
            | Self::InStream
            | Self::Truncated
            | Self::Gateway
            | Self::Reported => true,
        }
    }

    /// The class of an upstream's HTTP status.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            408 | 504 => Self::Timeout,
            429 => Self::Upstream429,
            400..=499 => Self::Client4xx,
            500..=599 => Self::Upstream5xx,
            _ => Self::None,
        }
    }
}

/// How a finished call counts in KPIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// A success: its latency is one users felt.
    Success,
    /// A failure: part of the error rate, never a latency.
    Failure,
    /// Neither: the client left or asked wrongly, or we refused.
    Apart,
}

impl Outcome {
    /// How it counts.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        match self.status {
            Status::Ok => Counts::Success,
            Status::Error | Status::Truncated | Status::Interrupted => {
                if matches!(self.status, Status::Error) && !self.class.counts_as_failure() {
                    Counts::Apart
                } else {
                    Counts::Failure
                }
            }
            Status::Cancelled | Status::Refused => Counts::Apart,
        }
    }
}
