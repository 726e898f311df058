//! What the index promises.

use super::*;
use crate::control::cache::meaning::Meaning;
use crate::control::cache::meaning::pairs::{DIFFERENT, SAME};
use proptest::prelude::*;

const SCOPE: Key = Key([1; 32]);

fn key(n: u32) -> Key {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&n.to_le_bytes());
    Key(key)
}

fn insert(index: &mut Index, scope: Key, n: u32, question: &str) {
    let meaning = Meaning::of(question).unwrap();
    index.insert(scope, key(n), Embedding::of(&meaning), meaning);
}

fn find(index: &Index, scope: Key, question: &str) -> Lookup {
    let meaning = Meaning::of(question).unwrap();
    index.find(&scope, &Embedding::of(&meaning), &meaning, Likeness::default())
}

#[test]
fn a_paraphrase_is_served_and_a_reversal_is_only_reported() {
    let mut index = Index::new(10);
    insert(&mut index, SCOPE, 1, "How do I convert PDF to Word?");
    insert(&mut index, SCOPE, 2, "Explain closures in Rust");
    let found = find(&index, SCOPE, "Could you please explain closures in Rust?");
    assert_eq!(found.hit.map(|h| h.0), Some(key(2)));
    let found = find(&index, SCOPE, "How do I convert Word to PDF?");
    assert_eq!(found.hit, None);
    assert_eq!(found.near.first().map(|n| n.difference), Some(Some(Difference::Order)));
}

/// Scenario 17: at the threshold that hits every shipped paraphrase, no shipped adversarial pair is served. Nor where
/// the vectors are a model's that puts all questions at one place: likeness proposes, meaning decides.
#[test]
fn at_the_threshold_that_hits_every_paraphrase_no_other_question_is_served() {
    let vector = |q: &str| Meaning::of(q).map(|m| (Embedding::of(&m), m));
    let cosine = |(a, b): &(&str, &str)| {
        let (Some((a, _)), Some((b, _))) = (vector(a), vector(b)) else { panic!("{a} {b}") };
        a.cosine(&b)
    };
    let serve = SAME.iter().map(cosine).fold(1.0, f32::min);
    let like = Likeness { serve, report: serve };
    let model = Embedding::from_model(&[0.5, -0.25, 0.125]).unwrap();
    let served = |(a, b): &(&str, &str), blind: bool| {
        let (Some((va, ma)), Some((vb, mb))) = (vector(a), vector(b)) else { return false };
        let (va, vb) = if blind { (model.clone(), model.clone()) } else { (va, vb) };
        let mut index = Index::new(10);
        index.insert(SCOPE, key(1), va, ma);
        index.find(&SCOPE, &vb, &mb, like).hit.is_some()
    };
    for blind in [false, true] {
        assert!(SAME.iter().all(|pair| served(pair, blind)));
        let wrong: Vec<_> = DIFFERENT.iter().filter(|pair| served(pair, blind)).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[test]
fn another_scope_has_another_shelf() {
    let mut index = Index::new(10);
    insert(&mut index, SCOPE, 1, "Explain closures in Rust");
    let found = find(&index, Key([2; 32]), "Explain closures in Rust");
    assert_eq!(found, Lookup::default());
}

#[test]
fn the_oldest_goes_and_what_is_removed_is_not_found() {
    let mut index = Index::new(2);
    for (n, question) in [(1, "Explain bees"), (2, "Explain wasps"), (3, "Explain ants")] {
        insert(&mut index, SCOPE, n, question);
    }
    assert_eq!(index.len(), 2);
    assert_eq!(find(&index, SCOPE, "Explain bees").hit, None);
    assert!(find(&index, SCOPE, "Explain ants").hit.is_some());
    assert!(index.remove(&key(3)) && !index.remove(&key(3)));
    assert_eq!(find(&index, SCOPE, "Explain ants").hit, None);
    index.clear();
    assert!(index.is_empty());
}

#[test]
fn vectors_of_a_model_propose_and_the_words_decide() {
    let mut index = Index::new(10);
    let vector = |tilt: f32| {
        let v: Vec<f32> = (0..768).map(|i| (i as f32).sin() + tilt * (i as f32).cos()).collect();
        Embedding::from_model(&v).unwrap()
    };
    let ask = |q: &str| Meaning::of(q).unwrap();
    index.insert(SCOPE, key(1), vector(0.0), ask("Does smoking cause stress?"));
    let found =
        index.find(&SCOPE, &vector(0.02), &ask("Does stress cause smoking?"), Likeness::default());
    assert!(found.hit.is_none() && found.near[0].similarity > 0.98, "{found:?}");
    let found =
        index.find(&SCOPE, &vector(0.02), &ask("does smoking cause stress"), Likeness::default());
    assert!(found.hit.is_some());
    assert_eq!(Embedding::from_model(&[0.0; 8]), None);
    assert_eq!(Embedding::from_model(&[f32::NAN; 8]), None);
}

#[test]
fn the_projection_keeps_cosines() {
    let of = |q: &str| Embedding::of(&Meaning::of(q).unwrap());
    let a = of("the tower of the old harbour was sold");
    assert!((a.cosine(&a) - 1.0).abs() < 1e-6);
    let sent = Embedding::from_bytes(&a.to_bytes()).unwrap();
    assert!(sent == a && Embedding::from_bytes(&[0; 8]).is_none());
    let near = a.cosine(&of("the tower of the old harbour was bought"));
    let far = a.cosine(&of("which bread contains no gluten"));
    assert!(near > 0.6 && far.abs() < 0.3, "{near} {far}");
}

proptest! {
    #[test]
    fn after_any_history_exactly_what_is_remembered_is_found(
        steps in proptest::collection::vec((any::<bool>(), 0u32..12, 1u8..3), 1..60),
    ) {
        const WORDS: [&str; 12] = ["bees", "wasps", "ants", "moths", "flies", "crabs", "owls", "mice", "cows", "eels", "rats", "pigs"];
        let mut index = Index::new(8);
        let mut order: Vec<(u32, u8)> = Vec::new();
        for (put, n, scope) in steps {
            order.retain(|(m, _)| *m != n);
            if put {
                insert(&mut index, Key([scope; 32]), n, &format!("Explain {}", WORDS[n as usize]));
                order.push((n, scope));
                if order.len() > 8 {
                    order.remove(0);
                }
            } else {
                index.remove(&key(n));
            }
        }
        prop_assert_eq!(index.len(), order.len());
        for n in 0..12 {
            for scope in 1..3 {
                let found = find(&index, Key([scope; 32]), &format!("explain {}", WORDS[n as usize]));
                let want = order.contains(&(n, scope)).then(|| key(n));
                prop_assert_eq!(found.hit.map(|h| h.0), want);
            }
        }
    }
}
