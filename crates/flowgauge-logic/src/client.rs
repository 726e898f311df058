//! Which program sent a call, by what it says of itself in `User-Agent`.
//!
//! Owns the families that are told apart and the texts they are known by. Refuses to guess: what says nothing known is
//! [`Family::Other`], and where two programs say the same (LangChain and LiteLLM for Python use the SDK of OpenAI) they are one family.

/// Longest text looked at; the beginning decides, and a header may be of any length.
const LONGEST: usize = 128;

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Family {
    /// OpenAI's SDK for Python; LangChain and LiteLLM among others use it.
    OpenAiPython,
    /// OpenAI's SDK for JavaScript.
    OpenAiJs,
    /// OpenAI's SDKs for other languages.
    OpenAiOther,
    /// Anthropic's SDK for Python.
    AnthropicPython,
    /// Anthropic's SDK for JavaScript.
    AnthropicJs,
    /// Anthropic's SDKs for other languages.
    AnthropicOther,
    /// LangChain, where it says so.
    LangChain,
    /// LiteLLM, where it says so.
    LiteLlm,
    /// curl.
    Curl,
    /// Whatever else calls the gateway.
    Other,
    /// OpenTelemetry's exporter for Python.
    OtelPython,
    /// OpenTelemetry's exporter for JavaScript.
    OtelJs,
    /// OpenTelemetry's exporters for other languages.
    OtelOther,
    /// An OpenTelemetry Collector.
    Collector,
    /// Whatever else sends OTLP.
    OtlpOther,
}

use Family::{
    AnthropicJs, AnthropicOther, AnthropicPython, Collector, Curl, LangChain, LiteLlm, OpenAiJs,
    OpenAiOther, OpenAiPython, OtelJs, OtelOther, OtelPython, Other, OtlpOther,
};

/// Beginnings of what callers of the gateway say, in lower case; the first that fits counts.
const GATEWAY: &[(&str, Family)] = &[
    ("openai/python ", OpenAiPython),
    ("asyncopenai/python ", OpenAiPython),
    ("azureopenai/python ", OpenAiPython),
    ("asyncazureopenai/python ", OpenAiPython),
    ("openai/js ", OpenAiJs),
    ("azureopenai/js ", OpenAiJs),
    ("openai/", OpenAiOther),
    ("azureopenai/", OpenAiOther),
    ("openaiclient", OpenAiOther),
    ("anthropic/python ", AnthropicPython),
    ("asyncanthropic/python ", AnthropicPython),
    ("anthropic/js ", AnthropicJs),
    ("anthropic/", AnthropicOther),
    ("anthropicclient", AnthropicOther),
    ("langchain", LangChain),
    ("litellm", LiteLlm),
    ("curl/", Curl),
];

/// Beginnings of what senders of OTLP say, in lower case; some languages write spaces for the hyphens.
const OTLP: &[(&str, Family)] = &[
    ("otel-otlp-exporter-python", OtelPython),
    ("otel-otlp-exporter-javascript", OtelJs),
    ("otel-otlp-exporter-", OtelOther),
    ("opentelemetry-collector", Collector),
    ("otelcol", Collector),
];

impl Family {
    /// All, in order of their numbers.
    pub const ALL: [Self; 15] = [
        OpenAiPython,
        OpenAiJs,
        OpenAiOther,
        AnthropicPython,
        AnthropicJs,
        AnthropicOther,
        LangChain,
        LiteLlm,
        Curl,
        Other,
        OtelPython,
        OtelJs,
        OtelOther,
        Collector,
        OtlpOther,
    ];

