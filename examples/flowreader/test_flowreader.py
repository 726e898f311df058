"""The example application against a scripted model: `python3 -m unittest discover examples/flowreader`."""

import http.client
import http.server
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))

import flowreader
from settings import Settings

SELECTION = "The boat itself is called the Patience. She is flat, broad and painted grey."


class Model(http.server.BaseHTTPRequestHandler):
    """Says the same words to everybody, and remembers what it was asked."""

    asked, words, status = [], ["She ", "has ", "no ", 'en"gine.'], 200

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).asked.append((dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for word in self.words:
            self.say({"choices": [{"delta": {"content": word}}]})
        self.say({"choices": [], "usage": {"prompt_tokens": 200, "completion_tokens": 10, "total_tokens": 210}})
        self.wfile.write(b"data: [DONE]\n\n")

    def say(self, what):
        self.wfile.write(b"data: " + json.dumps(what).encode() + b"\n\n")

    def log_message(self, *_):
        pass


class Reading(unittest.TestCase):
    def setUp(self):
        Model.asked.clear()
        Model.status = 200
        self.model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        self.run_on(self.model)
        os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{self.model.server_address[1]}/v1"

    def run_on(self, server):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def app(self, incidents="", per_hour=50, **environment):
        settings = Settings.of({"FLOWREADER_INCIDENTS": incidents, **environment})
        server = flowreader.serve(flowreader.FlowReader(settings, flowreader.Limiter(per_hour)), 0)
        self.run_on(server)
        return server.server_address[1]

    def ask(self, port, **asked):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/api/chat/stream", json.dumps(asked), {"x-session-id": "s1"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.getheader("content-type") != "text/event-stream":
            return answer.status, json.loads(text)
        events = []
        for block in text.strip().split("\n\n"):
            name, data = block.split("\n", 1)
            events.append((name.removeprefix("event: "), data.removeprefix("data: ")))
        return answer.status, events

    def names(self, events):
        return [name for name, _ in events]

    def data(self, events, wanted):
        return [json.loads(data) for name, data in events if name == wanted]

    def test_every_intent_streams_in_the_order_of_its_protocol(self):
        port = self.app()
        selection = {"text": SELECTION}
        for intent, more in (
            ("explain", {"selection": selection}), ("analyze", {"selection": selection}),
            ("translate", {"selection": selection, "targetLang": "es"}), ("ask", {"query": "Has she an engine?"}),
            (None, {"query": "Has she an engine?"}),
        ):
            asked = {"bookId": "book-1", **more, **({"intent": intent} if intent else {})}
            status, events = self.ask(port, **asked)
            self.assertEqual((status, self.names(events)), (200, ["sources", *["token"] * 4, "usage", "done"]), intent)
            self.assertEqual("".join(d["token"] for d in self.data(events, "token")), 'She has no en"gine.')
        status, events = self.ask(port, bookId="book-1", intent="enhance", selection=selection)
        self.assertEqual(self.names(events), ["sources", "enhancement", "usage", "done"])

    def test_the_gateway_is_told_endpoint_intent_and_session(self):
        self.ask(self.app(), bookId="book-1", intent="explain", selection={"text": SELECTION})
        headers = {k.lower(): v for k, v in Model.asked[0][0].items()}
        self.assertEqual(headers["x-flowgauge-endpoint"], "chat/stream")
        self.assertEqual(headers["x-flowgauge-intent"], "explain")
        self.assertEqual(headers["x-flowgauge-session"], "s1")

    def test_wrong_requests_are_refused_before_the_stream(self):
        port = self.app()
        for asked, status in (
            ({"intent": "ask", "query": "?"}, 400), ({"bookId": "book-1", "intent": "sing"}, 422),
            ({"bookId": "book-1", "intent": "ask"}, 400), ({"bookId": "book-1", "intent": "explain"}, 400),
            ({"bookId": "book-1", "intent": "translate", "selection": {"text": "a"}, "targetLang": "Spanish"}, 422),
        ):
            self.assertEqual(self.ask(port, **asked)[0], status, asked)

    def test_an_unknown_book_and_a_failing_model_are_errors_inside_a_200(self):
        port = self.app()
        status, events = self.ask(port, bookId="book-99", intent="ask", query="?")
        self.assertEqual((status, self.names(events)), (200, ["error"]))
        Model.status = 500
        status, events = self.ask(port, bookId="book-1", intent="ask", query="?")
        self.assertEqual((status, events[-1][0]), (200, "error"))

    def test_beyond_its_requests_of_an_hour_an_address_is_told_when_to_come_again(self):
        port = self.app(per_hour=1)
        self.ask(port, bookId="book-1", intent="ask", query="?")
        status, said = self.ask(port, bookId="book-1", intent="ask", query="?")
        self.assertEqual((status, said["error"]["code"]), (429, "RATE_LIMITED"))
        self.assertGreater(said["error"]["retryAfter"], 0)

    def test_a_hit_of_the_cache_spends_nothing_and_says_so(self):
        port = self.app()
        asked = {"bookId": "book-1", "intent": "explain", "selection": {"text": SELECTION}}
        self.ask(port, **asked)
        _, events = self.ask(port, **asked)
        [usage] = self.data(events, "usage")
        self.assertEqual((len(Model.asked), usage["cached"], usage["total_tokens"]), (1, True, 0))

    def test_the_kill_switch_of_the_guide_switches_all_four_off(self):
        port = self.app(DISABLE_ALL_OPTIMIZATIONS="true")
        asked = {"bookId": "book-1", "intent": "translate", "selection": {"text": SELECTION}, "targetLang": "es"}
        self.ask(port, **asked)
        self.ask(port, **asked)
        self.assertEqual([body["model"] for _, body in Model.asked], ["gpt-4o", "gpt-4o"])
        self.assertEqual(Model.asked[0][1]["max_tokens"], 500)

    def test_each_incident_shows(self):
        selection = {"text": SELECTION}
        translate = {"bookId": "book-1", "intent": "translate", "selection": selection, "targetLang": "es"}
        self.ask(self.app("model_waste"), **translate)
        self.assertEqual(Model.asked[-1][1]["model"], "gpt-4o", "model_waste")

        before = len(Model.asked)
        self.ask(self.app("hidden_calls"), bookId="book-1", intent="enhance", selection=selection)
        self.assertEqual(len(Model.asked) - before, 2, "hidden_calls")

        _, events = self.ask(self.app("under_report"), **translate)
        self.assertEqual(self.data(events, "usage")[0]["cost_usd"], 0.00042, "under_report")

        _, events = self.ask(self.app("raw_tokens"), **translate)
        with self.assertRaises(ValueError, msg="raw_tokens"):
            self.data(events, "token")

        port, before = self.app("wrong_hits"), len(Model.asked)
        for end in ("a", "b"):
            long = {"text": "x" * 100 + end}
            self.ask(port, bookId="book-1", intent="explain", selection=long)
        self.assertEqual(len(Model.asked) - before, 1, "wrong_hits")

        self.ask(self.app("cut_question"), bookId="book-1", intent="ask", query="Who rings the bell?")
        self.assertNotIn("Who rings", Model.asked[-1][1]["messages"][1]["content"], "cut_question")

        port = self.app("billed_hits")
        self.ask(port, **translate)
        _, events = self.ask(port, **translate)
        self.assertEqual(self.data(events, "usage")[0]["total_tokens"], 210, "billed_hits")

        import books
        alike = books.passages("book-1", "the bell on the quay", 8, 3, one_sided=True)
        apart = books.passages("book-1", "the bell on the quay", 8, 3)
        self.assertNotEqual([p["start"] for p in alike], [p["start"] for p in apart], "one_sided")


if __name__ == "__main__":
    unittest.main()
