//! The switches as an application outside the gateway reads them: five yes-or-no flags, decided for a user as the
//! gateway decides.
//!
//! Owns the keys, the words and the reasons (those of OpenFeature). Refuses to guess for nobody: where a canary
//! decides by the user and none is named, the answer is an error and the application keeps its own default.

use super::rollout::{Act, Arm, Force, Mechanism, Mode, Placement, Share, Source, Subject, Wish};
use serde::{Deserialize, Serialize};

/// A flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// One mechanism.
    One(Mechanism),
    /// The master switch: no while everything is switched off at once, whatever the mechanisms are set to.
    All,
}

/// Why a flag has its value, in the words of OpenFeature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It is the same for everyone.
    Static,
    /// Route or intent decided.
    TargetingMatch,
    /// The user's draw decided.
    Split,
    /// It is switched off: environment, kill switch, or a state that cannot be read.
    Disabled,
}

/// What a flag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whether the mechanism shall act.
    pub value: bool,
    /// Why.
    pub reason: Reason,
    /// Who decided.
    pub source: Source,
    /// How far the mechanism is let for this route and intent; nothing for the master switch and where it is off
    /// altogether.
    pub mode: Option<Mode>,
    /// The user's arm, where one was drawn.
    pub arm: Option<Arm>,
}

/// The flag is decided by the user and none was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a canary decides by the user: name one as targetingKey")]
pub struct NobodyNamed;

/// For whom a flag is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target<'a> {
    /// Endpoint as the application knows it.
    pub route: Option<&'a str>,
    /// Purpose.
    pub intent: Option<&'a str>,
    /// Whom the arm sticks to.
    pub subject: Option<Subject<'a>>,
}

impl Flag {
    /// All, in the order of the guide, the master switch last.
    pub const ALL: [Self; 5] = [
        Self::One(Mechanism::ContextPruning),
        Self::One(Mechanism::ResponseCaching),
        Self::One(Mechanism::PromptOptimization),
        Self::One(Mechanism::ModelSelection),
        Self::All,
    ];

    /// Its key.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::One(Mechanism::ContextPruning) => "optimization.context_pruning",
            Self::One(Mechanism::ResponseCaching) => "optimization.response_caching",
            Self::One(Mechanism::PromptOptimization) => "optimization.prompt_optimization",
            Self::One(Mechanism::ModelSelection) => "optimization.model_selection",
            Self::All => "optimization.all",
        }
    }

    /// The flag of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.key() == key)
    }

    /// What it says to `target`; `force` gives what is in force for a mechanism.
    ///
    /// # Errors
    /// A canary decides by the user and none is named.
    pub fn answer<'f>(
        self,
        force: impl Fn(Mechanism) -> Force<'f>,
        target: &Target<'_>,
    ) -> Result<Answer, NobodyNamed> {
        match self {
            Self::One(mechanism) => one(mechanism, &force(mechanism), target),
            Self::All => Ok(master(Mechanism::ALL.map(force))),
        }
    }
}

