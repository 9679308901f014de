"""OpenAI's own client against burnish: a language model of the catalogue reasons, a job stands behind the answer."""

from __future__ import annotations

import os

from openai import OpenAI

TOKENS = {"burnish": {"budget_tokens": 1_500}}
"""What the job may generate, rejected candidates included; `reasoning_effort` says the same in words."""


def main() -> None:
    """Against the service at BURNISH_BASE_URL, by default the one on this machine."""
    url = os.environ.get("BURNISH_BASE_URL", "http://127.0.0.1:8000")
    client = OpenAI(base_url=f"{url}/v1", api_key="none")
    question = [{"role": "user", "content": "7+8*5-6="}]

    reply = client.chat.completions.create(model="arithmetic", messages=question, extra_body=TOKENS)
    print(reply.choices[0].finish_reason, repr(reply.choices[0].message.content))
    print(reply.burnish["answers"])  # every answer with its chance and limits

    chunks = client.chat.completions.create(model="arithmetic", messages=question, stream=True, extra_body=TOKENS)
    for chunk in chunks:
        if chunk.choices and chunk.choices[0].delta.content:
            print(repr(chunk.choices[0].delta.content))

    found = client.responses.create(model="arithmetic", input="7+8*5-6=", background=True, extra_body=TOKENS)
    for event in client.responses.retrieve(found.id, stream=True, starting_after=-1):
        print(event.sequence_number, event.type)  # a connection that breaks is resumed from here
    print(client.responses.retrieve(found.id).status)


if __name__ == "__main__":
    main()