    /// The family's number, its place in [`Family::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name programs use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            OpenAiPython => "openai_python",
            OpenAiJs => "openai_js",
            OpenAiOther => "openai_other",
            AnthropicPython => "anthropic_python",
            AnthropicJs => "anthropic_js",
            AnthropicOther => "anthropic_other",
            LangChain => "langchain",
            LiteLlm => "litellm",
            Curl => "curl",
            Other => "other",
            OtelPython => "otel_python",
            OtelJs => "otel_js",
            OtelOther => "otel_other",
            Collector => "otel_collector",
            OtlpOther => "otlp_other",
        }
    }

    /// The name people read.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            OpenAiPython => "OpenAI SDK for Python",
            OpenAiJs => "OpenAI SDK for JavaScript",
            OpenAiOther => "OpenAI SDK",
            AnthropicPython => "Anthropic SDK for Python",
            AnthropicJs => "Anthropic SDK for JavaScript",
            AnthropicOther => "Anthropic SDK",
            LangChain => "LangChain",
            LiteLlm => "LiteLLM",
            Curl => "curl",
            Other => "another client",
            OtelPython => "OpenTelemetry for Python",
            OtelJs => "OpenTelemetry for JavaScript",
            OtelOther => "OpenTelemetry SDK",
            Collector => "OpenTelemetry Collector",
            OtlpOther => "another sender of OTLP",
        }
    }

    /// Whether it sends telemetry instead of calling the gateway.
    #[must_use]
    pub const fn is_otlp(self) -> bool {
        matches!(self, OtelPython | OtelJs | OtelOther | Collector | OtlpOther)
    }
}

/// A version, three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// In one number above 0, so that it can be kept without a lock.
    #[must_use]
    pub const fn packed(self) -> u64 {
        1 << 48 | (self.0 as u64) << 32 | (self.1 as u64) << 16 | self.2 as u64
    }

    /// Back from one number; nothing from 0.
    #[must_use]
    pub const fn unpacked(number: u64) -> Option<Self> {
        if number == 0 {
            return None;
        }
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        let [major, minor, patch] =
            [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), u16::from_be_bytes([e, f])];
        Some(Self(major, minor, patch))
    }

    /// The first number in a text, and up to two more after dots.
    fn first_in(text: &str) -> Option<Self> {
        let rest = text.get(text.find(|c: char| c.is_ascii_digit())?..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let mut parts = rest.get(..end)?.split('.').map(str::parse);
        let first = parts.next()?.ok()?;
        let mut next = || parts.next().and_then(Result::ok).unwrap_or(0);
        Some(Self(first, next(), next()))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Who calls the gateway; the version only of clients that are known.
#[must_use]
pub fn caller(user_agent: Option<&str>) -> (Family, Option<Version>) {
    told(beginning(user_agent), GATEWAY).unwrap_or((Other, None))
}

/// Who sends OTLP.
#[must_use]
pub fn sender(user_agent: Option<&str>) -> (Family, Option<Version>) {
    told(beginning(user_agent), OTLP).unwrap_or((OtlpOther, None))
}

fn told(said: &str, families: &[(&str, Family)]) -> Option<(Family, Option<Version>)> {
    let rest = |(start, family): &(&str, Family)| Some((after(said, start)?, *family));
    let (rest, family) = families.iter().find_map(rest)?;
    Some((family, Version::first_in(rest)))
}

/// What follows a beginning, in capitals or not, where spaces may stand for its hyphens.
fn after<'s>(said: &'s str, start: &str) -> Option<&'s str> {
    let head = said.get(..start.len())?;
    let same = |(a, b): (u8, u8)| a.to_ascii_lowercase() == b || (a == b' ' && b == b'-');
    if head.bytes().zip(start.bytes()).all(same) { said.get(start.len()..) } else { None }
}

