"""Frameworks work unchanged behind the gateway: one plain and one streamed call each, and their rows."""

import json
import pathlib
import subprocess

import pytest

from conftest import venv_python

HERE = pathlib.Path(__file__).parent
WORDS = "".join(f"word{i} " for i in range(8))
# Environment, version, whether the second call is streamed.
FRAMEWORKS = {
    "langchain": ("frameworks", "1.7.4", True),
    "pydantic-ai": ("frameworks", "2.68.0", True),
    "agents": ("frameworks", "0.24.0", True),
    "instructor": ("litellm", "1.17.0", True),
    "litellm": ("litellm", "1.109.1", True),
    "dspy": ("litellm", "3.4.1", False),
    "llama-index": ("llamaindex", "0.8.3", True),
}


@pytest.mark.parametrize("kind", list(FRAMEWORKS))
def test_a_framework_is_answered_and_recorded(flowgauge, kind):
    environment, version, streams = FRAMEWORKS[kind]
    command = [venv_python(environment), str(HERE / "client.py"), kind, flowgauge.url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    assert said["version"] == version
    assert said["plain"].strip() == said["streamed"].strip() == WORDS.strip()
    plain, second = flowgauge.rows(2)
    for row in (plain, second):
        assert (row["status"], row["http_status"]) == ("ok", 200)
        assert (row["protocol"], row["model_requested"]) == ("chat", "gpt-4o-mini")
        # Asked for by the framework or by the gateway: the provider's own figures.
        assert (row["input_tokens"], row["output_tokens"]) == (12, 8)
        assert row["usage_source"] == "provider"
    assert plain["stream"] is False and plain["ttft_us"] is None
    assert second["stream"] is streams
    if streams:
        assert 0 < second["ttft_us"] <= second["latency_us"]
