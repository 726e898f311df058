"""Books of our own writing, cut into chunks, and the passages of them that a question is about."""

import pathlib
import re

LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "crates/flowgauge/src/demo/book"
TITLES = {
    "book-1": ("The Crossing", "1-crossing.txt"),
    "book-2": ("The Lamps", "2-lamps.txt"),
    "book-3": ("The Library", "3-library.txt"),
    "book-4": ("The Eels", "4-eels.txt"),
    "book-5": ("The Clock", "5-clock.txt"),
    "book-6": ("The Letters", "6-letters.txt"),
    # What measurements ask about that bring no body of their own.
    "flowgauge-probe": ("The Crossing", "1-crossing.txt"),
}
# Characters of a chunk, and of the one before that it begins with: the reading application's own figures.
CHUNK, OVERLAP = 600, 150
# Two chunks that share so many of their words say the same.
SAME = 0.85
# How much relevance weighs against saying something else.
LAMBDA = 0.7


def words(text):
    return set(re.findall(r"[a-z']{3,}", text.lower()))


def likeness(a, b):
    """Shared words among all words, 0 to 1."""
    return len(a & b) / len(a | b) if a | b else 0.0


def chunks(book):
    text = (LIBRARY / TITLES[book][1]).read_text()
    step = CHUNK - OVERLAP
    return [(at, text[at:at + CHUNK]) for at in range(0, max(len(text) - OVERLAP, 1), step)]


def passages(book, question, first, last, one_sided=False):
    """The `last` passages that say most about a question, chosen from the `first` nearest.

    `one_sided` is an incident: likeness among the chosen is rewarded where it should be held against them.
    """
    asked = words(question)
    near = sorted(
        ((len(asked & words(text)) / (len(asked) or 1), at, text) for at, text in chunks(book)),
        key=lambda found: (-found[0], found[1]),
    )[:first]
    kept = []
    for found in near:
        if all(likeness(words(found[2]), words(other[2])) < SAME for other in kept):
            kept.append(found)
    chosen = []
    while kept and len(chosen) < last:
        def worth(found):
            alike = [likeness(words(found[2]), words(other[2])) for other in chosen] or [0.0]
            if one_sided:
                return LAMBDA * found[0] + (1 - LAMBDA) * min(alike)
            return LAMBDA * found[0] - (1 - LAMBDA) * max(alike)

        best = max(kept, key=worth)
        kept.remove(best)
        chosen.append(best)
    return [{"chapter_idx": 0, "start": at, "end": at + len(text), "similarity": round(score, 3), "text": text}
            for score, at, text in chosen]
