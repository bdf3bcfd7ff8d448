"""The official Python clients against a sidecar: sdk_check.py SIDECAR STAND_IN TOKEN.

SIDECAR and STAND_IN are base URLs. Ends with 0 when every answer is what the stand-in says and
every failure is the client's own class of error; any difference is an assertion. `sdk_check.mjs` is
the same with the clients for Node.
"""

import json
import sys
import urllib.request

import anthropic
import openai
from google import genai
from google.genai import errors, types

sidecar, stand_in, token = sys.argv[1:]
said = [{"role": "user", "content": "hello there"}]
wanted = "You said: hello there; I have seen 1 message"
arguments = {"said": "hello there"}
schema = {"type": "object", "properties": {"said": {"type": "string"}}}


def script(**how):
    """Tells the stand-in how to misbehave; each answer names a model of its own."""
    body = json.dumps({"numberedModels": True, **how}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{stand_in}/script", body)).close()


def refused(error, words, call):
    """The call fails with this error of the client's own, which says these words."""
    try:
        call()
    except error as trouble:
        assert words in str(trouble), trouble
    else:
        raise AssertionError(f"no {error.__name__}")


def retries(call, overloaded=529):
    """The client comes back by itself after a limit and after an overload, and is served."""
    for how in [{"status": 429, "retryAfter": 1}, {"status": overloaded}]:
        script(failNext=1, **how)
        call()
    script()


def exhausted(error, call):
    """A client that is told that waiting is pointless does not; then the words are ours."""
    script(failNext=1, status=429, retryAfter=3600)
    refused(error, "429", call)
    refused(error, "every key of the pool", call)
    script()


def messages():
    """Anthropic Messages, and what is beside it."""
    client = anthropic.Anthropic(base_url=f"{sidecar}/anthropic", api_key=token)
    asked = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": said}
    message = client.messages.create(**asked)
    assert message.content[0].text == wanted, message
    assert message.usage.input_tokens == 3 and message.usage.output_tokens > 0, message.usage
    with client.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream) == wanted
        assert stream.get_final_message().usage == message.usage
    events = [event.type for event in client.messages.create(**asked, stream=True)]
    assert events[0] == "message_start" and events[-1] == "message_stop", events
    tools = {"tools": [{"name": "note", "input_schema": schema}], "tool_choice": {"type": "tool", "name": "note"}}
    called = client.messages.create(**asked, **tools)
    assert called.stop_reason == "tool_use" and called.content[0].input == arguments, called
    with client.messages.stream(**asked, **tools) as stream:
        streamed = stream.get_final_message()
    assert streamed.content[0].input == arguments and streamed.usage == called.usage, streamed
    assert client.messages.count_tokens(model="claude-haiku-4-5", messages=said).input_tokens == 3
    assert any(model.id == "claude-haiku-4-5" for model in client.models.list())
    beta = client.beta.messages.create(**asked, betas=["extended-cache-ttl-2025-04-11"])
    assert beta.content[0].text == wanted
    bearer = anthropic.Anthropic(base_url=f"{sidecar}/anthropic", auth_token=token)
    assert bearer.messages.create(**asked).content[0].text == wanted

    script(eventDelayMs=50)
    with client.messages.create(**asked, stream=True) as stream:
        next(event for event in stream if event.type == "content_block_delta")
    script()
    call = lambda: client.messages.create(**asked)
    retries(call)
    script(failNext=1, status=529)
    refused(anthropic.InternalServerError, "529", lambda: client.with_options(max_retries=0).messages.create(**asked))
    stranger = client.with_options(api_key="tc_wrong")
    refused(anthropic.AuthenticationError, "start the workspace again", lambda: stranger.messages.create(**asked))
    exhausted(anthropic.RateLimitError, call)


