// The small agent's page: shows the conversation and says something. Writes text only, never
// markup, so that nothing a model said can become part of the page.
"use strict";

const el = (id) => document.getElementById(id);

function show(role, text) {
  el("empty").hidden = true;
  const item = document.createElement("li");
  item.className = role;
  item.textContent = text;
  el("talk").append(item);
  item.scrollIntoView({ block: "end" });
  return item;
}

function trouble(words) {
  el("trouble").textContent = words;
  el("trouble").hidden = !words;
}

async function remember() {
  const response = await fetch("history");
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  for (const { role, content } of answer.messages) show(role, content);
}

// One server-sent event after the other, as they come.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      if (block.startsWith("data: ")) yield JSON.parse(block.slice(6));
    }
  }
}

async function ask(message, item) {
  const response = await fetch("chat?stream=1", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message }),
  });
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error || `the agent answers ${response.status}`);
  }
  for await (const event of events(response)) {
    if (event.error) throw new Error(event.error);
    if (event.part !== undefined) {
      item.textContent += event.part;
      item.scrollIntoView({ block: "end" });
    }
    if (event.reply !== undefined) {
      item.textContent = event.reply;
      item.scrollIntoView({ block: "end" });
      return;
    }
  }
  throw new Error("the answer broke off");
}

el("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = el("text").value.trim();
  if (!text) return;
  trouble("");
  el("send").disabled = true;
  const mine = show("user", text);
  const reply = show("assistant", "");
  reply.classList.add("waiting");
  el("text").value = "";
  try {
    await ask(text, reply);
  } catch (error) {
    // A question without an answer was not kept; it goes back to where it can be sent again.
    mine.remove();
    reply.remove();
    el("text").value = text;
    trouble(`That did not work: ${error.message}`);
  }
  reply.classList.remove("waiting");
  el("send").disabled = false;
  el("text").focus();
});

el("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!el("send").disabled) el("say").requestSubmit();
  }
});

remember().catch((error) => trouble(`The conversation cannot be shown: ${error.message}`));
