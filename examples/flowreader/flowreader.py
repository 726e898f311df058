#!/usr/bin/env python3
"""FlowReader, the example application: a reader's assistant that calls a model through the gateway.

    OPENAI_BASE_URL=http://127.0.0.1:4000/v1 python3 examples/flowreader/flowreader.py --port 3000

POST /api/chat/stream answers as server-sent events (sources, token, usage, done; enhancement for `enhance`; error
inside a 200 once the stream has begun). GET /api/health is as constant as the original's.
"""

import argparse
import collections
import hashlib
import http.server
import json
import re
import threading
import time

import books
import model
from settings import INCIDENTS, Settings

INTENTS = ("translate", "explain", "analyze", "ask", "enhance")
KINDS = ("concept", "historical", "cultural", "general")
# Chat requests of one address in an hour.
PER_HOUR = 50
# A selection is cut here, as the reader's page does.
SELECTION = 1000
# Characters of the whole prompt under the incident `cut_question`.
CUT = 1000
# Dollars per 1,000 tokens: what the application believes.
FLAT = 0.002
PRICES = {"gpt-4o-mini": (0.00015, 0.0006), "gpt-4o": (0.0025, 0.01)}


class Refused(Exception):
    """A request refused before its stream begins."""

    def __init__(self, status, code, message, **more):
        super().__init__(message)
        self.status, self.body = status, {"error": {"code": code, "message": message, **more}}


class Limiter:
    """At most so many requests of an address in a sliding hour."""

    def __init__(self, most, now=time.monotonic):
        self.most, self.now, self.seen, self.lock = most, now, collections.defaultdict(collections.deque), threading.Lock()

    def admit(self, address):
        with self.lock:
            now, seen = self.now(), self.seen[address]
            while seen and seen[0] <= now - 3600:
                seen.popleft()
            if len(seen) >= self.most:
                wait = int(seen[0] + 3600 - now) + 1
                raise Refused(429, "RATE_LIMITED", "too many requests", retryAfter=wait)
            seen.append(now)


class Cache:
    """Answers by what was asked; they live `ttl_s`."""

    def __init__(self, now=time.monotonic):
        self.now, self.held, self.lock = now, {}, threading.Lock()

    def get(self, key):
        with self.lock:
            found = self.held.get(key)
            return found[1] if found and found[0] > self.now() else None

    def put(self, key, answer, ttl_s):
        with self.lock:
            self.held = {k: v for k, v in self.held.items() if v[0] > self.now()}
            self.held[key] = (self.now() + ttl_s, answer)


def read(body):
    """A request, or why it is refused."""
    try:
        asked = json.loads(body)
    except ValueError:
        raise Refused(400, "BAD_REQUEST", "the body is no JSON") from None
    if not isinstance(asked, dict) or not asked.get("bookId"):
        raise Refused(400, "MISSING_FIELD", "bookId is required")
    intent = asked.get("intent")
    if intent is not None and intent not in INTENTS:
        raise Refused(422, "INVALID_VALUE", f"intent must be one of {', '.join(INTENTS)}")
    if intent in (None, "ask") and not asked.get("query"):
        raise Refused(400, "MISSING_FIELD", "query is required")
    if intent not in (None, "ask") and not (asked.get("selection") or {}).get("text"):
        raise Refused(400, "MISSING_FIELD", "selection.text is required")
    if intent == "translate":
        if not asked.get("targetLang"):
            raise Refused(400, "MISSING_FIELD", "targetLang is required")
        if not re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", str(asked["targetLang"])):
            raise Refused(422, "INVALID_VALUE", "targetLang must look like es or zh-CN")
    if asked.get("enhanceType") not in (None, *KINDS):
        raise Refused(422, "INVALID_VALUE", f"enhanceType must be one of {', '.join(KINDS)}")
    text = (asked.get("selection") or {}).get("text") or ""
    asked["_selection"] = text if len(text) <= SELECTION else text[:SELECTION] + "..."
    return asked


