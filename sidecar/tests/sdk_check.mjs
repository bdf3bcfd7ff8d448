// The official Node clients against a sidecar: sdk_check.mjs PACKAGES SIDECAR STAND_IN TOKEN.
//
// PACKAGES holds their node_modules; SIDECAR and STAND_IN are base URLs. Ends with 0 when every
// answer is what the stand-in says and every failure is the client's own class of error.
// `sdk_check.py` is the same with the clients for Python.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [packages, sidecar, standIn, token] = process.argv.slice(2);
const required = createRequire(`${packages}/`);
const { default: Anthropic } = required("@anthropic-ai/sdk");
const { default: OpenAI } = required("openai");
const { ApiError, GoogleGenAI } = required("@google/genai");

const messages = [{ role: "user", content: "hello there" }];
const wanted = "You said: hello there; I have seen 1 message";
const toolArguments = { said: "hello there" };
const schema = { type: "object", properties: { said: { type: "string" } } };

// Tells the stand-in how to misbehave; each answer names a model of its own.
async function script(how = {}) {
  const body = JSON.stringify({ numberedModels: true, ...how });
  const answer = await fetch(`${standIn}/script`, { method: "POST", body });
  assert.equal(answer.status, 200, await answer.text());
}

// The call fails with this error of the client's own, which says these words.
async function refused(error, words, call) {
  await assert.rejects(call, (trouble) => {
    assert.ok(trouble instanceof error, `${trouble}`);
    assert.ok(String(trouble).includes(words), `${trouble}`);
    return true;
  });
}

// The client comes back by itself after a limit and after an overload, and is served.
async function retries(call, overloaded = 529) {
  for (const how of [{ status: 429, retryAfter: 1 }, { status: overloaded }]) {
    await script({ failNext: 1, ...how });
    await call();
  }
  await script();
}

// A client that is told that waiting is pointless does not; then the words are ours.
async function exhausted(error, call) {
  await script({ failNext: 1, status: 429, retryAfter: 3600 });
  await refused(error, "429", call);
  await refused(error, "every key of the pool", call);
  await script();
}

// The first event that fits; then the stream is left, which ends the request.
async function first(stream, fits) {
  for await (const event of stream) {
    if (fits(event)) return event;
  }
  return assert.fail("the stream ended");
}

async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function claude() {
  const options = { baseURL: `${sidecar}/anthropic`, apiKey: token };
  const client = new Anthropic(options);
  const asked = { model: "claude-haiku-4-5", max_tokens: 100, messages };
  const message = await client.messages.create(asked);
  assert.equal(message.content[0].text, wanted);
  assert.equal(message.usage.input_tokens, 3);
  const streamed = await client.messages.stream(asked).finalMessage();
  assert.equal(streamed.content[0].text, wanted);
  assert.equal(streamed.usage.output_tokens, message.usage.output_tokens);
  const types = (await all(await client.messages.create({ ...asked, stream: true }))).map((event) => event.type);
  assert.deepEqual([types[0], types.at(-1)], ["message_start", "message_stop"]);
  const tools = { tools: [{ name: "note", input_schema: schema }], tool_choice: { type: "tool", name: "note" } };
  const called = await client.messages.create({ ...asked, ...tools });
  assert.deepEqual([called.stop_reason, called.content[0].input], ["tool_use", toolArguments]);
  const calledLive = await client.messages.stream({ ...asked, ...tools }).finalMessage();
  assert.deepEqual(calledLive.content[0].input, toolArguments);
  const counted = await client.messages.countTokens({ model: asked.model, messages });
  assert.equal(counted.input_tokens, 3);
  assert.ok((await all(await client.models.list())).some((model) => model.id === asked.model));
  const betas = ["extended-cache-ttl-2025-04-11"];
  assert.equal((await client.beta.messages.create({ ...asked, betas })).content[0].text, wanted);
  const bearer = new Anthropic({ baseURL: options.baseURL, apiKey: null, authToken: token });
  assert.equal((await bearer.messages.create(asked)).content[0].text, wanted);

  await script({ eventDelayMs: 50 });
  await first(await client.messages.create({ ...asked, stream: true }), (event) => event.type === "content_block_delta");
  await script();
  const call = () => client.messages.create(asked);
  await retries(call);
  await script({ failNext: 1, status: 529 });
  await refused(Anthropic.InternalServerError, "529", () => client.messages.create(asked, { maxRetries: 0 }));
  const stranger = new Anthropic({ ...options, apiKey: "tc_wrong" });
  await refused(Anthropic.AuthenticationError, "start the workspace again", () => stranger.messages.create(asked));
  await exhausted(Anthropic.RateLimitError, call);
}

