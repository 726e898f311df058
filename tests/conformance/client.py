"""Makes one plain and one streamed call through the gateway with a framework; prints both texts as JSON.

usage: client.py langchain|pydantic-ai|agents|instructor|litellm|dspy|llama-index BASE_URL

Runs in the environment its framework is in (setup.sh).
"""

import asyncio
import importlib.metadata
import json
import os
import sys

# Figures about this program are nobody's business, and there is no network to fetch prices from.
os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", OPENAI_AGENTS_DISABLE_TRACING="1", DO_NOT_TRACK="1")

MODEL, KEY, PROMPT = "gpt-4o-mini", "sk-test", "hello"


def langchain(url):
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, max_retries=0)
    return chat.invoke(PROMPT).text, "".join(chunk.text for chunk in chat.stream(PROMPT))


def pydantic_ai(url):
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=url, api_key=KEY)))

    async def both():
        async with agent.run_stream(PROMPT) as stream:
            streamed = await stream.get_output()
        return streamed

    return agent.run_sync(PROMPT).output, asyncio.run(both())


def agents(url):
    import openai
    from agents import Agent, OpenAIChatCompletionsModel, Runner

    client = openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0)
    agent = Agent(name="reader", model=OpenAIChatCompletionsModel(model=MODEL, openai_client=client))

    async def both():
        plain = await Runner.run(agent, PROMPT)
        stream = Runner.run_streamed(agent, PROMPT)
        async for _ in stream.stream_events():
            pass
        return plain.final_output, stream.final_output

    return asyncio.run(both())


def instructor(url):
    import instructor as library
    import openai

    client = library.from_openai(openai.OpenAI(base_url=url, api_key=KEY, max_retries=0))
    request = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "response_model": None}
    plain = client.chat.completions.create(**request)
    stream = client.chat.completions.create(**request, stream=True)
    return plain.choices[0].message.content, "".join(c.choices[0].delta.content or "" for c in stream if c.choices)


def litellm(url):
    import litellm as library

    request = {"model": f"openai/{MODEL}", "api_base": url, "api_key": KEY, "num_retries": 0,
               "messages": [{"role": "user", "content": PROMPT}]}
    plain = library.completion(**request)
    stream = library.completion(**request, stream=True)
    return plain.choices[0].message.content, "".join(c.choices[0].delta.content or "" for c in stream)


def dspy(url):
    import dspy as library

    model = library.LM(f"openai/{MODEL}", api_base=url, api_key=KEY, cache=False, num_retries=0)
    # It streams programs only; two plain calls then.
    return model(PROMPT)[0], model(PROMPT)[0]


def llama_index(url):
    from llama_index.llms.openai import OpenAI

    model = OpenAI(model=MODEL, api_base=url, api_key=KEY, max_retries=0)
    return model.complete(PROMPT).text, "".join(c.delta or "" for c in model.stream_complete(PROMPT))


CLIENTS = {
    "langchain": (langchain, "langchain-openai"),
    "pydantic-ai": (pydantic_ai, "pydantic-ai-slim"),
    "agents": (agents, "openai-agents"),
    "instructor": (instructor, "instructor"),
    "litellm": (litellm, "litellm"),
    "dspy": (dspy, "dspy"),
    "llama-index": (llama_index, "llama-index-llms-openai"),
}


def main(kind, base_url):
    calls, package = CLIENTS[kind]
    plain, streamed = calls(base_url + "/v1")
    said = {"version": importlib.metadata.version(package), "plain": plain, "streamed": streamed}
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