def question(asked):
    selection = asked["_selection"]
    return {
        None: asked.get("query", ""),
        "ask": f"{asked.get('query', '')}" + (f"\nAbout: {selection}" if selection else ""),
        "translate": f"Translate into {asked.get('targetLang')}: {selection}",
        "explain": f"Explain this passage to a reader: {selection}",
        "analyze": f"Analyze the themes, tone and technique of this passage: {selection}",
        "enhance": f"Enhance this passage with background of kind {asked.get('enhanceType', 'general')}: {selection}",
    }[asked.get("intent")]


def pick(settings, asked, prompt):
    """Which model answers."""
    if not settings.selection:
        return settings.dear
    if settings.has("model_waste"):
        # Keywords first, then length, over a prompt that repeats the selection.
        lowered = prompt.lower()
        if any(word in lowered for word in ("what is", "define", "explain")):
            return settings.cheap
        return settings.dear if len(prompt) > 150 else settings.cheap
    return settings.dear if asked.get("intent") == "analyze" else settings.cheap


def compose(settings, asked):
    """The prompt: instructions, passages, question."""
    ask = question(asked)
    found = books.passages(asked["bookId"], ask, settings.first, settings.last, settings.has("one_sided"))
    # Four characters are about one token.
    room = settings.context_tokens * 4
    passages = "\n".join(p["text"] for p in found)[:room]
    rules = "Answer from the passages." if settings.prompt else (
        "You are a careful assistant of readers. Answer only from the passages below. If they do not hold the answer, "
        "say so. Be clear, be kind, and do not repeat yourself."
    )
    prompt = f"Passages:\n{passages}\n\nQuestion: {ask}"
    if settings.prompt and settings.has("cut_question"):
        prompt = prompt[:CUT]
    return rules, prompt, found