/// The master switch says no where one source switches all four off at once.
fn master(forces: [Force<'_>; 4]) -> Answer {
    let forbidden = Mechanism::ALL.into_iter().zip(&forces).all(|(m, f)| f.environment.forbids(m));
    let killed = Mechanism::ALL.into_iter().zip(&forces).all(|(m, f)| f.kill.covers(m));
    let unread = forces.iter().any(|f| f.rollout.is_none());
    let (reason, source) = match (forbidden, killed, unread) {
        (true, ..) => (Reason::Disabled, Source::Environment),
        (_, true, _) => (Reason::Disabled, Source::Kill),
        (.., true) => (Reason::Disabled, Source::Unreadable),
        _ => (Reason::Static, Source::Settings),
    };
    Answer { value: reason == Reason::Static, reason, source, mode: None, arm: None }
}

fn one(
    mechanism: Mechanism,
    force: &Force<'_>,
    target: &Target<'_>,
) -> Result<Answer, NobodyNamed> {
    let Target { route, intent, subject } = *target;
    let place = Placement { route, intent, subject: subject.unwrap_or(Subject::Call(&[])) };
    let decision = force.decide(mechanism, &place, Wish::default());
    let source = decision.source;
    let Some(rollout) = force.rollout.filter(|_| source == Source::Settings) else {
        let off = Answer { value: false, reason: Reason::Disabled, source, mode: None, arm: None };
        return Ok(off);
    };
    let mode = rollout.mode(route, intent);
    let plain = if mode == rollout.mode { Reason::Static } else { Reason::TargetingMatch };
    let drawn = matches!(mode, Mode::Canary(_))
        || (mode == Mode::On && rollout.holdout != Share::default());
    if !drawn {
        let value = decision.act == Act::Apply;
        return Ok(Answer { value, reason: plain, source, mode: Some(mode), arm: None });
    }
    match subject {
        Some(_) => {
            let value = decision.act == Act::Apply;
            let (reason, arm) = (Reason::Split, decision.arm);
            Ok(Answer { value, reason, source, mode: Some(mode), arm })
        }
        // On for all but a few who are kept for comparison: nobody is compared who is not known.
        None if mode == Mode::On => {
            Ok(Answer { value: true, reason: plain, source, mode: Some(mode), arm: None })
        }
        None => Err(NobodyNamed),
    }
}

/// The guide's five variables as they are now, in its order: what an application that reads only its environment is
/// given. A mechanism counts as enabled only where it acts for everyone who is not kept for comparison.
#[must_use]
pub fn variables<'f>(force: impl Fn(Mechanism) -> Force<'f>) -> [(&'static str, bool); 5] {
    let [disable, pruning, caching, prompt, model] = super::rollout::VARIABLES;
    let on = |m| Flag::One(m).answer(&force, &Target::default()).is_ok_and(|answer| answer.value);
    let master = Flag::All.answer(&force, &Target::default()).is_ok_and(|answer| answer.value);
    [
        (disable, !master),
        (pruning, on(Mechanism::ContextPruning)),
        (caching, on(Mechanism::ResponseCaching)),
        (prompt, on(Mechanism::PromptOptimization)),
        (model, on(Mechanism::ModelSelection)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::rollout::{Environment, Exception, Kill, Rollout};
    use super::*;
    use crate::call::Text;

    struct World {
        environment: Environment,
        kill: Kill,
        rollout: Option<Rollout>,
    }

    impl World {
        fn new(rollout: Rollout) -> Self {
            Self {
                environment: Environment::default(),
                kill: Kill::default(),
                rollout: Some(rollout),
            }
        }

        fn ask(&self, flag: Flag, target: &Target<'_>) -> Result<Answer, NobodyNamed> {
            let force = |_| Force {
                environment: &self.environment,
                kill: &self.kill,
                rollout: self.rollout.as_ref(),
            };
            flag.answer(force, target)
        }
    }

    const PRUNING: Flag = Flag::One(Mechanism::ContextPruning);

    fn ada() -> Target<'static> {
        Target { subject: Some(Subject::User("ada")), ..Target::default() }
    }

    #[test]
    fn a_key_is_the_word_of_its_mechanism() {
        for flag in Flag::ALL {
            assert_eq!(Flag::from_key(flag.key()), Some(flag));
            if let Flag::One(mechanism) = flag {
                assert_eq!(flag.key(), format!("optimization.{}", mechanism.word()));
            }
        }
        assert_eq!(Flag::from_key("optimization.ALL"), None);
    }

    #[test]
    fn off_and_shadow_are_no_and_on_is_yes_for_everyone() {
        for (mode, value) in [(Mode::Off, false), (Mode::Shadow, false), (Mode::On, true)] {
            let world = World::new(Rollout { mode, ..Rollout::default() });
            for target in [Target::default(), ada()] {
                let answer = world.ask(PRUNING, &target).unwrap();
                assert_eq!((answer.value, answer.reason), (value, Reason::Static), "{mode:?}");
            }
        }
    }

    #[test]
    fn a_canary_asks_for_the_user_and_answers_as_the_gateway_does() {
        let mode = Mode::Canary(Share::percent(50));
        let world = World::new(Rollout { mode, ..Rollout::default() });
        assert_eq!(world.ask(PRUNING, &Target::default()), Err(NobodyNamed));
        let mut yes = 0;
        for n in 0..200 {
            let name = format!("user-{n}");
            let subject = Subject::User(&name);
            let target = Target { subject: Some(subject), ..Target::default() };
            let answer = world.ask(PRUNING, &target).unwrap();
            let place = Placement { route: None, intent: None, subject };
            let force = Force {
                environment: &world.environment,
                kill: &world.kill,
                rollout: world.rollout.as_ref(),
            };
            let gateway = force.decide(Mechanism::ContextPruning, &place, Wish::default());
            assert_eq!(answer.value, gateway.act == Act::Apply);
            assert_eq!((answer.reason, answer.arm), (Reason::Split, gateway.arm));
            yes += u32::from(answer.value);
        }
        assert!((70..=130).contains(&yes), "{yes}");
    }

    #[test]
    fn an_exception_for_an_intent_is_a_targeting_match() {
        let exceptions =
            vec![Exception { route: None, intent: Some(Text::from("chat")), mode: Mode::Off }];
        let world = World::new(Rollout { mode: Mode::On, exceptions, ..Rollout::default() });
        let target = Target { intent: Some("chat"), ..ada() };
        let answer = world.ask(PRUNING, &target).unwrap();
        assert_eq!((answer.value, answer.reason), (false, Reason::TargetingMatch));
        assert!(world.ask(PRUNING, &ada()).unwrap().value);
    }

    #[test]
    fn the_kill_switch_disables_its_flags_and_the_master_only_when_it_covers_all() {
        let mut world = World::new(Rollout { mode: Mode::On, ..Rollout::default() });
        world.kill.only.insert(Mechanism::ContextPruning);
        let answer = world.ask(PRUNING, &ada()).unwrap();
        assert_eq!(
            (answer.value, answer.reason, answer.source),
            (false, Reason::Disabled, Source::Kill)
        );
        assert!(world.ask(Flag::All, &ada()).unwrap().value);
        world.kill.all = true;
        for flag in Flag::ALL {
            let answer = world.ask(flag, &ada()).unwrap();
            assert_eq!((answer.value, answer.reason), (false, Reason::Disabled), "{flag:?}");
        }
    }

    #[test]
    fn a_state_that_cannot_be_read_disables_everything() {
        let world = World { rollout: None, ..World::new(Rollout::default()) };
        for flag in Flag::ALL {
            let answer = world.ask(flag, &ada()).unwrap();
            assert_eq!((answer.value, answer.source), (false, Source::Unreadable), "{flag:?}");
        }
    }

    #[test]
    fn the_variables_say_what_acts_for_everyone() {
        let (environment, kill) = (Environment::default(), Kill::default());
        let on = Rollout { mode: Mode::On, holdout: Share::percent(2), ..Rollout::default() };
        let some = Rollout { mode: Mode::Canary(Share::percent(50)), ..Rollout::default() };
        let force = |m: Mechanism| Force {
            environment: &environment,
            kill: &kill,
            rollout: Some(if m == Mechanism::ContextPruning { &on } else { &some }),
        };
        assert_eq!(
            variables(force),
            [
                ("DISABLE_ALL_OPTIMIZATIONS", false),
                ("ENABLE_CONTEXT_PRUNING", true),
                ("ENABLE_RESPONSE_CACHING", false),
                ("ENABLE_PROMPT_OPTIMIZATION", false),
                ("ENABLE_MODEL_SELECTION", false),
            ]
        );
    }
}
