//! One row of the table: a name of the guide, its command here, and what its options mean.

/// What a name of the guide is.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Number in the catalogue, `C01`.
    pub id: &'static str,
    /// The guide's name; with a folder where the guide has it outside `scripts`.
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// Words of the command it is.
    pub command: &'static [&'static str],
    /// The guide's options, each with what it means here.
    pub options: &'static [Opt],
    /// What arguments without a name are.
    pub places: Places,
    /// Words that are added unless one of the first is there already.
    pub usual: &'static [(&'static [&'static str], &'static [&'static str])],
    /// How it is told that nobody can be asked.
    pub manner: Manner,
    /// Exit codes beside 64 and 78, which everything has.
    pub exits: &'static [u8],
}

/// An option of the guide and what it means.
pub type Opt = (&'static str, Means);

/// What an option means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A flag: these words in its place.
    Words(&'static [&'static str]),
    /// An option with a value, under this name.
    Value(&'static str),
    /// A value that stands without a name here.
    Place,
    /// A value the plan of this name needs.
    Kept,
    /// So it is anyway.
    Usual,
}

/// What arguments without a name are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// They stand where they stand, and the command says which it takes.
    Same,
    /// Each is the value of an option, unless that option is given.
    Options(&'static [&'static str]),
}

/// What is added where nobody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Nothing: it changes nothing, or what it changes needs no word.
    Reads,
    /// `--yes` and a reason.
    Sure,
    /// `--yes`.
    Yes,
    /// A reason.
    Reason,
    /// A reason, called `--why`.
    Why,
}

impl Row {
    /// Its name without a folder.
    #[must_use]
    pub fn base(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// What an option means.
    #[must_use]
    pub fn means(&self, option: &str) -> Option<Means> {
        self.options.iter().find(|(name, _)| *name == option).map(|(_, means)| *means)
    }
}

/// A row that is read, takes no option of the guide's and ends with 0.
pub(super) const PLAIN: Row = Row {
    id: "",
    name: "",
    about: "",
    command: &[],
    options: &[],
    places: Places::Same,
    usual: &[],
    manner: Manner::Reads,
    exits: &[0],
};

/// `--last` under its own name.
pub(super) const LAST: &[Opt] = &[("--last", Means::Value("--last"))];
/// Live views: the screen that is drawn again.
pub(super) const FOLLOW: Means = Means::Words(&["--follow"]);
/// Any option that names a window.
pub(super) const WINDOW: &[&str] = &["--last", "--since", "--from", "--to", "--day", "--now"];
