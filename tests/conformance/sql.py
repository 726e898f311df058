"""The guide's queries, statements sent over HTTP, and calls to ask about."""

import datetime
import json
import math
import random
import time
import urllib.error
import urllib.request
from collections import defaultdict

import spans

# docs/guide of the product's user, section "Performance Dashboard Queries", word for word.
LATENCY_TRENDS = """-- P95 Latency over time
SELECT
    timestamp,
    percentile(latency, 0.95) as p95_latency,
    percentile(latency, 0.50) as p50_latency,
    avg(latency) as mean_latency
FROM performance_metrics
WHERE timestamp >= NOW() - INTERVAL '24 hours'
GROUP BY timestamp
ORDER BY timestamp;
"""
TOKEN_USAGE = """-- Token consumption trends
SELECT
    DATE(timestamp) as date,
    SUM(input_tokens + output_tokens) as total_tokens,
    AVG(input_tokens + output_tokens) as avg_tokens_per_request,
    COUNT(*) as request_count
FROM performance_metrics
WHERE timestamp >= NOW() - INTERVAL '7 days'
GROUP BY DATE(timestamp)
ORDER BY date;
"""
QUALITY_BY_INTENT = """-- Quality score trends by intent
SELECT
    intent_type,
    DATE(timestamp) as date,
    AVG(quality_score) as avg_quality,
    MIN(quality_score) as min_quality,
    MAX(quality_score) as max_quality,
    COUNT(*) as sample_count
FROM quality_metrics
WHERE timestamp >= NOW() - INTERVAL '24 hours'
GROUP BY intent_type, DATE(timestamp)
ORDER BY date, intent_type;
"""

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def run(url, statement, **more):
    """Columns and rows of a statement, or the status and words of its refusal."""
    body = json.dumps({"sql": statement, **more}).encode()
    request = urllib.request.Request(url + "/api/v1/sql", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def table(url, statement):
    """Rows of a statement that is answered in full, as objects."""
    status, answer = run(url, statement)
    assert status == 200 and "error" not in answer, answer
    assert answer["missing"] == [] and answer["row_count"] == len(answer["rows"]), answer
    names = [c["name"] for c in answer["columns"]]
    return [dict(zip(names, row)) for row in answer["rows"]]


def calls(count, seed, now_ns):
    """Spans of calls: some within the last hours, some over six days, a tenth of them failures."""
    dice = random.Random(seed)
    out = []
    for i in range(count):
        age = dice.randrange(2, 180) * MINUTE if i % 2 else dice.randrange(1, 6 * 24 * 60) * MINUTE
        attributes = {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "scenario-model", "gen_ai.response.model": "scenario-model",
            "gen_ai.response.id": f"r{seed}-{i}",
            "gen_ai.usage.input_tokens": dice.randrange(1, 4_000),
            "gen_ai.usage.output_tokens": dice.randrange(1, 900),
        }
        if i % 10 == 3:
            attributes["error.type"] = "500"
        # A whole number of microseconds, which is what is stored.
        start = (now_ns - age) // MINUTE * MINUTE + dice.randrange(60_000_000) * 1_000
        span = spans.Span(attributes, start_ns=start, duration_ns=dice.randrange(1_000, 5_000_000) * 1_000)
        out.append(span)
    return out


def good(made):
    return [s for s in made if "error.type" not in s.attributes]


def latencies_by_minute(made, now):
    """Milliseconds of the good calls of the last 24 hours by their minute."""
    out = defaultdict(list)
    for span in good(made):
        minute = span.start_ns // MINUTE * MINUTE
        if minute >= now - 24 * 60 * MINUTE:
            out[moment(minute)].append(span.duration_ns / 1e6)
    return out


def tokens_by_day(made, now):
    """Tokens of the good calls of the last seven days by their day."""
    out = defaultdict(list)
    for span in good(made):
        if span.start_ns // MINUTE * MINUTE >= now - 7 * 24 * 60 * MINUTE:
            tokens = span.attributes["gen_ai.usage.input_tokens"] + span.attributes["gen_ai.usage.output_tokens"]
            out[day(span.start_ns)].append(tokens)
    return out


def scored_by_day(url, recent):
    """Scores sent for these calls, 0 to 100, by the day of their call."""
    scores = [
        {
            "evaluator": "judge", "evaluator_version": "1", "score": i % 5 / 4,
            "response_id": span.attributes["gen_ai.response.id"],
        }
        for i, span in enumerate(recent)
    ]
    request = urllib.request.Request(
        url + "/api/v1/scores", json.dumps(scores).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    out = defaultdict(list)
    for i, span in enumerate(recent):
        out[day(span.start_ns)].append(100 * (i % 5 / 4))
    return out


def percentile(values, share):
    """By linear interpolation at rank q·(n − 1), as numpy has it."""
    values = sorted(values)
    rank = share * (len(values) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


def moment(ns):
    when = datetime.datetime.fromtimestamp(ns // SECOND, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def day(ns):
    return moment(ns)[:10]


def now_ns():
    return time.time_ns()