fn beginning(user_agent: Option<&str>) -> &str {
    let said = user_agent.unwrap_or_default().trim();
    said.get(..LONGEST).unwrap_or(if said.len() > LONGEST { "" } else { said })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(user_agent: &str) -> (&'static str, String) {
        let (family, version) = caller(Some(user_agent));
        (family.name(), version.map_or_else(String::new, |v| v.to_string()))
    }

    fn sends(user_agent: &str) -> (&'static str, String) {
        let (family, version) = sender(Some(user_agent));
        (family.name(), version.map_or_else(String::new, |v| v.to_string()))
    }

    #[test]
    fn sdks_are_known_by_what_they_say_of_themselves() {
        for (said, family, version) in [
            ("OpenAI/Python 1.51.0", "openai_python", "1.51.0"),
            ("AsyncOpenAI/Python 2.8.1", "openai_python", "2.8.1"),
            ("AsyncAzureOpenAI/Python 1.3.5", "openai_python", "1.3.5"),
            ("OpenAI/JS 4.67.3", "openai_js", "4.67.3"),
            ("OpenAI/JS 5.0.0-alpha.0", "openai_js", "5.0.0"),
            ("OpenAI/Go 0.1.0-alpha.62", "openai_other", "0.1.0"),
            ("OpenAI/2.1.0 (.NET 8.0.10; Ubuntu 22.04)", "openai_other", "2.1.0"),
            ("OpenAIClientImpl/Java 4.3.0", "openai_other", "4.3.0"),
            ("Anthropic/Python 0.39.0", "anthropic_python", "0.39.0"),
            ("AsyncAnthropic/Python 0.75.0", "anthropic_python", "0.75.0"),
            ("Anthropic/JS 0.32.1", "anthropic_js", "0.32.1"),
            ("AnthropicClientImpl/Java 2.1.0", "anthropic_other", "2.1.0"),
            ("langchainjs-openai/1.0.0 ((node/v20.18.0; win32; x64))", "langchain", "1.0.0"),
            ("langchain-partner-python-azure-openai", "langchain", ""),
            ("litellm/1.52.10", "litellm", "1.52.10"),
            ("curl/8.5.0", "curl", "8.5.0"),
        ] {
            assert_eq!(calls(said), (family, version.to_owned()), "{said}");
        }
    }

    #[test]
    fn exporters_are_known_on_every_language_s_spelling() {
        for (said, family, version) in [
            ("OTel-OTLP-Exporter-Python/1.27.0", "otel_python", "1.27.0"),
            ("OTel-OTLP-Exporter-Python/1.27.0 grpc-python/1.64.1", "otel_python", "1.27.0"),
            ("OTel-OTLP-Exporter-JavaScript/0.208.0", "otel_js", "0.208.0"),
            ("OTel-OTLP-Exporter-Java/1.55.0", "otel_other", "1.55.0"),
            ("OTel OTLP Exporter Go/1.28.0", "otel_other", "1.28.0"),
            ("OpenTelemetry Collector Contrib/0.100.0 (linux/amd64)", "otel_collector", "0.100.0"),
            ("grpc-go/1.65.0", "otlp_other", ""),
        ] {
            assert_eq!(sends(said), (family, version.to_owned()), "{said}");
        }
    }

    #[test]
    fn what_says_nothing_known_is_another_client_without_a_version() {
        for said in ["python-requests/2.32.3", "", "my OpenAI/Python 1.0", "Mozilla/5.0 (X11)"] {
            assert_eq!(calls(said), ("other", String::new()), "{said}");
        }
        assert_eq!((caller(None), sender(None)), ((Other, None), (OtlpOther, None)));
    }

    #[test]
    fn a_text_of_any_length_or_script_is_looked_at_without_harm() {
        let long = format!("curl/8.5.0 {}", "x".repeat(100_000));
        assert_eq!(calls(&long), ("curl", "8.5.0".to_owned()));
        assert_eq!(calls(&"ä".repeat(1_000)).0, "other");
        let odd = format!("curl/8.5.0{}", "ä".repeat(100));
        assert!(matches!(calls(&odd).0, "curl" | "other"));
        assert_eq!(calls("curl/99999999999.1"), ("curl", String::new()));
        assert_eq!(calls("curl/8."), ("curl", "8.0.0".to_owned()));
    }

    #[test]
    fn a_version_in_one_number_is_the_same_version() {
        for version in [Version(0, 0, 0), Version(1, 2, 3), Version(u16::MAX, 7, u16::MAX)] {
            assert_eq!(Version::unpacked(version.packed()), Some(version));
        }
        assert_eq!(Version::unpacked(0), None);
    }

    #[test]
    fn every_family_has_a_number_and_a_name_of_its_own() {
        for (index, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family.index(), index);
            assert!(!family.title().is_empty());
        }
        let names: std::collections::BTreeSet<_> = Family::ALL.iter().map(|f| f.name()).collect();
        assert_eq!(names.len(), Family::ALL.len());
        assert!(GATEWAY.iter().all(|(_, family)| !family.is_otlp()));
        assert!(OTLP.iter().all(|(_, family)| family.is_otlp()));
    }
}
