//! The word lists of the normal form. English; a question in another language is compared word by word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Names that are no other word: only these may be typed without their capital. What is not here may be a word of
/// its own (turkey, rust, sage, cork, jersey, queen).
const NAMES: &str = "afghanistan africa albania algeria america amsterdam angola argentina armenia asia athens \
    australia austria azerbaijan baghdad bangkok bangladesh barcelona beijing belarus belgium berlin bolivia bosnia \
    brazil britain brussels bucharest budapest bulgaria cairo california cambodia cameroon canada caracas chicago \
    colombia copenhagen croatia cuba damascus denmark dublin ecuador edinburgh egypt england estonia ethiopia europe \
    finland florida france geneva germany ghana glasgow greece guatemala haiti hamburg havana helsinki honduras \
    hungary iceland india indonesia iran iraq ireland israel istanbul italy jakarta jamaica japan jerusalem kenya \
    korea kosovo kuwait kyiv latvia lebanon libya lisbon lithuania liverpool london luxembourg madagascar madrid \
    malaysia manchester melbourne mexico milan moldova mongolia montenegro montreal morocco moscow mozambique mumbai \
    munich myanmar nairobi namibia naples nepal netherlands nicaragua nigeria norway oslo pakistan paraguay paris \
    philippines poland portugal prague romania rome russia rwanda scotland senegal seoul serbia shanghai singapore \
    slovakia slovenia somalia spain stockholm sudan sweden switzerland sydney syria taiwan tanzania tehran texas \
    thailand tokyo toronto tunisia uganda ukraine uruguay uzbekistan vancouver venezuela venice vienna vietnam warsaw \
    washington yemen zambia zimbabwe zurich dracula hamlet macbeth shakespeare frankenstein einstein newton darwin \
    beethoven mozart javascript typescript kubernetes postgres mysql linux google microsoft facebook wikipedia youtube";
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
/// Numerals: word/digits. "One" is left out, it is mostly no number; from ten on digits mean another number in binary.
const NUMERALS: &str = "two/2 three/3 four/4 five/5 six/6 seven/7 eight/8 nine/9";
/// Words of questions about words: there a spelling or a capital is what is asked about.
const ABOUT_WORDS: &str = "spell spells spelled spelt spelling letter letters word words syllable syllables \
    pronounce pronounced pronunciation rhyme rhymes vowel vowels consonant consonants uppercase lowercase \
    capitalize capitalized capitalise capitalised";
/// Words a request may begin with that are no names.
const OPENING: &str = "i please hi hello hey ok okay so quick thanks summarise write convert compare analyse analyze \
    find calculate";
/// What is asked of an owner: "the X's y" is "the y of the X" for these. Others may be a thing of their own, as a
/// crow's nest is.
const ATTRIBUTES: &str = "name names age birthday height weight size length width depth price cost value capital \
    population area currency language flag anthem president king queen chancellor author mother father wife husband \
    owner founder ceo address nationality religion government constitution";

type Set = LazyLock<BTreeSet<&'static str>>;
type Map = LazyLock<BTreeMap<&'static str, &'static str>>;

static NAME: Set = LazyLock::new(|| set(NAMES));
static DATE: Set = LazyLock::new(|| set(DATES));
static DENIAL: Set = LazyLock::new(|| set(DENIALS));
static ASK: Set = LazyLock::new(|| set(ASKING));
static WORDY: Set = LazyLock::new(|| set(ABOUT_WORDS));
static OPEN: Set = LazyLock::new(|| set(OPENING));
static OWNED: Set = LazyLock::new(|| set(ATTRIBUTES));
static OURS: Set = LazyLock::new(|| set(ENGLISH));
static SPELLING: Map = LazyLock::new(|| map(SPELLINGS));
static NUMERAL: Map = LazyLock::new(|| map(NUMERALS));

fn set(list: &'static str) -> BTreeSet<&'static str> {
    list.split_whitespace().collect()
}

fn map(list: &'static str) -> BTreeMap<&'static str, &'static str> {
    list.split_whitespace().filter_map(|pair| pair.split_once('/')).collect()
}

/// Whether two words differ in the capital of a name only, and the word is nothing but that name.
pub(super) fn is_only_a_name(a: &str, b: &str) -> bool {
    let plain = |w: &str| w.is_ascii() && !w.chars().skip(1).any(char::is_uppercase);
    let bare = |w: &str| w.strip_suffix("'s").unwrap_or(w).to_ascii_lowercase();
    plain(a) && plain(b) && a.eq_ignore_ascii_case(b) && NAME.contains(bare(a).as_str())
}

/// Whether a question of these words may be about words. "Word" in its midst is a program.
pub(super) fn is_about_words(words: &[String]) -> bool {
    let first = words.first().is_some_and(|w| WORDY.contains(w.to_lowercase().as_str()));
    first || words.iter().any(|w| WORDY.contains(w.as_str()))
}

/// Whether a sentence that begins with this word has its capital from being the first.
pub(super) fn opens(word: &str) -> bool {
    let head = word.split('\'').next().unwrap_or(word);
    asks(head) || OPEN.contains(head)
}

/// Whether it is a plain attribute of its owner.
pub(super) fn is_attribute(word: &str) -> bool {
    OWNED.contains(word)
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
