//! The word lists of the normal form. English; a question in another language is compared word by word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Words that are names, or other words, when capitalised: without capitals it is not known which is meant.
const NAMES: &str = "access adobe alphabet amazon apple april august baker basic bill black bolt brown chad china \
    chrome cook dart delta earth edge excel fox frank gap georgia go god grant green hill ihr ihnen internet it jack \
    java job jordan kitty lent march mark mars may mercury meta mobile nice north oracle orange office opera \
    outlook polish python reading rich rob rose ruby rust safari scratch shell sie smith south east west \
    spring sprint sun swallow swift target taylor teams titan turkey us visa warren white who will windows word x young";
/// Months and weekdays; the short ones are words of their own.
const DATES: &str = "january february april june july september october november december monday tuesday wednesday \
    thursday friday saturday sunday today tomorrow yesterday weekday weekend";
/// What turns a sentence round.
const DENIALS: &str = "not no never none neither nor nobody nothing nowhere without except unless hardly barely \
    cannot against lack lacks lacking fail fails unable";
/// What questions begin with.
const ASKING: &str = "what who whom whose which when where why how is are was were do does did can could will would \
    shall should has have had am may might must explain tell describe list summarize define give show name";
/// Words that only English questions have, so that the rewriting knows its language.
const ENGLISH: &str = "the what how who which why when where whose explain define describe list summarize \
    summarise are does did is of tell name please can could would you me give show write translate";
/// Spelling variants: other/ours.
const SPELLINGS: &str = "colour/color colours/colors favourite/favorite behaviour/behavior centre/center \
    theatre/theater organise/organize organised/organized analyse/analyze summarise/summarize grey/gray \
    catalogue/catalog travelling/traveling neighbour/neighbor honour/honor labour/labor defence/defense \
    recognise/recognize optimise/optimize optimisation/optimization realise/realize";
/// Numerals: word/digits. "One" is left out, it is mostly no number.
const NUMERALS: &str =
    "two/2 three/3 four/4 five/5 six/6 seven/7 eight/8 nine/9 ten/10 eleven/11 twelve/12";

type Set = LazyLock<BTreeSet<&'static str>>;
type Map = LazyLock<BTreeMap<&'static str, &'static str>>;

static NAME: Set = LazyLock::new(|| set(NAMES));
static DATE: Set = LazyLock::new(|| set(DATES));
static DENIAL: Set = LazyLock::new(|| set(DENIALS));
static ASK: Set = LazyLock::new(|| set(ASKING));
static OURS: Set = LazyLock::new(|| set(ENGLISH));
static SPELLING: Map = LazyLock::new(|| map(SPELLINGS));
static NUMERAL: Map = LazyLock::new(|| map(NUMERALS));

fn set(list: &'static str) -> BTreeSet<&'static str> {
    list.split_whitespace().collect()
}

fn map(list: &'static str) -> BTreeMap<&'static str, &'static str> {
    list.split_whitespace().filter_map(|pair| pair.split_once('/')).collect()
}

/// Whether two words that differ in capitals only may mean different things: an abbreviation, or a word that is also
/// a name.
pub(super) fn is_capital(a: &str, b: &str) -> bool {
    let mixed = |w: &str| w.chars().skip(1).any(char::is_uppercase);
    mixed(a) || mixed(b) || NAME.contains(a.to_lowercase().as_str())
}

/// Whether a word may be a name.
pub(super) fn is_name(word: &str) -> bool {
    NAME.contains(word)
}

pub(super) fn is_date(word: &str) -> bool {
    DATE.contains(word)
}

pub(super) fn denies(word: &str) -> bool {
    DENIAL.contains(word)
}

pub(super) fn asks(word: &str) -> bool {
    ASK.contains(word)
}

pub(super) fn is_english(word: &str) -> bool {
    OURS.contains(word)
}

/// Our spelling of a word.
pub(super) fn spelling(word: &str) -> Option<&'static str> {
    SPELLING.get(word).or_else(|| NUMERAL.get(word)).copied()
}