async function gpt() {
  const options = { baseURL: `${sidecar}/openai/v1`, apiKey: token };
  const client = new OpenAI(options);
  const asked = { model: "gpt-4.1", messages };
  const live = (more) => client.chat.completions.create({ ...asked, stream: true, ...more });
  const completion = await client.chat.completions.create(asked);
  assert.equal(completion.choices[0].message.content, wanted);
  // As naive clients read it: a chunk without choices would be the end of them.
  const text = (await all(await live())).map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  assert.equal(text, wanted);
  const last = (await all(await live({ stream_options: { include_usage: true } }))).at(-1);
  assert.deepEqual([last.choices, last.usage], [[], completion.usage]);
  const tools = { tools: [{ type: "function", function: { name: "note", parameters: schema } }], tool_choice: "required" };
  const called = (await client.chat.completions.create({ ...asked, ...tools })).choices[0];
  assert.equal(called.finish_reason, "tool_calls");
  assert.deepEqual(JSON.parse(called.message.tool_calls[0].function.arguments), toolArguments);
  const calledLive = await client.chat.completions.stream({ ...asked, ...tools }).finalChatCompletion();
  assert.deepEqual(JSON.parse(calledLive.choices[0].message.tool_calls[0].function.arguments), toolArguments);
  await responses(client);
  const vectors = await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] });
  assert.deepEqual([vectors.data.length, vectors.data[1].embedding[0]], [2, 1]);
  assert.ok((await all(await client.models.list())).some((model) => model.id === "gpt-4.1"));

  await script({ eventDelayMs: 50 });
  await first(await live(), (chunk) => chunk.choices[0].delta.content);
  const question = { model: "gpt-5.6-luna", input: "hello there", stream: true };
  await first(await client.responses.create(question), (event) => event.type === "response.output_text.delta");
  await script();
  const call = () => client.chat.completions.create(asked);
  await retries(call);
  await refused(OpenAI.NotFoundError, "shared by all", () => client.responses.retrieve("resp_1"));
  const stranger = new OpenAI({ ...options, apiKey: "tc_wrong" });
  await refused(OpenAI.AuthenticationError, "start the workspace again", () => stranger.responses.create({ ...question, stream: false }));
  await exhausted(OpenAI.RateLimitError, call);
}

async function responses(client) {
  const asked = { model: "gpt-5.6-luna", input: "hello there" };
  const response = await client.responses.create(asked);
  assert.equal(response.output_text, wanted);
  const stream = client.responses.stream(asked);
  const deltas = (await all(stream)).filter((event) => event.type === "response.output_text.delta");
  assert.equal(deltas.map((event) => event.delta).join(""), wanted);
  assert.deepEqual((await stream.finalResponse()).usage, response.usage);
  const tools = {
    tools: [{ type: "function", name: "note", parameters: schema, strict: false }],
    tool_choice: { type: "function", name: "note" },
  };
  const called = await client.responses.create({ ...asked, ...tools });
  assert.deepEqual(JSON.parse(called.output[0].arguments), toolArguments);
  const calledLive = await client.responses.stream({ ...asked, ...tools }).finalResponse();
  assert.deepEqual(JSON.parse(calledLive.output[0].arguments), toolArguments);
}

async function gemini() {
  const httpOptions = { baseUrl: `${sidecar}/google` };
  const { models } = new GoogleGenAI({ apiKey: token, httpOptions });
  const asked = { model: "gemini-2.5-flash", contents: "hello there" };
  const answer = await models.generateContent(asked);
  assert.deepEqual([answer.text, answer.usageMetadata.promptTokenCount], [wanted, 3]);
  const chunks = await all(await models.generateContentStream(asked));
  assert.equal(chunks.map((chunk) => chunk.text ?? "").join(""), wanted);
  assert.deepEqual(chunks.at(-1).usageMetadata, answer.usageMetadata);
  const config = {
    tools: [{ functionDeclarations: [{ name: "note", parametersJsonSchema: schema }] }],
    toolConfig: { functionCallingConfig: { mode: "ANY" } },
  };
  const called = await models.generateContent({ ...asked, config });
  assert.deepEqual(called.functionCalls[0].args, toolArguments);
  const calledLive = await all(await models.generateContentStream({ ...asked, config }));
  assert.deepEqual(calledLive.at(-1).functionCalls[0].args, toolArguments);
  assert.equal((await models.countTokens(asked)).totalTokens, 3);

  await script({ eventDelayMs: 50 });
  const gone = new AbortController();
  const stream = await models.generateContentStream({ ...asked, config: { abortSignal: gone.signal } });
  await first(stream, (chunk) => chunk.text);
  gone.abort();
  await script();
  const retryOptions = { attempts: 3 };
  const patient = new GoogleGenAI({ apiKey: token, httpOptions: { ...httpOptions, retryOptions } }).models;
  await retries(() => patient.generateContent(asked), 503);
  const stranger = new GoogleGenAI({ apiKey: "tc_wrong", httpOptions }).models;
  await refused(ApiError, "start the workspace again", () => stranger.generateContent(asked));
  await exhausted(ApiError, () => models.generateContent(asked));
}

await script();
await claude();
await gpt();
await gemini();