def key(settings, asked):
    selection = asked["_selection"]
    seen = selection[:100] if settings.has("wrong_hits") else selection
    parts = [asked["bookId"], asked.get("intent"), (asked.get("query") or "").lower().strip(), seen,
             asked.get("targetLang"), asked.get("enhanceType"), (asked.get("selection") or {}).get("chapterId")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def cost(settings, name, usage):
    sent, got = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    if settings.has("under_report"):
        return round((sent + got) * FLAT / 1000, 9)
    price = PRICES.get(name)
    # A model without a price has an unknown cost, not none.
    return None if price is None else round((sent * price[0] + got * price[1]) / 1000, 9)


class FlowReader:
    def __init__(self, settings, limiter=None, cache=None):
        self.settings, self.limiter, self.cache = settings, limiter or Limiter(PER_HOUR), cache or Cache()

    def answer(self, asked, session=None):
        """Events of an answer, as (name, data); `data` may be text that is JSON already, or should be."""
        settings, intent = self.settings, asked.get("intent")
        if asked["bookId"] not in books.TITLES:
            # The stream has begun: 200 was said.
            yield "error", {"code": "NOT_FOUND", "message": "Book not found"}
            return
        about = {"x-flowgauge-endpoint": "chat/stream", "x-flowgauge-intent": intent or "legacy"}
        if session:
            about["x-flowgauge-session"] = session
        kept = self.cache.get(key(settings, asked)) if settings.caching else None
        if kept is not None:
            yield from self.again(asked, kept)
            return
        rules, prompt, found = compose(settings, asked)
        name = pick(settings, asked, prompt)
        if intent == "enhance" and settings.has("hidden_calls"):
            hidden = [{"role": "user", "content": "Analyze " + prompt}]
            for _ in model.stream(settings.dear, hidden, settings.answer_tokens, 0.3, about, {}):
                pass
        if intent != "enhance":
            title = books.TITLES[asked["bookId"]][0]
            yield "sources", {"sources": [{"title": title, "type": "book", "selection": bool(asked["_selection"])}]}
        else:
            yield "sources", {"enhanceType": asked.get("enhanceType", "general"), "contextSources": len(found),
                              "bookId": asked["bookId"]}
        usage, said = {}, []
        messages = [{"role": "system", "content": rules}, {"role": "user", "content": prompt}]
        temperature = 0.3 if intent == "enhance" else 0.7
        try:
            for word in model.stream(name, messages, settings.answer_tokens, temperature, about, usage):
                said.append(word)
                if intent != "enhance":
                    yield "token", self.token(word)
        except model.ModelError as error:
            yield "error", {"error": str(error)}
            return
        text = "".join(said)
        if intent == "enhance":
            yield "enhancement", {"type": asked.get("enhanceType", "general"), "summary": text, "data": {}}
        told = self.told(intent, name, usage)
        yield "usage", told
        yield "done", {"completed_at": stamp()}
        if settings.caching and text:
            self.cache.put(key(settings, asked), (text, told), settings.ttl_s)

    def token(self, word):
        if self.settings.has("raw_tokens"):
            return '{"token":"' + word + '"}'
        return {"token": word}

    def told(self, intent, name, usage):
        """Three shapes, as the original has."""
        spent = cost(self.settings, name, usage)
        total = usage.get("total_tokens")
        if intent == "enhance":
            return {"tokens_used": total, "cost_usd": spent, "enhancement_type": "general", "cached": False}
        if intent is None:
            return {"tokens": total, "cost": spent}
        return {"prompt_tokens": usage.get("prompt_tokens"), "completion_tokens": usage.get("completion_tokens"),
                "total_tokens": total, "cost_usd": spent, "model_used": name, "cached": False,
                "optimization_applied": self.settings.pruning or self.settings.prompt}

    def again(self, asked, kept):
        """A kept answer, three words at a time."""
        text, told = kept
        if asked.get("intent") == "enhance":
            yield "enhancement", {"type": asked.get("enhanceType", "general"), "summary": text, "data": {}}
        else:
            for part in re.findall(r"(?:\S+\s*){1,3}", text):
                yield "token", self.token(part)
        spent = told if self.settings.has("billed_hits") else {
            name: 0 if isinstance(value, (int, float)) and not isinstance(value, bool) else value
            for name, value in told.items()
        }
        yield "usage", {**spent, "cached": True}
        yield "done", {"completed_at": stamp(), "cached": True}


def stamp():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def event(name, data):
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"event: {name}\ndata: {text}\n\n".encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    app = None

    def do_GET(self):
        if self.path != "/api/health":
            return self.say(404, {"error": {"code": "NOT_FOUND", "message": "no such path"}})
        services = {"database": "ok", "queue": "ok", "storage": "ok"}
        return self.say(200, {"status": "ok", "timestamp": stamp(), "version": "1", "environment": "example",
                              "services": services})

    def do_POST(self):
        if self.path != "/api/chat/stream":
            return self.say(404, {"error": {"code": "NOT_FOUND", "message": "no such path"}})
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            self.app.limiter.admit(self.client_address[0])
            asked = read(body)
        except Refused as refused:
            return self.say(refused.status, refused.body)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for name, data in self.app.answer(asked, self.headers.get("x-session-id")):
                self.wfile.write(event(name, data))
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            pass  # The reader left.
        return None

    def do_PUT(self):
        self.say(405, {"error": {"code": "METHOD_NOT_ALLOWED", "message": "POST only"}})

    do_DELETE = do_PATCH = do_PUT

    def say(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def serve(app, port):
    """A server on loopback; port 0 is any free one."""
    handler = type("Bound", (Handler,), {"app": app})
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def main():
    parser = argparse.ArgumentParser(description="The example application of flowgauge.",
                                     epilog="Incidents (FLOWREADER_INCIDENTS, comma separated): " + ", ".join(INCIDENTS))
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--per-hour", type=int, default=PER_HOUR, help="chat requests of one address in an hour")
    args = parser.parse_args()
    server = serve(FlowReader(Settings.of(), Limiter(args.per_hour)), args.port)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
