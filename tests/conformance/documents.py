"""Blocks of code in the documentation, with the reason of those that are not run."""

import dataclasses
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Stands in the line before the block.
NOT_RUN = re.compile(r"<!-- not run: (\S.*) -->\n$")
SHELLS, DATA = ("sh", "bash", "console"), ("json", "toml", "yaml", "sql", "python")


@dataclasses.dataclass
class Block:
    document: str
    line: int
    language: str
    text: str
    # Why it is not run, where it is not.
    reason: str | None

    @property
    def place(self):
        return f"{self.document}:{self.line}"


def names():
    """README.md and the guide's pages."""
    return ["README.md", *sorted(f"docs/guide/{p.name}" for p in (REPOSITORY / "docs/guide").glob("*.md"))]


def blocks(document):
    text = (REPOSITORY / document).read_text()
    return read(document, text)


def read(document, text):
    found = []
    for fence in FENCE.finditer(text):
        before = text[:fence.start()]
        reason = NOT_RUN.search(before)
        found.append(Block(document, before.count("\n") + 1, fence[1], fence[2], reason and reason[1]))
    return found
