"""The official clients against a sidecar: sdk_check.py BASE_URL TOKEN.

Ends with 0 when every answer is what the stand-in says; any difference is an assertion.
"""

import sys

import anthropic
import openai

base, token = sys.argv[1:]
claude = anthropic.Anthropic(base_url=f"{base}/anthropic", api_key=token, max_retries=0)
gpt = openai.OpenAI(base_url=f"{base}/openai/v1", api_key=token, max_retries=0)
said = [{"role": "user", "content": "hello there"}]
wanted = "You said: hello there; I have seen 1 message"

# Anthropic Messages, whole and streamed, and what is beside it.
asked = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": said}
message = claude.messages.create(**asked)
assert message.content[0].text == wanted, message
assert message.usage.input_tokens == 3 and message.usage.output_tokens > 0, message.usage
with claude.messages.stream(**asked) as stream:
    assert "".join(stream.text_stream) == wanted
    assert stream.get_final_message().usage == message.usage
assert claude.messages.count_tokens(model="claude-haiku-4-5", messages=said).input_tokens == 3
assert any(model.id == "claude-haiku-4-5" for model in claude.models.list())
beta = claude.beta.messages.create(**asked, betas=["extended-cache-ttl-2025-04-11"])
assert beta.content[0].text == wanted
bearer = anthropic.Anthropic(base_url=f"{base}/anthropic", auth_token=token, max_retries=0)
assert bearer.messages.create(**asked).content[0].text == wanted

# OpenAI Chat, whole, streamed, and streamed with usage.
completion = gpt.chat.completions.create(model="gpt-4.1", messages=said)
assert completion.choices[0].message.content == wanted, completion
text = ""
for chunk in gpt.chat.completions.create(model="gpt-4.1", messages=said, stream=True):
    text += chunk.choices[0].delta.content or ""  # as naive clients do
assert text == wanted
options = {"include_usage": True}
chunks = list(gpt.chat.completions.create(model="gpt-4.1", messages=said, stream=True, stream_options=options))
assert chunks[-1].choices == [] and chunks[-1].usage == completion.usage, chunks[-1]

# OpenAI Responses, whole and streamed.
response = gpt.responses.create(model="gpt-5.6-luna", input="hello there")
assert response.output_text == wanted, response
text, last = "", None
with gpt.responses.stream(model="gpt-5.6-luna", input="hello there") as stream:
    for event in stream:
        if event.type == "response.output_text.delta":
            text += event.delta
    last = stream.get_final_response()
assert text == wanted and last.usage.output_tokens == response.usage.output_tokens
assert any(model.id == "gpt-4.1" for model in gpt.models.list())

# Errors are the clients' own classes, with words that say what to do.
for client, call, error in [
    (claude, lambda c: c.messages.create(**asked), anthropic.AuthenticationError),
    (gpt, lambda c: c.responses.create(model="gpt-4.1", input="x"), openai.AuthenticationError),
]:
    try:
        call(client.with_options(api_key="tc_wrong"))
    except error as refused:
        assert "start the workspace again" in str(refused), refused
    else:
        raise AssertionError("a wrong token was taken")
try:
    gpt.responses.retrieve("resp_1")
except openai.NotFoundError as refused:
    assert "shared by all" in str(refused), refused
else:
    raise AssertionError("a stored response was reached")
print(f"anthropic {anthropic.__version__} and openai {openai.__version__} work")
