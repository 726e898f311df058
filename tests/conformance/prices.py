"""Price tables of the scenarios, in dollars per million tokens."""

RATES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "read": "cache_read_input_token_cost",
    "write": "cache_creation_input_token_cost",
    "write_1h": "cache_creation_input_token_cost_above_1hr",
}


def row(**per_million):
    """One model's row: `row(input=3, output=15)`."""
    return {RATES[name]: rate / 1e6 for name, rate in per_million.items()}


# $3 in, $15 out, cached input $0.30, written for 5 minutes $3.75, for an hour $6.
ADDITIVE = row(input=3, output=15, read=0.30, write=3.75, write_1h=6)