def chat_and_responses():
    """OpenAI Chat, Responses and Embeddings."""
    client = openai.OpenAI(base_url=f"{sidecar}/openai/v1", api_key=token)
    chat, asked = client.chat.completions, {"model": "gpt-4.1", "messages": said}
    completion = chat.create(**asked)
    assert completion.choices[0].message.content == wanted, completion
    # As naive clients read it: a chunk without choices would be the end of them.
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chat.create(**asked, stream=True))
    assert text == wanted, text
    chunks = list(chat.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage == completion.usage, chunks[-1]
    tools = {"tools": [{"type": "function", "function": {"name": "note", "parameters": schema}}], "tool_choice": "required"}
    called = chat.create(**asked, **tools).choices[0]
    assert called.finish_reason == "tool_calls", called
    assert json.loads(called.message.tool_calls[0].function.arguments) == arguments, called
    with chat.stream(**asked, **tools) as stream:
        streamed = stream.get_final_completion().choices[0]
    assert json.loads(streamed.message.tool_calls[0].function.arguments) == arguments, streamed

    asked_of = {"model": "gpt-5.6-luna", "input": "hello there"}
    response = client.responses.create(**asked_of)
    assert response.output_text == wanted, response
    text = ""
    with client.responses.stream(**asked_of) as stream:
        for event in stream:
            text += event.delta if event.type == "response.output_text.delta" else ""
        last = stream.get_final_response()
    assert text == wanted and last.usage == response.usage, last
    tools = {"tools": [{"type": "function", "name": "note", "parameters": schema, "strict": False}],
             "tool_choice": {"type": "function", "name": "note"}}
    called = client.responses.create(**asked_of, **tools).output[0]
    assert json.loads(called.arguments) == arguments, called
    with client.responses.stream(**asked_of, **tools) as stream:
        streamed = stream.get_final_response().output[0]
    assert json.loads(streamed.arguments) == arguments, streamed
    vectors = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert len(vectors.data) == 2 and vectors.data[1].embedding[0] == 1.0, vectors.usage
    assert any(model.id == "gpt-4.1" for model in client.models.list())

    script(eventDelayMs=50)
    with chat.create(**asked, stream=True) as stream:
        next(chunk for chunk in stream if chunk.choices[0].delta.content)
    with client.responses.create(**asked_of, stream=True) as stream:
        next(event for event in stream if event.type == "response.output_text.delta")
    script()
    call = lambda: chat.create(**asked)
    retries(call)
    refused(openai.NotFoundError, "shared by all", lambda: client.responses.retrieve("resp_1"))
    stranger = client.with_options(api_key="tc_wrong")
    refused(openai.AuthenticationError, "start the workspace again", lambda: stranger.responses.create(**asked_of))
    exhausted(openai.RateLimitError, call)


def gemini():
    """Gemini by google-genai."""
    options = types.HttpOptions(base_url=f"{sidecar}/google")
    retrying = types.HttpOptions(base_url=f"{sidecar}/google", retry_options=types.HttpRetryOptions(attempts=3))
    # Its connections close with the client itself.
    client = genai.Client(api_key=token, http_options=options)
    models = client.models
    asked = {"model": "gemini-2.5-flash", "contents": "hello there"}
    answer = models.generate_content(**asked)
    assert answer.text == wanted and answer.usage_metadata.prompt_token_count == 3, answer
    chunks = list(models.generate_content_stream(**asked))
    assert "".join(chunk.text or "" for chunk in chunks) == wanted, chunks
    assert chunks[-1].usage_metadata == answer.usage_metadata, chunks[-1]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="note", parameters_json_schema=schema)])],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
    )
    called = models.generate_content(**asked, config=config)
    assert called.function_calls[0].args == arguments, called
    streamed = list(models.generate_content_stream(**asked, config=config))
    assert streamed[-1].function_calls[0].args == arguments, streamed
    assert models.count_tokens(**asked).total_tokens == 3

    script(eventDelayMs=50)
    stream = models.generate_content_stream(**asked)
    next(stream)
    stream.close()
    script()
    patient = genai.Client(api_key=token, http_options=retrying)
    retries(lambda: patient.models.generate_content(**asked), overloaded=503)
    stranger = genai.Client(api_key="tc_wrong", http_options=options)
    refused(errors.ClientError, "start the workspace again", lambda: stranger.models.generate_content(**asked))
    exhausted(errors.ClientError, lambda: models.generate_content(**asked))


script()
messages()
chat_and_responses()
gemini()
print(f"anthropic {anthropic.__version__}, openai {openai.__version__} and google-genai {genai.__version__} work")
