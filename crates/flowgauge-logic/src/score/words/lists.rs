//! Word lists of the tokeniser: English words of grammar, numerals, and forms that share no stem.
//!
//! Owns the lists. Other languages have none here: their words all count as content.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// English words of grammar, and the verbs of asking.
const FUNCTION: &str = "a about according after again all also although am an analyse analyze and another any are \
     around as at be because been before being between both but by can cannot could describe did \
     do does doing don't down during each either else even ever every explain few for from \
     further had has have having he her here hers him his how i if in into is isn't it its itself \
     just less like many may me might more most much must my neither no nor not of off often on \
     only or other our out over own passage please rather same shall she should since so some \
     still such tell than that the their them then there therefore these they this those though \
     through thus to too toward translate under until up upon us very was we were what when where \
     whether which while who whom whose why will with within without would yet you your";

/// Frequent verbs and nouns whose forms share no stem: form/stem.
const IRREGULAR: &str = "began/begin begun/begin bought/buy broke/break broken/break brought/bring built/build \
     came/come children/child chose/choos drew/draw fell/fall felt/feel found/find gave/giv \
     given/giv gone/go held/hold kept/keep knew/know known/know learnt/learn left/leav lost/los \
     made/mak meant/mean men/man paid/pay ran/run rose/ris said/say sank/sink saw/see seen/see \
     sold/sell sent/send sunk/sink taught/teach thought/think told/tell took/tak taken/tak \
     went/go women/woman wore/wear written/writ wrote/writ";

/// Numerals: word/digits.
const NUMERALS: &str = "one/1 once/1 two/2 twice/2 three/3 four/4 five/5 six/6 seven/7 eight/8 nine/9 \
     ten/10 eleven/11 twelve/12 twenty/20 thirty/30 forty/40 fifty/50 sixty/60 hundred/100 \
     thousand/1000";

static FUNCTIONS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| FUNCTION.split_whitespace().collect());
static FORMS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| pairs(IRREGULAR));
static DIGITS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| pairs(NUMERALS));

fn pairs(list: &'static str) -> BTreeMap<&'static str, &'static str> {
    list.split_whitespace().filter_map(|pair| pair.split_once('/')).collect()
}

/// Whether a word says nothing by itself.
pub(super) fn is_function(word: &str) -> bool {
    FUNCTIONS.contains(word)
}

/// The stem of a form that does not show it.
pub(super) fn irregular(word: &str) -> Option<&'static str> {
    FORMS.get(word).copied()
}

/// A numeral as digits.
pub(super) fn numeral(word: &str) -> Option<&'static str> {
    DIGITS.get(word).copied()
}
