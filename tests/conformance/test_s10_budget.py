"""S10: eight calls at one instant against room for one: one is admitted, seven are refused, none is tried again."""

import concurrent.futures
import json
import threading

import openai
import pytest

from conftest import Flowgauge, script, seen_by
from prices import row as price_row

MESSAGES = [{"role": "user", "content": "hello"}]
# 1,000 tokens of output at $15 per million are $0.015, and some input: room for one in $0.02, not for two.
LIMIT, MAX_TOKENS = "0.02 USD", 1_000
# 1,000 × $3 + 1,000 × $15 per million is $0.018: after it there is no room for another.
FULL = {"prompt_tokens": 1_000, "completion_tokens": 1_000, "total_tokens": 2_000}
FULL_NANOS = 3_000_000 + 15_000_000


@pytest.fixture
def serve(tmp_path, upstream):
    """Starts a server with a budget for each user; calling it again starts it anew on the same data."""
    running = []

    def begin(model, **budget):
        if running:
            running.pop().stop()
        rule = {"name": "each user", "per": "user", "period": "day", "limit": LIMIT, **budget}
        prices = tmp_path / "prices.json"
        prices.write_text(json.dumps({model: price_row(input=3, output=15)}))
        config = json.dumps({"budgets": [rule], "prices": str(prices)})
        running.append(Flowgauge(tmp_path, upstream, config=config))
        return running[-1]

    yield begin
    for server in running:
        server.stop()


def call(server, model, user, **what):
    """One call with the SDK's own habits, retries among them."""
    headers = {**script(**what), "x-flowgauge-user": user}
    with openai.OpenAI(base_url=server.url + "/v1", api_key="sk-test") as client:
        return client.chat.completions.create(
            model=model, messages=MESSAGES, max_tokens=MAX_TOKENS, extra_headers=headers
        )


def is_refused(error):
    assert error.status_code == 429
    assert error.response.headers["x-should-retry"] == "false"
    assert set(error.response.json()["error"]) == {"message", "type", "param", "code"}
    assert error.body["code"] == "budget_exceeded"
    assert "each user" in error.body["message"]


def test_one_of_eight_is_admitted_and_nobody_tries_again(serve, upstream):
    model = "scenario-s10-barrier"
    server = serve(model)
    barrier = threading.Barrier(8)

    def at_once(_):
        barrier.wait()
        try:
            return call(server, model, "ada", head_delay_ms=1_000)
        except openai.RateLimitError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(at_once, range(8)))
    refused = [e for e in ended if isinstance(e, openai.RateLimitError)]
    assert len(refused) == 7 and len(ended) == 8
    for error in refused:
        is_refused(error)
    assert len(seen_by(upstream, model)) == 1, "the provider hears of one"
    # Eight, not 22: no refused call was repeated.
    rows = server.rows(8)
    assert [r["client_retry"] for r in rows] == [0] * 8
    assert sorted(r["http_status"] for r in rows) == [200] + [429] * 7
    assert {r["status"] for r in rows if r["http_status"] == 429} == {"refused"}


def test_a_failed_call_gives_back_what_was_set_aside(serve, upstream):
    model = "scenario-s10-fails"
    server = serve(model)
    with pytest.raises(openai.BadRequestError):
        call(server, model, "ada", status=400)
    assert call(server, model, "ada").usage.total_tokens == 20
    assert len(seen_by(upstream, model)) == 2


def test_a_call_is_settled_by_its_usage_and_what_is_left_can_be_spent(serve):
    model = "scenario-s10-settles"
    server = serve(model)
    # 12 × $3 + 8 × $15 per million is $0.000156 each, far below what is set aside for it: all fit.
    for _ in range(5):
        call(server, model, "ada")
    assert {r["cost_nanos"] for r in server.rows(5)} == {156_000}


def test_what_is_spent_stays_spent_after_a_restart(serve):
    model = "scenario-s10-restart"
    server = serve(model)
    call(server, model, "ada", usage_object=FULL)
    assert server.rows(1)[0]["cost_nanos"] == FULL_NANOS == 18_000_000
    for _ in ("before", "after"):
        with pytest.raises(openai.RateLimitError) as caught:
            call(server, model, "ada")
        is_refused(caught.value)
        server = serve(model)
    assert call(server, model, "grace").usage.total_tokens == 20, "another user has a budget of their own"


def test_an_unpriced_model_is_refused_or_counted_at_the_ceiling_but_never_free(serve, upstream):
    server = serve("scenario-s10-priced")
    with pytest.raises(openai.PermissionDeniedError) as caught:
        call(server, "scenario-s10-unheard-of", "ada")
    assert caught.value.status_code == 403
    assert caught.value.body["code"] == "unpriced_model"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert seen_by(upstream, "scenario-s10-unheard-of") == []
    server = serve("scenario-s10-priced", unpriced="ceiling", ceiling={"input": "3 USD/M", "output": "15 USD/M"})
    call(server, "scenario-s10-ceiling", "ada", usage_object=FULL)
    with pytest.raises(openai.RateLimitError) as caught:
        call(server, "scenario-s10-ceiling", "ada")
    is_refused(caught.value)
    admitted = [r for r in server.rows(3) if r["http_status"] == 200]
    assert [r["cost_nanos"] for r in admitted] == [None], "counted on the budget, and still no price"
