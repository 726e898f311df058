"""Applications outside the gateway read the switches with OpenFeature's own SDKs, and see a rollback at once."""

import importlib.metadata
import json
import time
import urllib.error
import urllib.request

import pytest
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

MECHANISMS = ["context_pruning", "response_caching", "prompt_optimization", "model_selection"]
KEYS = [f"optimization.{name}" for name in [*MECHANISMS, "all"]]
ADA = EvaluationContext(targeting_key="ada")
# What a rollback may take to be seen from outside.
SEEN_WITHIN_S = 2


def post(server, path, body, headers=()):
    fields = {"content-type": "application/json", **dict(headers)}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), fields)
    return urllib.request.urlopen(request)


def switch_on(server, **modes):
    """Every mechanism on for everyone, or as named."""
    modes = {name: "on" for name in MECHANISMS} | modes
    change = {f"/rollouts/{name}/mode": mode for name, mode in modes.items()}
    said = post(server, "/api/v1/control/changes", {"set": change, "author": "ann", "reason": "a test"})
    return json.load(said)["generation"]


def roll_back(server):
    with post(server, "/api/v1/control/rollback", {"all": True, "author": "ann", "reason": "a test"}) as said:
        return json.load(said)["generation"]


@pytest.fixture
def client(flowgauge):
    api.set_provider(OFREPProvider(base_url=flowgauge.url))
    yield api.get_client()
    api.shutdown()


def test_the_versions_are_those_the_tests_are_written_for():
    assert importlib.metadata.version("openfeature-sdk") == "0.10.0"
    assert importlib.metadata.version("openfeature-provider-ofrep") == "0.3.0"


def test_all_switches_are_read_and_nothing_is_on_before_it_is_switched_on(flowgauge, client):
    said = {key: client.get_boolean_details(key, True) for key in KEYS}
    assert {key: s.value for key, s in said.items()} == {
        **{f"optimization.{name}": False for name in MECHANISMS},
        "optimization.all": True,
    }
    assert {s.reason for s in said.values()} == {Reason.STATIC}
    assert {s.error_code for s in said.values()} == {None}
    generation = switch_on(flowgauge)
    for key in KEYS:
        said = client.get_boolean_details(key, False, ADA)
        assert (said.value, said.variant, said.reason) == (True, "on", Reason.STATIC), key
        assert said.flag_metadata["generation"] == generation
        assert said.flag_metadata["source"] == "settings"


def test_a_rollback_is_seen_within_two_seconds(flowgauge, client):
    switch_on(flowgauge)
    assert client.get_boolean_value("optimization.context_pruning", False, ADA)
    roll_back(flowgauge)
    begun = time.monotonic()
    while client.get_boolean_value("optimization.context_pruning", False, ADA):
        assert time.monotonic() - begun < SEEN_WITHIN_S
    for key in KEYS:
        said = client.get_boolean_details(key, True, ADA)
        assert (said.value, said.variant, said.reason) == (False, "off", Reason.DISABLED), key
        assert said.flag_metadata["source"] == "kill"


def test_a_canary_is_sticky_and_asks_for_the_user(flowgauge, client):
    switch_on(flowgauge, context_pruning={"canary": 500_000})
    said = client.get_boolean_details("optimization.context_pruning", False)
    assert (said.value, said.error_code) == (False, ErrorCode.TARGETING_KEY_MISSING)
    assert "targetingKey" in said.error_message

    def draw():
        users = [EvaluationContext(targeting_key=f"user-{n}") for n in range(100)]
        return [client.get_boolean_value("optimization.context_pruning", False, user) for user in users]

    first = draw()
    assert first == draw()
    assert 30 <= sum(first) <= 70


def test_unknown_flags_keep_their_default_and_wrong_types_are_told(flowgauge, client):
    said = client.get_boolean_details("optimization.nothing", True, ADA)
    assert (said.value, said.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    said = client.get_string_details("optimization.all", "x", ADA)
    assert (said.value, said.error_code) == ("x", ErrorCode.TYPE_MISMATCH)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "PARSE_ERROR"),
        (b"{", "PARSE_ERROR"),
        (b'{"context": []}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "a", "targetingKind": "team"}}', "INVALID_CONTEXT"),
    ],
)
def test_a_loose_body_is_refused_in_the_words_of_the_protocol(flowgauge, body, code):
    url = flowgauge.url + "/ofrep/v1/evaluate/flags/optimization.all"
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    said = json.load(refused.value)
    assert (refused.value.code, said["errorCode"], said["key"]) == (400, code, "optimization.all")
    assert said["errorDetails"]


def test_bulk_evaluation_is_tagged_and_unchanged_until_something_changes(flowgauge):
    path = "/ofrep/v1/evaluate/flags"
    context = {"context": {"targetingKey": "ada"}}
    with post(flowgauge, path, context) as first:
        tag, flags = first.headers["etag"], json.load(first)["flags"]
    assert [flag["key"] for flag in flags] == KEYS
    assert all({"key", "value", "reason", "variant", "metadata"} <= flag.keys() for flag in flags)
    with pytest.raises(urllib.error.HTTPError) as same:
        post(flowgauge, path, context, {"if-none-match": tag})
    assert same.value.code == 304
    switch_on(flowgauge)
    with post(flowgauge, path, context, {"if-none-match": tag}) as changed:
        assert changed.status == 200 and changed.headers["etag"] != tag


def test_the_javascript_sdk_reads_the_same_and_sees_a_rollback_within_two_seconds(flowgauge, node):
    switch_on(flowgauge)
    said = node("flags/openfeature.mjs", flowgauge.url)
    assert (said["sdk"], said["provider"]) == ("1.23.0", "0.1.3")
    for name in [*MECHANISMS, "all"]:
        assert said["before"][name] == {"value": True, "reason": "STATIC", "variant": "on", "error": None}
        assert said["after"][name] == {"value": False, "reason": "DISABLED", "variant": "off", "error": None}
    assert said["unknown"] == {"value": True, "error": "FLAG_NOT_FOUND"}
    assert said["rollback"] == 200
    assert said["seen_after_ms"] < SEEN_WITHIN_S * 1_000
