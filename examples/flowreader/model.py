"""Asks a model through an OpenAI-compatible endpoint: the gateway."""

import http.client
import json
import os
import urllib.parse


class ModelError(Exception):
    """The endpoint refused, broke off or said what is not understood."""


def base():
    return os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:4000/v1").rstrip("/")


def stream(model, messages, limit, temperature, about, usage):
    """Words of an answer as they come; `usage` is filled with what it cost in tokens."""
    url = urllib.parse.urlsplit(base())
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=120)
    body = {
        "model": model, "messages": messages, "max_tokens": limit, "temperature": temperature,
        "stream": True, "stream_options": {"include_usage": True},
    }
    headers = {"content-type": "application/json", **about}
    if os.environ.get("OPENAI_API_KEY"):
        headers["authorization"] = "Bearer " + os.environ["OPENAI_API_KEY"]
    try:
        connection.request("POST", url.path + "/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ModelError(f"the model's endpoint answered {answer.status}")
        for line in answer:
            line = line.decode("utf-8", "replace").strip()
            if not line.startswith("data:"):
                continue
            text = line[len("data:"):].strip()
            if text == "[DONE]":
                return
            event = json.loads(text)
            if "error" in event:
                raise ModelError(str(event["error"]))
            usage.update(event.get("usage") or {})
            for choice in event.get("choices", []):
                word = (choice.get("delta") or {}).get("content")
                if word:
                    yield word
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ModelError(f"the model's endpoint failed: {error}") from error
    finally:
        connection.close()
