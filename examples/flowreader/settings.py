"""The optimisation settings of the reading application, from the environment, and its incidents.

The five variables of the guide are obeyed: DISABLE_ALL_OPTIMIZATIONS, ENABLE_CONTEXT_PRUNING,
ENABLE_RESPONSE_CACHING, ENABLE_PROMPT_OPTIMIZATION, ENABLE_MODEL_SELECTION.
"""

import dataclasses
import os

# What may go wrong, as it went wrong in a real application; all off unless named in FLOWREADER_INCIDENTS.
INCIDENTS = {
    "model_waste": "the classifier reads the whole prompt, so translations go to the dearest model",
    "hidden_calls": "`enhance` makes calls of which its usage says nothing",
    "under_report": "cost is a flat price per token, whatever the model",
    "raw_tokens": "tokens are put into JSON without escaping",
    "wrong_hits": "the cache knows a selection by its first 100 characters",
    "cut_question": "the prompt is cut to 1000 characters, context first, question last",
    "one_sided": "passages are chosen for being alike",
    "billed_hits": "hits of the cache report tokens and cost that were not spent",
}


def on(environment, name, usual=True):
    return environment.get(name, "true" if usual else "false").strip().lower() not in ("false", "0", "no", "off")


@dataclasses.dataclass(frozen=True)
class Settings:
    pruning: bool
    caching: bool
    prompt: bool
    selection: bool
    context_tokens: int
    answer_tokens: int
    first: int
    last: int
    ttl_s: int
    cheap: str
    dear: str
    incidents: frozenset

    @classmethod
    def of(cls, environment=os.environ):
        optimised = not on(environment, "DISABLE_ALL_OPTIMIZATIONS", usual=False)

        def number(name, usual, least, most):
            value = int(environment.get(name, usual))
            if not least <= value <= most:
                raise ValueError(f"{name}={value} is not from {least} to {most}")
            return value

        named = frozenset(n.strip() for n in environment.get("FLOWREADER_INCIDENTS", "").split(",") if n.strip())
        unknown = named - INCIDENTS.keys()
        if unknown:
            raise ValueError(f"no incident {', '.join(sorted(unknown))}; there are {', '.join(INCIDENTS)}")
        pruning = optimised and on(environment, "ENABLE_CONTEXT_PRUNING")
        return cls(
            pruning=pruning,
            caching=optimised and on(environment, "ENABLE_RESPONSE_CACHING"),
            prompt=optimised and on(environment, "ENABLE_PROMPT_OPTIMIZATION"),
            selection=optimised and on(environment, "ENABLE_MODEL_SELECTION"),
            # Without the optimisation the application's own baseline counts.
            context_tokens=number("MAX_CONTEXT_TOKENS", 1500, 500, 2000) if pruning else 2000,
            answer_tokens=number("MAX_RESPONSE_TOKENS", 400, 200, 1000) if pruning else 500,
            first=number("TOP_K_INITIAL", 8, 1, 50) if pruning else 10,
            last=number("TOP_K_FINAL", 3, 1, 10) if pruning else 5,
            ttl_s=60 * number("CACHE_TTL_MINUTES", 15, 1, 1440),
            cheap=environment.get("FLOWREADER_CHEAP_MODEL", "gpt-4o-mini"),
            dear=environment.get("FLOWREADER_DEAR_MODEL", "gpt-4o"),
            incidents=named,
        )

    def has(self, incident):
        return incident in self.incidents
